//! What sites answered within the last day. Pixabay asks for that of everybody, Pexels counts every
//! request, and the jobs of one subject search for the same terms.
//!
//! In memory, with one request a question however many ask it at once, and in files, so that a restart
//! does not begin anew. Errors and empty answers are not kept: they may be better in a minute.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fetch::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::providers::ProviderError;

/// Answers in memory. One is about 10 KB.
const MAX_ANSWERS: u64 = 2_000;

/// Answers of sites by what was asked.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    answers: moka::future::Cache<Digest, Arc<Kept>>,
    folder: PathBuf,
    age: Duration,
}

/// An answer as it lies in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// For people.
    question: String,
    /// When the site was asked.
    asked_at_us: i64,
    candidates: Vec<Candidate>,
}

/// Why there is nothing to keep.
#[derive(Debug)]
enum Nothing {
    Empty,
    Failed(ProviderError),
}

impl Cache {
    /// A cache that keeps answers for `age` and their files in `folder`. Files that are older go.
    pub(super) fn new(folder: &Path, age: Duration) -> Self {
        let cache = Self {
            answers: moka::future::Cache::builder()
                .max_capacity(MAX_ANSWERS)
                .time_to_live(age)
                .build(),
            folder: folder.to_owned(),
            age,
        };
        if let Err(error) = cache.sweep() {
            tracing::warn!(%error, "cannot tidy the search cache");
        }
        cache
    }

    /// The answer to `question`, which holds everything that changes it; asked with `ask` unless it is
    /// known.
    ///
    /// # Errors
    ///
    /// Those of `ask`, for everybody who waits for it.
    pub(super) async fn get(
        &self,
        question: &str,
        ask: impl Future<Output = Result<Vec<Candidate>, ProviderError>>,
    ) -> Result<Vec<Candidate>, ProviderError> {
        let key = Digest::of(question.as_bytes());
        // Read from a file it came into memory later than it was asked for.
        if self.answers.get(&key).await.is_some_and(|kept| self.is_old(&kept)) {
            self.answers.invalidate(&key).await;
        }
        let mut is_hit = true;
        let answer = self.answers.try_get_with(key, async {
            if let Some(kept) = self.read(&key) {
                return Ok(Arc::new(kept));
            }
            is_hit = false;
            let candidates = ask.await.map_err(Nothing::Failed)?;
            if candidates.is_empty() {
                return Err(Nothing::Empty);
            }
            let kept = Kept { question: question.to_owned(), asked_at_us: now_us(), candidates };
            self.write(&key, &kept);
            Ok(Arc::new(kept))
        });
        let answer = answer.await;
        let outcome = if is_hit { "hit" } else { "miss" };
        metrics::counter!("reelbench_stock_searches_total", "cache" => outcome).increment(1);
        match answer {
            Ok(kept) => Ok(kept.candidates.clone()),
            Err(nothing) => match &*nothing {
                Nothing::Empty => Ok(Vec::new()),
                Nothing::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// Asks anew the next time.
    pub(super) async fn forget(&self, question: &str) {
        let key = Digest::of(question.as_bytes());
        self.answers.invalidate(&key).await;
        if let Err(error) = fs_err::remove_file(self.path(&key))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "cannot forget an answer of a site");
        }
    }

    fn is_old(&self, kept: &Kept) -> bool {
        let age_us = now_us().saturating_sub(kept.asked_at_us);
        u64::try_from(age_us).is_ok_and(|age_us| Duration::from_micros(age_us) >= self.age)
    }

    /// A file that is damaged or old is none.
    fn read(&self, key: &Digest) -> Option<Kept> {
        let text = fs_err::read(self.path(key)).ok()?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        (!self.is_old(&kept)).then_some(kept)
    }

    /// A cache that cannot be written is slow, not wrong.
    fn write(&self, key: &Digest, kept: &Kept) {
        let write = || -> std::io::Result<()> {
            fs_err::create_dir_all(&self.folder)?;
            let file = tempfile::NamedTempFile::new_in(&self.folder)?;
            fs_err::write(file.path(), serde_json::to_vec(kept)?)?;
            file.persist(self.path(key))?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "cannot keep an answer of a site");
        }
    }

    fn sweep(&self) -> std::io::Result<()> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
            if age.is_ok_and(|age| age >= self.age) {
                fs_err::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }
}

fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn found(id: &str) -> Vec<Candidate> {
        vec![Candidate { id: id.to_owned(), ..Candidate::default() }]
    }

    fn away() -> ProviderError {
        ProviderError::Unreachable { url: "u".to_owned(), attempts: 4, reason: "r".to_owned() }
    }

    #[tokio::test]
    async fn one_asks_and_all_are_answered_also_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), DAY);
        let asked = AtomicUsize::new(0);
        let ask = || async {
            asked.fetch_add(1, Relaxed);
            tokio::task::yield_now().await;
            Ok(found("sea"))
        };
        let all = futures::future::join_all((0..20).map(|_| cache.get("a", ask()))).await;
        assert!(all.iter().all(|answer| answer.as_ref() == Ok(&found("sea"))));
        assert_eq!(asked.load(Relaxed), 1, "one flight");
        cache.get("b", ask()).await.expect("another question");
        assert_eq!(asked.load(Relaxed), 2);

        let cache = Cache::new(folder.path(), DAY);
        assert_eq!(cache.get("a", ask()).await, Ok(found("sea")));
        assert_eq!(asked.load(Relaxed), 2, "the file answers");
        cache.forget("a").await;
        cache.get("a", ask()).await.expect("an answer");
        assert_eq!(asked.load(Relaxed), 3, "forgotten, in memory and on disk");
    }

    #[tokio::test]
    async fn errors_and_empty_answers_are_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), DAY);
        assert_eq!(cache.get("a", async { Err(away()) }).await, Err(away()));
        assert_eq!(cache.get("a", async { Ok(vec![]) }).await, Ok(vec![]));
        assert_eq!(cache.get("a", async { Ok(found("sea")) }).await, Ok(found("sea")));
    }

    #[tokio::test]
    async fn what_is_old_or_damaged_is_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), DAY);
        let key = Digest::of(b"a");
        let long_ago = now_us() - 86_400_000_000;
        cache.write(
            &key,
            &Kept { question: "a".into(), asked_at_us: long_ago, candidates: found("old") },
        );
        assert_eq!(cache.get("a", async { Ok(found("new")) }).await, Ok(found("new")));
        fs_err::write(cache.path(&key), "{\"question\":").expect("damage");
        let cache = Cache::new(folder.path(), DAY);
        assert_eq!(cache.get("a", async { Ok(found("third")) }).await, Ok(found("third")));

        let file = fs_err::File::open(cache.path(&key)).expect("its file");
        file.set_modified(SystemTime::now() - DAY - DAY).expect("made old");
        Cache::new(folder.path(), DAY);
        assert!(!cache.path(&key).exists(), "swept");
    }
}
