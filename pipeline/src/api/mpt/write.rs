//! `/scripts`, `/terms` and `/social-metadata`: texts, each as a short job that is waited for. So they have the
//! limits, the cache and the patience of jobs.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use protocol::{JobStatus, Outcome};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::answer::{Answer, MptError, Refused};
use crate::api::extract::JsonText;
use crate::api::problem::ApiProblem;
use crate::api::{Api, jobs};
use crate::job::Request;

/// How long a text is waited for: the queue may be long, or held.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a script is asked with.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read as a job")]
pub struct ScriptRequest {
    /// What it is about.
    #[schema(min_length = 1, max_length = 1000, pattern = r"^[^\u0000]*$")]
    video_subject: String,
    /// A BCP 47 tag; empty: told from the subject.
    video_language: Option<String>,
    /// How many paragraphs.
    #[schema(minimum = 1, maximum = 10)]
    paragraph_number: Option<u32>,
    /// Further wishes.
    #[schema(max_length = 2000, pattern = r"^[^\u0000]*$")]
    video_script_prompt: Option<String>,
    /// In place of role and rules.
    #[schema(max_length = 8000, pattern = r"^[^\u0000]*$")]
    custom_system_prompt: Option<String>,
}

/// A script.
#[derive(Debug, Serialize, ToSchema)]
pub struct Script {
    video_script: String,
}

/// Writes a script.
#[utoipa::path(
    post,
    path = "/api/v1/scripts",
    tag = "moneyprinterturbo",
    request_body = ScriptRequest,
    responses(
        (status = 200, description = "The script", body = Answer<Script>),
        (status = 400, description = "Fields are wrong: `data` names them", body = MptError),
        (status = 409, description = "Somebody cancelled it, or emptied the queue", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
        (status = 503, description = "The language model does not do its work", body = MptError),
    )
)]
pub async fn scripts(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<Script>>, Refused> {
    let known = [
        "video_subject",
        "video_language",
        "paragraph_number",
        "video_script_prompt",
        "custom_system_prompt",
    ];
    let job = fields(body?, &known, "script")?;
    let made = made(&api, job).await?;
    Ok(Answer::of(Script { video_script: made.script.unwrap_or_default() }))
}

/// What terms are asked with.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read as a job")]
pub struct TermsRequest {
    /// What the video is about; it may be left out where there is a script.
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    video_subject: Option<String>,
    /// What is said in it; empty: it is written first.
    #[schema(max_length = 50_000, pattern = r"^[^\u0000]*$")]
    video_script: Option<String>,
    /// Whether the terms are to follow the script.
    match_materials_to_script: Option<bool>,
}

/// Search terms.
#[derive(Debug, Serialize, ToSchema)]
pub struct TermsFound {
    video_terms: Vec<String>,
}

/// Finds search terms for a script. `amount` is not read: how many there are follows from the order.
#[utoipa::path(
    post,
    path = "/api/v1/terms",
    tag = "moneyprinterturbo",
    request_body = TermsRequest,
    responses(
        (status = 200, description = "The terms", body = Answer<TermsFound>),
        (status = 400, description = "Fields are wrong: `data` names them", body = MptError),
        (status = 409, description = "Somebody cancelled it, or emptied the queue", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
        (status = 503, description = "The language model does not do its work", body = MptError),
    )
)]
pub async fn terms(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<TermsFound>>, Refused> {
    let known = ["video_subject", "video_script", "match_materials_to_script"];
    let job = fields(body?, &known, "terms")?;
    Ok(Answer::of(TermsFound { video_terms: made(&api, job).await?.terms }))
}

/// What a post is asked with.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read as a job")]
pub struct SocialRequest {
    /// What the video is about; it may be left out where there is a script.
    #[schema(max_length = 1000, pattern = r"^[^\u0000]*$")]
    video_subject: Option<String>,
    /// What is said in it; empty: it is written first.
    #[schema(max_length = 50_000, pattern = r"^[^\u0000]*$")]
    video_script: Option<String>,
    /// Where it is to be published; `tiktok` unless it is given.
    platform: Option<protocol::Platform>,
}

/// What a video is published with.
#[derive(Debug, Serialize, ToSchema)]
pub struct Social {
    title: String,
    caption: String,
    hashtags: Vec<String>,
}

/// Writes what a video is published with.
#[utoipa::path(
    post,
    path = "/api/v1/social-metadata",
    tag = "moneyprinterturbo",
    request_body = SocialRequest,
    responses(
        (status = 200, description = "Title, caption and hashtags", body = Answer<Social>),
        (status = 400, description = "Fields are wrong: `data` names them", body = MptError),
        (status = 409, description = "Somebody cancelled it, or emptied the queue", body = MptError),
        (status = 413, description = "The body is too large", body = MptError),
        (status = 415, description = "The body is not said to be JSON", body = MptError),
        (status = 429, description = "The queue is full", body = MptError),
        (status = 500, description = "The database failed", body = MptError),
        (status = 503, description = "The language model does not do its work", body = MptError),
    )
)]
pub async fn social_metadata(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Json<Answer<Social>>, Refused> {
    let mut job = fields(body?, &["video_subject", "video_script", "platform"], "script")?;
    let platform = job.remove("platform").filter(|platform| !platform.is_null());
    job.insert("social_platforms".to_owned(), json!([platform.unwrap_or_else(|| "tiktok".into())]));
    let post = made(&api, job).await?.social.into_iter().next();
    let post = post.ok_or_else(|| Refused::unavailable("no post was written"))?;
    let (title, caption, hashtags) = (post.title, post.caption, post.hashtags);
    Ok(Answer::of(Social { title, caption, hashtags }))
}

/// The fields of a job that ends with the stage `last`. MoneyPrinterTurbo ignores what it does not know.
fn fields(
    JsonText(body): JsonText,
    known: &[&str],
    last: &str,
) -> Result<Map<String, Value>, Refused> {
    let document: Value = serde_json::from_slice(&body)
        .map_err(|error| Refused::wrong(format!("the body is not JSON: {error}")))?;
    let Value::Object(mut fields) = document else {
        return Err(Refused::wrong("expected a JSON object"));
    };
    fields.retain(|name, _| known.contains(&name.as_str()));
    fields.insert("stop_at".to_owned(), last.into());
    Ok(fields)
}

/// What such a job makes.
async fn made(api: &Api, job: Map<String, Value>) -> Result<Outcome, Refused> {
    let spec = jobs::checked(api, Value::Object(job).to_string().as_bytes(), false).await?;
    let id = jobs::take(api, Request::new(&spec)).await?;
    let Ok(ended) = tokio::time::timeout(PATIENCE, api.queue.ended(&id)).await else {
        api.queue.cancel(&id).await.map_err(ApiProblem::from)?;
        return Err(Refused::unavailable("it was not written in time, and is cancelled"));
    };
    match ended.map_err(ApiProblem::from)? {
        Some(JobStatus { outcome: Some(outcome), .. }) => Ok(outcome),
        Some(JobStatus { error: Some(error), .. }) => {
            Err(Refused::unavailable(format!("{}: {}", error.code, error.message)))
        }
        _ => Err(Refused::cancelled()),
    }
}
