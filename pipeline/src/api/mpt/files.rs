//! `/stream` and `/download`: files of a task, by the names they have there or here.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::answer::{MptError, Refused};
use crate::api::extract::Path;
use crate::api::problem::ApiProblem;
use crate::api::{Api, files};

/// A file of a task.
#[derive(Debug, Deserialize)]
pub struct Named {
    task_id: String,
    name: String,
}

/// A file of a task for a player: always as a part (206).
#[utoipa::path(
    get,
    path = "/api/v1/stream/{task_id}/{name}",
    tag = "moneyprinterturbo",
    params(
        ("task_id" = String, Path, description = "Name of the task"),
        ("name" = String, Path, description = "`final-1.mp4` and so on, or the name that the file has here"),
    ),
    responses(
        (status = 206, description = "The bytes", content_type = "*/*", body = Vec<u8>),
        (status = 304, description = "It is as it was"),
        (status = 400, description = "The path is not UTF-8", body = MptError),
        (status = 404, description = "There is no such file", body = MptError),
        (status = 412, description = "It is not as it was", body = MptError),
        (status = 416, description = "There are no such bytes", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
        (status = 502, description = "The store of the files failed", body = MptError),
    )
)]
pub async fn stream(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
    mut request: Request,
) -> Result<Response, Refused> {
    let Path(Named { task_id, name }) = named?;
    let all = HeaderValue::from_static("bytes=0-");
    request.headers_mut().entry(header::RANGE).or_insert(all);
    Ok(files::give_out(&api, &task_id, &here(&name), request).await?)
}

/// A file of a task, to be kept.
#[utoipa::path(
    get,
    path = "/api/v1/download/{task_id}/{name}",
    tag = "moneyprinterturbo",
    params(
        ("task_id" = String, Path, description = "Name of the task"),
        ("name" = String, Path, description = "`final-1.mp4` and so on, or the name that the file has here"),
    ),
    responses(
        (status = 200, description = "All of it", content_type = "*/*", body = Vec<u8>),
        (status = 206, description = "The bytes that were asked for", content_type = "*/*", body = Vec<u8>),
        (status = 304, description = "It is as it was"),
        (status = 400, description = "The path is not UTF-8", body = MptError),
        (status = 404, description = "There is no such file", body = MptError),
        (status = 412, description = "It is not as it was", body = MptError),
        (status = 416, description = "There are no such bytes", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
        (status = 502, description = "The store of the files failed", body = MptError),
    )
)]
pub async fn download(
    State(api): State<Api>,
    named: Result<Path<Named>, ApiProblem>,
    request: Request,
) -> Result<Response, Refused> {
    let Path(Named { task_id, name }) = named?;
    let mut response = files::give_out(&api, &task_id, &here(&name), request).await?;
    // It was given out: its name is one of ours, plain letters.
    if let Ok(kept) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, kept);
    }
    Ok(response)
}

/// The name that a file has here.
fn here(name: &str) -> String {
    let number = name.strip_prefix("final-").and_then(|rest| rest.strip_suffix(".mp4"));
    match (name, number) {
        (_, Some("1")) => "video.mp4".to_owned(),
        (_, Some(number)) => format!("video-{number}.mp4"),
        ("audio.mp3", _) => "narration.wav".to_owned(),
        ("subtitle.srt", _) => "subtitles.srt".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_there_and_here() {
        for (there, expected) in [
            ("final-1.mp4", "video.mp4"),
            ("final-2.mp4", "video-2.mp4"),
            ("subtitle.srt", "subtitles.srt"),
            ("video.mp4", "video.mp4"),
            ("../x", "../x"),
        ] {
            assert_eq!(here(there), expected, "{there}");
        }
    }
}
