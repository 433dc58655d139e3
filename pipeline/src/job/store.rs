//! The truth about jobs: one table, in SQLite for one machine or in PostgreSQL for several.
//!
//! A worker's writes carry the `epoch` of its claim and change nothing once the job was given to
//! somebody else or has ended: a job ends exactly once. [`Store::open`] takes a lock on the data folder,
//! so the jobs that the worker of this folder had have lost it, and wait again.

mod claim;
mod database;
mod ending;
mod forget;
mod keep;
mod lease;
mod list;
mod notice;
mod progress;
mod steer;
mod submit;
mod view;
mod webhooks;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use super::JobFolder;

pub use self::claim::Claim;
use self::database::Database;
pub use self::database::Place;
pub use self::ending::Spent;
pub use self::forget::ForgetAnswer;
pub use self::lease::{Dead, Held, TakenBack};
pub use self::list::{Filter, Listed};
pub use self::notice::{Notice, Notices};
pub use self::steer::{CancelAnswer, RetryAnswer};
pub use self::submit::{Request, SubmitError, Submitted, Terms};
pub use self::view::Counts;
pub use self::webhooks::DueWebhook;

/// Changes of jobs that somebody who watches may be behind, before he has to look again.
const MAX_BEHIND: usize = 4096;

/// Jobs on disk.
#[derive(Debug)]
pub struct Store {
    database: Database,
    /// Whose name is on the jobs that this process runs.
    owner: String,
    lease_us: u64,
    /// How much of their video running jobs have rendered, 0 to 1. Not worth a write to the disk.
    rendered: Mutex<HashMap<String, f64>>,
    /// Names of jobs that have changed.
    changes: broadcast::Sender<Arc<str>>,
    /// Held, not read: while it is open no other process opens the folder.
    _lock: fs_err::File,
    /// The jobs of this worker that were running when it was opened.
    ran_before: Vec<String>,
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written.
    #[error(transparent)]
    Folder(#[from] std::io::Error),
    /// Another process works on it.
    #[error("{0} is in use by another pipeline")]
    InUse(PathBuf),
    /// It cannot be opened or brought up to date.
    #[error("{path}: {reason}")]
    Open {
        /// The file, or the address without its secrets.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The database's own.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A row holds what this version does not understand.
    #[error("database: job {id}: column {column}: {reason}")]
    Row {
        /// Which job.
        id: String,
        /// Which column.
        column: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Store {
    /// Opens the database at `place`, making what is not there, for the worker of `data_dir`, whose jobs
    /// are lost when nothing is heard of it for `lease`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(place: &Place, data_dir: &Path, lease: Duration) -> Result<Self, StoreError> {
        fs_err::create_dir_all(data_dir)?;
        let lock = fs_err::File::create(data_dir.join("lock"))?;
        if lock.file().try_lock().is_err() {
            return Err(StoreError::InUse(data_dir.to_owned()));
        }
        let mut store = Self {
            database: Database::open(place, data_dir).await?,
            owner: lease::owner(data_dir)?,
            lease_us: u64::try_from(lease.as_micros()).unwrap_or(u64::MAX),
            rendered: Mutex::default(),
            changes: broadcast::Sender::new(MAX_BEHIND),
            _lock: lock,
            ran_before: Vec::new(),
        };
        let taken = store.take_back(Dead::Former).await?;
        let ended = taken.ended.iter().map(|(id, _)| id);
        store.ran_before = taken.queued.iter().chain(ended).cloned().collect();
        for id in &store.ran_before {
            // Opening a folder removes what its worker left unfinished, whatever comes next.
            JobFolder::open(data_dir, id)?;
        }
        Ok(store)
    }

    /// The jobs of this worker that were running when it was opened: its process had died.
    pub fn ran_before(&self) -> &[String] {
        &self.ran_before
    }

    /// Whether other processes may use the same database.
    pub const fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// Whether a job is to end.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel_requested(&self, id: &str) -> Result<bool, StoreError> {
        let requested: Option<i64> =
            sqlx::query_scalar("SELECT cancel_requested FROM jobs WHERE id = $1")
                .bind(id)
                .fetch_optional(&self.database.reader)
                .await?;
        Ok(requested == Some(1))
    }

    /// Microseconds since the Unix epoch, on the clock that all workers share.
    pub fn now_us(&self) -> u64 {
        self.database.now_us()
    }
}

fn document<T: DeserializeOwned>(
    id: &str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Row {
        id: id.to_owned(),
        column,
        reason: error.to_string(),
    })
}

/// A document of ours as a column. They hold strings, numbers and lists: they can always be written.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Integers of databases are signed; instants fit for 292,000 years.
fn instant(us: u64) -> i64 {
    us.cast_signed()
}

#[cfg(test)]
mod tests;
