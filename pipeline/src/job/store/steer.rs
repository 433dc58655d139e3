//! What people do to jobs: cancel, try again, hold the queue, empty it.

use protocol::JobState;
use sqlx::Row;

use super::view::can_be_name;
use super::{Store, StoreError, instant};

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

/// Answer to a request to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAnswer {
    /// It waits.
    Queued,
    /// Only a job that failed is tried again.
    NotFailed(JobState),
    /// There is no such job.
    Unknown,
}

impl Store {
    /// Cancels a waiting job, or notes that a running one is to end.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel(&self, id: &str) -> Result<CancelAnswer, StoreError> {
        if !can_be_name(id) {
            return Ok(CancelAnswer::Unknown);
        }
        let row = sqlx::query(
            "UPDATE jobs SET cancel_requested = 1,
                    waited_us = waited_us
                        + CASE WHEN state = 'queued' AND $1 > queued_us THEN $1 - queued_us ELSE 0 END,
                    finished_us = CASE state WHEN 'queued' THEN $1 ELSE finished_us END,
                    state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END
             WHERE id = $2 AND state IN ('queued', 'running') RETURNING state",
        )
        .bind(instant(self.now_us()))
        .bind(id)
        .fetch_optional(&self.database.writer)
        .await?;
        if let Some(row) = row {
            return Ok(match row.try_get::<String, _>("state")?.as_str() {
                "cancelled" => CancelAnswer::Cancelled,
                _ => CancelAnswer::Requested,
            });
        }
        Ok(match self.status(id).await? {
            Some(status) => CancelAnswer::AlreadyEnded(status.state),
            None => CancelAnswer::Unknown,
        })
    }

    /// Cancels all that wait, and gives their names.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn purge(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "UPDATE jobs SET state = 'cancelled', cancel_requested = 1, finished_us = $1,
                    waited_us = waited_us + CASE WHEN $1 > queued_us THEN $1 - queued_us ELSE 0 END
             WHERE state = 'queued' RETURNING id",
        )
        .bind(instant(self.now_us()))
        .fetch_all(&self.database.writer)
        .await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }

    /// Lets a job that failed wait again, with all its attempts. What its stages have ended is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn retry(&self, id: &str) -> Result<RetryAnswer, StoreError> {
        if !can_be_name(id) {
            return Ok(RetryAnswer::Unknown);
        }
        let done = sqlx::query(
            "UPDATE jobs SET state = 'queued', max_attempts = attempt + max_attempts, error = NULL,
                    not_before_us = 0, queued_us = $1, finished_us = NULL, expires_us = NULL,
                    lost_us = lost_us + CASE WHEN $1 > finished_us THEN $1 - finished_us ELSE 0 END
             WHERE id = $2 AND state = 'failed' AND files_gone = 0",
        )
        .bind(instant(self.now_us()))
        .bind(id)
        .execute(&self.database.writer)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(RetryAnswer::Queued);
        }
        Ok(match self.status(id).await? {
            Some(status) => RetryAnswer::NotFailed(status.state),
            None => RetryAnswer::Unknown,
        })
    }

    /// Holds the queue: what runs goes on, nothing is begun, on any machine and after a restart. Or lets
    /// it go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn hold(&self, is_held: bool) -> Result<(), StoreError> {
        let statement = sqlx::query("UPDATE queue SET paused = $1").bind(i64::from(is_held));
        statement.execute(&self.database.writer).await?;
        Ok(())
    }

    /// Whether the queue is held.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn is_held(&self) -> Result<bool, StoreError> {
        let held: i64 =
            sqlx::query_scalar("SELECT paused FROM queue").fetch_one(&self.database.reader).await?;
        Ok(held == 1)
    }
}
