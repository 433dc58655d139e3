//! Other people's HTTP: the language model, the stock sites, the generators, and the way to ask that
//! speech servers share.
//!
//! A provider is asked a few times before it counts as away: it answers 429 and 5xx, closes connections
//! and sends half an answer every day. What stays wrong becomes a [`ProviderError`], without any key.

mod client;
mod downloads;
pub mod generated;
pub(crate) mod http;
mod kept;
mod key;
pub mod llm;
pub mod objects;
mod patience;
pub mod stock;
#[cfg(test)]
mod test_server;

pub use client::{Client, Common};
pub use downloads::Downloads;
pub use kept::{Keeping, WarmUpError, export};
pub use key::{Key, KeyError};
use tracing::Instrument;

use crate::error::StageError;

/// Runs `work` to its end, also where nobody waits for it any more: what is created for a job that is
/// cancelled meanwhile is known then, and takes itself back when it is dropped.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down, and takes us with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Why a client of a provider cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The key cannot be sent.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The setting names a variable without the address of a Redis in it.
    #[error("{env}: expected the address of a Redis, such as redis://127.0.0.1:6379/0")]
    Redis {
        /// The variable.
        env: String,
    },
    /// The file of answers to begin with cannot be used.
    #[error(transparent)]
    WarmUp(#[from] WarmUpError),
    /// No TLS provider is installed.
    #[error("cannot build an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why a provider gave nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The key is wrong or absent.
    #[error("{url}: the key in {key_env} is refused ({status}): {reason}")]
    Unauthorised {
        /// What was asked.
        url: String,
        /// The variable that should hold the key.
        key_env: String,
        /// HTTP status.
        status: u16,
        /// What the provider says.
        reason: String,
    },
    /// It says no to the request itself.
    #[error("{url}: refused ({status}): {reason}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the provider says.
        reason: String,
    },
    /// Too many requests, after all attempts.
    #[error("{url}: asked too often, after {attempts} attempts: {reason}")]
    RateLimited {
        /// What was asked.
        url: String,
        /// How often it was asked.
        attempts: usize,
        /// What the provider says.
        reason: String,
    },
    /// Every key has used up its quota.
    #[error("{url}: the quota of {keys} in {key_env} is used up until {until}")]
    Exhausted {
        /// What should be asked.
        url: String,
        /// How many keys there are: `the key`, `all 3 keys`.
        keys: String,
        /// The variable that holds them.
        key_env: String,
        /// When the first of them can be used again, UTC.
        until: String,
    },
    /// Failing, after all attempts.
    #[error("{url}: not available after {attempts} attempts ({status}): {reason}")]
    Unavailable {
        /// What was asked.
        url: String,
        /// How often it was asked.
        attempts: usize,
        /// HTTP status of its last answer.
        status: u16,
        /// What the provider says.
        reason: String,
    },
    /// No answer, or half of one, after all attempts.
    #[error("{url}: cannot be reached after {attempts} attempts: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// How often it was asked.
        attempts: usize,
        /// What happened last.
        reason: String,
    },
    /// The request cannot be sent: the address in the settings is none.
    #[error("{url}: cannot be asked: {reason}")]
    Unsendable {
        /// What should be asked.
        url: String,
        /// Why not.
        reason: String,
    },
    /// It answers, but not what was asked for.
    #[error("{url}: expected {expected}, found {found}")]
    BadAnswer {
        /// What was asked.
        url: String,
        /// What was wanted.
        expected: &'static str,
        /// What came.
        found: String,
    },
}

impl ProviderError {
    /// Whether asking again at once can help.
    fn is_passing(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unreachable { .. } => true,
            Self::Unauthorised { .. }
            | Self::Exhausted { .. }
            | Self::Refused { .. }
            | Self::Unsendable { .. }
            | Self::BadAnswer { .. } => false,
        }
    }

    /// The error of a stage that cannot go on without this provider; `codes` are for a provider that is
    /// away, for one that refuses, and for one whose answer is of no use.
    pub fn into_stage_error(self, codes: [&'static str; 3]) -> StageError {
        let [away, refused, useless] = codes;
        match self {
            Self::RateLimited { .. }
            | Self::Exhausted { .. }
            | Self::Unavailable { .. }
            | Self::Unreachable { .. } => StageError::transient(away, self),
            Self::Unauthorised { .. } | Self::Refused { .. } | Self::Unsendable { .. } => {
                StageError::permanent(refused, self)
            }
            Self::BadAnswer { .. } => StageError::transient(useless, self),
        }
    }
}
