//! The queue as its operators see it: pages of jobs, holding it, emptying it, trying again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::{JobList, JobState, JobStatus, LaneStatus, QueueStatus};
use serde::Deserialize;

use super::extract::{Path, Query};
use super::problem::ApiProblem;
use super::{Api, jobs};
use crate::job::{Filter, Lane, RetryAnswer};

/// Jobs of a page, unless it is said.
const PAGE: u32 = 20;
/// Most jobs of a page.
const MAX_PAGE: u32 = 100;

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Only jobs in this state.
    state: Option<JobState>,
    /// Only jobs of this batch.
    #[param(pattern = r"^[^\u0000]*$")]
    batch: Option<String>,
    /// Only jobs that came before: `next` of the page before.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// At most so many jobs.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// A page of jobs, the youngest first: the history, for as long as the service keeps it.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(Page),
    responses(
        (status = 200, description = "The jobs", body = JobList),
        (status = 400, description = "A parameter is wrong"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn list(
    State(api): State<Api>,
    Query(page): Query<Page>,
) -> Result<Json<JobList>, ApiProblem> {
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit is {limit}, expected 1 to {MAX_PAGE}");
        return Err(ApiProblem::bad_request(detail));
    }
    if let Some(before) = page.before.filter(|&before| before < 0) {
        return Err(ApiProblem::bad_request(format!("before is {before}, expected 0 or more")));
    }
    if page.batch.as_ref().is_some_and(|batch| batch.contains('\0')) {
        return Err(ApiProblem::bad_request("batch has U+0000"));
    }
    let Page { state, batch, before, .. } = page;
    let listed = api.store.list(&Filter { state, batch, before, limit }).await?;
    Ok(Json(JobList { jobs: listed.jobs, next: listed.next }))
}

/// How many jobs wait and run, by class, and whether any is begun.
#[utoipa::path(
    get,
    path = "/api/v1/queue",
    tag = "queue",
    responses(
        (status = 200, description = "The queue", body = QueueStatus),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn status(State(api): State<Api>) -> Result<Json<QueueStatus>, ApiProblem> {
    look(&api).await.map(Json)
}

/// Holds the queue: what runs goes on, nothing is begun, on any machine and after a restart.
#[utoipa::path(
    post,
    path = "/api/v1/queue/hold",
    tag = "queue",
    responses(
        (status = 200, description = "It is held", body = QueueStatus),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn hold(State(api): State<Api>) -> Result<Json<QueueStatus>, ApiProblem> {
    api.queue.hold(true).await?;
    look(&api).await.map(Json)
}

/// Lets a held queue go on.
#[utoipa::path(
    post,
    path = "/api/v1/queue/resume",
    tag = "queue",
    responses(
        (status = 200, description = "It goes on", body = QueueStatus),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn resume(State(api): State<Api>) -> Result<Json<QueueStatus>, ApiProblem> {
    api.queue.hold(false).await?;
    look(&api).await.map(Json)
}

/// Cancels every job that waits. What runs goes on.
#[utoipa::path(
    post,
    path = "/api/v1/queue/purge",
    tag = "queue",
    responses(
        (status = 200, description = "None waits", body = QueueStatus),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn purge(State(api): State<Api>) -> Result<Json<QueueStatus>, ApiProblem> {
    api.queue.purge().await?;
    look(&api).await.map(Json)
}

/// Lets a job that failed wait again, with all its attempts. What its stages have ended is not done again.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/retry",
    tag = "jobs",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 202, description = "It waits", body = JobStatus),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It has not failed, or its files are gone"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn retry(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, ApiProblem> {
    match api.queue.retry(&id).await? {
        RetryAnswer::Queued => {
            Ok((StatusCode::ACCEPTED, Json(jobs::find(&api, &id).await?)).into_response())
        }
        RetryAnswer::NotFailed(JobState::Failed) => {
            Err(ApiProblem::not_failed("its files were not kept so long".to_owned()))
        }
        RetryAnswer::NotFailed(state) => {
            Err(ApiProblem::not_failed(format!("the job is {}", state.as_str())))
        }
        RetryAnswer::Unknown => Err(jobs::unknown(&id)),
    }
}

/// The queue as it is now.
pub async fn look(api: &Api) -> Result<QueueStatus, ApiProblem> {
    let mut lanes: BTreeMap<String, LaneStatus> = BTreeMap::new();
    for lane in Lane::ALL {
        lanes.insert(lane.as_str().to_owned(), LaneStatus::default());
    }
    for (lane, state, n) in api.store.open_by_lane().await? {
        let lane = lanes.entry(lane).or_default();
        match state {
            JobState::Queued => lane.queued = n,
            _ => lane.running = n,
        }
    }
    let held = api.store.is_held().await?;
    Ok(QueueStatus { held, closed: api.parts.admission.why(), lanes })
}
