//! RunPod's serverless endpoints, and whatever answers as they do
//! (<https://docs.runpod.io/serverless/endpoints/send-requests>).
//!
//! `delayTime` is the queue wait and `executionTime` the work; a worker that has to be started is in the
//! wait of its first job, which is told from the others by the worker's name. The output comes with the
//! answer that tells the end: its way is told apart and is in no latency. The server of RunPod's
//! Python package (`--rp_serve_api`) answers the same paths, but tells no times, does the work of a job
//! when its status is asked for, and wants that asked by POST.

mod answer;
mod times;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use bench::{COLD, Clock, Driven, Job, MEDIA_MS, Outcome, Target};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

pub use self::answer::check_body;
use self::answer::{State, Status};
use self::times::{Seen, Times};
use super::looks::{Begun, Lookout, Watch};
use super::patience::Patience;
use super::service::{Manners, Refusal, Service};

/// Milliseconds that `/runsync` may wait: RunPod's most.
const WAIT_MS: u32 = 300_000;
/// Bytes of an error that a sample keeps.
const MOST_SAID: usize = 8 * 1024;

const MANNERS: Manners = Manners { ready: "health", said: answer::said };

/// An endpoint, as a target of a load. A scenario's payload is the body of the request; a sample's `extra`
/// is what the endpoint said, without the output.
pub struct RunpodTarget {
    service: Service,
    patience: Patience,
    lookout: Lookout,
    is_sync: bool,
    /// Workers that had a job already.
    workers: Mutex<BTreeSet<String>>,
    /// Whether a status is asked for by POST.
    posts: AtomicBool,
}

/// An answer about a job, and when it came.
struct Answer {
    status: Status,
    head_us: u64,
    read_us: u64,
    bytes: usize,
}

/// What is known of a job so far.
#[derive(Clone, Copy, Default)]
struct Looked {
    answered_us: Option<u64>,
    running_us: Option<u64>,
    open_us: Option<u64>,
}

impl RunpodTarget {
    /// The endpoint at `base`, such as `https://api.runpod.ai/v2/ENDPOINT/`; `is_sync` sends jobs to
    /// `/runsync`. With it comes what tells of a job that the endpoint will never take.
    ///
    /// # Errors
    ///
    /// As [`Service::new`].
    pub fn new(
        base: Url,
        token: Option<&str>,
        is_sync: bool,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let (patience, refusals) = Patience::new();
        let service = Service::new(base, token, MANNERS)?;
        let (workers, posts) = (Mutex::default(), AtomicBool::default());
        let lookout = Lookout::default();
        Ok((Self { service, patience, lookout, is_sync, workers, posts }, refusals))
    }

    /// What is driven.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// How long it bears with the endpoint.
    pub const fn patience(&self) -> &Patience {
        &self.patience
    }

    async fn submit(&self, body: &Value, clock: Clock) -> anyhow::Result<Answer> {
        let request = if self.is_sync {
            let path = format!("runsync?wait={WAIT_MS}");
            self.service.unhurried(Method::POST, &path)?
        } else {
            self.service.request(Method::POST, "run")?
        };
        self.ask(request.json(body), clock).await
    }

    async fn look(&self, id: &str, clock: Clock) -> anyhow::Result<Answer> {
        let path = format!("status/{id}");
        if !self.posts.load(Ordering::Relaxed) {
            match self.ask(self.service.request(Method::GET, &path)?, clock).await {
                Err(error) if is_wrong_method(&error) => self.posts.store(true, Ordering::Relaxed),
                answer => return answer,
            }
        }
        // The job is done under this request.
        self.ask(self.service.unhurried(Method::POST, &path)?, clock).await
    }

    async fn ask(&self, request: RequestBuilder, clock: Clock) -> anyhow::Result<Answer> {
        let response = self.service.send(request).await?;
        let head_us = clock.now_us();
        let url = response.url().clone();
        let body = response.bytes().await?;
        let read_us = clock.now_us();
        let status = serde_json::from_slice(&body)
            .with_context(|| format!("{url}: expected RunPod's `id` and `status`"))?;
        Ok(Answer { status, head_us, read_us, bytes: body.len() })
    }

    /// Looks until the job has ended.
    async fn follow(
        &self,
        id: &str,
        looked: &mut Looked,
        watch: &Watch<'_>,
        clock: Clock,
    ) -> anyhow::Result<Answer> {
        let mut misses = 0;
        loop {
            let asked_us = clock.now_us();
            match self.look(id, clock).await {
                Ok(answer) if answer.status.state.is_final() => return Ok(answer),
                Ok(answer) => {
                    misses = 0;
                    looked.open_us = Some(asked_us);
                    let begun = looked.saw(&answer);
                    watch.pause(asked_us, begun).await;
                }
                Err(error) => self.patience.bear(&mut misses, error).await?,
            }
        }
    }

    async fn cancel(&self, id: &str) -> anyhow::Result<()> {
        let request = self.service.request(Method::POST, &format!("cancel/{id}"))?;
        self.service.send(request).await.map(drop)
    }

    /// What the answer at the end of a job says of it.
    fn driven(&self, sent_us: u64, looked: Looked, answer: &Answer) -> Driven {
        let Looked { answered_us, running_us, open_us } = looked;
        let head_us = answer.head_us;
        let seen = Seen { sent_us, answered_us, running_us, open_us, head_us };
        let status = &answer.status;
        let outcome = status.outcome().unwrap_or(Outcome::Cancelled);
        let times = Times::of(seen, status.delay_time, status.execution_time);
        let mut extra = self.extra(status);
        extra["times"] = if times.are_told { "told" } else { "seen" }.into();
        extra["output_bytes"] = answer.bytes.into();
        Driven {
            accepted_us: times.accepted_us,
            started_us: times.started_us,
            finished_us: Some(times.finished_us),
            running_us: open_us,
            observed_us: Some(head_us),
            // The output comes with the answer that tells the end.
            downloaded_us: (outcome == Outcome::Ok).then_some(answer.read_us),
            stages: times.stages,
            extra,
            ..Driven::new(outcome)
        }
    }

    /// What the endpoint said, without the output: that may be megabytes, and another's.
    fn extra(&self, status: &Status) -> Value {
        let mut extra = json!({ "id": status.id });
        let mut keep = |name: &str, value: Value| {
            if !value.is_null() {
                extra[name] = value;
            }
        };
        let whole = |ms: f64| ms.max(0.0).round() as u64;
        keep("delayTime", status.delay_time.map(whole).into());
        keep("executionTime", status.execution_time.map(whole).into());
        keep("workerId", status.worker_id.clone().into());
        keep(MEDIA_MS, status.media_ms().into());
        if status.state.is_final() {
            keep(COLD, self.is_cold(status).into());
        }
        let error = self.service.without_token(&status.error_text());
        if !error.is_empty() {
            keep("error", error.chars().take(MOST_SAID).collect::<String>().into());
        }
        extra
    }

    /// Whether it was the first job of its worker. None: no worker is named.
    fn is_cold(&self, status: &Status) -> Option<bool> {
        let worker = status.worker_id.clone()?;
        Some(self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker))
    }
}

impl Looked {
    /// Takes an answer about a job that has not ended; says when work on it began, as [`Times`] will.
    fn saw(&mut self, answer: &Answer) -> Begun {
        match answer.status.state {
            State::InQueue => Begun::Not,
            State::InProgress => {
                let running_us = *self.running_us.get_or_insert(answer.head_us);
                let waited = self.answered_us.zip(answer.status.delay_us());
                Begun::At(waited.map_or(running_us, |(taken, delay)| taken + delay))
            }
            _ => Begun::Untold,
        }
    }
}

fn is_wrong_method(error: &anyhow::Error) -> bool {
    let refusal = error.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.status == StatusCode::METHOD_NOT_ALLOWED)
}

impl Target for RunpodTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let (clock, sent_us) = (job.clock, job.clock.now_us());
        let taken = tokio::select! {
            taken = self.submit(&job.scenario.payload, clock) => taken,
            // A job of /runsync is named at its end: nobody can cancel it before.
            () = job.stop.requested(), if self.is_sync => return Driven::new(Outcome::Cancelled),
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => return self.patience.not_accepted(&self.service, job, &error).await,
        };
        let mut looked = Looked::default();
        if taken.status.state.is_final() {
            return self.driven(sent_us, looked, &taken);
        }
        looked.answered_us = Some(taken.head_us);
        looked.saw(&taken);
        let watch = self.lookout.watch(&job, sent_us);
        let id = taken.status.id.clone();
        let ended = tokio::select! {
            // Looked at at once: a local server works when it is asked.
            ended = self.follow(&id, &mut looked, &watch, clock) => Some(ended),
            () = job.stop.requested() => None,
        };
        let given_up = match ended {
            Some(Ok(answer)) => {
                let driven = self.driven(sent_us, looked, &answer);
                watch.learn(&driven);
                return driven;
            }
            given_up => given_up,
        };
        // It may have ended meanwhile: then there is nothing to cancel.
        let _ = self.cancel(&id).await;
        let seen = Driven {
            accepted_us: looked.answered_us,
            started_us: looked.running_us,
            extra: self.extra(&taken.status),
            ..Driven::new(Outcome::Cancelled)
        };
        match given_up {
            Some(Err(error)) => {
                let lost = self.patience.lost(&self.service, job, "target_away", &error).await;
                Driven { outcome: lost.outcome, extra: lost.extra, ..seen }
            }
            _ => seen,
        }
    }
}

#[cfg(test)]
mod tests;
