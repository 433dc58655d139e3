//! Why a file could not be downloaded, and what may help.

use std::time::Duration;

use url::Url;

use crate::digest::Digest;
use crate::store::StoreError;

/// Why [`crate::Fetcher::fetch`] gave no file. `url` is without user name, password and query, which
/// may be secrets; `attempts` counts all attempts made, the last one included.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// The request could not be sent at all: wrong scheme, wrong header, too many redirects.
    #[error("cannot request {url}: {reason}")]
    BadRequest {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// The address, or one that it leads to, is none that is asked here.
    #[error("{url} is not asked: {reason}")]
    Refused {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// No connection, or it broke before an answer began.
    #[error("cannot reach {url}: {reason} ({})", times(*attempts))]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// Why.
        reason: String,
    },
    /// The connection ended in mid-file.
    #[error("{url} ended after {actual} of {} bytes: {reason} ({})", or_unknown(*expected), times(*attempts))]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// Size of the file where it is known.
        expected: Option<u64>,
        /// Bytes that came, those of earlier attempts included.
        actual: u64,
        /// Why.
        reason: String,
    },
    /// Nothing came for too long.
    #[error("{url} sent nothing for {} s after {actual} bytes ({})", limit.as_secs_f32(), times(*attempts))]
    Stalled {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// The patience there was.
        limit: Duration,
        /// Bytes that came, those of earlier attempts included.
        actual: u64,
    },
    /// The server answered with neither the file nor the rest of it.
    #[error("{url}: expected status 200, got {status} ({})", times(*attempts))]
    Status {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// The HTTP status.
        status: u16,
        /// How long the server asked to wait.
        retry_after: Option<Duration>,
    },
    /// A page for people, such as a login or an error with status 200, instead of the file.
    #[error("{url}: expected the file {name}, got a page of type {content_type}")]
    Page {
        /// What was asked for.
        url: String,
        /// What it should be.
        name: String,
        /// What it is.
        content_type: String,
    },
    /// The server compressed the body although it was asked not to.
    #[error("{url}: expected the plain bytes, got content encoding {encoding}")]
    Encoded {
        /// What was asked for.
        url: String,
        /// What the body is.
        encoding: String,
    },
    /// The server sent another part of the file than it was asked for.
    #[error("{url}: expected {expected}, got {actual} ({})", times(*attempts))]
    WrongRange {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// The range that was asked for.
        expected: String,
        /// The range that came.
        actual: String,
    },
    /// The file was replaced by another one each time while it was downloaded.
    #[error("{url} changed during the download: expected {expected}, got {actual} ({})", times(*attempts))]
    Changed {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// What the first answer said of the file.
        expected: String,
        /// What a later one said.
        actual: String,
    },
    /// The file has another size than the request says.
    #[error("{url}: expected {expected} bytes, got {actual} ({})", times(*attempts))]
    SizeMismatch {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// The size that was promised.
        expected: u64,
        /// The size it has, or how much had come when it was too much.
        actual: u64,
    },
    /// The file is larger than the policy allows.
    #[error("{url} is too large: limit {limit} bytes, got {actual}")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
        /// The size it has, or how much had come when it was too much.
        actual: u64,
    },
    /// The file is not the one that was promised. It was thrown away.
    #[error("{url}: expected sha256 {expected}, got {actual} ({})", times(*attempts))]
    DigestMismatch {
        /// What was asked for.
        url: String,
        /// Attempts made.
        attempts: u32,
        /// The digest that was promised.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// The file could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What may help after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing.
    GiveUp,
    /// Waiting, then going on where it stopped.
    Resume,
    /// Another attempt from the first byte.
    Restart,
    /// The same, but only once for a file: the second time it is no accident.
    RestartOnce,
}

impl FetchError {
    pub(crate) fn recovery(&self) -> Recovery {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } | Self::Stalled { .. } => {
                Recovery::Resume
            }
            Self::Status { status: 408 | 429 | 500..=599, .. } => Recovery::Resume,
            Self::WrongRange { .. } | Self::Changed { .. } => Recovery::Restart,
            Self::SizeMismatch { .. } | Self::DigestMismatch { .. } => Recovery::RestartOnce,
            Self::Status { .. }
            | Self::BadRequest { .. }
            | Self::Refused { .. }
            | Self::Page { .. }
            | Self::Encoded { .. }
            | Self::TooLarge { .. }
            | Self::Store(_) => Recovery::GiveUp,
        }
    }

    /// How long the server asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A URL as it may be shown: without user name, password, query and fragment.
pub fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    // A URL that cannot have them does not have them.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    if bare.query().is_some() {
        bare.set_query(Some("…"));
    }
    bare.to_string().replace("%E2%80%A6", "…")
}

/// The innermost cause: the outer ones say `error sending request` and the like.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn times(attempts: u32) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

fn or_unknown(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "an unknown number of".to_owned(), |bytes| bytes.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_secret() {
        let check = |url: &str, expected| {
            assert_eq!(shown(&url.parse().expect("url")), expected);
        };
        check(
            "https://me:word@host/a%20b.mp4?X-Amz-Signature=abc#here",
            "https://host/a%20b.mp4?…",
        );
        check("http://127.0.0.1:80/x", "http://127.0.0.1/x");
        check("data:text/plain,x", "data:text/plain,x");
    }

    #[test]
    fn a_message_names_url_expected_actual_and_attempts() {
        let url = || "http://host/m.bin".to_owned();
        let mismatch = FetchError::DigestMismatch {
            url: url(),
            attempts: 2,
            expected: Digest::of(b"a"),
            actual: Digest::of(b"b"),
        };
        assert_eq!(
            mismatch.to_string(),
            "http://host/m.bin: expected sha256 \
             ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb, got \
             3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d (2 attempts)"
        );
        let reason = "connection reset".to_owned();
        let broken =
            FetchError::Interrupted { url: url(), attempts: 1, expected: None, actual: 7, reason };
        assert_eq!(
            broken.to_string(),
            "http://host/m.bin ended after 7 of an unknown number of bytes: connection reset (1 attempt)"
        );
    }
}
