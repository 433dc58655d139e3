//! What the variant for cards has beside the other one: the pipeline with CUDA, and a stratum with the
//! CUDA libraries that its base does not have.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::Place;
use super::engine::{EngineError, Inspected};
use super::known::Known;
use super::layer::{Entry, Layer};
use super::strata::{Assembly, Stratum, Wanted, assemble};
use crate::commands::Context;
use crate::cuda::{self, ComputeCap, Library};

/// Where CUDA's libraries are, as in NVIDIA's images.
const FOLDER: &str = "usr/local/cuda/lib64";

/// The loader looks there: also where nothing has run `ldconfig`, which only NVIDIA's runtime does.
const ENV: [&str; 4] = [
    "LD_LIBRARY_PATH=/usr/local/cuda/lib64",
    // What NVIDIA's runtime hands to the container; `video` is the card's encoder.
    "NVIDIA_DRIVER_CAPABILITIES=compute,utility,video",
    "NVIDIA_VISIBLE_DEVICES=all",
    // A card newer than the kernels compiles them once and keeps the result; our user has no home.
    "CUDA_CACHE_PATH=/data/cuda-cache",
];

/// Builds the pipeline for cards: the folder with its programs, and the libraries that they need.
///
/// # Errors
///
/// There is no CUDA toolkit and none can be had, or the build failed.
pub async fn build(
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<(PathBuf, Vec<Library>)> {
    let (folder, toolkit) = cuda::build_pipeline(cx, ComputeCap::DEFAULT, stop).await?;
    Ok((folder, toolkit.runtime_libraries()?))
}

/// The libraries in `folder`, each under the name by which it is looked for.
///
/// # Errors
///
/// The folder cannot be read.
pub fn libraries_in(folder: &Path) -> anyhow::Result<Vec<Library>> {
    let mut all = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let soname = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push(Library { soname, path });
    }
    all.sort_by(|a, b| a.soname.cmp(&b.soname));
    Ok(all)
}

/// The base with the `libraries` that it does not have.
///
/// # Errors
///
/// A library cannot be read, or the engine refuses them.
pub async fn over(
    base: &Inspected,
    base_name: &str,
    libraries: &[Library],
    known: &mut Known,
    place: &Place<'_>,
) -> anyhow::Result<(Inspected, Stratum)> {
    let mut missing = Vec::new();
    for library in libraries {
        let paths = [format!("/{FOLDER}/{}", library.soname)];
        let there = place.engine.has_file(base_name, &paths[0], place.session.labels());
        if !there.await.map_err(EngineError::told)? {
            missing.push(library.clone());
        }
    }
    let layers = if missing.is_empty() {
        Vec::new()
    } else {
        let (layer, key) = layer(&missing)?;
        let diff_id = tokio::task::block_in_place(|| known.digest(&key, &layer))?;
        let names: Vec<&str> = missing.iter().map(|library| library.soname.as_str()).collect();
        vec![Wanted { layer, diff_id, made_by: format!("CUDA: {}", names.join(" ")) }]
    };
    let assembly = Assembly {
        stratum: "cuda",
        below: base,
        below_name: base_name,
        layers,
        env: ENV.map(str::to_owned).into(),
        labels: Vec::new(),
    };
    assemble(place.engine, &assembly, place.cx).await
}

/// One layer of `libraries`, and what says everything about it: their names, sizes and times.
fn layer(libraries: &[Library]) -> anyhow::Result<(Layer, String)> {
    let conf = Entry::Text(format!("/{FOLDER}\n"));
    let mut layer = Layer::default().with("etc/ld.so.conf.d/reelbench-cuda.conf", conf);
    let mut key = String::new();
    for Library { soname, path } in libraries {
        let metadata = fs_err::metadata(path)?;
        let (bytes, seconds, nanos) = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        key += &format!("{soname} {bytes} {seconds} {nanos} {}\n", path.display());
        let source = fs_err::canonicalize(path)?;
        let entry = Entry::File { source, bytes, sha256: None, executable: false };
        layer = layer.with(&library_path(soname), entry);
    }
    Ok((layer, key))
}

fn library_path(soname: &str) -> String {
    Path::new(FOLDER).join(soname).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_found_by_the_name_that_is_looked_for() {
        let folder = tempfile::tempdir().expect("folder");
        let real = folder.path().join("libcublas.so.13.1.0");
        fs_err::write(&real, "a library").expect("written");
        let link = folder.path().join("libcublas.so.13");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        let library = Library { soname: "libcublas.so.13".to_owned(), path: link };
        let (made, key) = layer(std::slice::from_ref(&library)).expect("a layer");
        let source = fs_err::canonicalize(&real).expect("the file");
        let entry = Entry::File { source, bytes: 9, sha256: None, executable: false };
        let expected = Layer::default()
            .with(
                "etc/ld.so.conf.d/reelbench-cuda.conf",
                Entry::Text("/usr/local/cuda/lib64\n".to_owned()),
            )
            .with("usr/local/cuda/lib64/libcublas.so.13", entry);
        assert_eq!(made, expected);

        fs_err::write(&real, "another").expect("written");
        assert_ne!(layer(&[library]).expect("a layer").1, key, "its digest is computed again");
    }

    #[test]
    fn the_card_may_encode() {
        let capabilities = ENV.iter().find(|pair| pair.starts_with("NVIDIA_DRIVER_CAPABILITIES="));
        assert!(capabilities.expect("the variable").contains("video"));
    }
}
