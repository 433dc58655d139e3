//! A worker claims a job, and every write of it after that carries the epoch of the claim.

use std::time::{Duration, Instant};

use protocol::{JobError, JobSpec};
use sqlx::{AssertSqlSafe, Row};

use super::{Spent, Store, StoreError, document, instant, json};
use crate::busy::BusyClock;
use crate::job::Lane;

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
    /// Time for this attempt. None: as long as it takes.
    pub timeout: Option<Duration>,
    /// How long it waited so far, over all attempts.
    pub waited: Duration,
    pub(super) epoch: i64,
    submitted_us: u64,
    /// Runs while a stage is at work.
    pub stages: BusyClock,
    /// When it was claimed, on the database's clock and on ours that never jumps.
    started_us: u64,
    started: Instant,
}

impl Claim {
    /// Now, on the clock on which the job was claimed: instants of one attempt add up, whatever happens
    /// to the clock of this machine meanwhile.
    pub(super) fn now_us(&self) -> u64 {
        let since = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.started_us.saturating_add(since)
    }

    /// Which claim of the job this is: it grows with each, whoever has it.
    pub const fn epoch(&self) -> i64 {
        self.epoch
    }

    /// From the submit to now, over all attempts.
    pub fn since_submit(&self) -> Duration {
        Duration::from_micros(self.now_us().saturating_sub(self.submitted_us))
    }

    /// Where the time went since it was claimed.
    pub fn spent(&self) -> Spent {
        let (worked, whole) = (self.stages.total(), self.started.elapsed());
        let whole_us = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        Spent {
            worked,
            overhead: whole.saturating_sub(worked),
            until_us: self.started_us.saturating_add(whole_us),
        }
    }
}

impl Store {
    /// Gives the job of these `lanes` that is next, to nobody else.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn claim(&self, lanes: &[Lane]) -> Result<Option<Claim>, StoreError> {
        // The claim takes time, too: it counts from here.
        let (now, started) = (self.now_us(), Instant::now());
        let statement = format!(
            "UPDATE jobs SET state = 'running', attempt = attempt + 1, epoch = epoch + 1,
                    queued_us = $1,
                    started_us = CASE WHEN $1 > queued_us THEN $1 ELSE queued_us END,
                    waited_us = waited_us + CASE WHEN $1 > queued_us THEN $1 - queued_us ELSE 0 END,
                    owner = $2, lease_until_us = $3
             WHERE seq = (SELECT seq FROM jobs
                          WHERE state = 'queued' AND lane IN ({}) AND not_before_us <= $1
                            AND (expires_us IS NULL OR expires_us > $1)
                            AND NOT EXISTS (SELECT 1 FROM queue WHERE paused = 1)
                          ORDER BY place, seq LIMIT 1 {})
             RETURNING id, spec, attempt, max_attempts, epoch, timeout_us, started_us,
                       submitted_us, waited_us",
            names(lanes),
            self.database.skip_locked,
        );
        let row = sqlx::query(AssertSqlSafe(statement))
            .bind(instant(now))
            .bind(&self.owner)
            .bind(instant(self.lease_until(now)))
            .fetch_optional(&self.database.writer)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id: String = row.try_get("id")?;
        match document(&id, "spec", &row.try_get::<String, _>("spec")?) {
            Ok(spec) => Ok(Some(Claim {
                spec,
                attempt: count(&row, "attempt")?,
                max_attempts: count(&row, "max_attempts")?,
                timeout: row
                    .try_get::<Option<i64>, _>("timeout_us")?
                    .map(|us| Duration::from_micros(us.cast_unsigned())),
                waited: Duration::from_micros(row.try_get::<i64, _>("waited_us")?.cast_unsigned()),
                epoch: row.try_get("epoch")?,
                submitted_us: row.try_get::<i64, _>("submitted_us")?.cast_unsigned(),
                id,
                stages: BusyClock::default(),
                // Not before it was queued, whatever the clocks of two machines say.
                started_us: row.try_get::<i64, _>("started_us")?.cast_unsigned(),
                started,
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
        sqlx::query("UPDATE jobs SET state = 'failed', error = $1, finished_us = $2 WHERE id = $3")
            .bind(json(&error))
            .bind(instant(self.now_us()))
            .bind(id)
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }

    /// When a waiting job of these `lanes` may be claimed, where one waits for its time. None: none waits,
    /// or the queue is held.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn next_due(&self, lanes: &[Lane]) -> Result<Option<Duration>, StoreError> {
        let statement = format!(
            "SELECT min(not_before_us) FROM jobs WHERE state = 'queued' AND lane IN ({})
             AND NOT EXISTS (SELECT 1 FROM queue WHERE paused = 1)",
            names(lanes)
        );
        let due: Option<i64> =
            sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&self.database.reader).await?;
        let wait = |us: i64| us.cast_unsigned().saturating_sub(self.now_us());
        Ok(due.map(|us| Duration::from_micros(wait(us))))
    }
}

/// Names of lanes as SQL: they are words of ours.
fn names(lanes: &[Lane]) -> String {
    let quoted: Vec<String> = lanes.iter().map(|lane| format!("'{}'", lane.as_str())).collect();
    quoted.join(", ")
}

/// A small number of a row. PostgreSQL and SQLite both give 64 bits.
pub(super) fn count(row: &sqlx::any::AnyRow, column: &str) -> Result<u32, sqlx::Error> {
    let found: i64 = row.try_get(column)?;
    Ok(u32::try_from(found).unwrap_or(u32::MAX))
}
