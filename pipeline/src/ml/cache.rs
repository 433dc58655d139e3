//! Vectors that were computed before, by the digest of what they are of and of the weights.
//!
//! In memory, bounded by bytes; and in files, so that the next process has them too. A file holds the
//! vectors of one request and a digest of itself; it is written beside and renamed, and never changed.
//! A file that is not as it was written is thrown away: everything in it can be computed again.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use fetch::{Digest, Hasher};

/// Where vectors are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Bytes of vectors in memory, and again in files; the oldest go first.
    pub max_bytes: u64,
    /// Folder of the files. None: in memory alone.
    pub dir: Option<PathBuf>,
}

/// First bytes of a file; the number is that of the format.
const MAGIC: &[u8] = b"reelbench vectors 1\n";

/// End of a file's name.
const EXTENSION: &str = "vectors";

/// Files from which they are joined to one when the cache is opened.
const MANY_FILES: usize = 32;

/// Length of a key in a file: hex digits.
const KEY_LEN: usize = 64;

/// What a vector is of: a content, as a model with these weights sees it.
pub(super) fn key(weights: &str, kind: &str, content: &str) -> Digest {
    let mut hasher = Hasher::default();
    for part in [weights, kind, content] {
        // Lengths first: else the borders between the parts could move.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finish()
}

/// The vectors.
pub(super) struct Cache {
    settings: CacheSettings,
    kept: Mutex<Kept>,
}

impl Cache {
    /// Opens the cache with what its folder holds.
    pub(super) fn open(settings: CacheSettings) -> Self {
        let mut kept = Kept { max_bytes: settings.max_bytes, ..Kept::default() };
        if let Some(dir) = &settings.dir
            && let Err(error) = read_all(dir, settings.max_bytes, &mut kept)
        {
            tracing::warn!(%error, "vectors of earlier runs are not there");
        }
        Self { settings, kept: Mutex::new(kept) }
    }

    /// The vector, if it was computed before.
    pub(super) fn get(&self, key: Digest) -> Option<Vec<f32>> {
        self.lock().get(key)
    }

    /// Keeps vectors. Files that cannot be written are no error: the vectors can be computed again.
    pub(super) fn put(&self, vectors: &[(Digest, Vec<f32>)]) {
        if vectors.is_empty() {
            return;
        }
        {
            let mut kept = self.lock();
            for (key, vector) in vectors {
                kept.insert(*key, vector.clone());
            }
        }
        if let Some(dir) = &self.settings.dir
            && let Err(error) = write(dir, vectors)
        {
            tracing::warn!(%error, "vectors are not kept for later runs");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Whoever panicked with the lock left at worst a vector that is never asked for.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in memory.
#[derive(Default)]
struct Kept {
    max_bytes: u64,
    bytes: u64,
    vectors: HashMap<Digest, (u64, Vec<f32>)>,
    /// By when they were last asked for.
    by_age: BTreeMap<u64, Digest>,
    now: u64,
}

impl Kept {
    fn get(&mut self, key: Digest) -> Option<Vec<f32>> {
        let (age, vector) = self.vectors.get_mut(&key)?;
        self.now += 1;
        self.by_age.remove(age);
        self.by_age.insert(self.now, key);
        *age = self.now;
        Some(vector.clone())
    }

    fn insert(&mut self, key: Digest, vector: Vec<f32>) {
        self.now += 1;
        self.bytes += size(&vector);
        if let Some((age, before)) = self.vectors.insert(key, (self.now, vector)) {
            self.bytes -= size(&before);
            self.by_age.remove(&age);
        }
        self.by_age.insert(self.now, key);
        while self.bytes > self.max_bytes {
            let Some((_, oldest)) = self.by_age.pop_first() else { break };
            if let Some((_, gone)) = self.vectors.remove(&oldest) {
                self.bytes -= size(&gone);
            }
        }
    }
}

/// Bytes of a vector with its key, in memory and in a file.
fn size(vector: &[f32]) -> u64 {
    (KEY_LEN + 4 + size_of_val(vector)) as u64
}

/// Reads the newest files up to `max_bytes`, oldest first, and removes the others.
fn read_all(dir: &Path, max_bytes: u64, kept: &mut Kept) -> io::Result<()> {
    fs_err::create_dir_all(dir)?;
    let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let metadata = fs_err::metadata(&path)?;
            files.push((metadata.modified()?, path, metadata.len()));
        }
    }
    files.sort();
    let (mut bytes, mut n_kept) = (0, 0);
    for (_, _, length) in files.iter().rev() {
        bytes += length;
        if bytes > max_bytes {
            break;
        }
        n_kept += 1;
    }
    let (old, new) = files.split_at(files.len() - n_kept);
    old.iter().try_for_each(|(_, path, _)| fs_err::remove_file(path))?;
    let mut vectors = Vec::new();
    for (_, path, _) in new {
        match parse(&fs_err::read(path)?) {
            Some(found) => vectors.extend(found),
            None => {
                tracing::warn!(path = %path.display(), "a damaged file of vectors is removed");
                fs_err::remove_file(path)?;
            }
        }
    }
    for (key, vector) in &vectors {
        kept.insert(*key, vector.clone());
    }
    if new.len() > MANY_FILES {
        let joined = write(dir, &vectors)?;
        let mut others = new.iter().filter(|(_, path, _)| *path != joined && path.exists());
        others.try_for_each(|(_, path, _)| fs_err::remove_file(path))?;
    }
    Ok(())
}

/// Writes a file of vectors, whole or not at all; gives its path.
fn write(dir: &Path, vectors: &[(Digest, Vec<f32>)]) -> io::Result<PathBuf> {
    let mut bytes = MAGIC.to_vec();
    for (key, vector) in vectors {
        bytes.extend_from_slice(key.to_string().as_bytes());
        bytes.extend_from_slice(&u32::try_from(vector.len()).unwrap_or(0).to_le_bytes());
        vector.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    }
    let digest = Digest::of(&bytes).to_string();
    bytes.extend_from_slice(digest.as_bytes());
    fs_err::create_dir_all(dir)?;
    let mut unfinished = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
    unfinished.write_all(&bytes)?;
    let path = dir.join(format!("{digest}.{EXTENSION}"));
    unfinished.persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

/// The vectors of a file. None: it is not as it was written.
fn parse(bytes: &[u8]) -> Option<Vec<(Digest, Vec<f32>)>> {
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

#[cfg(test)]
mod tests;
