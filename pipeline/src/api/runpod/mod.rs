//! RunPod's endpoint operations (<https://docs.runpod.io/serverless/endpoints/operation-reference>), bare and
//! under `/v2/{endpoint}`, whatever the endpoint is called. The input of a job is our job.

mod answer;
mod envelope;
mod error;
mod stream;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use protocol::{JobState, JobStatus};
use serde::Deserialize;
use url::Url;

use self::answer::RunState;
pub use self::answer::status_of;
pub use self::answer::{Health, Purged, RunStatus, Taken};
use self::envelope::Envelope;
pub use self::envelope::RunRequest;
use self::error::Refused;
pub use self::error::{RUNPOD, RunPodError};
pub use self::stream::{__path_stream, Cursors, stream};
use super::extract::{JsonText, Path, Query};
use super::problem::ApiProblem;
use super::{Api, jobs};
use crate::job::{CancelAnswer, Request, RetryAnswer};

/// How long `/runsync` waits, unless it is told.
const WAIT_MS: u64 = 90_000;
/// How long it may be told to wait.
const WAITS_MS: (u64, u64) = (1_000, 300_000);

/// The job of a path, which may have an endpoint before it.
#[derive(Debug, Deserialize)]
pub struct Named {
    id: String,
}

/// How long to wait.
#[derive(Debug, Deserialize)]
pub struct Patience {
    wait: Option<u64>,
}

/// Takes a job and answers at once.
#[utoipa::path(
    post,
    path = "/run",
    tag = "runpod",
    request_body = RunRequest,
    responses(
        (status = 200, description = "It waits", body = Taken),
        (status = 400, description = "It is no job: each wrong field is named", body = RunPodError),
        (status = 413, description = "The body is too large", body = RunPodError),
        (status = 415, description = "The body is not said to be JSON", body = RunPodError),
        (status = 429, description = "The queue is full", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn run(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Taken>, Refused> {
    let id = submit(&api, body?).await?;
    Ok(Json(Taken { id, status: RunState::InQueue }))
}

/// Takes a job and waits for its end; answers before, where that takes too long.
#[utoipa::path(
    post,
    path = "/runsync",
    tag = "runpod",
    params(("wait" = Option<u64>, Query, description = "How long, in milliseconds (1000 to 300000; 90000 unless it is given)", minimum = 1000, maximum = 300_000)),
    request_body = RunRequest,
    responses(
        (status = 200, description = "How it is now", body = RunStatus),
        (status = 400, description = "It is no job: each wrong field is named", body = RunPodError),
        (status = 413, description = "The body is too large", body = RunPodError),
        (status = 415, description = "The body is not said to be JSON", body = RunPodError),
        (status = 429, description = "The queue is full", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn runsync(
    State(api): State<Api>,
    wait: Result<Query<Patience>, ApiProblem>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<RunStatus>, Refused> {
    let Query(Patience { wait }) = wait?;
    let wait = wait.unwrap_or(WAIT_MS);
    if !(WAITS_MS.0..=WAITS_MS.1).contains(&wait) {
        return Err(Refused::wrong("wait: expected 1000 to 300000 milliseconds"));
    }
    let id = submit(&api, body?).await?;
    let ended = tokio::time::timeout(Duration::from_millis(wait), api.queue.ended(&id)).await;
    let status = match ended {
        Ok(status) => status.map_err(ApiProblem::from)?.ok_or_else(|| Refused::unknown(&id))?,
        Err(_) => find(&api, &id).await?,
    };
    Ok(Json(status_of(&status)))
}

/// How a job is.
#[utoipa::path(
    get,
    path = "/status/{id}",
    tag = "runpod",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "How it is now", body = RunStatus),
        (status = 400, description = "The path is not UTF-8", body = RunPodError),
        (status = 404, description = "There is no such job", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn status(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<RunStatus>, Refused> {
    let Path(Named { id }) = named?;
    Ok(Json(status_of(&find(&api, &id).await?)))
}

/// Cancels a job, whether it waits or runs.
#[utoipa::path(
    post,
    path = "/cancel/{id}",
    tag = "runpod",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "It ends", body = Taken),
        (status = 400, description = "The path is not UTF-8", body = RunPodError),
        (status = 404, description = "There is no such job", body = RunPodError),
        (status = 409, description = "It had ended", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn cancel(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<Taken>, Refused> {
    let Path(Named { id }) = named?;
    match api.queue.cancel(&id).await.map_err(ApiProblem::from)? {
        CancelAnswer::Cancelled | CancelAnswer::Requested => {
            Ok(Json(Taken { id, status: RunState::Cancelled }))
        }
        CancelAnswer::AlreadyEnded(state) => Err(ApiProblem::already_ended(state).into()),
        CancelAnswer::Unknown => Err(Refused::unknown(&id)),
    }
}

/// Lets a job that failed or took too long wait again, under the same name.
#[utoipa::path(
    post,
    path = "/retry/{id}",
    tag = "runpod",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "It waits", body = Taken),
        (status = 400, description = "The path is not UTF-8", body = RunPodError),
        (status = 404, description = "There is no such job", body = RunPodError),
        (status = 409, description = "It has not failed, or its files are gone", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn retry(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<Taken>, Refused> {
    let Path(Named { id }) = named?;
    match api.queue.retry(&id).await.map_err(ApiProblem::from)? {
        RetryAnswer::Queued => Ok(Json(Taken { id, status: RunState::InQueue })),
        RetryAnswer::NotFailed(JobState::Failed) => {
            Err(Refused::conflict("the files of the job were kept long enough: they are gone"))
        }
        RetryAnswer::NotFailed(state) => {
            let detail =
                format!("expected a job that FAILED or TIMED_OUT, it is {}", state.as_str());
            Err(Refused::conflict(detail))
        }
        RetryAnswer::Unknown => Err(Refused::unknown(&id)),
    }
}

/// Cancels all jobs that wait. What runs goes on.
#[utoipa::path(
    post,
    path = "/purge-queue",
    tag = "runpod",
    responses(
        (status = 200, description = "They are cancelled", body = Purged),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn purge_queue(State(api): State<Api>) -> Result<Json<Purged>, Refused> {
    let removed = api.queue.purge().await.map_err(ApiProblem::from)?;
    tracing::info!(removed, "the queue was purged");
    Ok(Json(Purged { removed, status: "completed" }))
}

/// How many jobs and workers there are.
#[utoipa::path(
    get,
    path = "/health",
    tag = "runpod",
    responses(
        (status = 200, description = "Counts", body = Health),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn health(State(api): State<Api>) -> Result<Json<Health>, Refused> {
    let counts = api.store.counts().await.map_err(ApiProblem::from)?;
    let retried = api.store.retried().await.map_err(ApiProblem::from)?;
    let is_ready = api.parts.models.ready();
    Ok(Json(Health::of(&counts, retried, api.parts.settings.jobs.concurrency, is_ready)))
}

async fn submit(api: &Api, JsonText(body): JsonText) -> Result<String, Refused> {
    let envelope = Envelope::read(&body)?;
    let spec = jobs::checked(api, &envelope.input, envelope.low_priority).await?;
    if envelope.webhook.as_ref().is_some_and(|url| !api.webhooks.may_ask(url)) {
        return Err(Refused::wrong("webhook: expected an address outside of this network"));
    }
    let request = Request {
        timeout: envelope.timeout,
        ttl: envelope.ttl,
        webhook: envelope.webhook.as_ref().map(Url::as_str),
        ..Request::new(&spec)
    };
    Ok(jobs::take(api, request).await?)
}

async fn find(api: &Api, id: &str) -> Result<JobStatus, Refused> {
    Ok(jobs::find(api, id).await?)
}
