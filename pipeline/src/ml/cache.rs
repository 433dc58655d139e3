//! Vectors that were computed before, by the digest of what they are of and of the weights.
//!
//! In memory, and in `files`, so that the next process has them too; both bounded by bytes.

mod files;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fetch::{Digest, Hasher};
use files::Files;

/// Where vectors are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Bytes of vectors in memory, and again in files; the oldest go first.
    pub max_bytes: u64,
    /// Folder of the files. None: in memory alone.
    pub dir: Option<PathBuf>,
}

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
    kept: Mutex<Kept>,
    /// None: there is no folder, or it cannot be used.
    files: Option<Mutex<Files>>,
}

impl Cache {
    /// Opens the cache with what its folder holds.
    pub(super) fn open(settings: CacheSettings) -> Self {
        let max_bytes = settings.max_bytes;
        let mut kept = Kept { max_bytes, ..Kept::default() };
        let opened = settings.dir.and_then(|dir| {
            Files::open(dir, max_bytes)
                .inspect_err(|error| tracing::warn!(%error, "vectors are not kept in files"))
                .ok()
        });
        let files = opened.map(|(files, vectors)| {
            vectors.into_iter().for_each(|(key, vector)| kept.insert(key, vector));
            Mutex::new(files)
        });
        Self { kept: Mutex::new(kept), files }
    }

    /// The vector, if it was computed before.
    pub(super) fn get(&self, key: Digest) -> Option<Vec<f32>> {
        lock(&self.kept).get(key)
    }

    /// Keeps vectors. Files that cannot be written are no error: the vectors can be computed again.
    pub(super) fn put(&self, vectors: &[(Digest, Vec<f32>)]) {
        if vectors.is_empty() {
            return;
        }
        {
            let mut kept = lock(&self.kept);
            for (key, vector) in vectors {
                kept.insert(*key, vector.clone());
            }
        }
        if let Some(files) = &self.files
            && let Err(error) = lock(files).write(vectors)
        {
            tracing::warn!(%error, "vectors are not kept for later runs");
        }
    }
}

/// Whoever panicked with the lock left at worst a vector that is never asked for.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests;
