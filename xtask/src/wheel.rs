//! Python packages as files ("wheels"). pip finds and downloads them, because it knows the mirrors,
//! proxies and certificates of this machine; what came is checked here.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use fetch::{Digest, digest_of_file};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::process;

/// A wheel and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned<'a> {
    /// `name==version`.
    pub package: &'a str,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Whether `package` is `name==version`, and nothing that pip would take for an option.
pub fn is_package(package: &str) -> bool {
    package.split_once("==").is_some_and(|(name, version)| {
        !name.is_empty() && !name.starts_with('-') && !version.is_empty()
    })
}

/// Downloads the wheel into the empty `folder`, checks it, and says where it is.
///
/// # Errors
///
/// pip is not there or does not find the package, or the wheel is not what it must be.
pub async fn download(
    wheel: Pinned<'_>,
    folder: &Path,
    stop: &CancellationToken,
) -> Result<PathBuf> {
    ask_pip(wheel.package, folder, stop).await?;
    let path = only_file(folder, wheel.package)?;
    tokio::task::block_in_place(|| check(wheel, &path))?;
    Ok(path)
}

async fn ask_pip(package: &str, folder: &Path, stop: &CancellationToken) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--no-input", "--progress-bar", "off"]);
    pip.args(["--only-binary", ":all:", "--disable-pip-version-check", "--dest"]);
    pip.arg(folder).arg(package);
    let missing = |message: String| {
        Failure::environment(message).with_hint("`cargo xtask setup` installs python3 and pip")
    };
    if which::which("python3").is_err() {
        return Err(missing("cannot start `python3`: it is not installed".to_owned()).into());
    }
    let end = process::captured(pip, stop, |_| {}).await?;
    if end.status.success() {
        return Ok(());
    }
    let said = end.tail.join("\n");
    if said.contains("No module named pip") {
        return Err(missing("python3 has no module pip".to_owned()).into());
    }
    let message = format!("pip cannot download {package} ({}):\n{said}", end.status);
    let hint = "pip looks where its configuration says: `python3 -m pip config list`";
    Err(Failure::environment(message).with_hint(hint).into())
}

fn only_file(folder: &Path, package: &str) -> Result<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        paths.push(entry?.path());
    }
    let n_paths = paths.len();
    match paths.pop() {
        Some(path) if n_paths == 1 => Ok(path),
        _ => bail!("pip downloaded {package}: expected 1 file, got {n_paths}"),
    }
}

fn check(wheel: Pinned<'_>, path: &Path) -> Result<()> {
    let (actual, bytes) = (digest_of_file(path)?, fs_err::metadata(path)?.len());
    if (actual, bytes) == (wheel.sha256, wheel.bytes) {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message = format!(
        "{name}, which pip downloaded for {}: expected sha256 {} ({} bytes), got {actual} ({bytes} bytes)",
        wheel.package, wheel.sha256, wheel.bytes,
    );
    let hint = "an index that pip asks has another build of this version, or its cache is damaged: \
                `python3 -m pip cache purge`";
    Err(Failure::environment(message).with_hint(hint).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_package(package: &str, expected: bool) {
        assert_eq!(is_package(package), expected, "{package:?}");
    }

    #[test]
    fn a_package_has_a_name_and_a_version() {
        check_package("nvidia-cublas==13.0.2.14", true);
        check_package("nvidia-cublas", false);
        check_package("nvidia-cublas==", false);
        check_package("==1.0", false);
        check_package("--index-url==1.0", false);
    }
}
