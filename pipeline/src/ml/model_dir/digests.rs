//! Digests of files, computed once for each file as it is.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fetch::Digest;

/// What was hashed in this process: a model that is loaded for each request is hashed for the first.
#[derive(Default)]
pub(super) struct Digests {
    known: Mutex<HashMap<PathBuf, (Stamp, Digest)>>,
}

/// What is another for a file that was written to or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    /// A copy can be given the time of its original, but not this one.
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs_err::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Digests {
    /// The digest of the file at `path`: what `hash` finds, or found while the file was the same.
    ///
    /// # Errors
    ///
    /// What `hash` says, or that there is no such file.
    pub(super) fn of(
        &self,
        path: &Path,
        hash: impl FnOnce(&Path) -> io::Result<Digest>,
    ) -> io::Result<Digest> {
        // Before it is read: a file that changes meanwhile has another stamp the next time.
        let stamp = Stamp::of(path)?;
        if let Some((_, digest)) =
            self.known(|known| known.get(path).copied()).filter(|(hashed, _)| *hashed == stamp)
        {
            return Ok(digest);
        }
        // Without the lock: other models are hashed at the same time.
        let digest = hash(path)?;
        self.known(|known| known.insert(path.to_owned(), (stamp, digest)));
        Ok(digest)
    }

    fn known<T>(&self, use_it: impl FnOnce(&mut HashMap<PathBuf, (Stamp, Digest)>) -> T) -> T {
        // Nothing panics with the lock, and what is in the map is whole at any time.
        use_it(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_file_is_hashed_once_until_it_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.bin");
        let (digests, n_hashed) = (Digests::default(), Cell::new(0));
        let digest = || {
            digests.of(&path, |path| {
                n_hashed.set(n_hashed.get() + 1);
                fetch::digest_of_file(path)
            })
        };
        fs_err::write(&path, "weights").expect("written");
        assert_eq!(digest().expect("a digest"), Digest::of(b"weights"));
        assert_eq!(digest().expect("a digest"), Digest::of(b"weights"));
        assert_eq!(n_hashed.get(), 1);

        // Another file of the same size and time in its place.
        let other = folder.path().join("other.bin");
        fs_err::write(&other, "weighty").expect("written");
        let time = fs_err::metadata(&path).and_then(|found| found.modified()).expect("a time");
        fs_err::File::options()
            .write(true)
            .open(&other)
            .and_then(|file| file.into_file().set_modified(time))
            .expect("the time is set");
        fs_err::rename(&other, &path).expect("renamed");
        assert_eq!(digest().expect("a digest"), Digest::of(b"weighty"));
        assert_eq!(n_hashed.get(), 2);

        fs_err::remove_file(&path).expect("removed");
        assert_eq!(digest().expect_err("nothing is there").kind(), io::ErrorKind::NotFound);
    }
}
