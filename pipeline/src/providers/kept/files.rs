//! Answers in files, for the next process. Writing and sweeping block.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fetch::Digest;
use jiff::Timestamp;

/// Answers that are written between two sweeps.
pub(super) const SWEEP_EVERY: usize = 256;
/// What is no answer and older than this was left by a crash; one that is being written is younger.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// Where the files are.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    ttl: Duration,
    max_files: usize,
    n_written: AtomicUsize,
}

impl Folder {
    /// Files of answers that are good for `ttl`, of too many the oldest go. The folder is made when the
    /// first one comes; what is too old there goes now.
    pub(super) fn new(path: PathBuf, ttl: Duration, max_files: usize) -> Self {
        let folder = Self { path, ttl, max_files, n_written: AtomicUsize::new(0) };
        folder.sweep();
        folder
    }

    pub(super) fn file(&self, key: Digest) -> PathBuf {
        self.path.join(format!("{key}.json"))
    }

    pub(super) fn is_young(&self, made_at_us: i64) -> bool {
        !self.left(made_at_us).is_zero()
    }

    /// How long an answer of then is good for.
    pub(super) fn left(&self, made_at_us: i64) -> Duration {
        let age_us = Timestamp::now().as_microsecond().saturating_sub(made_at_us);
        // A clock that was set back makes an answer of tomorrow: it is young.
        self.ttl.saturating_sub(Duration::from_micros(u64::try_from(age_us).unwrap_or(0)))
    }

    pub(super) fn write(&self, key: Digest, json: &[u8]) -> io::Result<()> {
        fs_err::create_dir_all(&self.path)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        io::Write::write_all(&mut file, json)?;
        file.persist(self.file(key))?;
        let n_written = self.n_written.fetch_add(1, Ordering::Relaxed) + 1;
        if n_written.is_multiple_of(SWEEP_EVERY) {
            self.sweep();
        }
        Ok(())
    }

    fn sweep(&self) {
        if let Err(error) = self.try_sweep(self.max_files) {
            tracing::warn!(%error, "old answers cannot be removed");
        }
    }

    /// Removes the files of answers that are too old, what a crash left, and of too many the oldest.
    /// Another process may do the same.
    pub(super) fn try_sweep(&self, max_files: usize) -> io::Result<()> {
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

pub(super) fn is_answer(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// What was found; none where there is no such file.
pub(super) fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
