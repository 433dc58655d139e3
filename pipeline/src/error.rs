//! Why a stage ends a job.

use std::fmt;

/// The end of a stage that did not work: a stable code for programs, a message for people.
///
/// Errors inside a module are its own types; a stage turns them into this one at its border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageError {
    /// A stable word such as `llm_unavailable`; listed in `ARCHITECTURE.md`.
    pub code: &'static str,
    /// What happened, with path or URL, expected and actual.
    pub message: String,
    /// Whether another attempt of the whole job can help: the provider was not there, the disk was
    /// full. False: the same request will fail the same way.
    pub transient: bool,
}

impl StageError {
    /// An error that the same request will meet again.
    pub fn permanent(code: &'static str, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), transient: false }
    }

    /// An error that may be gone at the next attempt.
    pub fn transient(code: &'static str, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), transient: true }
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for StageError {}
