//! Spoken words: a text becomes a WAV file, with the time of each word where the engine tells it.
//!
//! Knows nothing of jobs, subtitles or models.

mod espeak;
pub mod timeline;
mod voice;
mod wav;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use voice::{Engine, UnknownVoice, Voice, language_of, voice_for};
pub use wav::{Wav, WavError};
pub use words::{Event, EventKind, words_from_events};

use crate::artefacts::Narration;
use crate::process::ProcessError;

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeechRequest {
    /// The text, not only white space.
    pub text: String,
    /// Who says it.
    pub voice: Voice,
    /// Speed against the voice's own (0.5 to 2).
    pub rate: f64,
}

/// Where the engines are.
#[derive(Clone, Debug)]
pub struct SpeechSettings {
    /// The program `espeak-words`. None: the one beside this program, or on the `PATH`.
    pub espeak_helper: Option<PathBuf>,
    /// Longest time for one narration.
    pub timeout: Duration,
}

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

/// Speaks into the WAV file `out`, which appears whole or not at all.
///
/// # Errors
///
/// [`SpeechError`]; nothing is left at `out` then.
pub async fn speak(
    settings: &SpeechSettings,
    request: &SpeechRequest,
    out: &Path,
) -> Result<Narration, SpeechError> {
    if request.text.trim().is_empty() {
        return Err(SpeechError::Empty);
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let part = part_file(folder.unwrap_or(Path::new(".")))?;
    let (wav, words) = match request.voice.engine {
        Engine::Espeak => {
            let helper = settings.espeak_helper.as_deref();
            let (wav, words) =
                espeak::speak(helper, request, settings.timeout, part.path()).await?;
            (wav, Some(words))
        }
        Engine::OpenAi => return Err(SpeechError::NotConfigured),
    };
    part.persist(out).map_err(|failed| failed.error)?;
    let file = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let engine = request.voice.to_string();
    Ok(Narration { file, duration_ms: wav.duration_ms(), engine, words })
}

/// A file that is gone unless it is kept.
fn part_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".narration-").suffix(".wav");
    // Readable as every other artefact is, not by its owner alone; the umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
