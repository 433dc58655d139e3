//! What the processes that share a database tell each other, so that nobody has to look again and again:
//! PostgreSQL's LISTEN and NOTIFY (<https://www.postgresql.org/docs/current/sql-notify.html>).
//!
//! A notice that is lost delays, and loses nothing: who was cut off is told [`Notice::Missed`], and looks
//! at everything again.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::broadcast;

use super::{Place, Store, StoreError};

/// Before it is tried again to listen.
const PAUSE: Duration = Duration::from_secs(1);

/// Something that others should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// A job may be claimed.
    Queued,
    /// A job is to end.
    Cancel(String),
    /// A job has changed.
    Changed(String),
    /// Some notices were lost.
    #[serde(skip)]
    Missed,
}

/// The notices of other processes.
#[derive(Debug)]
pub struct Notices {
    pool: PgPool,
    channel: String,
    listener: Option<PgListener>,
}

impl Store {
    /// Listens to the other processes. None: this database has one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn notices(&self, place: &Place) -> Result<Option<Notices>, StoreError> {
        let Place::Postgres(address) = place else { return Ok(None) };
        let pool = PgPoolOptions::new().max_connections(1).connect(address.expose_secret()).await?;
        let schema: String =
            sqlx::query_scalar("SELECT current_schema()::text").fetch_one(&pool).await?;
        let mut notices = Notices { pool, channel: channel(&schema), listener: None };
        notices.listen().await?;
        Ok(Some(notices))
    }

    /// Names of jobs that change from now on, in this process or another. Who is too slow to read them is
    /// told so, and looks again.
    pub fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.changes.subscribe()
    }

    /// A job has changed, in this process.
    pub async fn changed(&self, id: &str) {
        self.heard_of(id);
        self.tell(&Notice::Changed(id.to_owned())).await;
    }

    /// A job has changed, somewhere.
    pub fn heard_of(&self, id: &str) {
        // Nobody may be watching.
        let _ = self.changes.send(id.into());
    }

    /// Tells the other processes. Where there are none, or they cannot be told now, nothing happens.
    pub async fn tell(&self, notice: &Notice) {
        if !self.is_shared() {
            return;
        }
        let text = serde_json::to_string(notice).unwrap_or_default();
        let told = sqlx::query("SELECT pg_notify('reelbench_' || current_schema(), $1)")
            .bind(text)
            .execute(&self.database.writer)
            .await;
        if let Err(error) = told {
            tracing::warn!(%error, ?notice, "cannot tell the other workers");
        }
    }
}

impl Notices {
    /// Waits for the next one. A connection that is lost is made again.
    pub async fn next(&mut self) -> Notice {
        loop {
            let Some(listener) = &mut self.listener else {
                tokio::time::sleep(PAUSE).await;
                if self.listen().await.is_ok() {
                    return Notice::Missed;
                }
                continue;
            };
            match listener.try_recv().await {
                Ok(Some(notification)) => {
                    if let Ok(notice) = serde_json::from_str(notification.payload()) {
                        return notice;
                    }
                }
                // Cut off. What was said meanwhile is lost.
                Ok(None) | Err(_) => self.listener = None,
            }
        }
    }

    async fn listen(&mut self) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(&self.channel).await?;
        self.listener = Some(listener);
        Ok(())
    }
}

fn channel(schema: &str) -> String {
    format!("reelbench_{schema}")
}
