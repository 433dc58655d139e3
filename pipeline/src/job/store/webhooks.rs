//! Those who want to be told of the end of a job. What is to be told is in the database until it was: a
//! service that is killed meanwhile tells it after its next start, so it may be told twice.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, instant};

/// Whoever tells it has so long; then another process may.
const TURN: Duration = Duration::from_secs(60);

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWebhook {
    /// The job that has ended.
    pub id: String,
    /// Where to.
    pub url: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}

impl Store {
    /// What is to be told now, for this process alone to tell.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn due_webhooks(&self) -> Result<Vec<DueWebhook>, StoreError> {
        let now = self.now_us();
        let rows = sqlx::query(
            "UPDATE jobs SET webhook_due_us = $1, webhook_attempt = webhook_attempt + 1
             WHERE webhook IS NOT NULL AND finished_us IS NOT NULL AND webhook_due_us <= $2
             RETURNING id, webhook, webhook_attempt",
        )
        .bind(instant(after(now, TURN)))
        .bind(instant(now))
        .fetch_all(&self.database.writer)
        .await?;
        let due = |row: &AnyRow| -> Result<DueWebhook, sqlx::Error> {
            Ok(DueWebhook {
                id: row.try_get("id")?,
                url: row.try_get("webhook")?,
                attempt: super::claim::count(row, "webhook_attempt")?,
            })
        };
        Ok(rows.iter().map(due).collect::<Result<_, _>>()?)
    }

    /// Whether there is anything to tell, now or later.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn next_webhook(&self) -> Result<Option<Duration>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(webhook_due_us) FROM jobs
             WHERE webhook IS NOT NULL AND finished_us IS NOT NULL",
        )
        .fetch_one(&self.database.reader)
        .await?;
        let wait = |us: i64| us.cast_unsigned().saturating_sub(self.now_us());
        Ok(due.map(|us| Duration::from_micros(wait(us))))
    }

    /// It was told, or will not be.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn webhook_is_done(&self, id: &str) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE jobs SET webhook = NULL WHERE id = $1").bind(id);
        done.execute(&self.database.writer).await?;
        Ok(())
    }

    /// It is to be told again, after `pause`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn webhook_again(&self, id: &str, pause: Duration) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET webhook_due_us = $1 WHERE id = $2")
            .bind(instant(after(self.now_us(), pause)))
            .bind(id)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }
}

fn after(now: u64, pause: Duration) -> u64 {
    now.saturating_add(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX >> 2))
}
