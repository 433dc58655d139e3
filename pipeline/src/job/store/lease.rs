//! Leases: a worker that was not heard of for a while has lost its jobs.
//!
//! A worker keeps its jobs by saying so ([`Store::renew`]). What a dead one had waits again, or has failed
//! where its attempts are used up ([`Store::take_back`]). The name of a worker belongs to its data folder,
//! which one process at a time may use: a worker that starts again takes its own back at once.

use std::io;
use std::path::Path;

use protocol::{JobError, JobState};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::claim::count;
use super::{Store, StoreError, instant, json};

/// A job of ours that runs, as the database sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub id: String,
    /// Which claim of it.
    pub epoch: i64,
    /// Whether it is to end.
    pub cancel_requested: bool,
}

/// Whose jobs are taken back.
#[derive(Clone, Copy, Debug)]
pub enum Dead {
    /// Ours: this process has just started.
    Former,
    /// Other workers', whose lease is over.
    Others,
}

/// What became of the jobs of a dead worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// They wait again.
    pub queued: Vec<String>,
    /// They have ended so: their attempts are used up, or they were to be cancelled.
    pub ended: Vec<(String, JobState)>,
}

impl Store {
    /// Says that this worker is there, and gives the jobs that are its.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn renew(&self) -> Result<Vec<Held>, StoreError> {
        self.database.compare_clocks(1).await?;
        let rows = sqlx::query(
            "UPDATE jobs SET lease_until_us = $1 WHERE owner = $2 AND state = 'running'
             RETURNING id, epoch, cancel_requested",
        )
        .bind(instant(self.lease_until(self.now_us())))
        .bind(&self.owner)
        .fetch_all(&self.database.writer)
        .await?;
        let held = |row: &AnyRow| -> Result<Held, sqlx::Error> {
            Ok(Held {
                id: row.try_get("id")?,
                epoch: row.try_get("epoch")?,
                cancel_requested: row.try_get::<i64, _>("cancel_requested")? == 1,
            })
        };
        Ok(rows.iter().map(held).collect::<Result<_, _>>()?)
    }

    /// Takes back the jobs of `dead` workers.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn take_back(&self, dead: Dead) -> Result<TakenBack, StoreError> {
        let now = instant(self.now_us());
        let whose = match dead {
            // Rows of versions before leases have no owner.
            Dead::Former => "(owner = $1 OR owner = '') AND $2 = $2",
            Dead::Others => "owner <> $1 AND lease_until_us < $2",
        };
        let mut transaction = self.database.writer.begin().await?;
        let lock = self.database.skip_locked;
        let statement = format!(
            "SELECT id, attempt, max_attempts, cancel_requested FROM jobs
             WHERE state = 'running' AND {whose} {lock}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.owner)
            .bind(now)
            .fetch_all(&mut *transaction)
            .await?;
        let mut taken = TakenBack::default();
        for row in &rows {
            let id: String = row.try_get("id")?;
            let is_spent = count(row, "attempt")? >= count(row, "max_attempts")?;
            if row.try_get::<i64, _>("cancel_requested")? == 1 {
                set(&mut transaction, &id, "cancelled", None, now).await?;
                taken.ended.push((id, JobState::Cancelled));
            } else if is_spent {
                let lost = JobError {
                    code: "worker_died".to_owned(),
                    stage: None,
                    message: "the worker died in each attempt".to_owned(),
                };
                set(&mut transaction, &id, "failed", Some(json(&lost)), now).await?;
                taken.ended.push((id, JobState::Failed));
            } else {
                set(&mut transaction, &id, "queued", None, now).await?;
                taken.queued.push(id);
            }
        }
        transaction.commit().await?;
        Ok(taken)
    }

    /// Until when a lease that is taken at `now` holds.
    pub(super) const fn lease_until(&self, now: u64) -> u64 {
        now.saturating_add(self.lease_us)
    }
}

/// Gives a running job that has lost its worker another state. The time of its attempt is lost.
async fn set(
    connection: &mut AnyConnection,
    id: &str,
    state: &'static str,
    error: Option<String>,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE jobs SET state = $1, error = $2, owner = '', epoch = epoch + 1, queued_us = $3,
                lost_us = lost_us + CASE WHEN $3 > started_us THEN $3 - started_us ELSE 0 END,
                finished_us = CASE WHEN $1 = 'queued' THEN NULL ELSE $3 END
         WHERE id = $4 AND state = 'running'",
    )
    .bind(state)
    .bind(error)
    .bind(now)
    .bind(id)
    .execute(connection)
    .await?;
    Ok(())
}

/// The name of the worker of this data folder.
pub(super) fn owner(data_dir: &Path) -> io::Result<String> {
    let path = data_dir.join("worker");
    match fs_err::read_to_string(&path) {
        Ok(name) if uuid::Uuid::try_parse(name.trim()).is_ok() => Ok(name.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            let name = uuid::Uuid::now_v7().to_string();
            fs_err::write(&path, &name)?;
            Ok(name)
        }
    }
}
