use serde::{Deserialize, Serialize};

use crate::{Outcome, Priority, Stage};

/// Answer to a submitted job: 202, with the same address in `Location`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Name of the job, a UUID of version 7.
    pub id: String,
    /// Where its [`JobStatus`] is, relative to the server.
    pub status_url: String,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
pub struct JobStatus {
    /// Name of the job.
    pub id: String,
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
    /// Stages that were begun, in the order in which they began, over all attempts.
    pub stages: Vec<StageTime>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What it made.
    pub outcome: Option<Outcome>,
}

/// When a stage ran. Stages that do not need each other overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct JobError {
    /// A stable word to branch on, such as `llm_unavailable`.
    pub code: String,
    /// The stage that failed. None: the job failed between stages.
    pub stage: Option<Stage>,
    /// For people: what happened, with path or URL, expected and actual.
    pub message: String,
}
