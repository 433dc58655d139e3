//! Answers that say no.

use std::any::Any;
use std::fmt;

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::{FieldError, JobState, Problem};

use crate::job::request::Refusal;
use crate::job::{StoreError, SubmitError};

/// The media type of a problem document (RFC 9457).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document with its status and headers.
#[derive(Debug)]
pub struct ApiProblem {
    problem: Box<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiProblem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let problem = Box::new(Problem {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        });
        Self { problem, headers: Vec::new() }
    }

    /// The document.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The headers of the answer, whatever its document is.
    pub fn into_headers(self) -> Vec<(HeaderName, HeaderValue)> {
        self.headers
    }

    fn with_header(mut self, name: HeaderName, value: impl fmt::Display) -> Self {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            self.headers.push((name, value));
        }
        self
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Request cannot be read", detail)
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

    pub fn media_type(expected: &str, found: &str) -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = format!("expected {expected}, found {found:?}");
        Self::new(status, "media-type", "Media type is not supported", detail)
    }

    pub fn no_such_range(content_range: Option<&HeaderValue>) -> Self {
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        let detail = "the file has no such bytes; Content-Range says how many it has";
        let mut problem = Self::new(status, "no-such-range", "There are no such bytes", detail);
        let range = content_range.map(|range| (header::CONTENT_RANGE, range.clone()));
        problem.headers.extend(range);
        problem
    }

    pub fn changed() -> Self {
        let status = StatusCode::PRECONDITION_FAILED;
        Self::new(status, "changed", "The file has changed", "it is not as the request says")
    }

    /// What the store says may hold an address that is nobody's business: it is in the log.
    pub fn store_failed(error: &object_store::Error) -> Self {
        tracing::error!(%error, "the store of published files failed");
        let detail = "files of jobs of other machines cannot be read now; the log has the reason";
        Self::new(StatusCode::BAD_GATEWAY, "store", "The store of the files failed", detail)
    }

    pub fn no_upgrade(detail: impl Into<String>) -> Self {
        let status = StatusCode::UPGRADE_REQUIRED;
        Self::new(status, "no-websocket", "Request is for no WebSocket", detail)
            .with_header(header::UPGRADE, "websocket")
    }

    pub fn already_ended(state: JobState) -> Self {
        let detail = format!("the job has {}", state.as_str());
        Self::new(StatusCode::CONFLICT, "already-ended", "Job has ended", detail)
    }

    pub fn not_failed(detail: String) -> Self {
        Self::new(StatusCode::CONFLICT, "not-failed", "Job cannot be tried again", detail)
    }

    pub fn no_result(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "no-result", "There is no result", detail)
    }

    pub fn not_from_here(detail: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not-from-here", "Only this machine is served", detail)
    }

    /// RFC 6750, section 3: a request without a token is told no error code.
    pub fn no_token() -> Self {
        let detail = "expected a header `Authorization: Bearer <token>`";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "no-token", "A token is needed", detail);
        problem.with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"reelbench\"")
    }

    pub fn unknown_token() -> Self {
        let status = StatusCode::UNAUTHORIZED;
        let problem = Self::new(status, "unknown-token", "Nobody has this token", "it is wrong");
        let challenge = "Bearer realm=\"reelbench\", error=\"invalid_token\"";
        problem.with_header(header::WWW_AUTHENTICATE, challenge)
    }

    pub fn may_not(needed: &str) -> Self {
        let detail = format!("the token has not the role {needed}");
        let problem = Self::new(StatusCode::FORBIDDEN, "role", "The token may not do this", detail);
        let challenge =
            format!("Bearer realm=\"reelbench\", error=\"insufficient_scope\", scope=\"{needed}\"");
        problem.with_header(header::WWW_AUTHENTICATE, challenge)
    }

    pub fn too_often(wait_s: u64) -> Self {
        let detail = format!("the token has sent too many requests; again in {wait_s} s");
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "too-often", "Too many requests", detail)
            .with_header(header::RETRY_AFTER, wait_s)
    }

    /// A handler panicked; the log has the place.
    pub fn panicked(_: &(dyn Any + Send)) -> Self {
        let (kind, title) = ("internal", "The service has a defect");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, kind, title, "the log has the place")
    }

    pub fn fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("wrong: {}", names.join(", "));
        let (kind, title) = ("invalid-fields", "Fields of the request are wrong");
        let mut refused = Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, title, detail);
        refused.problem.errors = errors;
        refused
    }
}

impl fmt::Display for ApiProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.problem.status, self.problem.title, self.problem.detail)
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
                Self::new(status, "queue-full", "The queue is full", error.to_string())
                    .with_header(header::RETRY_AFTER, 5)
            }
            SubmitError::KeyTaken { .. } => {
                let (kind, title) = ("key-taken", "The idempotency key belongs to another job");
                Self::new(StatusCode::CONFLICT, kind, title, error.to_string())
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<PathRejection> for ApiProblem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<QueryRejection> for ApiProblem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<BytesRejection> for ApiProblem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(rejection.body_text()),
            _ => Self::bad_request(rejection.body_text()),
        }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response.headers_mut().extend(self.headers);
        response
    }
}
