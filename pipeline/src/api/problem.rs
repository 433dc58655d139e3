//! Answers that say no.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{FieldError, JobState, Problem};

use crate::job::request::Refusal;
use crate::job::{StoreError, SubmitError};

/// A problem document with its status and headers.
#[derive(Debug)]
pub struct ApiProblem {
    problem: Problem,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiProblem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        };
        Self { problem, headers: Vec::new() }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub fn method_not_allowed() -> Self {
        let (kind, title) = ("method-not-allowed", "Method not allowed");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, kind, title, "the route has other methods")
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Request is too large", detail)
    }

    pub fn already_ended(state: JobState) -> Self {
        let detail = format!("the job has {}", state.as_str());
        Self::new(StatusCode::CONFLICT, "already-ended", "Job has ended", detail)
    }

    pub fn no_result(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "no-result", "There is no result", detail)
    }

    fn fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("wrong: {}", names.join(", "));
        let (kind, title) = ("invalid-fields", "Fields of the job are wrong");
        let mut refused = Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail);
        refused.problem.errors = errors;
        refused
    }
}

impl From<Refusal> for ApiProblem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Syntax(detail) => {
                Self::new(StatusCode::BAD_REQUEST, "invalid-json", "Request is no job", detail)
            }
            Refusal::Fields(errors) => Self::fields(errors),
        }
    }
}

impl From<StoreError> for ApiProblem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "request failed");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "database", "The database failed", error.to_string())
    }
}

impl From<SubmitError> for ApiProblem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::QueueFull { .. } => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut full =
                    Self::new(status, "queue-full", "The queue is full", error.to_string());
                full.headers.push((header::RETRY_AFTER, HeaderValue::from_static("5")));
                full
            }
            SubmitError::KeyTaken { .. } => {
                let (kind, title) = ("key-taken", "The idempotency key belongs to another job");
                Self::new(StatusCode::CONFLICT, kind, title, error.to_string())
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response =
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response.headers_mut().extend(self.headers);
        response
    }
}
