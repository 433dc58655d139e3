//! ComfyUI: a workflow is queued, followed over the WebSocket, and what it made is fetched
//! (<https://docs.comfy.org/development/comfyui-server/comms_routes>).
//!
//! Queue wait is from the answer to `/prompt` to `execution_start`; each node that works is a stage, by
//! its class. The files come by `/view` after the end: their way is told apart and is in no latency. Where
//! there is no socket, the history is asked, and stages stay unknown.

mod socket;
mod story;
mod workflow;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bench::{Clock, Driven, Job, MEDIA_MS, Outcome, Target};
use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use self::socket::{Heard, Socket};
use self::story::{File, Story};
pub use self::workflow::{check_body, has_seed};
use super::looks::{Begun, Lookout, Watch};
use super::media::{self, Kind};
use super::patience::Patience;
use super::service::{Manners, Service};

/// How often it is where a run has ended and is not in it yet.
const SOON: Duration = Duration::from_millis(5);
/// Sockets that are opened again for one run.
const MOST_REOPENED: u32 = 5;

const MANNERS: Manners = Manners { ready: "system_stats", said: workflow::said };

/// A ComfyUI server, as a target of a load. A scenario's payload is the workflow in the API's format; a
/// sample's `extra` is what the server told beside its times.
pub struct ComfyuiTarget {
    service: Service,
    patience: Patience,
    lookout: Lookout,
    /// Open, and with no run of theirs.
    idle: Mutex<Vec<Socket>>,
    /// Clients so far.
    n_clients: AtomicU64,
    /// What their names begin with: other drivers of the same server have other names.
    name: String,
}

/// Answer to `POST /prompt`.
#[derive(Debug, Deserialize)]
struct Queued {
    prompt_id: String,
}

/// A run that was queued.
struct Run<'a> {
    prompt_id: String,
    body: &'a Value,
    clock: Clock,
    watch: Watch<'a>,
}

impl ComfyuiTarget {
    /// The server at `base`. With it comes what tells of a workflow that it will never take.
    ///
    /// # Errors
    ///
    /// As [`Service::new`].
    pub fn new(
        base: Url,
        token: Option<&str>,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let (patience, refusals) = Patience::new();
        let service = Service::new(base, token, MANNERS)?;
        let began_us = jiff::Timestamp::now().as_microsecond();
        let name = format!("reelbench-{began_us:x}-{:x}", std::process::id());
        let (idle, n_clients) = (Mutex::default(), AtomicU64::default());
        let lookout = Lookout::default();
        Ok((Self { service, patience, lookout, idle, n_clients, name }, refusals))
    }

    /// What is driven.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// How long it bears with the server.
    pub const fn patience(&self) -> &Patience {
        &self.patience
    }

    /// A socket of a client that has no run. None: it cannot be opened; the history will do.
    async fn socket(&self) -> (String, Option<Socket>) {
        if let Some(socket) = self.idle().pop() {
            return (socket.client_id.clone(), Some(socket));
        }
        let number = self.n_clients.fetch_add(1, Ordering::Relaxed);
        let client_id = format!("{}-{number}", self.name);
        let socket = Socket::open(&self.service, &client_id).await.ok();
        (client_id, socket)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Socket>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn submit(&self, request: &Value) -> anyhow::Result<Queued> {
        let post = self.service.request(Method::POST, "prompt")?.json(request);
        Ok(self.service.send(post).await?.json().await?)
    }

    /// Listens until the run has ended; a run that is silent, or whose socket is lost, is looked up.
    async fn follow(
        &self,
        run: &Run<'_>,
        client_id: &str,
        socket: &mut Option<Socket>,
        story: &mut Story,
    ) -> anyhow::Result<()> {
        let mut n_reopened = 0;
        let mut misses = 0;
        let mut asked_us = run.clock.now_us();
        while story.end.is_none() {
            match socket {
                Some(open) => match open.next().await {
                    Heard::Message(message) => {
                        story.hear(&message, &run.prompt_id, run.body, run.clock.now_us());
                        continue;
                    }
                    Heard::Silence => {}
                    Heard::Closed => *socket = None,
                },
                None => {
                    // The history has no run that goes on: when one began, only a socket tells.
                    let begun = story.started_us.map_or(Begun::Untold, Begun::At);
                    run.watch.pause(asked_us, begun).await;
                    if n_reopened < MOST_REOPENED {
                        n_reopened += 1;
                        *socket = Socket::open(&self.service, client_id).await.ok();
                    }
                }
            }
            asked_us = run.clock.now_us();
            // What was said while nobody listened is in the history.
            match self.look_up(run, story).await {
                Ok(()) if story.end.is_none() => {
                    misses = 0;
                    story.open_us = Some(asked_us);
                }
                Ok(()) => {}
                Err(error) => self.patience.bear(&mut misses, error).await?,
            }
        }
        Ok(())
    }

    async fn look_up(&self, run: &Run<'_>, story: &mut Story) -> anyhow::Result<()> {
        let path = format!("history/{}", run.prompt_id);
        let history = self.service.send(self.service.request(Method::GET, &path)?).await?;
        let history: Value = history.json().await?;
        story.look_up(&history, &run.prompt_id, run.clock.now_us());
        Ok(())
    }

    /// Brings what the run made: its bytes, and the first film or sound among it.
    async fn fetch(
        &self,
        run: &Run<'_>,
        story: &mut Story,
    ) -> anyhow::Result<(Vec<usize>, Option<(Kind, Bytes)>)> {
        if story.files.is_empty() && story.n_cached > 0 {
            // What was taken from memory is told in the history alone, a moment after the end.
            tokio::time::sleep(SOON).await;
            self.look_up(run, story).await?;
        }
        let (mut sizes, mut media) = (Vec::new(), None);
        for file in story.products() {
            let bytes = self.view(file).await?;
            sizes.push(bytes.len());
            let kind = Kind::of_name(&file.filename);
            media = media.or_else(|| kind.map(|kind| (kind, bytes)));
        }
        Ok((sizes, media))
    }

    async fn view(&self, file: &File) -> anyhow::Result<Bytes> {
        let query =
            [("filename", &file.filename), ("subfolder", &file.subfolder), ("type", &file.kind)];
        let request = self.service.unhurried(Method::GET, "view")?.query(&query);
        Ok(self.service.send(request).await?.bytes().await?)
    }

    /// Takes a run out of the queue, or stops it. Older servers stop whatever runs when they are asked to
    /// stop one: only a run that the server says it works on is stopped, so that another is stopped at most where
    /// it begins between two requests. What was heard of it does not tell: it may begin while it is taken out, for
    /// the run before it was stopped too.
    async fn cancel(&self, prompt_id: &str) -> anyhow::Result<()> {
        let delete = json!({ "delete": [prompt_id] });
        let request = self.service.request(Method::POST, "queue")?.json(&delete);
        self.service.send(request).await?;
        let request = self.service.request(Method::GET, "queue")?;
        let queue: Value = self.service.send(request).await?.json().await?;
        let mut running = queue["queue_running"].as_array().into_iter().flatten();
        if running.any(|entry| entry[1] == prompt_id) {
            let interrupt = json!({ "prompt_id": prompt_id });
            let request = self.service.request(Method::POST, "interrupt")?.json(&interrupt);
            self.service.send(request).await?;
        }
        Ok(())
    }

    /// A run that has ended, with its files.
    async fn ended(&self, run: &Run<'_>, mut story: Story, taken: Driven) -> Driven {
        let Some(end) = story.end.clone() else { return taken };
        let mut driven = Driven {
            started_us: story.started_us,
            finished_us: Some(end.at_us),
            running_us: story.open_us,
            observed_us: Some(end.at_us),
            outcome: end.outcome.clone(),
            ..taken
        };
        run.watch.learn(&driven);
        let fetched = match end.outcome {
            Outcome::Ok => Some(self.fetch(run, &mut story).await),
            _ => None,
        };
        driven.extra = self.masked(story.extra(&run.prompt_id));
        driven.stages = story.stages;
        match fetched {
            None => {}
            Some(Err(error)) => {
                driven.outcome = Outcome::Failed("not_fetched".to_owned());
                driven.extra["error"] = format!("{error:#}").into();
            }
            Some(Ok((sizes, media))) => {
                let read_us = run.clock.now_us();
                driven.downloaded_us = (!sizes.is_empty()).then_some(read_us);
                driven.extra["output_files"] = sizes.len().into();
                driven.extra["output_bytes"] = sizes.iter().sum::<usize>().into();
                if let Some((kind, bytes)) = media
                    && let Ok(Some(ms)) = media::length_ms(kind, &bytes).await
                {
                    driven.extra[MEDIA_MS] = ms.into();
                }
            }
        }
        driven
    }

    fn masked(&self, mut extra: Value) -> Value {
        if let Some(error) = extra["error"].as_str() {
            extra["error"] = self.service.without_token(error).into();
        }
        extra
    }
}

impl Target for ComfyuiTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let (clock, scenario) = (job.clock, std::sync::Arc::clone(&job.scenario));
        let (client_id, mut socket) = self.socket().await;
        let request = workflow::request(&scenario.payload, job.number, &client_id);
        let sent_us = clock.now_us();
        let queued = match self.submit(&request).await {
            Ok(queued) => queued,
            Err(error) => {
                self.idle().extend(socket);
                return self.patience.not_accepted(&self.service, job, &error).await;
            }
        };
        let answered_us = clock.now_us();
        let watch = self.lookout.watch(&job, sent_us);
        let run = Run { prompt_id: queued.prompt_id, body: &scenario.payload, clock, watch };
        let mut story = Story::default();
        let followed = tokio::select! {
            followed = self.follow(&run, &client_id, &mut socket, &mut story) => Some(followed),
            () = job.stop.requested() => None,
        };
        let taken = Driven {
            // What is told of it may be heard before the answer that names it.
            accepted_us: Some(story.started_us.map_or(answered_us, |us| us.min(answered_us))),
            ..Driven::new(Outcome::Cancelled)
        };
        if matches!(followed, Some(Ok(()))) {
            self.idle().extend(socket);
            return self.ended(&run, story, taken).await;
        }
        // It may have ended meanwhile: then there is nothing to cancel.
        let _ = self.cancel(&run.prompt_id).await;
        let extra = story.extra(&run.prompt_id);
        let seen = Driven { started_us: story.started_us, stages: story.stages, extra, ..taken };
        match followed {
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
