//! Why the store could not do what was asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::digest::Digest;

/// Why the store could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused; the message names the path.
    #[error(transparent)]
    Io(Arc<io::Error>),
    /// The file would not fit. Nothing was written.
    #[error("{} needs {needed} bytes more, its disk has {available}", .path.display())]
    NoSpace {
        /// The folder of the store.
        path: PathBuf,
        /// Bytes that are still to be written.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// A finished file no longer has the digest that is its name.
    #[error("{} is damaged: expected sha256 {expected}, got {actual}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its name.
        expected: Digest,
        /// Its content.
        actual: Digest,
    },
    /// What was to be inserted is something else.
    #[error("{origin}: expected sha256 {expected}, got {actual}")]
    Mismatch {
        /// Where the bytes came from.
        origin: String,
        /// What was promised.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Asked for a file that the store does not have.
    #[error("{} has no sha256 {digest}", .path.display())]
    Missing {
        /// The folder of the store.
        path: PathBuf,
        /// What was asked for.
        digest: Digest,
    },
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<tokio::task::JoinError> for StoreError {
    fn from(error: tokio::task::JoinError) -> Self {
        io::Error::other(error).into()
    }
}
