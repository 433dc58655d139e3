//! OpenAI's error document (<https://platform.openai.com/docs/guides/error-codes>).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dialect::Dialect;
use crate::api::problem::ApiProblem;
use crate::process::ProcessError;
use crate::speech::{Engine, SpeechError, Voice};

/// OpenAI's refusals.
pub const OPENAI: Dialect = Dialect {
    tell: |problem| Refused::from(problem).into_response(),
    schema: "OpenAiError",
    media_type: "application/json",
};

/// Why nothing is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenAiError {
    error: ErrorBody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct ErrorBody {
    /// For people.
    message: String,
    /// The kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The parameter that is wrong.
    param: Option<&'static str>,
    /// A stable word to branch on.
    code: Option<&'static str>,
}

/// The document with its status and headers.
#[derive(Debug)]
pub struct Refused(Box<Answer>);

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    document: OpenAiError,
}

impl Refused {
    fn new(status: StatusCode, param: Option<&'static str>, message: impl Into<String>) -> Self {
        let (kind, code) = match status {
            StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
            StatusCode::FORBIDDEN => ("invalid_request_error", Some("insufficient_permissions")),
            StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
            status if status.is_server_error() => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let error = ErrorBody { message: message.into(), kind, param, code };
        Self(Box::new(Answer { status, headers: Vec::new(), document: OpenAiError { error } }))
    }

    pub fn wrong(param: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some(param), message)
    }

    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, None, message)
    }

    /// An engine that cannot say this text with this voice will never say it. A server's failure is its own.
    pub fn speech(error: &SpeechError, voice: &Voice) -> Self {
        let message = error.to_string();
        let is_ours = voice.engine != Engine::OpenAi;
        let status = match error {
            SpeechError::Refused { status: 400..=499, .. } | SpeechError::Empty => {
                return Self::new(StatusCode::BAD_REQUEST, None, message);
            }
            SpeechError::BadAudio { .. } | SpeechError::Engine { .. } if is_ours => {
                return Self::wrong("input", message);
            }
            SpeechError::BadAudio { .. } | SpeechError::Engine { .. } => StatusCode::BAD_GATEWAY,
            SpeechError::Refused { .. } | SpeechError::Unauthorised { .. } => {
                StatusCode::BAD_GATEWAY
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        tracing::warn!(%error, %voice, "cannot speak");
        Self::new(status, None, message)
    }

    #[cfg(test)]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    #[cfg(test)]
    pub fn param(&self) -> Option<&'static str> {
        self.0.document.error.param
    }
}

impl From<ApiProblem> for Refused {
    fn from(problem: ApiProblem) -> Self {
        let message = format!("{}: {}", problem.problem().title, problem.problem().detail);
        let mut refused = Self::new(problem.status(), None, message);
        refused.0.headers = problem.into_headers();
        refused
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "cannot speak");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "the disk does not do its work")
    }
}

impl From<ProcessError> for Refused {
    fn from(error: ProcessError) -> Self {
        tracing::error!(%error, "cannot encode speech");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "the sound cannot be encoded")
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
