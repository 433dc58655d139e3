use std::path::PathBuf;

use fetch::Digest;

/// Why a model gave no answer.
///
/// One failure can be the answer to every request that waited for it, so the error is cloned and
/// keeps its causes as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MlError {
    /// The program was built without the feature `ml`.
    #[error("this program was built without models (feature `ml`)")]
    NotBuilt,
    /// The folder of the model is not there.
    #[error("no model {name:?}: {path} is not there")]
    Absent {
        /// Which model.
        name: String,
        /// Where its description was expected.
        path: PathBuf,
    },
    /// A file of the model cannot be read, or says something else than it should.
    #[error("cannot use {path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the model is not as long as its description says.
    #[error("{path} is damaged: expected {expected} bytes, found {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Bytes that the description names.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A file of the model is not the one its description speaks of.
    #[error("{path} is damaged: expected SHA-256 {expected}, found {found}")]
    Changed {
        /// The file.
        path: PathBuf,
        /// Digest that the description names.
        expected: Digest,
        /// Digest of what is there.
        found: Digest,
    },
    /// The weights do not make a model.
    #[error("model {name:?} cannot be loaded: {reason}")]
    Load {
        /// Which model.
        name: String,
        /// The library's words.
        reason: String,
    },
    /// The model is there and its arithmetic failed.
    #[error("model {name:?} gave no answer: {reason}")]
    Inference {
        /// Which model.
        name: String,
        /// The library's words.
        reason: String,
    },
    /// The sound cannot be decoded.
    #[error("cannot hear {path}: {reason}")]
    Audio {
        /// The sound file.
        path: PathBuf,
        /// ffmpeg's words.
        reason: String,
    },
    /// Footage cannot be decoded.
    #[error("cannot see {path}: {reason}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// ffmpeg's words.
        reason: String,
    },
    /// The model's code panicked. The model is loaded anew for the next request.
    #[error("model {name:?} panicked while it answered")]
    Panicked {
        /// Which model.
        name: String,
    },
}

impl MlError {
    /// What the reader of the error can do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotBuilt => Some("build the pipeline with its default features"),
            Self::Absent { .. } | Self::Unusable { .. } | Self::Damaged { .. } => {
                Some("`cargo xtask fetch-models` downloads and verifies the models")
            }
            // Without `--verify` a file is taken for whole that has its size and its time.
            Self::Changed { .. } => Some(
                "`cargo xtask fetch-models --verify` brings the model again; weights of the fixtures \
                 are made again when their folder is removed",
            ),
            Self::Load { .. }
            | Self::Inference { .. }
            | Self::Audio { .. }
            | Self::Picture { .. }
            | Self::Panicked { .. } => None,
        }
    }
}
