//! What a worker writes down while it has a job: when its stages ran, how far the render is.

use std::sync::PoisonError;

use protocol::Stage;

use super::{Claim, Store, StoreError, instant};

impl Store {
    /// Notes that a stage began.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stage_started(&self, claim: &Claim, stage: Stage) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO stage_times (job, attempt, stage, started_us)
             SELECT id, attempt, $1, $2 FROM jobs WHERE id = $3 AND epoch = $4 AND state = 'running'
             ON CONFLICT (job, attempt, stage)
             DO UPDATE SET started_us = excluded.started_us, finished_us = NULL",
        )
        .bind(stage.as_str())
        .bind(instant(claim.now_us()))
        .bind(&claim.id)
        .bind(claim.epoch)
        .execute(&self.database.writer)
        .await?;
        self.changed(&claim.id).await;
        Ok(())
    }

    /// Notes that a stage ended well.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn stage_finished(&self, claim: &Claim, stage: Stage) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE stage_times SET finished_us = $1 WHERE job = $2 AND attempt = $3 AND stage = $4
             AND EXISTS (SELECT 1 FROM jobs WHERE id = $2 AND epoch = $5 AND state = 'running')",
        )
        .bind(instant(claim.now_us()))
        .bind(&claim.id)
        .bind(i64::from(claim.attempt))
        .bind(stage.as_str())
        .bind(claim.epoch)
        .execute(&self.database.writer)
        .await?;
        self.changed(&claim.id).await;
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
            "UPDATE stage_times SET finished_us = $1
             WHERE job = $2 AND stage = $3 AND finished_us IS NULL AND attempt < $4
             AND EXISTS (SELECT 1 FROM jobs WHERE id = $2 AND epoch = $5 AND state = 'running')",
        )
        .bind(instant(claim.now_us()))
        .bind(&claim.id)
        .bind(stage.as_str())
        .bind(i64::from(claim.attempt))
        .bind(claim.epoch)
        .execute(&self.database.writer)
        .await?;
        Ok(())
    }

    /// Notes how much of its video a job has rendered, 0 to 1.
    pub fn rendered(&self, claim: &Claim, share: f64) {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        rendered.insert(claim.id.clone(), share);
    }

    /// Forgets what an attempt has rendered: the next one begins from nothing.
    pub(super) fn forget_rendered(&self, claim: &Claim) {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim.id);
    }
}
