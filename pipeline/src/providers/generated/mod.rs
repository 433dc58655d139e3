//! Generators: servers that make a picture or a video of a prompt.

pub mod comfyui;
pub mod replicate;
mod template;
#[cfg(test)]
mod test_world;

use std::sync::Arc;
use std::time::Duration;

use fetch::{Blob, FetchError, Fetcher, Progress};
use protocol::{Class, Size};

pub use self::template::TemplateError;
use super::{ProviderError, SetupError, to_its_end};

/// What is to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// In words.
    pub prompt: String,
    /// The same seed gives the same picture.
    pub seed: u64,
    /// The picture's size.
    pub size: Size,
    /// Which limit it counts against, and, where there are several, which model makes it.
    pub class: Class,
}

/// Brings the files of generators into the store.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Downloads.
    pub fetcher: Fetcher,
    /// Told of each.
    pub progress: Arc<dyn Progress>,
}

/// A file that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// `comfyui:<prompt id>/<file>`, `replicate:<id>/<number>`.
    pub id: String,
    /// The file.
    pub blob: Blob,
}

/// Why a generator cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum GeneratorError {
    /// Its workflow or input cannot be filled in.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Its client cannot be built.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Why nothing was made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MakeError {
    /// It does not answer, or not as it should.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The workflow cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A node of the workflow failed.
    #[error("{url}: prompt {prompt_id}: node {node} ({class}): {message}")]
    Node {
        /// The server.
        url: String,
        /// The run.
        prompt_id: String,
        /// Its number in the workflow.
        node: String,
        /// What it does.
        class: String,
        /// What it says.
        message: String,
    },
    /// The run ended otherwise than well.
    #[error("{url}: {id}: expected a run that succeeds, found {status}: {reason}")]
    Failed {
        /// The server.
        url: String,
        /// The run.
        id: String,
        /// How it ended, the server's word.
        status: String,
        /// What it says of it.
        reason: String,
    },
    /// It did not end.
    #[error("{url}: {id}: expected an end within {} s, found none", limit.as_secs_f64())]
    TimedOut {
        /// The server.
        url: String,
        /// The run.
        id: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It ended well and made nothing.
    #[error("{url}: {id}: expected pictures or videos, found {found}")]
    NoFiles {
        /// The server.
        url: String,
        /// The run.
        id: String,
        /// What it gave.
        found: String,
    },
    /// A file that was made cannot be brought here.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl MakeError {
    /// Whether another prompt would fare no better.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Provider(ProviderError::BadAnswer { .. }) => false,
            Self::Provider(_) | Self::Template(_) => true,
            Self::Node { .. }
            | Self::Failed { .. }
            | Self::TimedOut { .. }
            | Self::NoFiles { .. }
            | Self::Fetch(_) => false,
        }
    }
}
