//! Reading: what is known of a job, and how many there are.

use std::sync::PoisonError;

use protocol::{JobSpec, JobState, JobStatus, Stage, StageTime, Times};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::claim::count;
use super::{Store, StoreError, document};

/// Of what a job is about, so much is told with its state.
const SUBJECT_CHARS: usize = 200;

/// How many jobs are in each state.
pub type Counts = Vec<(JobState, u64)>;

impl Store {
    /// Everything that is known of a job.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn status(&self, id: &str) -> Result<Option<JobStatus>, StoreError> {
        if !can_be_name(id) {
            return Ok(None);
        }
        let row = sqlx::query("SELECT * FROM jobs WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.database.reader);
        let Some(row) = row.await? else { return Ok(None) };
        let stages = sqlx::query("SELECT * FROM stage_times WHERE job = $1")
            .bind(id)
            .fetch_all(&self.database.reader)
            .await?;
        self.status_of(&row, &stages).map(Some)
    }

    /// A job from its row and those of its stages.
    pub(super) fn status_of(
        &self,
        row: &AnyRow,
        stages: &[AnyRow],
    ) -> Result<JobStatus, StoreError> {
        let id: String = row.try_get("id")?;
        let spec: JobSpec = document(&id, "spec", &row.try_get::<String, _>("spec")?)?;
        let stages = stage_times(&id, stages)?;
        let state = state(&id, &row.try_get::<String, _>("state")?)?;
        let error: Option<String> = row.try_get("error")?;
        let outcome: Option<String> = row.try_get("outcome")?;
        let time = |column| -> Result<Option<u64>, sqlx::Error> {
            Ok(row.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
        };
        let sum = |column| -> Result<u64, sqlx::Error> {
            Ok(row.try_get::<i64, _>(column)?.cast_unsigned())
        };
        Ok(JobStatus {
            subject: subject(&spec),
            state,
            priority: spec.priority,
            attempt: count(row, "attempt")?,
            max_attempts: count(row, "max_attempts")?,
            progress: progress(state, &spec, &stages, self.share_rendered(&id)),
            submitted_us: time("submitted_us")?.unwrap_or_default(),
            started_us: time("started_us")?,
            finished_us: time("finished_us")?,
            times: Times {
                waited_us: sum("waited_us")?,
                worked_us: sum("worked_us")?,
                overhead_us: sum("overhead_us")?,
                lost_us: sum("lost_us")?,
            },
            batch: row.try_get("batch")?,
            files_gone: sum("files_gone")? == 1,
            stages,
            error: error.map(|text| document(&id, "error", &text)).transpose()?,
            outcome: outcome.map(|text| document(&id, "outcome", &text)).transpose()?,
            id,
        })
    }

    fn share_rendered(&self, id: &str) -> f64 {
        let rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        rendered.get(id).copied().unwrap_or(0.0)
    }

    /// How many jobs are in each state, every state named.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let rows = sqlx::query("SELECT state, count(*) AS n FROM jobs GROUP BY state")
            .fetch_all(&self.database.reader)
            .await?;
        counts(&rows)
    }

    /// How many jobs were begun more than once.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn retried(&self) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE attempt > 1")
            .fetch_one(&self.database.reader)
            .await?;
        Ok(n.cast_unsigned())
    }
}

/// What a job is about, for people.
fn subject(spec: &JobSpec) -> String {
    let given = [&spec.video_subject, &spec.video_script];
    let text = given.into_iter().find(|text| !text.trim().is_empty());
    text.map(|text| text.trim().chars().take(SUBJECT_CHARS).collect()).unwrap_or_default()
}

/// PostgreSQL has no U+0000 in its texts: asking for one is an error.
pub(super) fn can_be_name(text: &str) -> bool {
    !text.contains('\0')
}

/// Rows of a state and a number as counts, every state named.
pub(super) fn counts(rows: &[AnyRow]) -> Result<Counts, StoreError> {
    let mut counts: Counts = JobState::ALL.map(|state| (state, 0)).to_vec();
    for row in rows {
        let name: String = row.try_get("state")?;
        for (state, count) in &mut counts {
            if state.as_str() == name {
                *count = row.try_get::<i64, _>("n")?.cast_unsigned();
            }
        }
    }
    Ok(counts)
}

/// In the order in which they began.
fn stage_times(id: &str, rows: &[AnyRow]) -> Result<Vec<StageTime>, StoreError> {
    let time = |row: &AnyRow| -> Result<StageTime, StoreError> {
        let name: String = row.try_get("stage")?;
        let stage = name.parse().map_err(|error: protocol::UnknownStage| StoreError::Row {
            id: id.to_owned(),
            column: "stage",
            reason: error.to_string(),
        })?;
        Ok(StageTime {
            stage,
            started_us: row.try_get::<i64, _>("started_us")?.cast_unsigned(),
            finished_us: row.try_get::<Option<i64>, _>("finished_us")?.map(i64::cast_unsigned),
            attempt: count(row, "attempt")?,
        })
    };
    let mut times = rows.iter().map(time).collect::<Result<Vec<_>, _>>()?;
    times.sort_by_key(|time| (time.started_us, time.attempt));
    Ok(times)
}

/// Share of the stages that the job is to run that have ended; `rendered` is the share of the render.
fn progress(state: JobState, spec: &JobSpec, stages: &[StageTime], rendered: f64) -> f64 {
    if state == JobState::Succeeded {
        return 1.0;
    }
    let last = spec.stop_at.unwrap_or(Stage::Publish);
    let to_run: Vec<Stage> =
        Stage::ALL.into_iter().filter(|stage| stage.runs_until(last)).collect();
    let ended = |stage: &&Stage| {
        stages.iter().any(|time| time.stage == **stage && time.finished_us.is_some())
    };
    let n_ended = to_run.iter().filter(ended).count();
    let partly = if ended(&&Stage::Render) { 0.0 } else { rendered };
    #[expect(clippy::cast_precision_loss, reason = "there are eight stages")]
    let share = (n_ended as f64 + partly) / to_run.len() as f64;
    share
}

fn state(id: &str, name: &str) -> Result<JobState, StoreError> {
    JobState::ALL.into_iter().find(|state| state.as_str() == name).ok_or_else(|| StoreError::Row {
        id: id.to_owned(),
        column: "state",
        reason: format!("unknown state {name:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_about_its_subject_or_its_script() {
        let check = |subject: &str, script: &str, expected: &str| {
            let (video_subject, video_script) = (subject.to_owned(), script.to_owned());
            let spec = JobSpec { video_subject, video_script, ..JobSpec::default() };
            assert_eq!(super::subject(&spec), expected);
        };
        check("Biển đêm", "Sóng vỗ.", "Biển đêm");
        check(" ", " Sóng vỗ. ", "Sóng vỗ.");
        check("", "", "");
        check(&"ă".repeat(300), "", &"ă".repeat(SUBJECT_CHARS));
    }
}
