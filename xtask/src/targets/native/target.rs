//! Drives a load over the client.

use std::sync::Arc;
use std::time::Duration;

use bench::{Driven, Job, Outcome, StageSpan, Target};
use protocol::{JobState, JobStatus};
use tokio::sync::Notify;

use super::NativeClient;
use super::skew::Exchange;

/// How long a worker holds back after the service could not be reached: a service that is gone is not
/// hammered, and the plan is not burnt in a moment.
const HOLD_BACK: Duration = Duration::from_secs(1);

/// A service that speaks our API, as a target of a load. A scenario's payload is the body of the request;
/// a sample's `extra` is the job's last [`JobStatus`].
pub struct NativeTarget {
    /// Talks to the service.
    pub client: NativeClient,
    /// Told each status that is seen.
    pub seen: Box<dyn Fn(&JobStatus) + Send + Sync>,
    /// Woken when the service could not be reached.
    pub unreached: Arc<Notify>,
}

impl NativeTarget {
    /// A target that tells nobody what it sees.
    pub fn new(client: NativeClient) -> Self {
        Self { client, seen: Box::new(|_| ()), unreached: Arc::default() }
    }

    /// A job of which nothing came back.
    async fn lost(&self, mut job: Job, code: &str, error: &anyhow::Error) -> Driven {
        if is_transport(error) {
            self.unreached.notify_one();
            tokio::select! {
                () = tokio::time::sleep(HOLD_BACK) => {}
                () = job.stop.requested() => {}
            }
        }
        let extra = serde_json::json!({ "error": format!("{error:#}") });
        Driven { extra, ..Driven::new(Outcome::Failed(code.to_owned())) }
    }
}

impl Target for NativeTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let sent_us = job.clock.now_us();
        let accepted = match self.client.submit(&job.scenario.payload).await {
            Ok(accepted) => accepted,
            Err(error) => return self.lost(job, "not_accepted", &error).await,
        };
        let exchange = Exchange { sent_us, answered_us: job.clock.now_us() };
        let ended = tokio::select! {
            ended = self.client.wait(&accepted, &self.seen) => ended,
            () = job.stop.requested() => {
                // It may have ended meanwhile: then there is nothing to cancel.
                let _ = self.client.cancel(&accepted).await;
                return Driven::new(Outcome::Cancelled);
            }
        };
        match ended {
            Ok(status) => driven(&status, unix_us().saturating_sub(job.clock.now_us()), exchange),
            Err(error) => self.lost(job, "target_away", &error).await,
        }
    }
}

/// Whether no answer came, in place of a bad one.
fn is_transport(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<reqwest::Error>().is_some_and(|error| error.status().is_none())
    })
}

/// The service's instants are of its own clock, on which the run began at `began_us` where both clocks
/// agree; `exchange` tells where they do not.
///
/// `started_us` is of the last claim, so only what was done under it goes into the stages: with those of
/// attempts before, or of one that was handed back, the parts would not add up to the latency. All of
/// them are in `extra`.
fn driven(status: &JobStatus, began_us: u64, exchange: Exchange) -> Driven {
    let as_one_clock = |unix_us: u64| {
        let signed = |us: u64| i64::try_from(us).unwrap_or(i64::MAX);
        signed(unix_us).saturating_sub(signed(began_us))
    };
    let skew_us = exchange.skew_us(as_one_clock(status.submitted_us));
    let instant =
        |unix_us: u64| u64::try_from(as_one_clock(unix_us).saturating_sub(skew_us)).unwrap_or(0);
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

    /// An answer that takes no time, at the instant at which the job of [`status`] was taken.
    const AT_ONCE: Exchange = Exchange { sent_us: 0, answered_us: 0 };

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
        let seen = driven(&status(JobState::Succeeded), 1_000, AT_ONCE);
        assert_eq!(
            (seen.accepted_us, seen.started_us, seen.finished_us),
            (Some(0), Some(200), Some(8_000))
        );
        let script = StageSpan { name: "script".to_owned(), start_us: 300, end_us: 400 };
        assert_eq!(seen.stages, [script], "a stage that did not end has no length");
        assert_eq!(seen.outcome, Outcome::Ok);
    }

    #[test]
    fn a_service_whose_clock_is_an_hour_ahead_is_brought_back() {
        let hour = 3_600_000_000;
        let mut ahead = status(JobState::Succeeded);
        ahead.submitted_us += hour;
        ahead.started_us = ahead.started_us.map(|us| us + hour);
        ahead.finished_us = ahead.finished_us.map(|us| us + hour);
        ahead.stages.clear();
        // Sent at 40 and answered at 60 of the run: it took the job at about 50.
        let seen = driven(&ahead, 1_000, Exchange { sent_us: 40, answered_us: 60 });
        assert_eq!(
            (seen.accepted_us, seen.started_us, seen.finished_us),
            (Some(50), Some(250), Some(8_050))
        );
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
        let seen = driven(&retried, 1_000, AT_ONCE);
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
        assert_eq!(driven(&failed, 0, AT_ONCE).outcome, Outcome::Failed("no_clips".to_owned()));
        assert_eq!(driven(&status(JobState::Cancelled), 0, AT_ONCE).outcome, Outcome::Cancelled);
    }
}
