//! Answers that are kept: in memory, one question at a time, and in files for the next process.
//!
//! The key is the SHA-256 of everything that changes an answer: endpoint, model, temperature, system
//! and user message, schema, seed. Only answers that could be used come in here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fetch::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Question;
use crate::settings;

/// Bytes of answers in memory.
const MAX_BYTES: u64 = 32 << 20;
/// Answers in files; the oldest go first.
const MAX_FILES: usize = 20_000;
/// Changed when the same key means another answer.
const VERSION: u32 = 1;

/// An answer, and when it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    answer: Arc<str>,
    /// Microseconds since the Unix epoch.
    made_at_us: i64,
}

impl Entry {
    pub(super) fn new(answer: String) -> Self {
        Self { answer: answer.into(), made_at_us: Timestamp::now().as_microsecond() }
    }
}

/// Kept answers. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    memory: moka::future::Cache<Digest, Entry>,
    folder: PathBuf,
    ttl: Duration,
}

impl Cache {
    /// A cache in `folder`, which is made when the first answer is kept.
    pub(super) fn new(folder: PathBuf, ttl: Duration) -> Self {
        let memory = moka::future::Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|_: &Digest, entry: &Entry| {
                u32::try_from(entry.answer.len() + 100).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl)
            .build();
        Self { memory, folder, ttl }
    }

    /// As the settings say. None: nothing is kept.
    pub(super) fn from_settings(
        settings: &settings::Llm,
        data_dir: &std::path::Path,
    ) -> Option<Self> {
        let ttl = settings::seconds(settings.cache_ttl_s);
        settings.cache.then(|| Self::new(data_dir.join("cache").join("llm"), ttl))
    }

    pub(super) fn key(
        url: &str,
        model: &str,
        temperature: Option<f32>,
        question: &Question,
    ) -> Digest {
        let Question { system, user, schema, seed } = question;
        // A list of JSON values: no two questions are written alike.
        let all = serde_json::json!([VERSION, url, model, temperature, system, user, schema, seed]);
        Digest::of(all.to_string().as_bytes())
    }

    /// The answer under `key`, from memory, from its file, or of `ask`; who comes while it is being
    /// asked waits for it. A kept one that is too old or not `good` is forgotten.
    pub(super) async fn get_or_ask<E: Clone + Send + Sync + 'static>(
        &self,
        key: Digest,
        good: impl Fn(&str) -> bool,
        ask: impl Future<Output = Result<Entry, E>>,
    ) -> Result<Arc<str>, E> {
        if let Some(entry) = self.memory.get(&key).await {
            if self.is_young(&entry) && good(&entry.answer) {
                count("memory");
                return Ok(entry.answer);
            }
            self.memory.invalidate(&key).await;
        }
        let found = self.memory.try_get_with(key, async {
            if let Some(entry) = self.read(key).await.filter(|entry| good(&entry.answer)) {
                count("file");
                return Ok(entry);
            }
            count("miss");
            let entry = ask.await?;
            self.write(key, &entry).await;
            Ok(entry)
        });
        found.await.map(|entry| entry.answer).map_err(|error: Arc<E>| (*error).clone())
    }

    fn is_young(&self, entry: &Entry) -> bool {
        let age_us = Timestamp::now().as_microsecond().saturating_sub(entry.made_at_us);
        // A clock that was set back makes an answer of tomorrow: it is young.
        Duration::from_micros(u64::try_from(age_us).unwrap_or(0)) < self.ttl
    }

    fn file(&self, key: Digest) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    async fn read(&self, key: Digest) -> Option<Entry> {
        let path = self.file(key);
        let bytes = fs_err::tokio::read(&path).await.ok()?;
        let entry: Option<Entry> = serde_json::from_slice(&bytes).ok();
        let entry = entry.filter(|entry| self.is_young(entry));
        if entry.is_none() {
            let _ = fs_err::tokio::remove_file(&path).await;
        }
        entry
    }

    /// A cache that cannot be written is no reason to fail: it is said, and the answer is used.
    async fn write(&self, key: Digest, entry: &Entry) {
        let (cache, entry) = (self.clone(), entry.clone());
        let written = tokio::task::spawn_blocking(move || cache.write_blocking(key, &entry)).await;
        match written {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an answer cannot be kept"),
            Err(error) => tracing::warn!(%error, "an answer cannot be kept"),
        }
    }

    fn write_blocking(&self, key: Digest, entry: &Entry) -> std::io::Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        serde_json::to_writer(&mut file, entry)?;
        file.persist(self.file(key))?;
        Ok(())
    }

    /// Removes the files of answers that are too old, what a crash left, and of too many the oldest.
    pub(super) fn sweep(&self) -> std::io::Result<()> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        let mut files = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        files.sort_unstable();
        let surplus = files.len().saturating_sub(MAX_FILES);
        for (place, (modified, path)) in files.iter().enumerate() {
            let age = modified.elapsed().unwrap_or_default();
            let is_answer = path.extension().is_some_and(|extension| extension == "json");
            if place < surplus || age > self.ttl || (!is_answer && age > LEFT_OVER) {
                fs_err::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// A file that is still being written is younger.
const LEFT_OVER: Duration = Duration::from_secs(3600);

fn count(from: &'static str) {
    metrics::counter!("reelbench_llm_answers_total", "from" => from).increment(1);
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
