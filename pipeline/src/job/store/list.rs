//! Many jobs at once: pages for those who look, history for those who analyse.

use std::collections::HashMap;

use protocol::{JobState, JobStatus};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::view::{can_be_name, counts};
use super::{Counts, Store, StoreError};

/// Which jobs.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this batch.
    pub batch: Option<String>,
    /// Only those that came before the job of this number, from [`Listed::next`].
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// A page, the youngest job first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The jobs.
    pub jobs: Vec<JobStatus>,
    /// Where the next page begins. None: there is none.
    pub next: Option<i64>,
}

impl Store {
    /// A page of jobs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn list(&self, filter: &Filter) -> Result<Listed, StoreError> {
        // One more than asked for: it says whether there is a next page.
        let rows = sqlx::query(
            "SELECT * FROM jobs
             WHERE ($1 = '' OR state = $1) AND ($2 = '' OR batch = $2) AND seq < $3
             ORDER BY seq DESC LIMIT $4",
        )
        .bind(filter.state.map_or("", JobState::as_str))
        .bind(filter.batch.clone().unwrap_or_default())
        .bind(filter.before.unwrap_or(i64::MAX))
        .bind(i64::from(filter.limit) + 1)
        .fetch_all(&self.database.reader)
        .await?;
        let limit = filter.limit as usize;
        let next = match rows.get(limit.wrapping_sub(1)) {
            Some(last) if rows.len() > limit => Some(last.try_get("seq")?),
            _ => None,
        };
        let rows = &rows[..rows.len().min(limit)];
        let stages = self.stages_of(rows).await?;
        let mut jobs = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("id")?;
            jobs.push(self.status_of(row, stages.get(&id).map_or(&[][..], Vec::as_slice))?);
        }
        Ok(Listed { jobs, next })
    }

    /// The rows of the stages of these jobs, by job.
    async fn stages_of(&self, jobs: &[AnyRow]) -> Result<HashMap<String, Vec<AnyRow>>, StoreError> {
        let mut by_job = HashMap::<String, Vec<AnyRow>>::new();
        if jobs.is_empty() {
            return Ok(by_job);
        }
        let places: Vec<String> = (1..=jobs.len()).map(|n| format!("${n}")).collect();
        let statement = format!("SELECT * FROM stage_times WHERE job IN ({})", places.join(", "));
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for job in jobs {
            query = query.bind(job.try_get::<String, _>("id")?);
        }
        for row in query.fetch_all(&self.database.reader).await? {
            by_job.entry(row.try_get("job")?).or_default().push(row);
        }
        Ok(by_job)
    }

    /// How many jobs of a batch are in each state, every state named.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn counts_of_batch(&self, batch: &str) -> Result<Counts, StoreError> {
        if !can_be_name(batch) {
            return counts(&[]);
        }
        let rows =
            sqlx::query("SELECT state, count(*) AS n FROM jobs WHERE batch = $1 GROUP BY state")
                .bind(batch)
                .fetch_all(&self.database.reader)
                .await?;
        counts(&rows)
    }

    /// Names of the jobs of a batch that have not ended.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open_of_batch(&self, batch: &str) -> Result<Vec<String>, StoreError> {
        let open =
            "SELECT id FROM jobs WHERE batch = $1 AND state IN ('queued', 'running') ORDER BY seq";
        Ok(sqlx::query_scalar(open).bind(batch).fetch_all(&self.database.reader).await?)
    }

    /// How many jobs wait and run in each lane.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn open_by_lane(&self) -> Result<Vec<(String, JobState, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT lane, state, count(*) AS n FROM jobs
             WHERE state IN ('queued', 'running') GROUP BY lane, state ORDER BY lane, state",
        )
        .fetch_all(&self.database.reader)
        .await?;
        let open = |row: &AnyRow| -> Result<(String, JobState, u64), sqlx::Error> {
            let state = match row.try_get::<String, _>("state")?.as_str() {
                "queued" => JobState::Queued,
                _ => JobState::Running,
            };
            Ok((row.try_get("lane")?, state, row.try_get::<i64, _>("n")?.cast_unsigned()))
        };
        Ok(rows.iter().map(open).collect::<Result<_, _>>()?)
    }
}
