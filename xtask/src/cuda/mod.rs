//! The pipeline for NVIDIA cards, built on a machine without one and without a CUDA toolkit.
//!
//! Look for a toolkit ([`find`]) or bring one ([`manifest`], [`bring`], [`unpack`]), put something in
//! the place of the driver ([`driver`]), build ([`env`](mod@env)), and say which libraries the program
//! needs where it runs ([`libraries`]).

mod bring;
mod driver;
mod env;
mod find;
mod libraries;
mod manifest;
mod unpack;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fetch::Digest;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use self::libraries::Library;
pub use self::version::ComputeCap;
use self::version::Version;
use crate::cargo::cargo;
use crate::commands::Context;
use crate::exit::Failure;
use crate::services;

/// A CUDA toolkit, and what the pipeline is linked with in place of the driver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Toolkit {
    /// The folder with `bin`, `include` and `lib64`.
    root: PathBuf,
    version: Version,
    /// What named it.
    named_by: &'static str,
    /// Comes first in the linker's search.
    #[serde(skip)]
    link: PathBuf,
    /// What was built with it last.
    #[serde(skip)]
    program: Option<PathBuf>,
}

impl Toolkit {
    /// A toolkit that is there (`CUDA_HOME`, `CUDA_PATH`, nvcc in `PATH`, the usual folder), else the
    /// one of `docker/cuda.toml`, downloaded once through pip.
    ///
    /// # Errors
    ///
    /// A package cannot be had or is not what the manifest says, or there is no C compiler.
    pub async fn find_or_fetch(cx: &Context<'_>, stop: &CancellationToken) -> Result<Self> {
        if cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
            let message = "the pipeline is built for cards on x86-64 Linux only";
            return Err(Failure::environment(message).into());
        }
        let toolkits = cx.paths.home.join("cuda");
        // In PATH there may be a link to where the toolkit is.
        let nvcc = which::which("nvcc").ok().and_then(|path| fs_err::canonicalize(path).ok());
        let places = find::places(|name| std::env::var_os(name), nvcc.as_deref());
        let refused = |place: &find::Place, reason: &str| {
            let root = place.root.display();
            cx.ui.warn(format!("{}: {root} cannot be used: {reason}", place.named_by));
        };
        let (root, version, named_by) = match find::find(places, stop, refused).await {
            Some(found) => (found.place.root, found.version, found.place.named_by),
            None => {
                let manifest = manifest::Manifest::read(&cx.paths.root.join("docker/cuda.toml"))?;
                let root = bring::toolkit(&manifest, &toolkits, cx.ui, stop).await?;
                (root, manifest.version, "docker/cuda.toml")
            }
        };
        let link = driver::make(&root.join("include/cuda.h"), &toolkits, stop).await?;
        Ok(Self { root, version, named_by, link, program: None })
    }
    /// The environment in which cargo builds for cards of `cap` with this toolkit.
    pub fn env(&self, cap: ComputeCap) -> Vec<(&'static str, OsString)> {
        let places = env::Places { toolkit: &self.root, link: &self.link };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        env::variables(places, cap, cores, |name| std::env::var_os(name))
    }

    /// The shared libraries that the program which was built needs where it runs: they belong into a
    /// folder in which the loader looks. The driver (libcuda.so.1) is not among them, it comes with the
    /// card; and neither are glibc and the C++ library.
    ///
    /// # Errors
    ///
    /// Nothing was built yet, or a library is missing in the toolkit.
    pub fn runtime_libraries(&self) -> Result<Vec<Library>> {
        let program = self.program.as_ref().context("nothing was built with this toolkit yet")?;
        libraries::of(program, &self.root)
    }

    /// In words: `CUDA 13.0 in /usr/local/cuda (CUDA_HOME)`.
    pub fn line(&self, cx: &Context<'_>) -> String {
        let root = cx.paths.shown(&self.root).display();
        format!("CUDA {} in {root} ({})", self.version, self.named_by)
    }
}

/// Builds `pipeline` and `espeak-words` for cards of `cap`, and gives the folder with both and the
/// toolkit that they were built with. Does nothing where they are up to date.
///
/// # Errors
///
/// There is no toolkit and none can be had, or the build failed; the error has its last lines.
pub async fn build_pipeline(
    cx: &Context<'_>,
    cap: ComputeCap,
    stop: &CancellationToken,
) -> Result<(PathBuf, Toolkit)> {
    let mut toolkit = Toolkit::find_or_fetch(cx, stop).await?;
    let target = target_folder(&cx.paths.target, toolkit.version, cap);
    let mut command = cargo();
    command.current_dir(&cx.paths.root).envs(toolkit.env(cap));
    command.args(["build", "--locked", "--release", "--package", "pipeline", "--bins"]);
    command.args(["--features", "cuda", "--target-dir"]).arg(&target);
    if !target.exists() {
        cx.ui.say("the first build takes 40 CPU minutes, most of them for whisper.cpp's kernels");
    }
    let title = format!("building the pipeline for cards of {cap} with CUDA {}", toolkit.version);
    services::compile(cx, command, &title, stop).await?;
    let folder = target.join("release");
    toolkit.program = Some(folder.join("pipeline"));
    Ok((folder, toolkit))
}

/// A target folder for each way to make kernels: whisper.cpp's build script does not notice that its
/// environment changed, and builds with and without cards would undo each other.
fn target_folder(target: &Path, version: Version, cap: ComputeCap) -> PathBuf {
    let kernels = format!("{:?}", env::kernels(cap));
    let digest = Digest::of(kernels.as_bytes()).to_string();
    target.join(format!("cuda/{version}-sm{}-{}", cap.number(), &digest[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_make_kernels_has_its_folder() {
        let folder = |version: &str, cap: &str| {
            let version = version.parse().expect("a version");
            target_folder(Path::new("/target"), version, cap.parse().expect("a capability"))
        };
        let (first, same) = (folder("13.0", "8.0"), folder("13.0", "8.0"));
        assert_eq!(first, same);
        assert!(first.starts_with("/target/cuda"), "{}", first.display());
        assert_ne!(first, folder("12.8", "8.0"));
        assert_ne!(first, folder("13.0", "8.9"));
    }
}
