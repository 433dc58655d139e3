//! Vectors in files. A file holds the vectors of one request and a digest of itself; it is written beside
//! and renamed, and never changed. One that is not as it was written is thrown away: everything in it can
//! be computed again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fetch::Digest;

use super::KEY_LEN;

/// First bytes of a file; the number is that of the format.
pub(super) const MAGIC: &[u8] = b"reelbench vectors 1\n";

/// End of a file's name.
const EXTENSION: &str = "vectors";

/// Begin of the name of a file that is not whole yet.
const UNFINISHED: &str = ".writing-";

/// Nobody writes a file for so long: who began it is dead.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Files from which they are joined to one when the folder is opened.
const MANY_FILES: usize = 32;

/// A vector, and what it is of.
type Entry = (Digest, Vec<f32>);

/// The files of one folder: the oldest go when there are too many bytes of them.
pub(super) struct Files {
    dir: PathBuf,
    max_bytes: u64,
    /// With their lengths, oldest first.
    by_age: VecDeque<(PathBuf, u64)>,
}

impl Files {
    /// Opens the folder and reads the newest files up to `max_bytes`, oldest first; the others are removed.
    pub(super) fn open(dir: PathBuf, max_bytes: u64) -> io::Result<(Self, Vec<Entry>)> {
        fs_err::create_dir_all(&dir)?;
        let by_age = found(&dir)?;
        let mut files = Self { dir, max_bytes, by_age };
        files.remove_old()?;
        let mut vectors = Vec::new();
        for (path, length) in std::mem::take(&mut files.by_age) {
            // Another process may have removed it meanwhile.
            let Ok(bytes) = fs_err::read(&path) else { continue };
            if let Some(entries) = parse(&bytes) {
                vectors.extend(entries);
                files.by_age.push_back((path, length));
            } else {
                tracing::warn!(path = %path.display(), "a damaged file of vectors is removed");
                remove(&path)?;
            }
        }
        if files.by_age.len() > MANY_FILES {
            let parts = std::mem::take(&mut files.by_age);
            files.write(&vectors)?;
            for (path, _) in parts {
                if files.by_age.iter().all(|(joined, _)| *joined != path) {
                    remove(&path)?;
                }
            }
        }
        Ok((files, vectors))
    }

    /// Writes a file of vectors, whole or not at all.
    pub(super) fn write(&mut self, vectors: &[Entry]) -> io::Result<()> {
        let (digest, bytes) = written(vectors);
        fs_err::create_dir_all(&self.dir)?;
        let mut unfinished = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.dir)?;
        unfinished.write_all(&bytes)?;
        let path = self.dir.join(format!("{digest}.{EXTENSION}"));
        unfinished.persist(&path).map_err(|error| error.error)?;
        self.by_age.retain(|(other, _)| *other != path);
        self.by_age.push_back((path, bytes.len() as u64));
        self.remove_old()
    }

    fn remove_old(&mut self) -> io::Result<()> {
        let mut bytes: u64 = self.by_age.iter().map(|(_, length)| length).sum();
        while bytes > self.max_bytes {
            let Some((path, length)) = self.by_age.pop_front() else { break };
            bytes -= length;
            remove(&path)?;
        }
        Ok(())
    }
}

/// The files that are there, oldest first. What a killed process left unfinished is removed.
fn found(dir: &Path) -> io::Result<VecDeque<(PathBuf, u64)>> {
    let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
        let modified = metadata.modified()?;
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            files.push((modified, path, metadata.len()));
        } else if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && modified.elapsed().is_ok_and(|age| age > ABANDONED)
        {
            remove(&path)?;
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path, length)| (path, length)).collect())
}

/// Removes a file, unless another process was first.
fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The bytes of a file, and the digest of its vectors.
fn written(vectors: &[Entry]) -> (String, Vec<u8>) {
    let mut bytes = MAGIC.to_vec();
    for (key, vector) in vectors {
        bytes.extend_from_slice(key.to_string().as_bytes());
        bytes.extend_from_slice(&u32::try_from(vector.len()).unwrap_or(0).to_le_bytes());
        vector.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    }
    let digest = Digest::of(&bytes).to_string();
    bytes.extend_from_slice(digest.as_bytes());
    (digest, bytes)
}

/// The vectors of a file. None: it is not as it was written.
fn parse(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(KEY_LEN)?)?;
    if Digest::of(body).to_string().as_bytes() != digest {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut vectors = Vec::new();
    while !rest.is_empty() {
        let key = std::str::from_utf8(rest.split_off(..KEY_LEN)?).ok()?.parse().ok()?;
        let n_values = u32::from_le_bytes(*rest.split_off(..4)?.as_array()?) as usize;
        let (values, _) = rest.split_off(..n_values * 4)?.as_chunks::<4>();
        vectors.push((key, values.iter().map(|&value| f32::from_le_bytes(value)).collect()));
    }
    Some(vectors)
}
