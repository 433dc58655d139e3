use std::io;
use std::time::Duration;

use crate::process::ProcessError;

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// Only white space.
    #[error("there is nothing to say: the text is empty")]
    Empty,
    /// The voice is a server's, and there is none.
    #[error("no OpenAI-compatible speech server is configured")]
    NotConfigured,
    /// The helper program did not do its work.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The helper program says that it cannot speak so.
    #[error("`{program}`: {reason}")]
    Engine {
        /// The program.
        program: String,
        /// What it says.
        reason: String,
    },
    /// The server does not accept the key.
    #[error("{url} does not accept the key: {message}")]
    Unauthorised {
        /// The route.
        url: String,
        /// What it said.
        message: String,
    },
    /// The server was asked too often, and stayed so for as long as was waited.
    #[error("{url} is asked too often: {message}")]
    RateLimited {
        /// The route.
        url: String,
        /// What it said.
        message: String,
    },
    /// No answer, or half of one.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// The route.
        url: String,
        /// Why.
        reason: String,
    },
    /// Any other error of the server.
    #[error("{url} answers {status}: {message}")]
    Refused {
        /// The route.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The server took too long.
    #[error("{url} did not answer within {} s", limit.as_secs())]
    Timeout {
        /// The route.
        url: String,
        /// The time it had.
        limit: Duration,
    },
    /// What came is not the sound that was asked for.
    #[error("unusable sound from {from}: {reason}")]
    BadAudio {
        /// Program or URL.
        from: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be written.
    #[error("cannot write the narration: {0}")]
    Io(#[from] io::Error),
}

impl SpeechError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Process(ProcessError::Timeout { .. }) | Self::Io(_) => true,
            Self::Process(_)
            | Self::Engine { .. }
            | Self::Empty
            | Self::NotConfigured
            | Self::Unauthorised { .. }
            | Self::BadAudio { .. } => false,
        }
    }
}
