//! Files that are being written, and how they become finished ones.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fs_err::File;

use super::{Blob, CHUNK, Store, StoreError, remove_if_there, sync_folder};
use crate::digest::{Digest, Hasher};

/// What came of asking for the partial file of a digest.
#[derive(Debug)]
pub(crate) enum Claim {
    /// It is ours until it is dropped.
    Ours(Partial),
    /// Somebody else is writing it.
    Taken,
}

/// A file in `partial/` that only we write: its lock is held as long as this value, or a [`Writer`]
/// of it, lives.
#[derive(Debug)]
pub(crate) struct Partial {
    file: Arc<File>,
    /// Whether the file goes when this value is dropped.
    remove: bool,
    /// Whether it has its final name: there is nothing to remove any more.
    published: bool,
}

impl Partial {
    /// A new file for a digest that is not known yet; it does not outlive this value.
    pub(crate) fn anonymous(store: &Store) -> Result<Self, StoreError> {
        let partials = store.partials();
        loop {
            let fresh = tempfile::Builder::new().suffix(".tmp").tempfile_in(&partials)?;
            let (file, path) = fresh.keep().map_err(|error| error.error)?;
            let file = File::from_parts(file, &path);
            // Not ours only if a sweep of another program came between the creation and the lock.
            if try_lock(&file)? && still_named(&file, &path)? {
                return Ok(Self { file: Arc::new(file), remove: true, published: false });
            }
        }
    }

    /// The file of a known digest, with whatever an earlier attempt left in it.
    pub(crate) fn resumable(store: &Store, digest: &Digest) -> Result<Claim, StoreError> {
        let path = store.partials().join(format!("{digest}.part"));
        let claim =
            lock(&path)?.map(|file| Self { file: Arc::new(file), remove: false, published: false });
        Ok(claim.map_or(Claim::Taken, Claim::Ours))
    }

    /// A writer that begins with an empty file.
    pub(crate) fn restart(&self) -> io::Result<Writer> {
        // Asked first: what is no regular file cannot be cut.
        if self.file.metadata()?.len() > 0 {
            self.file.set_len(0)?;
        }
        self.file.as_ref().seek(SeekFrom::Start(0))?;
        Ok(self.writer())
    }

    /// A writer that goes on after the bytes that are there. They are read once to be hashed: a
    /// program that was killed could not hand over the state of its hasher.
    pub(crate) fn resume(&self) -> io::Result<Writer> {
        let mut writer = self.writer();
        let mut file = self.file.as_ref();
        file.seek(SeekFrom::Start(0))?;
        let mut left = file.take(self.file.metadata()?.len());
        let mut chunk = vec![0; CHUNK];
        loop {
            match left.read(&mut chunk)? {
                0 => return Ok(writer),
                n_bytes => {
                    writer.hasher.update(&chunk[..n_bytes]);
                    writer.len += n_bytes as u64;
                }
            }
        }
    }

    fn writer(&self) -> Writer {
        Writer { file: Arc::clone(&self.file), hasher: Hasher::default(), len: 0 }
    }

    /// Gives the file its final name, which is `digest`: the bytes reach the disk first, the name
    /// second, so that a power cut leaves either no file or the whole one.
    pub(crate) fn publish(mut self, store: &Store, digest: &Digest) -> Result<Blob, StoreError> {
        let path = store.blob_path(digest);
        if let Some(blob) = store.get(digest)? {
            self.remove = true; // somebody was faster; the file they published may be linked already
            return Ok(blob);
        }
        let folder = path.parent().unwrap_or(&path);
        fs_err::create_dir_all(folder)?;
        self.file.sync_all()?;
        let metadata = self.file.metadata()?;
        let (mut permissions, bytes) = (metadata.permissions(), metadata.len());
        permissions.set_mode(0o444);
        self.file.set_permissions(permissions)?;
        fs_err::rename(self.file.path(), &path)?;
        (self.remove, self.published) = (false, true);
        sync_folder(folder)?;
        sync_folder(&store.blobs())?;
        Ok(Blob { digest: *digest, path, bytes })
    }

    /// Removes the file whatever kind it is.
    pub(crate) fn discard(mut self) {
        self.remove = true;
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // An empty file is nothing to go on from.
        let empty = || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if (self.remove || !self.published && empty())
            && let Err(error) = remove_if_there(self.file.path())
        {
            tracing::warn!(%error, "a temporary file stays until the store is opened again");
        }
    }
}

/// Writes and hashes: no byte reaches the file that did not go through the hasher.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Arc<File>,
    hasher: Hasher,
    len: u64,
}

impl Writer {
    /// Puts `bytes` at the end of what was written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_ref().write_all(bytes)?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far, with those that were resumed from.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The digest of everything written.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

/// Opens or creates the file and locks it. None: somebody else has it.
fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    loop {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        if !try_lock(&file)? {
            return Ok(None);
        }
        if still_named(&file, path)? {
            return Ok(Some(file));
        }
    }
}

/// Whether `path` still names the file that was opened there. Between open and lock its last owner
/// may have published or removed it; from then on nobody but the holder of the lock may.
fn still_named(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    let named = fs_err::metadata(path);
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())))
}

/// Locks it unless somebody else holds it.
fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock().map_err(io::Error::from) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => {
            let message = format!("cannot lock `{}`: {error}", file.path().display());
            Err(io::Error::new(error.kind(), message))
        }
    }
}

/// Removes what nobody holds: temporary files at once, resumable ones when they are older than `keep`.
pub(super) fn sweep(partials: &Path, keep: Duration) -> Result<(), StoreError> {
    for entry in fs_err::read_dir(partials)? {
        let entry = entry?;
        // Another program may remove it while we look.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
        let resumable = entry.path().extension().is_some_and(|extension| extension == "part");
        if resumable && age.is_none_or(|age| age < keep) {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        if try_lock(&file)? && still_named(&file, &entry.path())? {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}
