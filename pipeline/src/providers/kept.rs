//! Answers that are kept: in memory, one question at a time, and in files for the next process.
//!
//! The caller's key holds everything that changes an answer. Errors are never kept: they may be better
//! in a minute.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fetch::Digest;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of answers in memory.
const MAX_BYTES: u64 = 32 << 20;
/// Answers in files; the oldest go first.
const MAX_FILES: usize = 20_000;
/// Answers that are written between two sweeps.
const SWEEP_EVERY: usize = 256;
/// What is no answer and older than this was left by a crash; one that is being written is younger.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// Answers by what was asked. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Kept<T: Send + Sync + 'static> {
    memory: moka::future::Cache<Digest, Entry<T>>,
    folder: Arc<Folder>,
    /// Counts the answers, by where they come from.
    metric: &'static str,
}

/// Where the files are.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    ttl: Duration,
    n_written: AtomicUsize,
}

/// An answer, and when it was given; as it lies in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<T> {
    answer: Arc<T>,
    /// Microseconds since the Unix epoch.
    made_at_us: i64,
    /// Of its file.
    #[serde(skip)]
    n_bytes: usize,
}

/// Derived it would ask for a `T` that can be cloned.
impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        let Self { ref answer, made_at_us, n_bytes } = *self;
        Self { answer: Arc::clone(answer), made_at_us, n_bytes }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Kept<T> {
    /// Answers that are kept for `ttl`, their files in `folder`, which is made when the first one comes;
    /// what is too old there goes.
    pub(super) fn new(folder: PathBuf, ttl: Duration, metric: &'static str) -> Self {
        let memory = moka::future::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|_: &Digest, entry: &Entry<T>| {
                u32::try_from(entry.n_bytes + 100).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        let folder = Folder { path: folder, ttl, n_written: AtomicUsize::new(0) };
        folder.sweep(MAX_FILES);
        Self { memory, folder: Arc::new(folder), metric }
    }

    /// The answer under `key`, from memory, from its file, or of `ask`; who comes while it is being
    /// asked waits for it. A kept one that is too old or not `good` is forgotten.
    ///
    /// # Errors
    ///
    /// Those of `ask`, for everybody who waits for it.
    pub(super) async fn get_or_ask<E: Clone + Send + Sync + 'static>(
        &self,
        key: Digest,
        good: impl Fn(&T) -> bool,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        if let Some(entry) = self.memory.get(&key).await {
            // Read from a file it came into memory later than it was made.
            if self.folder.is_young(entry.made_at_us) && good(&entry.answer) {
                self.count("memory");
                return Ok(entry.answer);
            }
            self.memory.invalidate(&key).await;
        }
        let mut from = "another";
        let found = self.memory.try_get_with(key, async {
            if let Some(entry) = self.read(key).await.filter(|entry| good(&entry.answer)) {
                from = "file";
                return Ok(entry);
            }
            from = "miss";
            let answer = Arc::new(ask.await?);
            let entry = Entry { answer, made_at_us: Timestamp::now().as_microsecond(), n_bytes: 0 };
            Ok(self.write(key, entry).await)
        });
        let found = found.await;
        // An error that somebody else was told is no answer.
        if found.is_ok() || from == "miss" {
            self.count(from);
        }
        found.map(|entry| entry.answer).map_err(|error: Arc<E>| (*error).clone())
    }

    /// Asks anew the next time.
    pub(super) async fn forget(&self, key: Digest) {
        self.memory.invalidate(&key).await;
        let path = self.folder.file(key);
        if let Err(error) = present(fs_err::tokio::remove_file(path).await) {
            tracing::warn!(%error, "cannot forget an answer");
        }
    }

    /// A file that is damaged or old is none.
    async fn read(&self, key: Digest) -> Option<Entry<T>> {
        let path = self.folder.file(key);
        let bytes = fs_err::tokio::read(&path).await.ok()?;
        let entry: Option<Entry<T>> = serde_json::from_slice(&bytes).ok();
        let entry = entry.filter(|entry| self.folder.is_young(entry.made_at_us));
        if entry.is_none() {
            let _ = fs_err::tokio::remove_file(&path).await;
        }
        entry.map(|entry| Entry { n_bytes: bytes.len(), ..entry })
    }

    /// A cache that cannot be written is no reason to fail: it is said, and the answer is used.
    async fn write(&self, key: Digest, entry: Entry<T>) -> Entry<T> {
        let json = match serde_json::to_vec(&entry) {
            Ok(json) => json,
            Err(error) => {
                tracing::warn!(%error, "an answer cannot be kept");
                return entry;
            }
        };
        let (folder, n_bytes) = (Arc::clone(&self.folder), json.len());
        let written = tokio::task::spawn_blocking(move || folder.write(key, &json));
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an answer cannot be kept"),
            Err(error) => tracing::warn!(%error, "an answer cannot be kept"),
        }
        Entry { n_bytes, ..entry }
    }

    fn count(&self, from: &'static str) {
        metrics::counter!(self.metric, "from" => from).increment(1);
    }
}

/// Writing and sweeping block.
impl Folder {
    fn file(&self, key: Digest) -> PathBuf {
        self.path.join(format!("{key}.json"))
    }

    fn is_young(&self, made_at_us: i64) -> bool {
        let age_us = Timestamp::now().as_microsecond().saturating_sub(made_at_us);
        // A clock that was set back makes an answer of tomorrow: it is young.
        Duration::from_micros(u64::try_from(age_us).unwrap_or(0)) < self.ttl
    }

    fn write(&self, key: Digest, json: &[u8]) -> io::Result<()> {
        fs_err::create_dir_all(&self.path)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        io::Write::write_all(&mut file, json)?;
        file.persist(self.file(key))?;
        let n_written = self.n_written.fetch_add(1, Ordering::Relaxed) + 1;
        if n_written.is_multiple_of(SWEEP_EVERY) {
            self.sweep(MAX_FILES);
        }
        Ok(())
    }

    fn sweep(&self, max_files: usize) {
        if let Err(error) = self.try_sweep(max_files) {
            tracing::warn!(%error, "old answers cannot be removed");
        }
    }

    /// Removes the files of answers that are too old, what a crash left, and of too many the oldest.
    /// Another process may do the same.
    fn try_sweep(&self, max_files: usize) -> io::Result<()> {
        let Some(entries) = present(fs_err::read_dir(&self.path))? else { return Ok(()) };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(metadata) = present(entry.metadata())? {
                files.push((metadata.modified()?, entry.path()));
            }
        }
        files.sort_unstable();
        let n_surplus = files.len().saturating_sub(max_files);
        for (place, (modified, path)) in files.iter().enumerate() {
            let age = modified.elapsed().unwrap_or_default();
            let is_left_over = !is_answer(path) && age > LEFT_OVER;
            if place < n_surplus || age > self.ttl || is_left_over {
                present(fs_err::remove_file(path))?;
            }
        }
        Ok(())
    }
}

fn is_answer(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// What was found; none where there is no such file.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

#[cfg(test)]
mod tests;
