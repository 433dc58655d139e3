//! Sizes, and the removal itself.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How large things are that go together: a file with two names counts once.
#[derive(Debug, Default)]
pub struct Sizes {
    seen: HashSet<(u64, u64)>,
}

impl Sizes {
    /// Bytes under `path`. What cannot be read counts nothing: it is the removal that says so.
    pub fn of(&mut self, path: &Path) -> u64 {
        let Ok(metadata) = fs_err::symlink_metadata(path) else { return 0 };
        if metadata.is_dir() {
            let entries = fs_err::read_dir(path).into_iter().flatten().flatten();
            return entries.map(|entry| self.of(&entry.path())).sum();
        }
        let is_new = self.seen.insert((metadata.dev(), metadata.ino()));
        if is_new && metadata.is_file() { metadata.len() } else { 0 }
    }
}

/// Removes `path`. Of a link it is the link that goes, here and below: what it leads to is not ours.
pub fn remove(path: &Path) -> std::io::Result<()> {
    if fs_err::symlink_metadata(path)?.is_dir() {
        fs_err::remove_dir_all(path)
    } else {
        fs_err::remove_file(path)
    }
}
