//! Files of a job: from its folder on this machine, or from where the machine that ran it published them.

mod stored;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::JobState;
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::Api;
use super::extract::Path;
use super::jobs::find;
use super::problem::ApiProblem;

/// Files of a job that are given out, beside further videos.
const FILES: [&str; 6] =
    ["video.mp4", "cover.jpg", "subtitles.srt", "subtitles.vtt", "subtitles.ass", "narration.wav"];

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
        (status = 502, description = "The store of the files failed"),
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
        (status = 502, description = "The store of the files failed"),
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

/// A file of a job that is known to exist: `id` is a name from the database, `name` one of ours.
async fn serve(api: &Api, id: &str, name: &str, request: Request) -> Result<Response, ApiProblem> {
    let path = api.parts.settings.data_dir.join("jobs").join(id).join(name);
    if !path.is_file() {
        return serve_stored(api, id, name, &request.into_parts().0).await;
    }
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => told(response.into_response()),
        Err(never) => match never {},
    }
}

/// Another machine ran the job, or its folder is gone from here.
async fn serve_stored(
    api: &Api,
    id: &str,
    name: &str,
    request: &Parts,
) -> Result<Response, ApiProblem> {
    let published = match &api.parts.publisher {
        Some(publisher) => stored::serve(publisher, id, name, request).await?,
        None => None,
    };
    published.ok_or_else(|| {
        let is_elsewhere = api.parts.publisher.is_none() && api.store.is_shared();
        let hint = if is_elsewhere {
            " here; where several machines work, publish.url names a store that all of them read"
        } else {
            ""
        };
        ApiProblem::not_found(format!("the job has no {name}{hint}"))
    })
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
        for name in [
            "stages/script.json",
            "../jobs.sqlite",
            "video-2/../a.mp4",
            "video.part.mp4",
            "",
            ".",
            "..",
            "/etc/passwd",
            "video.mp4/../stages/script.json",
            "./video.mp4",
            "video.mp4/",
            "video.mp4\0",
            "video.mp4\0.srt",
            "..%2fjobs.sqlite",
            "%2e%2e%2fjobs.sqlite",
            "..\\jobs.sqlite",
            "video-\u{0662}.mp4", // a digit, and none of ours
            "video-1/../../x.mp4",
            "VIDEO.MP4",
            "C:video.mp4",
        ] {
            assert!(!is_given_out(name), "{name}");
        }
    }
}
