//! Submit, look, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Accepted, JobSpec, JobStatus, Priority};

use super::Api;
use super::extract::{IdempotencyKey, JsonText, Path};
use super::problem::ApiProblem;
use crate::job::CancelAnswer;
use crate::job::request::{self, Refusal};
use crate::settings::Validate;
use crate::stages::{materials, preflight};

/// Submits a job. All that is wrong with it is told at once, before any work.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name of yours for this request: sent again, it is the same job", max_length = 255, pattern = "^[!-~]+$")),
    request_body = JobSpec,
    responses(
        (status = 202, description = "It waits for a worker", body = Accepted,
         headers(("location" = String, description = "Where its status is"))),
        (status = 400, description = "The body is no JSON object"),
        (status = 409, description = "The idempotency key belongs to another job"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "Fields are wrong, or name what is not here: each is named"),
        (status = 429, description = "The queue is full; `Retry-After` says when to try again"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn submit(
    State(api): State<Api>,
    IdempotencyKey(key): IdempotencyKey,
    JsonText(body): JsonText,
) -> Result<Response, ApiProblem> {
    let spec = checked(&api, &body, false).await?;
    let request =
        crate::job::Request { idempotency_key: key.as_deref(), ..crate::job::Request::new(&spec) };
    let id = take(&api, request).await?;
    let status_url = format!("/api/v1/jobs/{id}");
    let headers = [(header::LOCATION, status_url.clone())];
    Ok((StatusCode::ACCEPTED, headers, Json(Accepted { id, status_url })).into_response())
}

/// A job, in whatever envelope it came, of which nothing is wrong. `is_low`: others go first.
pub async fn checked(api: &Api, document: &[u8], is_low: bool) -> Result<JobSpec, ApiProblem> {
    if api.parts.settings.api.validate == Validate::AfterImages {
        let n_pictures = materials::read_named(&api.parts, document).await;
        tracing::debug!(n_pictures, "pictures were read before anything was checked");
        metrics::counter!("reelbench_pictures_read_unchecked_total").increment(n_pictures as u64);
    }
    let mut spec = request::parse(document)?;
    if is_low {
        spec.priority = Priority::Low;
    }
    let missing = preflight::check(&api.parts, &spec).await;
    if missing.is_empty() { Ok(spec) } else { Err(Refusal::Fields(missing).into()) }
}

/// Takes a job and gives its name.
pub async fn take(api: &Api, request: crate::job::Request<'_>) -> Result<String, ApiProblem> {
    let taken = api.queue.submit_all(&[request], None).await?;
    // As many as were asked for.
    let id = taken.into_iter().next().map(|job| job.id).unwrap_or_default();
    tracing::info!(job = id, "accepted");
    Ok(id)
}

/// Where a job is, how long each stage took, and what it made.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "Everything that is known of it", body = JobStatus),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn status(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<JobStatus>, ApiProblem> {
    find(&api, &id).await.map(Json)
}

/// Cancels a job: at once where it waits, within two seconds where it runs. What is known of it stays.
#[utoipa::path(
    delete,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 202, description = "It ends", body = JobStatus),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It had ended"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    match api.queue.cancel(&id).await? {
        CancelAnswer::Cancelled | CancelAnswer::Requested => {
            Ok((StatusCode::ACCEPTED, Json(find(&api, &id).await?)).into_response())
        }
        CancelAnswer::AlreadyEnded(state) => Err(ApiProblem::already_ended(state)),
        CancelAnswer::Unknown => Err(unknown(&id)),
    }
}

/// Everything that is known of a job.
pub async fn find(api: &Api, id: &str) -> Result<JobStatus, ApiProblem> {
    api.store.status(id).await?.ok_or_else(|| unknown(id))
}

/// There is no such job.
pub fn unknown(id: &str) -> ApiProblem {
    ApiProblem::not_found(format!("there is no job {id:?}"))
}
