//! Taking jobs: all of a batch or none, once for each idempotency key.

use std::time::Duration;

use protocol::JobSpec;
use sqlx::{AnyConnection, Row};

use super::{Store, StoreError, instant, json};
use crate::job::Lane;

/// A job to be taken.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What is asked for.
    pub spec: &'a JobSpec,
    /// A name that the client gave this request: sent again, it is the same job.
    pub idempotency_key: Option<&'a str>,
    /// Time for one attempt; then the job has failed. None: as long as it takes.
    pub timeout: Option<Duration>,
    /// Who is told of its end.
    pub webhook: Option<&'a str>,
    /// Time from now in which the job must have begun.
    pub ttl: Option<Duration>,
}

impl<'a> Request<'a> {
    /// A job without limits of its own.
    pub const fn new(spec: &'a JobSpec) -> Self {
        Self { spec, idempotency_key: None, timeout: None, webhook: None, ttl: None }
    }
}

/// What holds for every job that is taken.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How often a worker may take it.
    pub max_attempts: u32,
    /// How many may wait.
    pub max_queued: u64,
    /// How much waiting a step of priority is worth.
    pub ageing: Duration,
}

/// A job that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its name.
    pub id: String,
    /// Whether it was there already, under its idempotency key.
    pub existed: bool,
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
    /// Another job has this key.
    #[error("the idempotency key {key:?} belongs to the job {id}, which asks for something else")]
    KeyTaken {
        /// The key.
        key: String,
        /// The job that has it.
        id: String,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Takes all of `requests` as jobs of `batch`, or none, and gives their names in the same order.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn submit(
        &self,
        requests: &[Request<'_>],
        batch: Option<&str>,
        terms: Terms,
    ) -> Result<Vec<Submitted>, SubmitError> {
        let mut transaction = self.database.writer.begin().await.map_err(StoreError::from)?;
        if let Some(lock) = self.database.lock_submits {
            sqlx::query(lock).execute(&mut *transaction).await.map_err(StoreError::from)?;
        }
        let mut taken = Vec::with_capacity(requests.len());
        for request in requests {
            taken.push(match known(&mut transaction, request).await? {
                Some(id) => Submitted { id, existed: true },
                None => {
                    let id = self.insert(&mut transaction, request, batch, terms).await?;
                    Submitted { id, existed: false }
                }
            });
        }
        let waiting = "SELECT count(*) FROM jobs WHERE state = 'queued'";
        let waiting = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *transaction).await;
        let waiting = waiting.map_err(StoreError::from)?.cast_unsigned();
        if waiting > terms.max_queued && taken.iter().any(|job| !job.existed) {
            let n_new = taken.iter().filter(|job| !job.existed).count() as u64;
            transaction.rollback().await.map_err(StoreError::from)?;
            let waiting = waiting.saturating_sub(n_new);
            return Err(SubmitError::QueueFull { waiting, limit: terms.max_queued });
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(taken)
    }

    async fn insert(
        &self,
        connection: &mut AnyConnection,
        request: &Request<'_>,
        batch: Option<&str>,
        terms: Terms,
    ) -> Result<String, StoreError> {
        let id = uuid::Uuid::now_v7().to_string();
        let now = self.now_us();
        let spec = json(request.spec);
        let digest = request.idempotency_key.map(|_| digest(&spec));
        let after = |time: Duration| instant(now.saturating_add(micros(time)));
        let timeout = request.timeout.map(|time| instant(micros(time)));
        sqlx::query(
            "INSERT INTO jobs (id, spec, priority, state, lane, place, max_attempts, submitted_us,
                               queued_us, idempotency_key, request_digest, batch, timeout_us, expires_us,
                               webhook)
             VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(&id)
        .bind(spec)
        .bind(request.spec.priority.rank())
        .bind(Lane::of(request.spec).as_str())
        .bind(place(now, request.spec.priority.rank(), terms.ageing))
        .bind(i64::from(terms.max_attempts))
        .bind(instant(now))
        .bind(request.idempotency_key)
        .bind(digest)
        .bind(batch)
        .bind(timeout)
        .bind(request.ttl.map(after))
        .bind(request.webhook)
        .execute(connection)
        .await?;
        Ok(id)
    }
}

/// The job that this request made before.
async fn known(
    connection: &mut AnyConnection,
    request: &Request<'_>,
) -> Result<Option<String>, SubmitError> {
    let Some(key) = request.idempotency_key else { return Ok(None) };
    let found = sqlx::query("SELECT id, request_digest FROM jobs WHERE idempotency_key = $1")
        .bind(key)
        .fetch_optional(connection)
        .await
        .map_err(StoreError::from)?;
    let Some(row) = found else { return Ok(None) };
    let column = |name| row.try_get::<String, _>(name).map_err(StoreError::from);
    let id = column("id")?;
    if column("request_digest")? == digest(&json(request.spec)) {
        Ok(Some(id))
    } else {
        Err(SubmitError::KeyTaken { key: key.to_owned(), id })
    }
}

/// Where a job stands among those that wait: lower goes first. It is arrival less what the priority is
/// worth, so a job moves up by waiting, nothing has to be counted again, and none waits for ever.
fn place(submitted_us: u64, rank: i64, ageing: Duration) -> i64 {
    instant(submitted_us).saturating_sub(rank.saturating_mul(instant(micros(ageing))))
}

fn digest(text: &str) -> String {
    fetch::Digest::of(text.as_bytes()).to_string()
}

fn micros(time: Duration) -> u64 {
    // Not more than SQLite's integers hold, with room for today.
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(1 << 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_makes_up_for_priority() {
        let ageing = Duration::from_secs(600);
        let at = |minutes: u64, rank| place(minutes * 60_000_000 + (1 << 50), rank, ageing);
        assert!(at(0, 1) < at(1, 1), "first come, first served");
        assert!(at(9, 2) < at(0, 1) && at(0, 1) < at(11, 2), "a step is worth ten minutes");
        assert!(at(0, 0) < at(31, 3), "LOW goes before what is URGENT half an hour later");
        let fifo = |minutes: u64, rank| place(minutes, rank, Duration::ZERO);
        assert!(fifo(0, 0) < fifo(1, 3), "no priority");
        let far = |rank| place(1 << 60, rank, Duration::MAX);
        assert!(far(3) < far(2) && far(2) < far(0), "nothing overflows");
    }
}
