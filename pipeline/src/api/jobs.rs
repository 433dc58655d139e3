//! Submit, look, fetch, cancel.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{Accepted, JobState, JobStatus};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Api;
use super::problem::ApiProblem;
use crate::job::CancelAnswer;
use crate::job::request::{self, Refusal};
use crate::stages::preflight;

/// Files of a job that are given out, beside further videos.
const FILES: [&str; 6] =
    ["video.mp4", "cover.jpg", "subtitles.srt", "subtitles.vtt", "subtitles.ass", "narration.wav"];

pub async fn submit(
    State(api): State<Api>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiProblem> {
    let body = body.map_err(|error| ApiProblem::too_large(error.to_string()))?;
    let spec = request::parse(&body)?;
    let missing = preflight::check(&api.parts, &spec).await;
    if !missing.is_empty() {
        return Err(Refusal::Fields(missing).into());
    }
    let id = api.queue.submit(&spec).await?;
    let status_url = format!("/api/v1/jobs/{id}");
    let headers = [(header::LOCATION, status_url.clone())];
    Ok((StatusCode::ACCEPTED, headers, Json(Accepted { id, status_url })).into_response())
}

pub async fn status(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<JobStatus>, ApiProblem> {
    find(&api, &id).await.map(Json)
}

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

pub async fn file(
    State(api): State<Api>,
    Path((id, name)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiProblem> {
    find(&api, &id).await?;
    if !is_given_out(&name) {
        let files = FILES.join(", ");
        return Err(ApiProblem::not_found(format!(
            "the files of a job are {files}, video-2.mp4, …"
        )));
    }
    serve(&api, &id, &name, request).await
}

/// Whether a file is a user's: `video-2.mp4` and so on are the further videos of a job.
fn is_given_out(name: &str) -> bool {
    let number = name.strip_prefix("video-").and_then(|rest| rest.strip_suffix(".mp4"));
    FILES.contains(&name) || number.is_some_and(|n| n.bytes().all(|digit| digit.is_ascii_digit()))
}

async fn find(api: &Api, id: &str) -> Result<JobStatus, ApiProblem> {
    api.store.status(id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> ApiProblem {
    ApiProblem::not_found(format!("there is no job {id:?}"))
}

/// A file of a job that is known to exist: `id` is a name from the database, `name` one of ours.
async fn serve(api: &Api, id: &str, name: &str, request: Request) -> Result<Response, ApiProblem> {
    let path = api.parts.settings.data_dir.join("jobs").join(id).join(name);
    if !path.is_file() {
        return Err(ApiProblem::not_found(format!("the job has no {name}")));
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => Ok(response.into_response()),
        Err(never) => match never {},
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
