use serde::{Deserialize, Serialize};

use crate::{Outcome, Priority, Stage};

/// Answer to a submitted job: 202, with the same address in `Location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// Name of the job, a UUID of version 7.
    pub id: String,
    /// Where its [`JobStatus`] is, relative to the server.
    pub status_url: String,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Ended with an [`Outcome`].
    Succeeded,
    /// Ended with a [`JobError`].
    Failed,
    /// Ended because it was asked to.
    Cancelled,
}

impl JobStatus {
    /// The longest chain of stages that had to wait for one another, in microseconds: no way of doing the
    /// stages at once is faster. Of the last attempt; None where it did not end.
    pub fn critical_path_us(&self) -> Option<u64> {
        let mut ends: Vec<(Stage, u64)> = Vec::new();
        for stage in Stage::ALL {
            let time = self.stages.iter().rev().find(|time| time.stage == stage);
            let Some(time) = time else { continue };
            let took = time.finished_us?.saturating_sub(time.started_us);
            let before = ends.iter().filter(|(needed, _)| stage.needs().contains(needed));
            let before = before.map(|&(_, end)| end).max().unwrap_or(0);
            ends.push((stage, before + took));
        }
        ends.iter().map(|&(_, end)| end).max()
    }
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The name in documents, the database and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the job has ended: its state never changes again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Everything that is known of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobStatus {
    /// Name of the job.
    pub id: String,
    /// What it is about, for people: its subject, or what its script begins with, up to 200 characters.
    #[serde(default)]
    pub subject: String,
    /// Where it is.
    pub state: JobState,
    /// Its order among waiting jobs.
    pub priority: Priority,
    /// How often a worker has taken it.
    pub attempt: u32,
    /// How often a worker may take it.
    pub max_attempts: u32,
    /// Share of its stages that have ended, 0 to 1.
    pub progress: f64,
    /// When it was accepted.
    pub submitted_us: u64,
    /// When a worker took it last.
    pub started_us: Option<u64>,
    /// When it ended.
    pub finished_us: Option<u64>,
    /// Where its time went, over all attempts.
    #[serde(default)]
    pub times: Times,
    /// The batch that it came with.
    #[serde(default)]
    pub batch: Option<String>,
    /// Whether the time is over for which its files were kept.
    #[serde(default)]
    pub files_gone: bool,
    /// Stages that were begun, in the order in which they began, over all attempts.
    pub stages: Vec<StageTime>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What it made.
    pub outcome: Option<Outcome>,
}

/// Where the time of a job went, in microseconds. At its end they add up to the time from submit to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Times {
    /// It waited: for a worker, or for its next attempt.
    pub waited_us: u64,
    /// A worker had it, and at least one stage was at work.
    pub worked_us: u64,
    /// A worker had it, and no stage was at work.
    pub overhead_us: u64,
    /// Its worker died, and took its times along.
    pub lost_us: u64,
}

impl Times {
    /// All of them.
    pub const fn sum_us(self) -> u64 {
        self.waited_us + self.worked_us + self.overhead_us + self.lost_us
    }
}

/// When a stage ran. Stages that do not need each other overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageTime {
    /// Which one.
    pub stage: Stage,
    /// When it began.
    pub started_us: u64,
    /// When it ended. None: it still runs, failed, or died with its worker.
    pub finished_us: Option<u64>,
    /// In which attempt. A stage that ended in an attempt before is not run again.
    pub attempt: u32,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobError {
    /// A stable word to branch on, such as `llm_unavailable`.
    pub code: String,
    /// The stage that failed. None: the job failed between stages.
    pub stage: Option<Stage>,
    /// For people: what happened, with path or URL, expected and actual.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stages with begin and end, in microseconds.
    #[track_caller]
    fn check(times: &[(Stage, u64, Option<u64>)], expected: Option<u64>) {
        let stages = times.iter().map(|&(stage, started_us, finished_us)| StageTime {
            stage,
            started_us,
            finished_us,
            attempt: 1,
        });
        let status = JobStatus {
            id: String::new(),
            subject: String::new(),
            state: JobState::Succeeded,
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            progress: 1.0,
            submitted_us: 0,
            started_us: None,
            finished_us: None,
            times: Times::default(),
            batch: None,
            files_gone: false,
            stages: stages.collect(),
            error: None,
            outcome: None,
        };
        assert_eq!(status.critical_path_us(), expected);
    }

    #[test]
    fn the_critical_path_is_the_longest_chain_of_needs() {
        use Stage::{Materials, Narration, Script, Selection, Terms};
        check(&[], None);
        check(&[(Script, 0, Some(5))], Some(5));
        // Terms and materials take 30 together, beside a narration of 50.
        let times = [
            (Script, 0, Some(5)),
            (Terms, 5, Some(15)),
            (Narration, 5, Some(55)),
            (Materials, 15, Some(35)),
        ];
        check(&times, Some(55));
        check(&[&times[..], &[(Selection, 60, Some(70))]].concat(), Some(65));
        check(&[(Script, 0, None)], None);
        // A second attempt counts, not the first.
        check(&[(Script, 0, None), (Script, 9, Some(12))], Some(3));
    }
}
