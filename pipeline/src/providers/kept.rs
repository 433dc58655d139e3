//! Answers that are kept: in memory, in files for the next process, and, where there are several
//! services, in a Redis behind both. One asks a question, and all who have it wait for that answer.
//!
//! The caller's key holds everything that changes an answer. Errors are never kept: they may be better
//! in a minute. Nothing here is ever the reason of one: a file that cannot be read and a Redis that is
//! gone are an answer that is not kept.

mod files;
mod keeping;
mod redis;
mod warm;

use std::sync::Arc;
use std::time::Instant;

use fetch::Digest;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::files::{Folder, present};
pub use self::keeping::Keeping;
pub(super) use self::keeping::Shelf;
use self::redis::{Flight, Redis, Turn};
pub use self::warm::{WarmUpError, export};

/// Answers by what was asked. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Kept<T: Send + Sync + 'static> {
    shelf: Shelf,
    memory: moka::future::Cache<Digest, Entry<T>>,
    folder: Arc<Folder>,
    redis: Option<Redis>,
}

/// An answer, and when it was given; as it lies in its file and in Redis.
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
    /// The answer under `key`, from memory, from its file, from Redis, or of `ask`; who comes while it is
    /// being asked, here or by another service, waits for it. A kept one that is too old or not `good` is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// Those of `ask`, for everybody here who waits for it.
    pub(super) async fn get_or_ask<E: Clone + Send + Sync + 'static>(
        &self,
        key: Digest,
        good: impl Fn(&T) -> bool,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<Arc<T>, E> {
        let began = Instant::now();
        if let Some(entry) = self.memory.get(&key).await {
            // Read from a file it came into memory later than it was made.
            if self.folder.is_young(entry.made_at_us) && good(&entry.answer) {
                self.count("memory", began);
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
            let flight = match self.turn(key, &good).await {
                Some(Turn::Found(entry)) => {
                    from = "redis";
                    return Ok(self.write(key, entry, None).await);
                }
                Some(Turn::Ours(flight)) => Some(flight),
                None => None,
            };
            from = "miss";
            let answer = Arc::new(ask.await?);
            let entry = Entry { answer, made_at_us: Timestamp::now().as_microsecond(), n_bytes: 0 };
            Ok(self.write(key, entry, flight).await)
        });
        let found = found.await;
        match (&found, from) {
            (Ok(_), from) => self.count(from, began),
            (Err(_), "miss") => {
                self.count("miss", began);
            }
            // An error that somebody else was told is no answer.
            (Err(_), _) => {}
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
        if let Some(redis) = &self.redis {
            redis.forget(self.shelf.name, key).await;
        }
    }

    /// A file that is damaged or old is none.
    async fn read(&self, key: Digest) -> Option<Entry<T>> {
        let path = self.folder.file(key);
        let bytes = fs_err::tokio::read(&path).await.ok()?;
        let entry = self.entry(&bytes);
        if entry.is_none() {
            let _ = fs_err::tokio::remove_file(&path).await;
        }
        entry
    }

    fn entry(&self, bytes: &[u8]) -> Option<Entry<T>> {
        let entry: Entry<T> = serde_json::from_slice(bytes).ok()?;
        self.folder.is_young(entry.made_at_us).then_some(Entry { n_bytes: bytes.len(), ..entry })
    }

    /// What the other services know. None: there is no Redis, or it is gone.
    async fn turn(&self, key: Digest, good: impl Fn(&T) -> bool) -> Option<Turn<Entry<T>>> {
        let redis = self.redis.as_ref()?;
        let read = |bytes: &[u8]| self.entry(bytes).filter(|entry| good(&entry.answer));
        redis.turn(self.shelf.name, key, read).await
    }

    /// Into the file, and to those who wait for our `flight`. A cache that cannot be written is no reason
    /// to fail: it is said, and the answer is used.
    async fn write(&self, key: Digest, entry: Entry<T>, flight: Option<Flight>) -> Entry<T> {
        let json = match serde_json::to_vec(&entry) {
            Ok(json) => json,
            Err(error) => {
                tracing::warn!(%error, "an answer cannot be kept");
                return entry;
            }
        };
        let n_bytes = json.len();
        if let Some(flight) = flight {
            flight.land(&json, self.folder.left(entry.made_at_us)).await;
        }
        let folder = Arc::clone(&self.folder);
        let written = tokio::task::spawn_blocking(move || folder.write(key, &json));
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an answer cannot be kept"),
            Err(error) => tracing::warn!(%error, "an answer cannot be kept"),
        }
        Entry { n_bytes, ..entry }
    }

    /// Counts an answer by where it came from, and how long it took from there.
    fn count(&self, from: &'static str, began: Instant) {
        metrics::counter!(self.shelf.metric, "from" => from).increment(1);
        let name = self.shelf.name;
        metrics::histogram!("reelbench_cache_seconds", "cache" => name, "result" => from)
            .record(began.elapsed());
    }
}

#[cfg(test)]
mod redis_tests;
#[cfg(test)]
mod tests;
