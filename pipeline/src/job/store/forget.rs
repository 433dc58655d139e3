//! Forgetting one job, because somebody asks for it.

use protocol::JobState;

use super::{Store, StoreError};

/// Answer to a request to forget a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgetAnswer {
    /// Nothing is known of it any more; its files are the caller's to remove.
    Forgotten,
    /// It waits or runs.
    Open(JobState),
    /// There is no such job.
    Unknown,
}

impl Store {
    /// Forgets a job that has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn forget(&self, id: &str) -> Result<ForgetAnswer, StoreError> {
        let mut transaction = self.database.writer.begin().await?;
        sqlx::query(
            "DELETE FROM stage_times WHERE job IN
                     (SELECT id FROM jobs WHERE id = $1 AND state NOT IN ('queued', 'running'))",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        let gone =
            sqlx::query("DELETE FROM jobs WHERE id = $1 AND state NOT IN ('queued', 'running')")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        transaction.commit().await?;
        if gone.rows_affected() == 1 {
            return Ok(ForgetAnswer::Forgotten);
        }
        Ok(match self.status(id).await? {
            Some(status) => ForgetAnswer::Open(status.state),
            None => ForgetAnswer::Unknown,
        })
    }
}
