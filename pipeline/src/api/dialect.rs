//! How a refusal is told: each protocol has its own document for it.

use axum::response::{IntoResponse, Response};

use super::problem::{ApiProblem, MEDIA_TYPE};

/// The refusals of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Makes the answer.
    pub tell: fn(ApiProblem) -> Response,
    /// The schema of its document.
    pub schema: &'static str,
    /// The media type of its document.
    pub media_type: &'static str,
}

/// Ours: problem documents (RFC 9457).
pub const NATIVE: Dialect =
    Dialect { tell: ApiProblem::into_response, schema: "Problem", media_type: MEDIA_TYPE };
