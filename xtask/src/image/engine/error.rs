//! What goes wrong with an engine, told apart where somebody branches.

use std::io;

use bollard::errors::Error;

use crate::exit::Failure;

/// An engine that did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It answered, and this is what it said.
    #[error("cannot {what}: the engine says: {message}")]
    Said {
        /// What it was asked for.
        what: String,
        /// Its answer.
        message: String,
    },
    /// It went away, or did not answer in time.
    #[error("cannot {what}: the engine went away: {message}")]
    Away {
        /// What it was asked for.
        what: String,
        /// What was seen of it.
        message: String,
    },
    /// What was to be sent is not what it must be.
    #[error("cannot {what}: {source}")]
    Ours {
        /// What it was asked for.
        what: String,
        /// What is wrong on this side.
        source: io::Error,
    },
}

impl EngineError {
    /// Of an answer to `what`.
    pub fn of(what: &str, error: &Error) -> Self {
        let what = what.to_owned();
        match error {
            Error::DockerResponseServerError { message, .. }
            | Error::DockerStreamError { error: message } => {
                Self::Said { what, message: message.trim().to_owned() }
            }
            other => Self::Away { what, message: root_cause(other) },
        }
    }

    /// Whether it refused for want of space: then nothing else that is sent would fit.
    pub fn is_full_disk(&self) -> bool {
        let said = match self {
            Self::Said { message, .. } | Self::Away { message, .. } => message,
            Self::Ours { .. } => return false,
        };
        said.contains("no space left on device") || said.contains("disk quota exceeded")
    }

    /// The error as it is told to a person.
    pub fn told(self) -> anyhow::Error {
        let failure = Failure::environment(self.to_string());
        if self.is_full_disk() {
            return failure
                .with_hint("make room on the engine's disk: `docker system df` shows what is on it")
                .into();
        }
        failure.into()
    }
}

/// The last cause is the one that helps: "no such file", "connection refused".
pub fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_says_is_told_apart_from_its_absence() {
        let stream = |error: &str| Error::DockerStreamError { error: error.to_owned() };
        let full = EngineError::of("load x", &stream("write /x: no space left on device\n"));
        assert!(full.is_full_disk());
        let told = full.told();
        assert!(told.to_string().starts_with("cannot load x: the engine says: write /x"), "{told}");
        let hint = told.downcast_ref::<Failure>().and_then(Failure::hint).expect("advice");
        assert!(hint.contains("docker system df"), "{hint}");

        let refused = EngineError::of("load x", &stream("unsupported"));
        assert!(matches!(refused, EngineError::Said { .. }) && !refused.is_full_disk());
        let away = EngineError::of("load x", &Error::RequestTimeoutError);
        assert!(matches!(away, EngineError::Away { .. }), "{away}");
    }
}
