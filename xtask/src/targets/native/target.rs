//! Drives a load over the client.

use std::borrow::Cow;

use bench::{COLD, Driven, Job, MEDIA_MS, Outcome, StageSpan, Target};
use protocol::{Accepted, JobState, JobStatus};
use serde_json::Value;
use tokio::sync::mpsc;

use super::NativeClient;
use super::skew::Exchange;
use crate::targets::looks::{Begun, Lookout, Watch};
use crate::targets::media;
use crate::targets::patience::Patience;

/// A service that speaks our API, as a target of a load. A scenario's payload is the body of the request, with
/// the priority of the job where it has one; a sample's `extra` is the job's last [`JobStatus`], or why there is none.
pub struct NativeTarget {
    /// Talks to the service.
    pub client: NativeClient,
    /// Told each status that is seen.
    pub seen: Box<dyn Fn(&JobStatus) + Send + Sync>,
    /// How long it bears with the service.
    pub patience: Patience,
    /// Whether the service was started for this run: then its first job has met a cold start.
    pub is_just_started: bool,
    lookout: Lookout,
}

impl NativeTarget {
    /// A target, and what tells of a job that the service will never take: then no further one need be
    /// sent.
    pub fn new(client: NativeClient) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (patience, refusals) = Patience::new();
        let seen = Box::new(|_: &JobStatus| ());
        let lookout = Lookout::default();
        (Self { client, seen, patience, is_just_started: false, lookout }, refusals)
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

    /// Looks until the job has ended: at once when its events are over, which they are with it. Where it
    /// tells no events, or no more of them, as jobs before foretell.
    async fn follow(
        &self,
        accepted: &Accepted,
        exchange: Exchange,
        watch: &Watch<'_>,
        clock: bench::Clock,
        last: &mut Option<(JobStatus, u64)>,
    ) -> anyhow::Result<JobStatus> {
        let mut misses = 0;
        let mut events = std::pin::pin!(self.client.heard_out(accepted));
        let mut are_over = false;
        loop {
            let asked_us = clock.now_us();
            match self.client.status(accepted).await {
                Ok(status) => {
                    (self.seen)(&status);
                    if status.state.is_final() {
                        return Ok(status);
                    }
                    misses = 0;
                    let begun = begun(&status, exchange);
                    *last = Some((status, asked_us));
                    if are_over {
                        watch.pause(asked_us, begun).await;
                    } else {
                        tokio::select! {
                            () = tokio::time::sleep(self.client.poll()) => {}
                            _ = &mut events => are_over = true,
                        }
                    }
                }
                Err(error) => self.patience.bear(&mut misses, error).await?,
            }
        }
    }
}

/// The body of a request: `payload`, with `priority` where there is one.
fn body<'a>(payload: &'a Value, priority: Option<&str>) -> Cow<'a, Value> {
    let mut body = Cow::Borrowed(payload);
    if let Some(priority) = priority
        && let Some(fields) = body.to_mut().as_object_mut()
    {
        fields.insert("priority".to_owned(), priority.into());
    }
    body
}

/// When work began, by the clock of the run: as long after the answer as it was after the job was taken.
fn begun(status: &JobStatus, exchange: Exchange) -> Begun {
    match (status.state, status.started_us) {
        (JobState::Running, Some(started_us)) => {
            Begun::At(exchange.answered_us + started_us.saturating_sub(status.submitted_us))
        }
        _ => Begun::Not,
    }
}

impl Target for NativeTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let sent_us = job.clock.now_us();
        let body = body(&job.scenario.payload, job.priority.as_deref());
        let accepted = match self.client.submit(body.as_ref()).await {
            Ok(accepted) => accepted,
            Err(error) => {
                return self.patience.not_accepted(self.client.service(), job, &error).await;
            }
        };
        let exchange = Exchange { sent_us, answered_us: job.clock.now_us() };
        let mut last = None;
        let watch = self.lookout.watch(&job, sent_us);
        let ended = tokio::select! {
            ended = self.follow(&accepted, exchange, &watch, job.clock, &mut last) => Some(ended),
            () = job.stop.requested() => None,
        };
        let began_us = unix_us().saturating_sub(job.clock.now_us());
        match ended {
            Some(Ok(status)) => {
                let running_us = last.map(|(_, asked_us)| asked_us);
                let driven = Driven { running_us, ..driven(&status, began_us, exchange) };
                watch.learn(&driven);
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
mod tests;
