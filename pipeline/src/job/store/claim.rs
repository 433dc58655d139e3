//! A worker's side: it claims a job, and every write of it after that carries the epoch of the claim.

use protocol::{JobError, JobSpec, JobState, Outcome, Stage};
use sqlx::Row;

use super::{Store, StoreError, document, instant, json};
use crate::job::now_us;

/// A job in the hands of one worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Name of the job.
    pub id: String,
    /// What is asked for.
    pub spec: JobSpec,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many there may be.
    pub max_attempts: u32,
    epoch: i64,
}

impl Store {
    /// Gives the job that is next, to nobody else: by priority, then by arrival.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn claim(&self) -> Result<Option<Claim>, StoreError> {
        let now = instant(now_us());
        let row = sqlx::query(
            "UPDATE jobs SET state = 'running', attempt = attempt + 1, epoch = epoch + 1, started_us = ?1
             WHERE seq = (SELECT seq FROM jobs WHERE state = 'queued' AND not_before_us <= ?1
                          ORDER BY priority DESC, seq LIMIT 1)
             RETURNING id, spec, attempt, max_attempts, epoch",
        )
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let id: String = row.try_get("id")?;
        Ok(Some(Claim {
            spec: document(&id, "spec", row.try_get("spec")?)?,
            attempt: row.try_get("attempt")?,
            max_attempts: row.try_get("max_attempts")?,
            epoch: row.try_get("epoch")?,
            id,
        }))
    }

    /// When the next waiting job may be claimed, where one waits for its time.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn next_due_us(&self) -> Result<Option<u64>, StoreError> {
        let due: Option<i64> =
            sqlx::query_scalar("SELECT min(not_before_us) FROM jobs WHERE state = 'queued'")
                .fetch_one(&self.pool)
                .await?;
        Ok(due.map(i64::cast_unsigned))
    }

    /// Notes that a stage began.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stage_started(&self, claim: &Claim, stage: Stage) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO stage_times (job, attempt, stage, started_us)
             SELECT id, attempt, ?, ? FROM jobs WHERE id = ? AND epoch = ? AND state = 'running'",
        )
        .bind(stage.as_str())
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a stage ended well.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stage_finished(&self, claim: &Claim, stage: Stage) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE stage_times SET finished_us = ? WHERE job = ? AND attempt = ? AND stage = ?",
        )
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(claim.attempt)
        .bind(stage.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends a job well. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn succeed(&self, claim: &Claim, outcome: &Outcome) -> Result<bool, StoreError> {
        self.end(claim, JobState::Succeeded, None, Some(outcome)).await
    }

    /// Ends a job with an error. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn fail(&self, claim: &Claim, error: &JobError) -> Result<bool, StoreError> {
        self.end(claim, JobState::Failed, Some(error), None).await
    }

    /// Ends a job that was asked to end. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancelled(&self, claim: &Claim) -> Result<bool, StoreError> {
        self.end(claim, JobState::Cancelled, None, None).await
    }

    async fn end(
        &self,
        claim: &Claim,
        state: JobState,
        error: Option<&JobError>,
        outcome: Option<&Outcome>,
    ) -> Result<bool, StoreError> {
        let ended = sqlx::query(
            "UPDATE jobs SET state = ?, error = ?, outcome = ?, finished_us = ?
             WHERE id = ? AND epoch = ? AND state = 'running'",
        )
        .bind(state.as_str())
        .bind(error.map(json))
        .bind(outcome.map(json))
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&self.pool)
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Lets a job wait again, from `not_before_us` on. `counted`: whether this attempt counts; one that
    /// ended because the service stops does not.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn requeue(
        &self,
        claim: &Claim,
        not_before_us: u64,
        counted: bool,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE jobs SET state = 'queued', not_before_us = ?, attempt = attempt - ?
             WHERE id = ? AND epoch = ? AND state = 'running'",
        )
        .bind(instant(not_before_us))
        .bind(i64::from(!counted))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
