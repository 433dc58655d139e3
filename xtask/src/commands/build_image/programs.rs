//! The programs of an image.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::Args;
use crate::cuda::Library;
use crate::image::glibc::{self, Versions};
use crate::image::{Place, Variant, code, gpu};
use crate::services;

/// The programs, and what they need of a base.
#[derive(Debug)]
pub struct Programs {
    /// What goes into the image, without symbols.
    pub image: Vec<PathBuf>,
    /// The fixtures, which stay outside.
    pub fixtures: PathBuf,
    /// Symbol versions that all of them need: the smoke test runs the fixtures over the same base.
    pub needed: Versions,
    /// The CUDA libraries that the pipeline needs; none of the variant without a card.
    pub cuda: Option<Vec<Library>>,
}

/// Builds the programs of `args.variant`.
///
/// # Errors
///
/// A build failed.
pub async fn programs(
    args: &Args,
    place: &Place<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Programs> {
    let (from, fixtures, cuda) = match (&args.programs, args.variant) {
        (Some(folder), variant) => {
            let libraries = match variant {
                Variant::Cpu => None,
                Variant::Gpu => Some(gpu::libraries_in(&folder.join("cuda"))?),
            };
            (folder.clone(), folder.join("fixtures"), libraries)
        }
        (None, variant) => {
            let built = services::build(place.cx, args.build, stop).await?;
            let folder = built.pipeline.parent().map(PathBuf::from).unwrap_or_default();
            match variant {
                Variant::Cpu => (folder, built.fixtures, None),
                Variant::Gpu => {
                    let (folder, libraries) = gpu::build(place.cx, stop).await?;
                    (folder, built.fixtures, Some(libraries))
                }
            }
        }
    };
    let sources = ["pipeline", "espeak-words"].map(|name| from.join(name));
    let image = code::stripped(&sources, &place.work.join("programs")).await?;
    let all = image.iter().chain([&fixtures]).map(|path| glibc::needed(path));
    let needed = glibc::union(all.collect::<anyhow::Result<Vec<Versions>>>()?);
    Ok(Programs { image, fixtures, needed, cuda })
}
