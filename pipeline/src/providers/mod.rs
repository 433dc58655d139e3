//! Other people's HTTP: the language model and the stock sites.
//!
//! A provider is asked a few times before it counts as away: it answers 429 and 5xx, closes connections
//! and sends half an answer every day. What stays wrong becomes a [`ProviderError`], without any key.

pub mod llm;
pub mod stock;

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use crate::error::StageError;

/// How often a provider is asked, the first time included.
const ATTEMPTS: usize = 4;
/// Longest wait that a `Retry-After` may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

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
    #[error("{url}: asked too often, also after {attempts} attempts: {reason}")]
    RateLimited {
        /// What was asked.
        url: String,
        /// How often it was asked.
        attempts: usize,
        /// What the provider says.
        reason: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Not there, or failing, after all attempts.
    #[error("{url}: not available after {attempts} attempts: {reason}")]
    Unavailable {
        /// What was asked.
        url: String,
        /// How often it was asked.
        attempts: usize,
        /// What happened last.
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
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The error of a stage that cannot go on without this provider; `codes` are for a provider that is
    /// away, for one that refuses, and for one whose answer is of no use.
    pub fn into_stage_error(self, codes: [&'static str; 3]) -> StageError {
        let [away, refused, useless] = codes;
        match self {
            Self::RateLimited { .. } | Self::Unavailable { .. } => {
                StageError::transient(away, self)
            }
            Self::Unauthorised { .. } | Self::Refused { .. } => {
                StageError::permanent(refused, self)
            }
            Self::BadAnswer { .. } => StageError::transient(useless, self),
        }
    }
}

/// Asks until there is an answer, a refusal, or the attempts are used up; waits longer each time, with
/// jitter, or as long as the provider says.
async fn ask<T, F>(mut once: impl FnMut(usize) -> F) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
{
    let mut attempt = 0;
    let waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(8))
        .with_jitter()
        .with_max_times(ATTEMPTS - 1);
    let ask_once = || {
        attempt += 1;
        once(attempt)
    };
    ask_once
        .retry(waits)
        .when(ProviderError::is_passing)
        .adjust(|error, wait| match (wait, error.retry_after()) {
            (Some(_), Some(asked)) => Some(asked.min(MAX_RETRY_AFTER)),
            (wait, _) => wait,
        })
        .notify(|error, wait| tracing::warn!(%error, ?wait, "asking again"))
        .await
}

/// Shortens what a provider says to what fits into a message.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
