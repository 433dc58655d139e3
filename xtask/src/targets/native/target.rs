//! Drives a load over the client.

use bench::{Driven, Job, Outcome, StageSpan, Target};
use protocol::{JobSpec, JobState, JobStatus};

use super::NativeClient;

/// A service that speaks our API, as a target of a load. A scenario's payload is a [`JobSpec`]; a
/// sample's `extra` is the job's last [`JobStatus`].
pub struct NativeTarget {
    /// Talks to the service.
    pub client: NativeClient,
    /// Told each status that is seen.
    pub seen: Box<dyn Fn(&JobStatus) + Send + Sync>,
}

impl Target for NativeTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let spec: JobSpec = match serde_json::from_value(job.scenario.payload.clone()) {
            Ok(spec) => spec,
            Err(error) => return failed("no_job", &error.to_string()),
        };
        let accepted = match self.client.submit(&spec).await {
            Ok(accepted) => accepted,
            Err(error) => return failed("not_accepted", &format!("{error:#}")),
        };
        let ended = tokio::select! {
            ended = self.client.wait(&accepted, &self.seen) => ended,
            () = job.stop.requested() => {
                // It may have ended meanwhile: then there is nothing to cancel.
                let _ = self.client.cancel(&accepted).await;
                return Driven::new(Outcome::Cancelled);
            }
        };
        match ended {
            Ok(status) => driven(&status, unix_us().saturating_sub(job.clock.now_us())),
            Err(error) => failed("target_away", &format!("{error:#}")),
        }
    }
}

fn failed(code: &str, message: &str) -> Driven {
    let extra = serde_json::json!({ "error": message });
    Driven { extra, ..Driven::new(Outcome::Failed(code.to_owned())) }
}

/// The service's instants are of this machine's clock; the run began at `began_us` of it.
///
/// `started_us` is of the last claim, so only what was done under it goes into the stages: with those of
/// attempts before, or of one that was handed back, the parts would not add up to the latency. All of
/// them are in `extra`.
fn driven(status: &JobStatus, began_us: u64) -> Driven {
    let instant = |unix_us: u64| unix_us.saturating_sub(began_us);
    let span = |time: &protocol::StageTime| {
        let (start_us, end_us) = (instant(time.started_us), instant(time.finished_us?));
        Some(StageSpan { name: time.stage.as_str().to_owned(), start_us, end_us })
    };
    let of_last_claim = |time: &&protocol::StageTime| {
        time.attempt == status.attempt && Some(time.started_us) >= status.started_us
    };
    Driven {
        accepted_us: Some(instant(status.submitted_us)),
        started_us: status.started_us.map(instant),
        finished_us: status.finished_us.map(instant),
        stages: status.stages.iter().filter(of_last_claim).filter_map(span).collect(),
        outcome: match (status.state, &status.error) {
            (JobState::Succeeded, _) => Outcome::Ok,
            (JobState::Cancelled, _) => Outcome::Cancelled,
            (_, Some(error)) => Outcome::Failed(error.code.clone()),
            (state, None) => Outcome::Failed(state.as_str().to_owned()),
        },
        extra: serde_json::to_value(status).unwrap_or_default(),
    }
}

fn unix_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{JobError, Priority, Stage, StageTime};

    fn status(state: JobState) -> JobStatus {
        JobStatus {
            id: "a".to_owned(),
            state,
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            progress: 0.5,
            submitted_us: 1_000,
            started_us: Some(1_200),
            finished_us: Some(9_000),
            stages: vec![
                StageTime {
                    stage: Stage::Script,
                    started_us: 1_300,
                    finished_us: Some(1_400),
                    attempt: 1,
                },
                StageTime { stage: Stage::Terms, started_us: 1_400, finished_us: None, attempt: 1 },
            ],
            error: None,
            outcome: None,
        }
    }

    #[test]
    fn instants_are_brought_to_the_clock_of_the_run() {
        let seen = driven(&status(JobState::Succeeded), 1_000);
        assert_eq!(
            (seen.accepted_us, seen.started_us, seen.finished_us),
            (Some(0), Some(200), Some(8_000))
        );
        let script = StageSpan { name: "script".to_owned(), start_us: 300, end_us: 400 };
        assert_eq!(seen.stages, [script], "a stage that did not end has no length");
        assert_eq!(seen.outcome, Outcome::Ok);
    }

    #[test]
    fn the_parts_of_a_job_add_up_after_a_retry_and_after_a_hand_back() {
        let stage = |stage, started_us, finished_us, attempt| StageTime {
            stage,
            started_us,
            finished_us: Some(finished_us),
            attempt,
        };
        let mut retried = status(JobState::Succeeded);
        (retried.attempt, retried.started_us) = (2, Some(5_000));
        retried.stages = vec![
            stage(Stage::Script, 1_300, 3_000, 1),
            // Of this attempt too, but before a hand-back, which does not count as one.
            stage(Stage::Terms, 3_500, 4_500, 2),
            stage(Stage::Narration, 5_500, 8_500, 2),
        ];
        let seen = driven(&retried, 1_000);
        let names: Vec<&str> = seen.stages.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["narration"]);

        let sample = bench::Sample {
            job: 0,
            planned_us: 0,
            sent_us: 0,
            accepted_us: seen.accepted_us,
            started_us: seen.started_us,
            finished_us: seen.finished_us.expect("it ended"),
            stages: seen.stages,
            outcome: seen.outcome,
            extra: seen.extra,
        };
        let parts = bench::Parts::of(&sample);
        assert_eq!((parts.queue_us, parts.stages_us, parts.rest_us), (4_000, 3_000, 1_000));
        assert!(parts.closure_error(&sample) <= 0.01, "{parts:?}");
        assert_eq!(sample.extra["stages"].as_array().map(Vec::len), Some(3), "nothing is lost");
    }

    #[test]
    fn a_failed_job_is_counted_by_its_code() {
        let mut failed = status(JobState::Failed);
        failed.error = Some(JobError {
            code: "no_clips".to_owned(),
            stage: Some(Stage::Materials),
            message: String::new(),
        });
        assert_eq!(driven(&failed, 0).outcome, Outcome::Failed("no_clips".to_owned()));
        assert_eq!(driven(&status(JobState::Cancelled), 0).outcome, Outcome::Cancelled);
    }
}
