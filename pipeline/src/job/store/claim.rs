//! A worker's side: it claims a job, and every write of it after that carries the epoch of the claim.

use std::sync::PoisonError;

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
        match document(&id, "spec", row.try_get("spec")?) {
            Ok(spec) => Ok(Some(Claim {
                spec,
                attempt: row.try_get("attempt")?,
                max_attempts: row.try_get("max_attempts")?,
                epoch: row.try_get("epoch")?,
                id,
            })),
            // Written by another version: no worker could ever do it.
            Err(error) => {
                self.give_up(&id, &error).await?;
                Err(error)
            }
        }
    }

    async fn give_up(&self, id: &str, error: &StoreError) -> Result<(), StoreError> {
        let error = JobError {
            code: "spec_unreadable".to_owned(),
            stage: None,
            message: error.to_string(),
        };
        sqlx::query("UPDATE jobs SET state = 'failed', error = ?, finished_us = ? WHERE id = ?")
            .bind(json(&error))
            .bind(instant(now_us()))
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
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
             SELECT id, attempt, ?, ? FROM jobs WHERE id = ? AND epoch = ? AND state = 'running'
             ON CONFLICT DO UPDATE SET started_us = excluded.started_us, finished_us = NULL",
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
            "UPDATE stage_times SET finished_us = ?1 WHERE job = ?2 AND attempt = ?3 AND stage = ?4
             AND EXISTS (SELECT 1 FROM jobs WHERE id = ?2 AND epoch = ?5 AND state = 'running')",
        )
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(claim.attempt)
        .bind(stage.as_str())
        .bind(claim.epoch)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a stage of an attempt before had ended, where that attempt did not come to it: the
    /// result is there, its time was not yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stage_was_finished(&self, claim: &Claim, stage: Stage) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE stage_times SET finished_us = ?1
             WHERE job = ?2 AND stage = ?3 AND finished_us IS NULL AND attempt < ?4
             AND EXISTS (SELECT 1 FROM jobs WHERE id = ?2 AND epoch = ?5 AND state = 'running')",
        )
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(stage.as_str())
        .bind(claim.attempt)
        .bind(claim.epoch)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes how much of its video a job has rendered, 0 to 1.
    pub fn rendered(&self, claim: &Claim, share: f64) {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        rendered.insert(claim.id.clone(), share);
    }

    /// Forgets what an attempt has rendered: the next one begins from nothing.
    fn forget_rendered(&self, claim: &Claim) {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim.id);
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
        self.forget_rendered(claim);
        Ok(ended.rows_affected() == 1)
    }

    /// Lets a job wait again, from `not_before_us` on; this attempt counts. One that was asked to end
    /// meanwhile ends: true.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn requeue(&self, claim: &Claim, not_before_us: u64) -> Result<bool, StoreError> {
        self.forget_rendered(claim);
        let row = sqlx::query(
            "UPDATE jobs SET not_before_us = ?1,
                    state = CASE cancel_requested WHEN 1 THEN 'cancelled' ELSE 'queued' END,
                    finished_us = CASE cancel_requested WHEN 1 THEN ?2 END
             WHERE id = ?3 AND epoch = ?4 AND state = 'running' RETURNING cancel_requested",
        )
        .bind(instant(not_before_us))
        .bind(instant(now_us()))
        .bind(&claim.id)
        .bind(claim.epoch)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or(Ok(false), |row| row.try_get("cancel_requested"))?)
    }

    /// Gives a job back because the service stops: as if this attempt had not been, but for the stages
    /// that have ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn hand_back(&self, claim: &Claim) -> Result<(), StoreError> {
        self.forget_rendered(claim);
        let mut transaction = self.pool.begin().await?;
        let given = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempt = attempt - 1
             WHERE id = ? AND epoch = ? AND state = 'running'",
        )
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&mut *transaction)
        .await?;
        if given.rows_affected() == 1 {
            sqlx::query(
                "DELETE FROM stage_times WHERE job = ? AND attempt = ? AND finished_us IS NULL",
            )
            .bind(&claim.id)
            .bind(claim.attempt)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
