//! `/stream/{id}`: what a job has to tell, each thing once. RunPod's clients ask again and again until the job
//! has ended and there is nothing more.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures::StreamExt as _;
use moka::future::Cache;
use protocol::JobEvent;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{RunState, status_of};
use super::error::{Refused, RunPodError};
use super::{Named, find};
use crate::api::Api;
use crate::api::events::watch::watch;
use crate::api::extract::Path;
use crate::api::problem::ApiProblem;

/// How long a question waits for something to tell.
const WAIT: Duration = Duration::from_secs(5);
/// How long it is known what a job's reader has seen.
const KEPT: Duration = Duration::from_secs(3600);
/// For how many jobs.
const MAX_JOBS: u64 = 10_000;

/// What the reader of each job has seen. A service that was started again tells all of it again.
#[derive(Clone)]
pub struct Cursors(Cache<Arc<str>, usize>);

impl Default for Cursors {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_JOBS).time_to_idle(KEPT).build())
    }
}

/// What is new of a job.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Streamed {
    /// Where it is.
    status: RunState,
    /// What is new.
    stream: Vec<Piece>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Piece {
    /// Something that happened.
    output: JobEvent,
}

/// What happened to a job since this was asked last; waits some seconds for it.
#[utoipa::path(
    get,
    path = "/stream/{id}",
    tag = "runpod",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "What is new", body = Streamed),
        (status = 400, description = "The path is not UTF-8", body = RunPodError),
        (status = 404, description = "There is no such job", body = RunPodError),
        (status = 500, description = "The database failed", body = RunPodError),
    )
)]
pub async fn stream(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<Streamed>, Refused> {
    let Path(Named { id }) = named?;
    find(&api, &id).await?;
    let key: Arc<str> = id.as_str().into();
    let seen = api.cursors.0.get(&key).await.unwrap_or(0);
    let mut news = Vec::new();
    {
        let events = watch(api.clone(), id.clone(), seen).filter(|told| {
            let is_kept = told.number.is_some();
            async move { is_kept }
        });
        let mut events = std::pin::pin!(events.ready_chunks(64));
        if let Ok(Some(told)) = tokio::time::timeout(WAIT, events.next()).await {
            news.extend(told);
        }
    }
    if let Some(last) = news.last().and_then(|told| told.number) {
        api.cursors.0.insert(key, last).await;
    }
    let status = status_of(&find(&api, &id).await?).status;
    let stream = news.into_iter().map(|told| Piece { output: told.event }).collect();
    Ok(Json(Streamed { status, stream }))
}
