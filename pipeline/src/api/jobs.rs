//! Submit, look, fetch, cancel.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Accepted, JobSpec, JobState, JobStatus, Priority};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Api;
use super::extract::{IdempotencyKey, JsonText, Path};
use super::problem::ApiProblem;
use crate::job::CancelAnswer;
use crate::job::request::{self, Refusal};
use crate::stages::preflight;

/// Files of a job that are given out, beside further videos.
const FILES: [&str; 6] =
    ["video.mp4", "cover.jpg", "subtitles.srt", "subtitles.vtt", "subtitles.ass", "narration.wav"];

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

/// The video of a job; further ones are among its files. Range requests (RFC 9110) are answered.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/result",
    tag = "jobs",
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "All of it", content_type = "video/mp4", body = Vec<u8>),
        (status = 206, description = "The bytes that were asked for", content_type = "video/mp4", body = Vec<u8>),
        (status = 304, description = "It is as it was"),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job, or its files are gone"),
        (status = 409, description = "There is no video: the job goes on, failed, or stopped before"),
        (status = 412, description = "It is not as it was"),
        (status = 416, description = "There are no such bytes"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn result(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiProblem> {
    let status = find(&api, &id).await?;
    match (status.state, status.outcome.and_then(|outcome| outcome.video), status.error) {
        (JobState::Succeeded, Some(video), _) => serve(&api, &id, &video.file, request).await,
        (JobState::Succeeded, None, _) => {
            Err(ApiProblem::no_result("the job was asked to stop before there is a video"))
        }
        (_, _, Some(error)) => {
            Err(ApiProblem::no_result(format!("the job failed: {}: {}", error.code, error.message)))
        }
        (state, ..) => Err(ApiProblem::no_result(format!("the job is {}", state.as_str()))),
    }
}

/// A file of a job. Range requests (RFC 9110) are answered.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/files/{name}",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "Name of the job"),
        ("name" = String, Path, description = "`video.mp4`, `video-2.mp4` and so on, `cover.jpg`, `subtitles.srt`, `subtitles.vtt`, `subtitles.ass`, `narration.wav`"),
    ),
    responses(
        (status = 200, description = "All of it", content_type = "*/*", body = Vec<u8>),
        (status = 206, description = "The bytes that were asked for", content_type = "*/*", body = Vec<u8>),
        (status = 304, description = "It is as it was"),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job, or it has no such file"),
        (status = 412, description = "It is not as it was"),
        (status = 416, description = "There are no such bytes"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn file(
    State(api): State<Api>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiProblem> {
    give_out(&api, &id, &name, request).await
}

/// A file of a job, where it is one of those that are given out.
pub async fn give_out(
    api: &Api,
    id: &str,
    name: &str,
    request: Request,
) -> Result<Response, ApiProblem> {
    find(api, id).await?;
    if !is_given_out(name) {
        let files = FILES.join(", ");
        return Err(ApiProblem::not_found(format!(
            "the files of a job are {files}, video-2.mp4, …"
        )));
    }
    serve(api, id, name, request).await
}

/// Whether a file is a user's: `video-2.mp4` and so on are the further videos of a job.
fn is_given_out(name: &str) -> bool {
    let number = name.strip_prefix("video-").and_then(|rest| rest.strip_suffix(".mp4"));
    FILES.contains(&name) || number.is_some_and(|n| n.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Everything that is known of a job.
pub async fn find(api: &Api, id: &str) -> Result<JobStatus, ApiProblem> {
    api.store.status(id).await?.ok_or_else(|| unknown(id))
}

/// There is no such job.
pub fn unknown(id: &str) -> ApiProblem {
    ApiProblem::not_found(format!("there is no job {id:?}"))
}

/// A file of a job that is known to exist: `id` is a name from the database, `name` one of ours.
async fn serve(api: &Api, id: &str, name: &str, request: Request) -> Result<Response, ApiProblem> {
    let path = api.parts.settings.data_dir.join("jobs").join(id).join(name);
    if !path.is_file() {
        return Err(ApiProblem::not_found(format!("the job has no {name}")));
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => told(response.into_response()),
        Err(never) => match never {},
    }
}

/// `ServeFile` refuses without a word.
fn told(response: Response) -> Result<Response, ApiProblem> {
    match response.status() {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let range = response.headers().get(header::CONTENT_RANGE);
            Err(ApiProblem::no_such_range(range))
        }
        StatusCode::PRECONDITION_FAILED => Err(ApiProblem::changed()),
        StatusCode::NOT_FOUND => Err(ApiProblem::not_found("the file is gone")),
        _ => Ok(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_users_files_are_given_out() {
        for name in ["video.mp4", "video-2.mp4", "video-10.mp4", "cover.jpg", "subtitles.vtt"] {
            assert!(is_given_out(name), "{name}");
        }
        for name in ["stages/script.json", "../jobs.sqlite", "video-2/../a.mp4", "video.part.mp4"] {
            assert!(!is_given_out(name), "{name}");
        }
    }
}
