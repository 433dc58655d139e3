//! ComfyUI: a workflow is filled in, queued, followed over a WebSocket, and what it made is fetched
//! (<https://docs.comfy.org/development/comfyui-server/comms_routes>).
//!
//! The socket only says when to look: what a run made is always read from its history, so a socket that
//! breaks, or messages that are lost, cost time and nothing else.

mod cancel;
mod history;
mod socket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::Class;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use self::cancel::CancelOnDrop;
use self::history::{File, State};
use self::socket::{Heard, Socket};
use super::template::Template;
use super::{GeneratorError, MakeError, Product, Transfer, Wish, to_its_end};
use crate::elsewhere;
use crate::limits::{Limits, Slot};
use crate::providers::http::{Call, Failure, MAX_JSON_BYTES};
use crate::providers::patience::{Patience, patiently};
use crate::providers::{Client, Common, ProviderError, SetupError};
use crate::settings;

/// Time for one request that is no run.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a socket that broke is opened anew, as RunPod's worker does, before the history is polled.
const MAX_RECONNECTS: u32 = 5;
/// The pause before the first time; it doubles.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// A ComfyUI server and a workflow for it.
#[derive(Debug)]
pub struct Comfyui {
    client: Client,
    base_url: String,
    workflow: Workflow,
    negative: String,
    timeout: Duration,
    poll: Duration,
    limits: Limits,
}

#[derive(Debug)]
enum Workflow {
    Parsed(Template),
    /// Read again for each run, as it was measured.
    File(PathBuf),
}

#[derive(Deserialize)]
struct Queued {
    prompt_id: String,
}

impl Comfyui {
    /// A client for the workflow of the settings. None: they name no workflow.
    ///
    /// # Errors
    ///
    /// The workflow cannot be read or filled in; the HTTP client cannot be built.
    pub fn new(
        settings: &settings::Comfyui,
        common: &Common,
    ) -> Result<Option<Self>, GeneratorError> {
        let Some(path) = &settings.workflow else { return Ok(None) };
        let template = Template::workflow(path)?; // also where it is read again: wrong is wrong at once
        let workflow = match settings.parse_once {
            true => Workflow::Parsed(template),
            false => Workflow::File(path.clone()),
        };
        let client = Client::new(common, &settings.base_url, Some(REQUEST_TIMEOUT));
        Ok(Some(Self {
            client: client.map_err(SetupError::from)?,
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            workflow,
            negative: settings.negative.clone(),
            timeout: settings::seconds(settings.timeout_s),
            poll: settings::seconds(settings.poll_s),
            limits: common.limits.clone(),
        }))
    }

    /// Runs the workflow and brings what it made into the store; it holds a place of its class until
    /// then. A run that nobody waits for any more is taken out of ComfyUI's queue.
    ///
    /// # Errors
    ///
    /// [`MakeError`]; a node that failed is named.
    pub async fn make(&self, wish: &Wish, to: &Transfer) -> Result<Vec<Product>, MakeError> {
        let _at_work = elsewhere::enter(); // it infers for us
        let workflow = match &self.workflow {
            Workflow::Parsed(template) => template.fill(wish, &self.negative),
            Workflow::File(path) => Template::workflow(path)?.fill(wish, &self.negative),
        };
        let client_id = Uuid::new_v4();
        let (Queued { prompt_id }, cancel, socket, _slot) =
            self.queue(wish.class, workflow, client_id).await?;
        let followed =
            tokio::time::timeout(self.timeout, self.follow(socket, client_id, &prompt_id));
        let followed = followed.await.unwrap_or_else(|_| {
            let (url, id) = (self.base_url.clone(), format!("prompt {prompt_id}"));
            Err(MakeError::TimedOut { url, id, limit: self.timeout })
        });
        // Whatever else went wrong, the run may go on.
        if matches!(followed, Ok(_) | Err(MakeError::Node { .. } | MakeError::Failed { .. })) {
            cancel.disarm();
        }
        let files = followed?;
        let mut products = Vec::with_capacity(files.len());
        for file in files {
            products.push(self.fetch(&prompt_id, &file, to).await?);
        }
        Ok(products)
    }

    /// Queues a run: its id, what takes it out again, the socket that tells of it, and its place.
    async fn queue(
        &self,
        class: Class,
        workflow: Value,
        client_id: Uuid,
    ) -> Result<(Queued, CancelOnDrop, Option<Socket>, Option<Slot>), MakeError> {
        let body = json!({"prompt": workflow, "client_id": client_id.to_string()});
        let (time, slots) = (Duration::MAX, Some(self.limits.of(class)));
        let patience = Patience { time, slots, first: None };
        let body = &Arc::new(body);
        let queued = patiently(
            patience,
            |failure| !failure.is_lost,
            |number, slot| async move {
                // Opened first: what is said between the request and the socket would be lost.
                let socket = Socket::open(&self.base_url, client_id).await;
                let (client, base_url) = (self.client.clone(), self.base_url.clone());
                let body = Arc::clone(body);
                to_its_end(async move {
                    let (queued, cancel) = queue(&client, &base_url, &body, number).await?;
                    Ok((queued, cancel, socket, slot))
                })
                .await
            },
        );
        Ok(queued.await.map_err(|failure| match failure.error {
            ProviderError::Refused { url, status, reason } => {
                let reason = history::refusal(&failure.body).unwrap_or(reason);
                ProviderError::Refused { url, status, reason }
            }
            other => other,
        })?)
    }

    /// Waits for the end of a run and gives what it made.
    async fn follow(
        &self,
        socket: Option<Socket>,
        client_id: Uuid,
        prompt_id: &str,
    ) -> Result<Vec<File>, MakeError> {
        let (mut socket, mut n_reconnects) = (socket, 0);
        while n_reconnects <= MAX_RECONNECTS {
            let heard = match &mut socket {
                Some(open) => open.listen(prompt_id).await,
                None => Heard::Closed,
            };
            match heard {
                Heard::Ended => break, // its history is there, or will be in a moment
                Heard::Silence => {}
                Heard::Failed(failure) => return Err(self.failed(prompt_id, failure)),
                Heard::Closed => {
                    tokio::time::sleep(RECONNECT_PAUSE * 2u32.pow(n_reconnects)).await;
                    n_reconnects += 1;
                    tracing::debug!(prompt_id, n_reconnects, "the socket is closed");
                    socket = Socket::open(&self.base_url, client_id).await;
                }
            }
            // What was said while nobody listened is in the history.
            if let Some(files) = self.made(prompt_id).await? {
                return Ok(files);
            }
        }
        loop {
            if let Some(files) = self.made(prompt_id).await? {
                return Ok(files);
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    /// What the run made. None: it goes on.
    async fn made(&self, prompt_id: &str) -> Result<Option<Vec<File>>, MakeError> {
        let url = format!("{}/history/{prompt_id}", self.base_url);
        let call = call(&self.client, self.client.requests().get(&url), &url);
        let history: Value = call.json("a history").await?;
        match history::state(&history, prompt_id) {
            State::Running => Ok(None),
            State::Failed(failure) => Err(self.failed(prompt_id, failure)),
            State::Done(files) if files.is_empty() => Err(MakeError::NoFiles {
                url: self.base_url.clone(),
                id: format!("prompt {prompt_id}"),
                found: "none that are kept".to_owned(),
            }),
            State::Done(files) => Ok(Some(files)),
        }
    }

    async fn fetch(
        &self,
        prompt_id: &str,
        file: &File,
        to: &Transfer,
    ) -> Result<Product, MakeError> {
        let query =
            [("filename", &file.filename), ("subfolder", &file.subfolder), ("type", &file.kind)];
        let url = Url::parse_with_params(&format!("{}/view", self.base_url), query);
        let url = url.map_err(|error| ProviderError::Unsendable {
            url: self.base_url.clone(),
            reason: error.to_string(),
        })?;
        let id = format!("comfyui:{prompt_id}/{}", file.filename);
        let blob = to.fetcher.fetch(&fetch::Request::new(url, id.clone()), &to.progress).await?;
        Ok(Product { id, blob })
    }

    fn failed(&self, prompt_id: &str, failure: history::Failure) -> MakeError {
        let (url, prompt_id) = (self.base_url.clone(), prompt_id.to_owned());
        match failure {
            history::Failure::Node { node, class, message } => {
                MakeError::Node { url, prompt_id, node, class, message }
            }
            history::Failure::Interrupted => MakeError::Failed {
                url,
                id: format!("prompt {prompt_id}"),
                status: "interrupted".to_owned(),
                reason: "somebody stopped it".to_owned(),
            },
        }
    }
}

/// Queues a run once.
async fn queue(
    client: &Client,
    base_url: &str,
    body: &Value,
    number: usize,
) -> Result<(Queued, CancelOnDrop), Failure> {
    let url = format!("{base_url}/prompt");
    let call = call(client, client.requests().post(&url).json(body), &url);
    let answer = call.attempt(number).await?;
    let queued: Queued = call.read(&answer.body, "a prompt_id")?;
    let cancel = CancelOnDrop::new(client.requests(), base_url, &queued.prompt_id);
    Ok((queued, cancel))
}

fn call<'a>(client: &'a Client, request: reqwest::RequestBuilder, url: &'a str) -> Call<'a> {
    Call {
        client,
        request: request.build(),
        url,
        key: None,
        key_env: "nothing",
        max_bytes: MAX_JSON_BYTES,
        patience: Duration::MAX,
        slots: None, // a run has a place from its creation to its files
    }
}

#[cfg(test)]
mod tests;
