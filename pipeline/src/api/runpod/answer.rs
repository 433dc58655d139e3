//! What RunPod's clients read. Pure.

use protocol::{JobState, JobStatus, Outcome};
use serde::Serialize;
use utoipa::ToSchema;

/// RunPod's states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunState {
    /// It waits.
    InQueue,
    /// A worker has it.
    InProgress,
    /// It ended well.
    Completed,
    /// It failed.
    Failed,
    /// It ended because it was asked to.
    Cancelled,
    /// It did not begin, or end, in the time that its policy gave it.
    TimedOut,
}

/// A job that was taken, cancelled or tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Taken {
    /// Name of the job.
    pub id: String,
    /// Where it is.
    pub status: RunState,
}

/// How a job is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// Name of the job.
    pub id: String,
    /// Where it is.
    pub status: RunState,
    /// Milliseconds that it waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_time: Option<u64>,
    /// Milliseconds that workers had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_time: Option<u64>,
    /// What it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Outcome>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How many jobs were cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Purged {
    /// So many.
    pub removed: usize,
    /// `completed`.
    pub status: &'static str,
}

/// How many jobs and workers there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    jobs: JobCounts,
    workers: WorkerCounts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobCounts {
    /// Ended well.
    completed: u64,
    /// Failed.
    failed: u64,
    /// Run.
    in_progress: u64,
    /// Wait.
    in_queue: u64,
    /// Were begun more than once.
    retried: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct WorkerCounts {
    /// Could take a job.
    idle: u64,
    /// Load their models.
    initializing: u64,
    /// Have loaded them.
    ready: u64,
    /// Have a job.
    running: u64,
}

impl Health {
    /// From the jobs in each state and the places of this machine.
    pub fn of(counts: &[(JobState, u64)], retried: u64, places: usize, is_ready: bool) -> Self {
        let mut jobs = JobCounts { retried, ..JobCounts::default() };
        for &(state, count) in counts {
            match state {
                JobState::Queued => jobs.in_queue = count,
                JobState::Running => jobs.in_progress = count,
                JobState::Succeeded => jobs.completed = count,
                JobState::Failed => jobs.failed = count,
                JobState::Cancelled => {}
            }
        }
        let places = places as u64;
        let running = jobs.in_progress.min(places);
        let (ready, initializing) = if is_ready { (places, 0) } else { (0, places) };
        let idle = ready.saturating_sub(running);
        Self { jobs, workers: WorkerCounts { idle, initializing, ready, running } }
    }
}

/// A status in RunPod's words.
pub fn status_of(status: &JobStatus) -> RunStatus {
    let error = status.error.as_ref();
    let state = match (status.state, error.map(|error| error.code.as_str())) {
        (JobState::Queued, _) => RunState::InQueue,
        (JobState::Running, _) => RunState::InProgress,
        (JobState::Succeeded, _) => RunState::Completed,
        (JobState::Failed, Some("timed_out" | "expired")) => RunState::TimedOut,
        (JobState::Failed, _) => RunState::Failed,
        (JobState::Cancelled, _) => RunState::Cancelled,
    };
    let times = status.times;
    let began = status.attempt > 0;
    RunStatus {
        id: status.id.clone(),
        status: state,
        delay_time: (began || status.state.is_final()).then_some(times.waited_us / 1000),
        execution_time: (began && status.state.is_final())
            .then_some((times.worked_us + times.overhead_us) / 1000),
        output: status.outcome.clone(),
        error: error.map(|error| format!("{}: {}", error.code, error.message)),
    }
}

#[cfg(test)]
mod tests {
    use protocol::{JobError, Priority, Times};

    use super::*;

    fn status(state: JobState, code: Option<&str>) -> RunStatus {
        let error = code.map(|code| JobError {
            code: code.to_owned(),
            stage: None,
            message: "why".to_owned(),
        });
        let times =
            Times { waited_us: 1_500_000, worked_us: 2_000_000, overhead_us: 4_000, lost_us: 9 };
        status_of(&JobStatus {
            id: "a".to_owned(),
            subject: String::new(),
            state,
            priority: Priority::Normal,
            attempt: u32::from(state != JobState::Queued),
            max_attempts: 3,
            progress: 0.0,
            submitted_us: 0,
            started_us: None,
            finished_us: None,
            times,
            batch: None,
            files_gone: false,
            stages: Vec::new(),
            error,
            outcome: None,
        })
    }

    #[test]
    fn each_state_has_its_name_and_times_are_milliseconds() {
        use JobState::{Cancelled, Failed, Queued, Running, Succeeded};
        for (state, code, name, times) in [
            (Queued, None, "IN_QUEUE", (None, None)),
            (Running, None, "IN_PROGRESS", (Some(1500), None)),
            (Succeeded, None, "COMPLETED", (Some(1500), Some(2004))),
            (Failed, Some("media"), "FAILED", (Some(1500), Some(2004))),
            (Failed, Some("timed_out"), "TIMED_OUT", (Some(1500), Some(2004))),
            (Failed, Some("expired"), "TIMED_OUT", (Some(1500), Some(2004))),
            (Cancelled, None, "CANCELLED", (Some(1500), Some(2004))),
        ] {
            let found = status(state, code);
            assert_eq!((found.delay_time, found.execution_time), times, "{name}");
            assert_eq!(found.error, code.map(|code| format!("{code}: why")));
            let json = serde_json::to_value(&found).expect("a document");
            assert_eq!(json["status"], name);
            assert_eq!(json.get("delayTime").is_some(), times.0.is_some(), "{json}");
        }
    }

    #[test]
    fn health_counts_as_runpod_does() {
        use JobState::{Cancelled, Failed, Queued, Running, Succeeded};
        let counts = [(Queued, 7), (Running, 2), (Succeeded, 5), (Failed, 1), (Cancelled, 9)];
        let json = serde_json::to_value(Health::of(&counts, 4, 3, true)).expect("a document");
        let expected = serde_json::json!({
            "jobs": {"completed": 5, "failed": 1, "inProgress": 2, "inQueue": 7, "retried": 4},
            "workers": {"idle": 1, "initializing": 0, "ready": 3, "running": 2},
        });
        assert_eq!(json, expected);
        let loading = serde_json::to_value(Health::of(&[], 0, 3, false)).expect("a document");
        assert_eq!(loading["workers"]["initializing"], 3);
        assert_eq!(loading["workers"]["idle"], 0);
    }
}
