//! The truth about jobs: one SQLite file, one writer.
//!
//! A worker's writes carry the `epoch` of its claim and change nothing once the job was given to
//! somebody else or has ended: a job ends exactly once. [`Store::open`] takes a lock on the data folder,
//! so a job found running there has lost its worker, and waits again.

mod claim;
mod view;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use protocol::{JobError, JobSpec, JobState};
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, SqlitePool};

pub use self::claim::Claim;
pub use self::view::Counts;
use super::{JobFolder, now_us};

/// Jobs on disk.
#[derive(Debug)]
pub struct Store {
    pool: SqlitePool,
    /// How much of their video running jobs have rendered, 0 to 1. Not worth a write to the disk.
    rendered: Mutex<HashMap<String, f64>>,
    /// Held, not read: while it is open no other process opens the folder.
    _lock: fs_err::File,
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
    /// The file cannot be opened or brought up to date.
    #[error("{path}: {reason}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// SQLite's own.
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

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Enough are waiting.
    #[error("{waiting} jobs are waiting, at most {limit} may")]
    QueueFull {
        /// How many wait.
        waiting: u64,
        /// How many may.
        limit: u64,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answer to a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It waited, and is cancelled now.
    Cancelled,
    /// A worker has it and was told.
    Requested,
    /// It had ended before.
    AlreadyEnded(JobState),
    /// There is no such job.
    Unknown,
}

impl Store {
    /// Opens the database in `data_dir`, making both where they are not there. Jobs that were running
    /// wait again, or fail where their attempts are used up.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        fs_err::create_dir_all(data_dir)?;
        let lock_path = data_dir.join("lock");
        let lock = fs_err::File::create(&lock_path)?;
        if lock.file().try_lock().is_err() {
            return Err(StoreError::InUse(data_dir.to_owned()));
        }
        let path = data_dir.join("jobs.sqlite");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A job that was accepted survives a power failure, too: 202 is a promise.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        // One connection: SQLite has one writer, and waiting for it here is fair.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let unusable = |error: &dyn std::fmt::Display| StoreError::Open {
            path: path.clone(),
            reason: error.to_string(),
        };
        let pool = pool.map_err(|error| unusable(&error))?;
        sqlx::migrate!().run(&pool).await.map_err(|error| unusable(&error))?;
        let store = Self { pool, rendered: Mutex::default(), _lock: lock };
        store.take_back_orphans(data_dir).await?;
        Ok(store)
    }

    async fn take_back_orphans(&self, data_dir: &Path) -> Result<(), StoreError> {
        let orphans: Vec<String> =
            sqlx::query_scalar("SELECT id FROM jobs WHERE state = 'running'")
                .fetch_all(&self.pool)
                .await?;
        for id in &orphans {
            // Opening a folder removes what its worker left unfinished, whatever comes next.
            JobFolder::open(data_dir, id)?;
        }
        let lost = JobError {
            code: "worker_died".to_owned(),
            stage: None,
            message: "the worker died in each attempt".to_owned(),
        };
        sqlx::query(
            "UPDATE jobs SET state = 'failed', error = ?, finished_us = ?
             WHERE state = 'running' AND attempt >= max_attempts AND cancel_requested = 0",
        )
        .bind(json(&lost))
        .bind(instant(now_us()))
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "UPDATE jobs SET state = 'cancelled', finished_us = ?
             WHERE state = 'running' AND cancel_requested = 1",
        )
        .bind(instant(now_us()))
        .execute(&self.pool)
        .await?;
        sqlx::query("UPDATE jobs SET state = 'queued' WHERE state = 'running'")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes a job, unless `max_queued` are waiting; gives its name.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        spec: &JobSpec,
        max_attempts: u32,
        max_queued: u64,
    ) -> Result<String, SubmitError> {
        let id = uuid::Uuid::now_v7().to_string();
        let inserted = sqlx::query(
            "INSERT INTO jobs (id, spec, priority, state, max_attempts, submitted_us)
             SELECT ?, ?, ?, 'queued', ?, ?
             WHERE (SELECT count(*) FROM jobs WHERE state = 'queued') < ?",
        )
        .bind(&id)
        .bind(json(spec))
        .bind(spec.priority.rank())
        .bind(max_attempts)
        .bind(instant(now_us()))
        .bind(instant(max_queued))
        .execute(&self.pool)
        .await
        .map_err(StoreError::from)?;
        if inserted.rows_affected() == 0 {
            return Err(SubmitError::QueueFull { waiting: max_queued, limit: max_queued });
        }
        Ok(id)
    }

    /// Cancels a waiting job, or notes that a running one is to end.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel(&self, id: &str) -> Result<CancelAnswer, StoreError> {
        let row = sqlx::query(
            "UPDATE jobs SET cancel_requested = 1,
                    finished_us = CASE state WHEN 'queued' THEN ?1 ELSE finished_us END,
                    state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
             WHERE id = ?2 AND state IN ('queued', 'running') RETURNING state",
        )
        .bind(instant(now_us()))
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(row) = row {
            return Ok(match row.try_get::<&str, _>("state")? {
                "cancelled" => CancelAnswer::Cancelled,
                _ => CancelAnswer::Requested,
            });
        }
        Ok(match self.status(id).await? {
            Some(status) => CancelAnswer::AlreadyEnded(status.state),
            None => CancelAnswer::Unknown,
        })
    }

    /// Whether a job is to end.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel_requested(&self, id: &str) -> Result<bool, StoreError> {
        let requested =
            sqlx::query_scalar("SELECT cancel_requested FROM jobs WHERE id = ?").bind(id);
        Ok(requested.fetch_optional(&self.pool).await?.unwrap_or(false))
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

/// SQLite's integers are signed; instants fit for 292,000 years.
fn instant(us: u64) -> i64 {
    us.cast_signed()
}

#[cfg(test)]
mod tests;
