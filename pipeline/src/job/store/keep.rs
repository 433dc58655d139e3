//! How long things are kept: jobs that wait beyond their time, files of ended ones, and that there was one.

use std::time::Duration;

use protocol::{JobError, JobState};
use sqlx::Row;

use super::{Store, StoreError, instant, json};

impl Store {
    /// Fails the jobs that were to begin before now, and gives their names.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn expire(&self) -> Result<Vec<String>, StoreError> {
        let expired = JobError {
            code: "expired".to_owned(),
            stage: None,
            message: "it did not begin within the time that its request gave it".to_owned(),
        };
        let rows = sqlx::query(
            "UPDATE jobs SET state = $1, error = $2, finished_us = $3,
                    waited_us = waited_us + CASE WHEN $3 > queued_us THEN $3 - queued_us ELSE 0 END
             WHERE state = 'queued' AND expires_us <= $3 RETURNING id",
        )
        .bind(JobState::Failed.as_str())
        .bind(json(&expired))
        .bind(instant(self.now_us()))
        .fetch_all(&self.database.writer)
        .await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }

    /// Names of jobs that ended longer than `keep` ago, and whose files are still there; they are noted as
    /// gone. What is known of them stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn forget_files(&self, keep: Duration) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "UPDATE jobs SET files_gone = 1
             WHERE finished_us < $1 AND files_gone = 0 RETURNING id",
        )
        .bind(self.before(keep))
        .fetch_all(&self.database.writer)
        .await?;
        Ok(rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?)
    }

    /// Forgets jobs whose files are gone and that ended longer than `keep` ago; gives how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn forget_jobs(&self, keep: Duration) -> Result<u64, StoreError> {
        let mut transaction = self.database.writer.begin().await?;
        let before = self.before(keep);
        sqlx::query(
            "DELETE FROM stage_times WHERE job IN
                     (SELECT id FROM jobs WHERE finished_us < $1 AND files_gone = 1)",
        )
        .bind(before)
        .execute(&mut *transaction)
        .await?;
        let gone = sqlx::query("DELETE FROM jobs WHERE finished_us < $1 AND files_gone = 1")
            .bind(before)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(gone.rows_affected())
    }

    fn before(&self, keep: Duration) -> i64 {
        let keep = u64::try_from(keep.as_micros()).unwrap_or(u64::MAX);
        instant(self.now_us().saturating_sub(keep))
    }
}
