//! Drives a load over the client.

use bench::{COLD, Driven, Job, MEDIA_MS, Outcome, StageSpan, Target};
use protocol::{Accepted, JobState, JobStatus};
use tokio::sync::mpsc;

use super::NativeClient;
use super::skew::Exchange;
use crate::targets::media;
use crate::targets::patience::Patience;

/// A service that speaks our API, as a target of a load. A scenario's payload is the body of the request;
/// a sample's `extra` is the job's last [`JobStatus`], or why there is none.
pub struct NativeTarget {
    /// Talks to the service.
    pub client: NativeClient,
    /// Told each status that is seen.
    pub seen: Box<dyn Fn(&JobStatus) + Send + Sync>,
    /// How long it bears with the service.
    pub patience: Patience,
    /// Whether the service was started for this run: then its first job has met a cold start.
    pub is_just_started: bool,
}

impl NativeTarget {
    /// A target, and what tells of a job that the service will never take: then no further one need be
    /// sent.
    pub fn new(client: NativeClient) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (patience, refusals) = Patience::new();
        let seen = Box::new(|_: &JobStatus| ());
        (Self { client, seen, patience, is_just_started: false }, refusals)
    }

    /// With what a job says beside its status: how long its film is, and whether it is the first one.
    fn labelled(&self, number: u64, mut driven: Driven) -> Driven {
        if let Some(ms) = media::told_ms(&driven.extra["outcome"]) {
            driven.extra[MEDIA_MS] = ms.into();
        }
        if self.is_just_started && driven.extra.is_object() {
            driven.extra[COLD] = (number == 0).into();
        }
        driven
    }

    /// Comes when the service says that the job has ended. Of one that tells no events it never comes.
    async fn told_of_the_end(&self, accepted: &Accepted) {
        if self.client.heard_out(accepted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Looks until the job has ended, at once when its events say so; `last` is what was seen of it until
    /// then, and when it was asked for.
    async fn follow(
        &self,
        accepted: &Accepted,
        clock: bench::Clock,
        last: &mut Option<(JobStatus, u64)>,
    ) -> anyhow::Result<JobStatus> {
        let mut misses = 0;
        let mut told = std::pin::pin!(self.told_of_the_end(accepted));
        let mut is_told = false;
        loop {
            let asked_us = clock.now_us();
            match self.client.status(accepted).await {
                Ok(status) => {
                    (self.seen)(&status);
                    if status.state.is_final() {
                        return Ok(status);
                    }
                    misses = 0;
                    *last = Some((status, asked_us));
                    tokio::select! {
                        () = tokio::time::sleep(self.client.poll()) => {}
                        () = &mut told, if !is_told => is_told = true,
                    }
                }
                Err(error) => self.patience.bear(&mut misses, error).await?,
            }
        }
    }
}

impl Target for NativeTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let sent_us = job.clock.now_us();
        let accepted = match self.client.submit(&job.scenario.payload).await {
            Ok(accepted) => accepted,
            Err(error) => {
                return self.patience.not_accepted(self.client.service(), job, &error).await;
            }
        };
        let exchange = Exchange { sent_us, answered_us: job.clock.now_us() };
        let mut last = None;
        let ended = tokio::select! {
            ended = self.follow(&accepted, job.clock, &mut last) => Some(ended),
            () = job.stop.requested() => None,
        };
        let began_us = unix_us().saturating_sub(job.clock.now_us());
        match ended {
            Some(Ok(status)) => {
                let running_us = last.map(|(_, asked_us)| asked_us);
                let driven = Driven { running_us, ..driven(&status, began_us, exchange) };
                self.labelled(job.number, driven)
            }
            given_up => {
                // It may have ended meanwhile: then there is nothing to cancel.
                let _ = self.client.cancel(&accepted).await;
                let seen =
                    cut_off(&accepted, last.as_ref().map(|(status, _)| status), began_us, exchange);
                match given_up {
                    Some(Err(error)) => {
                        let service = self.client.service();
                        let lost = self.patience.lost(service, job, "target_away", &error).await;
                        Driven { outcome: lost.outcome, extra: lost.extra, ..seen }
                    }
                    _ => seen,
                }
            }
        }
    }
}

/// What is known of a job that the end of the run cut off.
fn cut_off(
    accepted: &Accepted,
    last: Option<&JobStatus>,
    began_us: u64,
    exchange: Exchange,
) -> Driven {
    let seen = last.map_or_else(
        || Driven {
            accepted_us: Some(exchange.answered_us),
            extra: serde_json::json!({ "id": accepted.id }),
            ..Driven::new(Outcome::Cancelled)
        },
        |status| driven(status, began_us, exchange),
    );
    Driven { outcome: Outcome::Cancelled, finished_us: None, ..seen }
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
            (_, Some(error)) => Outcome::Failed(error.code.clone()),
            (state, None) => Outcome::Failed(state.as_str().to_owned()),
        },
        extra: serde_json::to_value(status).unwrap_or_default(),
        ..Driven::new(Outcome::Ok)
    }
}

fn unix_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::targets::test_load;
    use protocol::{JobError, Priority, Stage, StageTime};

    /// An answer that takes no time, at the instant at which the job of [`status`] was taken.
    const AT_ONCE: Exchange = Exchange { sent_us: 0, answered_us: 0 };

    fn status(state: JobState) -> JobStatus {
        JobStatus {
            id: "a".to_owned(),
            subject: String::new(),
            state,
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            progress: 0.5,
            submitted_us: 1_000,
            started_us: Some(1_200),
            finished_us: Some(9_000),
            times: protocol::Times::default(),
            batch: None,
            files_gone: false,
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
            accepted_us: seen.accepted_us,
            started_us: seen.started_us,
            stages: seen.stages,
            outcome: seen.outcome,
            extra: seen.extra,
            ..bench::Sample::new(0, 0, seen.finished_us.expect("it ended"))
        };
        let parts = bench::Parts::of(&sample);
        assert_eq!((parts.queue_us, parts.stages_us, parts.rest_us), (4_000, 3_000, 1_000));
        assert!(parts.closure_error(&sample) <= 0.01, "{parts:?}");
        assert_eq!(sample.extra["stages"].as_array().map(Vec::len), Some(3), "nothing is lost");
    }

    #[test]
    fn a_job_that_was_cut_off_keeps_what_was_seen_of_it() {
        let accepted = NativeClient::job("a");
        let exchange = Exchange { sent_us: 0, answered_us: 20 };
        let running = JobStatus { finished_us: None, ..status(JobState::Running) };
        let seen = cut_off(&accepted, Some(&running), 1_000, exchange);
        assert_eq!((seen.accepted_us, seen.started_us), (Some(0), Some(200)));
        assert_eq!((&seen.outcome, seen.stages.len()), (&Outcome::Cancelled, 1));
        assert_eq!(seen.extra["id"], "a");
        let seen = cut_off(&accepted, None, 1_000, exchange);
        assert_eq!((seen.accepted_us, &seen.extra["id"]), (Some(20), &"a".into()));
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
        let theirs = driven(&status(JobState::Cancelled), 0, AT_ONCE).outcome;
        assert_eq!(theirs, Outcome::Failed("cancelled".to_owned()), "it was not us");
    }

    /// A service with one job, which ends when its events were asked for, or with the third look where it has
    /// none. Gives what was seen of the job by who looks every `poll`.
    async fn seen(has_events: bool, poll: Duration) -> bench::Sample {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let has_ended = Arc::new(AtomicBool::new(false));
        let (ends, looks) = (Arc::clone(&has_ended), Arc::new(AtomicUsize::new(0)));
        let look = async move || {
            let n = looks.fetch_add(1, Ordering::SeqCst) + 1;
            let is_over = has_ended.load(Ordering::SeqCst) || (!has_events && n == 3);
            axum::Json(if is_over {
                status(JobState::Succeeded)
            } else {
                JobStatus { finished_us: None, ..status(JobState::Running) }
            })
        };
        let submit =
            async || (axum::http::StatusCode::ACCEPTED, axum::Json(NativeClient::job("a")));
        let mut router = axum::Router::new()
            .route("/api/v1/jobs", axum::routing::post(submit))
            .route("/api/v1/jobs/a", axum::routing::get(look));
        if has_events {
            let events = async move || {
                tokio::time::sleep(Duration::from_millis(50)).await;
                ends.store(true, Ordering::SeqCst);
                "event: ended\ndata: {}\n\n"
            };
            router = router.route("/api/v1/jobs/a/events", axum::routing::get(events));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = NativeClient::new(base.parse().expect("a URL")).expect("a client");
        let (target, _refusals) = NativeTarget::new(client.with_poll(poll));
        let samples = test_load::load(target, [1, 1], json!({}), std::future::pending()).await;
        samples.into_iter().next().expect("a sample")
    }

    #[tokio::test]
    async fn an_end_is_seen_when_events_tell_of_it_and_else_by_looking() {
        // Nobody looks again for a day.
        assert_eq!(seen(true, Duration::from_secs(86_400)).await.outcome, Outcome::Ok);
        assert_eq!(seen(false, Duration::from_millis(10)).await.outcome, Outcome::Ok);
    }
}
