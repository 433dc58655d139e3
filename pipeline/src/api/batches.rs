//! Many jobs at once: all of them are taken, or none.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Accepted, AcceptedBatch, BatchStatus, FieldError, JobSpec};
use serde_json::value::RawValue;

use super::extract::{JsonText, Path};
use super::problem::ApiProblem;
use super::{Api, jobs};
use crate::job::Request;
use crate::job::request::Refusal;

/// Most jobs of a batch.
const MAX_JOBS: usize = 100;

/// Jobs to be taken together.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// One to a hundred.
    #[schema(value_type = Vec<JobSpec>, min_items = 1, max_items = 100)]
    jobs: Vec<Box<RawValue>>,
}

/// Submits many jobs: all are taken, or none, and then all that is wrong is told at once.
#[utoipa::path(
    post,
    path = "/api/v1/batches",
    tag = "batches",
    request_body = BatchRequest,
    responses(
        (status = 202, description = "They wait for a worker", body = AcceptedBatch,
         headers(("location" = String, description = "Where its status is"))),
        (status = 400, description = "The body is no batch"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not said to be JSON"),
        (status = 422, description = "Fields are wrong, or name what is not here: each is named"),
        (status = 429, description = "The queue has no room for all; `Retry-After` says when to try again"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn submit(
    State(api): State<Api>,
    JsonText(body): JsonText,
) -> Result<Response, ApiProblem> {
    let request: BatchRequest = serde_json::from_slice(&body)
        .map_err(|error| ApiProblem::from(Refusal::Syntax(error.to_string())))?;
    if !(1..=MAX_JOBS).contains(&request.jobs.len()) {
        return Err(ApiProblem::fields(vec![FieldError {
            field: "jobs".to_owned(),
            value: format!("{} jobs", request.jobs.len()),
            expected: format!("1 to {MAX_JOBS} jobs"),
        }]));
    }
    let specs = checked(&api, &request.jobs).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let requests: Vec<Request<'_>> = specs.iter().map(Request::new).collect();
    let taken = api.queue.submit_all(&requests, Some(&id)).await?;
    let accepted = taken.into_iter().map(|job| {
        let status_url = format!("/api/v1/jobs/{}", job.id);
        Accepted { id: job.id, status_url }
    });
    let status_url = format!("/api/v1/batches/{id}");
    let headers = [(header::LOCATION, status_url.clone())];
    let batch = AcceptedBatch { id, status_url, jobs: accepted.collect() };
    Ok((StatusCode::ACCEPTED, headers, Json(batch)).into_response())
}

/// The jobs, or everything that is wrong with any of them.
async fn checked(api: &Api, documents: &[Box<RawValue>]) -> Result<Vec<JobSpec>, ApiProblem> {
    let (mut specs, mut wrong) = (Vec::with_capacity(documents.len()), Vec::new());
    for (place, document) in documents.iter().enumerate() {
        match jobs::checked(api, document.get().as_bytes(), false).await {
            Ok(spec) => specs.push(spec),
            Err(problem) => {
                let errors = problem.problem().errors.clone();
                if errors.is_empty() {
                    return Err(problem);
                }
                let in_place = |error: FieldError| FieldError {
                    field: format!("jobs[{place}].{}", error.field),
                    ..error
                };
                wrong.extend(errors.into_iter().map(in_place));
            }
        }
    }
    if wrong.is_empty() { Ok(specs) } else { Err(ApiProblem::fields(wrong)) }
}

/// How many jobs of a batch are in each state. `/api/v1/jobs?batch=` has the jobs.
#[utoipa::path(
    get,
    path = "/api/v1/batches/{id}",
    tag = "batches",
    params(("id" = String, Path, description = "Name of the batch")),
    responses(
        (status = 200, description = "How far it is", body = BatchStatus),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such batch"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn status(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<BatchStatus>, ApiProblem> {
    find(&api, &id).await.map(Json)
}

/// Cancels every job of a batch that has not ended.
#[utoipa::path(
    delete,
    path = "/api/v1/batches/{id}",
    tag = "batches",
    params(("id" = String, Path, description = "Name of the batch")),
    responses(
        (status = 202, description = "They end", body = BatchStatus),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such batch"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    find(&api, &id).await?;
    for job in api.store.open_of_batch(&id).await? {
        api.queue.cancel(&job).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(find(&api, &id).await?)).into_response())
}

async fn find(api: &Api, id: &str) -> Result<BatchStatus, ApiProblem> {
    let counts = api.store.counts_of_batch(id).await?;
    if counts.iter().all(|(_, n)| *n == 0) {
        return Err(ApiProblem::not_found(format!("there is no batch {id:?}")));
    }
    let open = counts.iter().filter(|(state, _)| !state.is_final());
    let ended = open.map(|(_, n)| n).sum::<u64>() == 0;
    let states = counts.iter().map(|(state, n)| (state.as_str().to_owned(), *n)).collect();
    Ok(BatchStatus { id: id.to_owned(), states, ended })
}
