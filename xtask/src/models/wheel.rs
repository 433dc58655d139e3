//! Files out of a Python package. pip finds and downloads the wheel, because it knows the mirrors,
//! proxies and certificates of this machine; what is in it is checked here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fetch::{Store, digest_of_file};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use zip::ZipArchive;

use super::manifest::{ModelFile, Wheel};
use crate::exit::Failure;
use crate::process;

/// Downloads the wheel into a temporary folder, checks it, and stores `files`.
///
/// # Errors
///
/// pip is not there or does not find the package; the wheel or a file of it is not what the manifest
/// says.
pub async fn fetch(
    wheel: &Wheel,
    files: &[&ModelFile],
    store: &Store,
    stop: &CancellationToken,
) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("wheel-").tempdir_in(store.root())?;
    download(wheel, folder.path(), stop).await?;
    let path = only_wheel(folder.path(), &wheel.package)?;
    tokio::task::block_in_place(|| {
        check(wheel, &path)?;
        unpack(wheel, &path, files, store)
    })
}

async fn download(wheel: &Wheel, folder: &Path, stop: &CancellationToken) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--no-input", "--progress-bar", "off"]);
    pip.args(["--only-binary", ":all:", "--disable-pip-version-check", "--dest"]);
    pip.arg(folder).arg(&wheel.package);
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
    let message = format!("pip cannot download {} ({}):\n{said}", wheel.package, end.status);
    let hint = "pip looks where its configuration says: `python3 -m pip config list`";
    Err(Failure::environment(message).with_hint(hint).into())
}

fn only_wheel(folder: &Path, package: &str) -> Result<PathBuf> {
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

fn check(wheel: &Wheel, path: &Path) -> Result<()> {
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

fn unpack(wheel: &Wheel, path: &Path, files: &[&ModelFile], store: &Store) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut archive = ZipArchive::new(fs_err::File::open(path)?)
        .with_context(|| format!("cannot read {name}"))?;
    for file in files {
        let member = format!("{}/{}", wheel.folder, file.path);
        let origin = format!("{member} in {name}");
        let bytes = archive.by_name(&member).with_context(|| origin.clone())?;
        store.insert(bytes, Some(&file.sha256), &origin)?;
    }
    Ok(())
}
