use std::io;
use std::path::PathBuf;

use super::Encoder;
use crate::process::ProcessError;

/// Why a file cannot be used, or why there is no video.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It is not there, or it is no media file of a kind we open.
    #[error("{}: not a media file: {reason}", path.display())]
    NotMedia {
        /// The file.
        path: PathBuf,
        /// What ffprobe says.
        reason: String,
    },
    /// A media file without picture and sound.
    #[error("{}: expected a picture or a sound, found no such stream", path.display())]
    NoStream {
        /// The file.
        path: PathBuf,
    },
    /// A picture that nobody can show.
    #[error("{}: expected 1 to {limit} pixels a side, found {width}x{height}", path.display())]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// What would be accepted.
        limit: u32,
    },
    /// It has no length: a still picture, or a recording that was cut off.
    #[error("{}: expected some length, found none", path.display())]
    NoDuration {
        /// The file.
        path: PathBuf,
    },
    /// It opens, and what the plan asks of it is not in it.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was looked for and not found.
        reason: String,
    },
    /// A plan that no video can follow.
    #[error("cannot render: {reason}")]
    Plan {
        /// What is wrong with it.
        reason: String,
    },
    /// No encoder of the list works on this machine.
    #[error("no usable encoder: {}", tried(reasons))]
    NoEncoder {
        /// Each encoder that was tried, and why it does not work.
        reasons: Vec<(Encoder, String)>,
    },
    /// ffmpeg made a video that is not the one asked for.
    #[error("{}: expected {expected}, found {actual}", path.display())]
    Broken {
        /// The video.
        path: PathBuf,
        /// What was asked for.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// ffmpeg or ffprobe did not do its work.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The video cannot be put in its place.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl MediaError {
    /// The file that cannot be used, where it is one.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::NotMedia { path, .. }
            | Self::NoStream { path }
            | Self::Dimensions { path, .. }
            | Self::NoDuration { path }
            | Self::Unusable { path, .. } => Some(path),
            _ => None,
        }
    }
}

fn tried(reasons: &[(Encoder, String)]) -> String {
    let reasons: Vec<String> =
        reasons.iter().map(|(encoder, reason)| format!("{encoder}: {reason}")).collect();
    reasons.join("; ")
}
