use serde::{Deserialize, Serialize};

use crate::{JobError, JobState, JobStatus, Stage};

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum JobEvent {
    /// It was accepted.
    Queued {
        /// When.
        at_us: u64,
    },
    /// A worker took it.
    Started {
        /// When.
        at_us: u64,
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// A stage began.
    StageStarted {
        /// When.
        at_us: u64,
        /// Which one.
        stage: Stage,
        /// In which attempt.
        attempt: u32,
    },
    /// A stage ended well.
    StageEnded {
        /// When.
        at_us: u64,
        /// Which one.
        stage: Stage,
        /// In which attempt it had begun.
        attempt: u32,
    },
    /// The job ended: this is the last event.
    Ended {
        /// When.
        at_us: u64,
        /// How.
        state: JobState,
        /// Why it failed.
        error: Option<JobError>,
    },
    /// How far it is. Not kept: it has no number.
    Progress {
        /// As in [`JobStatus::progress`].
        progress: f64,
    },
}

impl JobEvent {
    /// The name of its kind.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Started { .. } => "started",
            Self::StageStarted { .. } => "stage_started",
            Self::StageEnded { .. } => "stage_ended",
            Self::Ended { .. } => "ended",
            Self::Progress { .. } => "progress",
        }
    }
}

impl JobStatus {
    /// What happened so far, in order. The number of an event is its place, from 1: what happens later comes
    /// behind, so who has seen `n` events goes on with number `n + 1`.
    pub fn events(&self) -> Vec<JobEvent> {
        let mut timed = vec![(self.submitted_us, 0, JobEvent::Queued { at_us: self.submitted_us })];
        for attempt in 1..=self.attempt {
            let Some(at_us) = self.attempt_began(attempt) else { continue };
            timed.push((at_us, 1, JobEvent::Started { at_us, attempt }));
        }
        for time in &self.stages {
            let (stage, attempt, at_us) = (time.stage, time.attempt, time.started_us);
            timed.push((at_us, 2, JobEvent::StageStarted { at_us, stage, attempt }));
            if let Some(at_us) = time.finished_us {
                timed.push((at_us, 3, JobEvent::StageEnded { at_us, stage, attempt }));
            }
        }
        if let (true, Some(at_us)) = (self.state.is_final(), self.finished_us) {
            let ended = JobEvent::Ended { at_us, state: self.state, error: self.error.clone() };
            // Clocks of two machines may disagree: nothing comes behind it.
            timed.push((u64::MAX, 4, ended));
        }
        timed.sort_by_key(|&(at_us, rank, _)| (at_us, rank));
        timed.into_iter().map(|(_, _, event)| event).collect()
    }

    /// When an attempt began: the last one is noted, of others it is known from their stages.
    fn attempt_began(&self, attempt: u32) -> Option<u64> {
        let later = self.stages.iter().filter(|time| time.attempt >= attempt);
        let first = later.map(|time| time.started_us).min();
        if attempt == self.attempt { self.started_us } else { first.or(self.started_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Priority, StageTime, Times};

    fn status(
        state: JobState,
        attempt: u32,
        stages: &[(Stage, u64, Option<u64>, u32)],
    ) -> JobStatus {
        let stages = stages.iter().map(|&(stage, started_us, finished_us, attempt)| StageTime {
            stage,
            started_us,
            finished_us,
            attempt,
        });
        JobStatus {
            id: String::new(),
            subject: String::new(),
            state,
            priority: Priority::Normal,
            attempt,
            max_attempts: 3,
            progress: 0.0,
            submitted_us: 10,
            started_us: (attempt > 0).then_some(u64::from(attempt) * 100),
            finished_us: state.is_final().then_some(900),
            times: Times::default(),
            batch: None,
            files_gone: false,
            stages: stages.collect(),
            error: None,
            outcome: None,
        }
    }

    #[track_caller]
    fn check(status: &JobStatus, expected: &[&str]) {
        let told = |event: &JobEvent| match event {
            JobEvent::Started { attempt, .. } => format!("started {attempt}"),
            JobEvent::StageStarted { stage, attempt, .. } => format!("{stage} {attempt}"),
            JobEvent::StageEnded { stage, .. } => format!("{stage} ended"),
            JobEvent::Ended { state, .. } => state.as_str().to_owned(),
            event => event.name().to_owned(),
        };
        let events: Vec<String> = status.events().iter().map(told).collect();
        assert_eq!(events, expected);
    }

    #[test]
    fn what_happens_later_comes_behind() {
        use JobState::{Cancelled, Queued, Running, Succeeded};
        use Stage::{Script, Terms};
        let lives = [
            (status(Queued, 0, &[]), &["queued"][..]),
            (status(Running, 1, &[]), &["queued", "started 1"]),
            (status(Running, 1, &[(Script, 110, None, 1)]), &["queued", "started 1", "script 1"]),
            (
                status(Running, 2, &[(Script, 110, None, 1)]),
                &["queued", "started 1", "script 1", "started 2"],
            ),
            (
                status(Running, 2, &[(Script, 110, Some(215), 1), (Terms, 220, None, 2)]),
                &["queued", "started 1", "script 1", "started 2", "script ended", "terms 2"],
            ),
            (
                status(Succeeded, 2, &[(Script, 110, Some(215), 1), (Terms, 220, Some(950), 2)]),
                &[
                    "queued",
                    "started 1",
                    "script 1",
                    "started 2",
                    "script ended",
                    "terms 2",
                    "terms ended",
                    "succeeded",
                ],
            ),
        ];
        for (status, expected) in &lives {
            check(status, expected);
        }
        for pair in lives.windows(2) {
            assert_eq!(pair[1].1[..pair[0].1.len()], *pair[0].1, "numbers stay");
        }
        check(&status(Cancelled, 0, &[]), &["queued", "cancelled"]);
    }

    #[test]
    fn an_event_is_read_back() {
        for event in status(JobState::Succeeded, 1, &[(Stage::Script, 110, Some(120), 1)]).events()
        {
            let json = serde_json::to_string(&event).expect("a document");
            assert!(json.starts_with(&format!("{{\"event\":\"{}\"", event.name())), "{json}");
            assert_eq!(serde_json::from_str::<JobEvent>(&json).ok(), Some(event));
        }
    }
}
