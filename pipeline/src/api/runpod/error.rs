//! How RunPod's routes say no.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::FieldError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dialect::Dialect;
use crate::api::problem::ApiProblem;

/// RunPod's refusals.
pub const RUNPOD: Dialect = Dialect {
    tell: |problem| Refused::from(problem).into_response(),
    schema: "RunPodError",
    media_type: "application/json",
};

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunPodError {
    /// For people.
    error: String,
    /// Ours: the fields of the input that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldError>,
}

/// The document with its status and headers.
#[derive(Debug)]
pub struct Refused(Box<Answer>);

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    document: RunPodError,
}

impl Refused {
    fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let document = RunPodError { error: error.into(), fields: Vec::new() };
        Self(Box::new(Answer { status, headers: Vec::new(), document }))
    }

    pub fn wrong(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub fn conflict(error: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }

    pub fn unknown(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no job {id:?}"))
    }

    #[cfg(test)]
    pub fn message(&self) -> &str {
        &self.0.document.error
    }
}

impl From<ApiProblem> for Refused {
    fn from(problem: ApiProblem) -> Self {
        let status = match problem.status() {
            // RunPod knows 400 alone for a request that is wrong.
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let document = problem.problem();
        let mut refused = Self::new(status, format!("{}: {}", document.title, document.detail));
        refused.0.document.fields.clone_from(&document.errors);
        refused.0.headers = problem.into_headers();
        refused
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Answer { status, headers, document } = *self.0;
        let mut response = (status, Json(document)).into_response();
        response.headers_mut().extend(headers);
        response
    }
}
