//! MoneyPrinterTurbo's envelope.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::FieldError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dialect::Dialect;
use crate::api::problem::ApiProblem;

/// MoneyPrinterTurbo's refusals.
pub const MPT: Dialect = Dialect {
    tell: |problem| Refused::from(problem).into_response(),
    schema: "MptError",
    media_type: "application/json",
};

/// What went well.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Answer<T> {
    /// The HTTP status.
    status: u16,
    /// `success`.
    message: &'static str,
    /// The answer.
    data: T,
}

impl<T> Answer<T> {
    /// `data` in its envelope.
    pub fn of(data: T) -> Json<Self> {
        Json(Self { status: 200, message: "success", data })
    }
}

/// What did not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MptError {
    /// The HTTP status.
    status: u16,
    /// For people.
    message: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    data: Vec<FieldError>,
}

/// The document with its headers.
#[derive(Debug)]
pub struct Refused(Box<(MptError, Vec<(HeaderName, HeaderValue)>)>);

impl Refused {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let error = MptError { status: status.as_u16(), message: message.into(), data: Vec::new() };
        Self(Box::new((error, Vec::new())))
    }

    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub fn busy() -> Self {
        Self::new(StatusCode::CONFLICT, "task is still running")
    }

    pub fn cancelled() -> Self {
        Self::new(StatusCode::CONFLICT, "it was cancelled before it was done")
    }

    pub fn disk() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be kept")
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl From<ApiProblem> for Refused {
    fn from(problem: ApiProblem) -> Self {
        let status = match problem.status() {
            // It knows 400 alone for a request that is wrong.
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let document = problem.problem();
        let mut refused = Self::new(status, format!("{}: {}", document.title, document.detail));
        refused.0.0.data.clone_from(&document.errors);
        refused.0.1 = problem.into_headers();
        refused
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (error, headers) = *self.0;
        let status =
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(error)).into_response();
        response.headers_mut().extend(headers);
        response
    }
}
