//! The toolkit of the manifest: downloaded, checked, unpacked, and there as a whole or not at all.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::manifest::Manifest;
use super::unpack::{finish, unpack};
use crate::ui::Ui;
use crate::wheel;

/// The toolkit of `manifest` among the `toolkits`: the one that is there, else downloaded.
///
/// # Errors
///
/// pip is not there or does not find a package, or a package is not what the manifest says.
pub async fn toolkit(
    manifest: &Manifest,
    toolkits: &Path,
    ui: &Ui,
    stop: &CancellationToken,
) -> Result<PathBuf> {
    let short = manifest.digest.to_string()[..12].to_owned();
    let place = toolkits.join(format!("{}-{short}", manifest.version));
    if place.is_dir() {
        return Ok(place);
    }
    fs_err::create_dir_all(toolkits)?;
    let fresh = tempfile::Builder::new().prefix("fetch-").tempdir_in(toolkits)?;
    let tree = fresh.path().join("tree");
    ui.say(format!("the packages of the CUDA toolkit are under {}", manifest.licence));
    let progress = ui.progress(&format!("CUDA {} toolkit", manifest.version));
    progress.total_bytes(manifest.bytes());
    let mut done = 0;
    for wheel in &manifest.wheels {
        progress.message(&format!("pip download {}", wheel.package));
        // One after the other, and each is gone before the next comes: half the space.
        let folder = tempfile::tempdir_in(fresh.path())?;
        let path = wheel::download(wheel.pinned(), folder.path(), stop).await?;
        tokio::task::block_in_place(|| unpack(&path, &manifest.folder, &tree))?;
        done += wheel.bytes;
        progress.done_bytes(done);
    }
    finish(&tree)?;
    match fs_err::rename(&tree, &place) {
        // Somebody else was as busy: theirs is the same.
        Err(_) if place.is_dir() => Ok(place),
        moved => Ok(moved.map(|()| place)?),
    }
}
