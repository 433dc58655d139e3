//! The content-addressed store: files named by their SHA-256.
//!
//! ```text
//! <root>/blobs/sha256/ab/<digest>   finished, mode 0444, never written again
//! <root>/partial/<digest>.part      begun, of a known digest: whoever wants it goes on from there
//! <root>/partial/<random>.tmp       begun, of a digest that is not known yet
//! <root>/memo/<digest of URL>.json  which digest a URL had (see `memo`)
//! ```
//!
//! A file gets its name under `blobs` by a rename, after its bytes were hashed and reached the disk:
//! what stands there is whole and right. Programs that share a store take turns by locks on the
//! files in `partial` (`flock`); the kernel drops them when a program dies. Some network file systems
//! ignore `flock`: give each machine a store of its own there.

use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::digest::{Digest, Hasher};
use crate::memo::Memo;

mod error;
mod partial;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub(crate) use partial::{Claim, Partial, Writer};

/// How long a begun download that nobody goes on with is kept.
const KEEP_PARTIAL: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bytes read at once when a file is hashed or copied.
const CHUNK: usize = 1024 * 1024;

/// A finished file of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub digest: Digest,
    /// Where it is. Read it, link it, never write it.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// How [`Store::link_to`] brought a file to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// It was there already, as a link to the store.
    Present,
    /// By a hard link: no further disk space.
    HardLink,
    /// By a copy: the place is on another file system, or that one knows no hard links.
    Copy,
}

/// A content-addressed store in a folder. Cheap to clone; any number of programs may share it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store in `root`, making it where there is none, and removes what dead programs left.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]: a folder cannot be made or read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self { root: root.into() };
        for folder in [store.blobs(), store.partials(), store.memo().folder().to_owned()] {
            fs_err::create_dir_all(folder)?;
        }
        partial::sweep(&store.partials(), KEEP_PARTIAL)?;
        Ok(store)
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Which digests URLs had.
    pub fn memo(&self) -> Memo {
        Memo::new(self.root.join("memo"))
    }

    /// The file with this digest, if it is there. Its content is not read: see [`Store::verify`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]: the file is there and cannot be looked at.
    pub fn get(&self, digest: &Digest) -> Result<Option<Blob>, StoreError> {
        let path = self.blob_path(digest);
        match fs_err::metadata(&path) {
            Ok(metadata) => Ok(Some(Blob { digest: *digest, path, bytes: metadata.len() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the whole file and compares its content with its name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`], or [`StoreError::Io`] where it cannot be read.
    pub fn verify(&self, blob: &Blob) -> Result<(), StoreError> {
        let actual = digest_of_file(&blob.path)?;
        if actual == blob.digest {
            return Ok(());
        }
        Err(StoreError::Damaged { path: blob.path.clone(), expected: blob.digest, actual })
    }

    /// Takes a damaged file out of the store, so that it is fetched again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]: it cannot be removed.
    pub fn evict(&self, digest: &Digest) -> Result<(), StoreError> {
        Ok(remove_if_there(&self.blob_path(digest))?)
    }

    /// Stores everything that `bytes` gives. `origin` is what an error calls it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Mismatch`] where the content is not what was `expected`; nothing is kept then.
    /// [`StoreError::Io`] where reading or writing fails.
    pub fn insert(
        &self,
        mut bytes: impl Read,
        expected: Option<&Digest>,
        origin: &str,
    ) -> Result<Blob, StoreError> {
        let partial = Partial::anonymous(self)?;
        let mut writer = partial.restart()?;
        let mut chunk = vec![0; CHUNK];
        loop {
            match bytes.read(&mut chunk)? {
                0 => break,
                n_bytes => writer.write(&chunk[..n_bytes])?,
            }
        }
        let actual = writer.digest();
        match expected {
            Some(&expected) if expected != actual => {
                Err(StoreError::Mismatch { origin: origin.to_owned(), expected, actual })
            }
            _ => partial.publish(self, &actual),
        }
    }

    /// Stores a copy of the file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Store::insert`].
    pub fn insert_file(&self, path: &Path, expected: Option<&Digest>) -> Result<Blob, StoreError> {
        self.insert(fs_err::File::open(path)?, expected, &path.display().to_string())
    }

    /// Brings the file with this digest to `path`, replacing what is there in one step. The folder of
    /// `path` is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], or [`StoreError::Io`] where `path` cannot be written.
    pub fn link_to(&self, digest: &Digest, path: &Path) -> Result<Linked, StoreError> {
        let missing = || StoreError::Missing { path: self.root.clone(), digest: *digest };
        let blob = self.get(digest)?.ok_or_else(missing)?;
        // Two names of one file: a rename from one to the other would do nothing at all.
        if same_file(&blob.path, path) {
            return Ok(Linked::Present);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        // First under a name of its own, so that two programs linking the same path do not meet.
        let named = tempfile::Builder::new();
        let (fresh, linked) =
            match named.make_in(folder, |fresh| fs_err::hard_link(&blob.path, fresh)) {
                Ok(fresh) => (fresh, Linked::HardLink),
                Err(error) if needs_copy(&error) => {
                    let copy = |fresh: &Path| fs_err::copy(&blob.path, fresh).map(drop);
                    (named.make_in(folder, copy)?, Linked::Copy)
                }
                Err(error) => return Err(error.into()),
            };
        let fresh = fresh.into_temp_path();
        fs_err::rename(&fresh, path)?;
        fresh.keep().map_err(|error| error.error)?; // the name is gone, nothing is to be removed
        Ok(linked)
    }

    /// Refuses early what cannot fit: `needed` bytes more.
    pub(crate) fn ensure_space(&self, needed: u64) -> Result<(), StoreError> {
        let available = fs4::available_space(&self.root).map_err(|error| {
            let message = format!("cannot size up the disk of `{}`: {error}", self.root.display());
            io::Error::new(error.kind(), message)
        })?;
        if needed <= available {
            return Ok(());
        }
        Err(StoreError::NoSpace { path: self.root.clone(), needed, available })
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    fn partials(&self) -> PathBuf {
        self.root.join("partial")
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.blobs().join(&hex[..2]).join(hex)
    }
}

/// The digest of the content of the file at `path`.
///
/// # Errors
///
/// An I/O error that names the path.
pub fn digest_of_file(path: &Path) -> io::Result<Digest> {
    let mut file = fs_err::File::open(path)?;
    let (mut hasher, mut chunk) = (Hasher::default(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finish()),
            n_bytes => hasher.update(&chunk[..n_bytes]),
        }
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs_err::symlink_metadata(path).map(|m| (m.dev(), m.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether a hard link failed for a reason that a copy does not meet.
fn needs_copy(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names that were just made or renamed in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}
