//! How an attempt ends. Each write carries the epoch of the claim, so a job ends exactly once.

use std::time::Duration;

use protocol::{JobError, JobState, Outcome};
use sqlx::Row;

use super::{Claim, Store, StoreError, instant, json};

/// Where the time of an attempt went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// At least one stage was at work.
    pub worked: Duration,
    /// None was.
    pub overhead: Duration,
    /// When this was looked at, on the clock of the claim.
    pub until_us: u64,
}

impl Store {
    /// Ends a job well. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn succeed(
        &self,
        claim: &Claim,
        spent: Spent,
        outcome: &Outcome,
    ) -> Result<bool, StoreError> {
        self.end(claim, spent, JobState::Succeeded, None, Some(outcome)).await
    }

    /// Ends a job with an error. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn fail(
        &self,
        claim: &Claim,
        spent: Spent,
        error: &JobError,
    ) -> Result<bool, StoreError> {
        self.end(claim, spent, JobState::Failed, Some(error), None).await
    }

    /// Ends a job that was asked to end. False: it is no longer this worker's.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancelled(&self, claim: &Claim, spent: Spent) -> Result<bool, StoreError> {
        self.end(claim, spent, JobState::Cancelled, None, None).await
    }

    async fn end(
        &self,
        claim: &Claim,
        spent: Spent,
        state: JobState,
        error: Option<&JobError>,
        outcome: Option<&Outcome>,
    ) -> Result<bool, StoreError> {
        let ended = sqlx::query(
            "UPDATE jobs SET state = $1, error = $2, outcome = $3, finished_us = $4,
                    worked_us = worked_us + $5, overhead_us = overhead_us + $6
             WHERE id = $7 AND epoch = $8 AND state = 'running'",
        )
        .bind(state.as_str())
        .bind(error.map(json))
        .bind(outcome.map(json))
        .bind(instant(spent.until_us))
        .bind(micros(spent.worked))
        .bind(micros(spent.overhead))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&self.database.writer)
        .await?;
        self.forget_rendered(claim);
        Ok(ended.rows_affected() == 1)
    }

    /// Lets a job wait again, for `pause` before it may be claimed; this attempt counts. One that was
    /// asked to end meanwhile ends: true.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn requeue(
        &self,
        claim: &Claim,
        spent: Spent,
        pause: Duration,
    ) -> Result<bool, StoreError> {
        self.forget_rendered(claim);
        let row = sqlx::query(
            "UPDATE jobs SET not_before_us = $1 + $2, queued_us = $1, owner = '',
                    worked_us = worked_us + $3, overhead_us = overhead_us + $4,
                    state = CASE cancel_requested WHEN 1 THEN 'cancelled' ELSE 'queued' END,
                    finished_us = CASE cancel_requested WHEN 1 THEN $1 END
             WHERE id = $5 AND epoch = $6 AND state = 'running' RETURNING cancel_requested",
        )
        .bind(instant(spent.until_us))
        .bind(micros(pause))
        .bind(micros(spent.worked))
        .bind(micros(spent.overhead))
        .bind(&claim.id)
        .bind(claim.epoch)
        .fetch_optional(&self.database.writer)
        .await?;
        Ok(row.map_or(Ok(0), |row| row.try_get::<i64, _>("cancel_requested"))? == 1)
    }

    /// Gives a job back because the service stops: as if this attempt had not been, but for the stages
    /// that have ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn hand_back(&self, claim: &Claim, spent: Spent) -> Result<(), StoreError> {
        self.forget_rendered(claim);
        let mut transaction = self.database.writer.begin().await?;
        let given = sqlx::query(
            "UPDATE jobs SET state = 'queued', attempt = attempt - 1, owner = '', queued_us = $1,
                    worked_us = worked_us + $2, overhead_us = overhead_us + $3
             WHERE id = $4 AND epoch = $5 AND state = 'running'",
        )
        .bind(instant(spent.until_us))
        .bind(micros(spent.worked))
        .bind(micros(spent.overhead))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&mut *transaction)
        .await?;
        if given.rows_affected() == 1 {
            sqlx::query(
                "DELETE FROM stage_times WHERE job = $1 AND attempt = $2 AND finished_us IS NULL",
            )
            .bind(&claim.id)
            .bind(i64::from(claim.attempt))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4)
}
