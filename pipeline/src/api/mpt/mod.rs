//! MoneyPrinterTurbo's routes, with its status codes and its envelope
//! (<https://github.com/harry0703/MoneyPrinterTurbo>, `app/controllers/v1`). A task is a job of ours.

mod answer;
mod files;
mod task;
mod uploads;
mod write;

use axum::Json;
use axum::extract::State;
use protocol::{JobSpec, Stage};
use serde::Deserialize;

use self::answer::Refused;
pub use self::answer::{Answer, MPT, MptError};
pub use self::files::{__path_download, __path_stream, download, stream};
pub use self::task::{Created, Deleted, Page, TaskData};
pub use self::uploads::{
    __path_add_material, __path_add_music, __path_materials, __path_musics, MAX_FILE_BYTES,
    add_material, add_music, materials, musics,
};
pub use self::write::{
    __path_scripts, __path_social_metadata, __path_terms, scripts, social_metadata, terms,
};
use super::extract::{JsonText, Path, Query};
use super::problem::ApiProblem;
use super::{Api, jobs};
use crate::job::{Filter, ForgetAnswer, JobFolder, Request};

/// Most tasks of a page.
const MAX_PAGE: u64 = 100;
/// The last page that can be asked for.
const LAST_PAGE: u64 = 1_000_000_000;
/// Tasks that are read at once on the way to a page.
const STEP: u32 = 500;

/// Starts a video.
#[utoipa::path(
    post,
    path = "/api/v1/videos",
    tag = "moneyprinterturbo",
    request_body = JobSpec,
    responses(
        (status = 200, description = "It waits", body = Answer<Created>),
        (status = 400, description = "It is no task: `data` names each wrong field", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn videos(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<Created>>, Refused> {
    create(&api, body?, Stage::Publish).await
}

/// Starts a task that ends with its subtitles.
#[utoipa::path(
    post,
    path = "/api/v1/subtitle",
    tag = "moneyprinterturbo",
    request_body = JobSpec,
    responses(
        (status = 200, description = "It waits", body = Answer<Created>),
        (status = 400, description = "It is no task: `data` names each wrong field", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn subtitle(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<Created>>, Refused> {
    create(&api, body?, Stage::Subtitles).await
}

/// Starts a task that ends with its narration.
#[utoipa::path(
    post,
    path = "/api/v1/audio",
    tag = "moneyprinterturbo",
    request_body = JobSpec,
    responses(
        (status = 200, description = "It waits", body = Answer<Created>),
        (status = 400, description = "It is no task: `data` names each wrong field", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn audio(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<Created>>, Refused> {
    create(&api, body?, Stage::Narration).await
}

async fn create(
    api: &Api,
    JsonText(body): JsonText,
    last: Stage,
) -> Result<Json<Answer<Created>>, Refused> {
    let spec = jobs::checked(api, &body, false).await?;
    let spec = JobSpec { stop_at: Some(last), ..spec };
    let task_id = jobs::take(api, Request::new(&spec)).await?;
    Ok(Answer::of(Created { task_id, params: spec }))
}

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Pages {
    page: Option<u64>,
    page_size: Option<u64>,
}

/// A page of tasks, the youngest first.
#[utoipa::path(
    get,
    path = "/api/v1/tasks",
    tag = "moneyprinterturbo",
    params(
        ("page" = Option<u64>, Query, description = "From 1", minimum = 1, maximum = 1_000_000_000),
        ("page_size" = Option<u64>, Query, description = "10 unless it is given", minimum = 1, maximum = 100),
    ),
    responses(
        (status = 200, description = "The page", body = Answer<Page>),
        (status = 400, description = "There can be no such page", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn tasks(
    State(api): State<Api>,
    pages: Result<Query<Pages>, ApiProblem>,
) -> Result<Json<Answer<Page>>, Refused> {
    let Query(Pages { page, page_size }) = pages?;
    let (page, page_size) = (page.unwrap_or(1), page_size.unwrap_or(10));
    if !(1..=LAST_PAGE).contains(&page) || !(1..=MAX_PAGE).contains(&page_size) {
        let expected = "page: expected 1 to 1000000000; page_size: expected 1 to 100";
        return Err(Refused::wrong(expected));
    }
    let counts = api.store.counts().await.map_err(ApiProblem::from)?;
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let first = (page - 1).saturating_mul(page_size);
    let tasks = if first < total { page_of(&api, first, page_size).await? } else { Vec::new() };
    Ok(Answer::of(Page { tasks, total, page, page_size }))
}

/// Pages of ours follow each other: those before are passed.
async fn page_of(api: &Api, first: u64, n_tasks: u64) -> Result<Vec<TaskData>, ApiProblem> {
    let (mut to_pass, mut before) = (first, None);
    loop {
        let limit = if to_pass > 0 { to_pass.min(STEP.into()) } else { n_tasks };
        let limit = u32::try_from(limit).unwrap_or(STEP);
        let listed = api.store.list(&Filter { before, limit, ..Filter::default() }).await?;
        if to_pass == 0 {
            return Ok(listed.jobs.iter().map(TaskData::of).collect());
        }
        to_pass -= u64::from(limit);
        before = listed.next;
        if before.is_none() {
            return Ok(Vec::new());
        }
    }
}

/// The name of a task.
#[derive(Debug, Deserialize)]
pub struct Named {
    task_id: String,
}

/// How a task is.
#[utoipa::path(
    get,
    path = "/api/v1/tasks/{task_id}",
    tag = "moneyprinterturbo",
    params(("task_id" = String, Path, description = "Name of the task")),
    responses(
        (status = 200, description = "How it is now", body = Answer<TaskData>),
        (status = 400, description = "The path is not UTF-8", body = MptError),
        (status = 404, description = "There is no such task", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn task(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<Answer<TaskData>>, Refused> {
    let Path(Named { task_id }) = named?;
    let status = jobs::find(&api, &task_id).await?;
    Ok(Answer::of(TaskData::of(&status)))
}

/// Forgets a task that has ended, and removes its files.
#[utoipa::path(
    delete,
    path = "/api/v1/tasks/{task_id}",
    tag = "moneyprinterturbo",
    params(("task_id" = String, Path, description = "Name of the task")),
    responses(
        (status = 200, description = "It is gone", body = Answer<Deleted>),
        (status = 400, description = "The path is not UTF-8", body = MptError),
        (status = 404, description = "There is no such task", body = MptError),
        (status = 409, description = "It waits or runs", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
    )
)]
pub async fn delete(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
) -> Result<Json<Answer<Deleted>>, Refused> {
    let Path(Named { task_id }) = named?;
    match api.store.forget(&task_id).await.map_err(ApiProblem::from)? {
        ForgetAnswer::Forgotten => {
            // It was in the database, so its name is one of ours.
            let data_dir = &api.parts.settings.data_dir;
            if let Err(error) = JobFolder::remove(data_dir, &task_id) {
                tracing::error!(job = task_id, %error, "its files are still there");
            }
            Ok(Answer::of(Deleted { task_id }))
        }
        ForgetAnswer::Open(_) => Err(Refused::busy()),
        ForgetAnswer::Unknown => Err(Refused::not_found("task not found")),
    }
}
