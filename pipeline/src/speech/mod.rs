//! Spoken words: a text becomes a WAV file, with the time of each word where the engine tells it.
//!
//! Knows nothing of jobs, subtitles or models.

mod error;
mod espeak;
mod openai;
mod split;
mod voice;
mod wav;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::SpeechError;
pub use openai::OpenAiSpeech;
pub use voice::{Engine, UnknownVoice, Voice, language_of, voice_for};
pub use wav::{Wav, WavError};
pub use words::{Event, EventKind, words_from_events};

use crate::artefacts::Narration;

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
    /// The server of `openai:` voices. None: there is none.
    pub openai: Option<OpenAiSpeech>,
    /// Longest time for one narration.
    pub timeout: Duration,
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
        Engine::OpenAi => {
            let server = settings.openai.as_ref().ok_or(SpeechError::NotConfigured)?;
            let wav = openai::speak(server, request, settings.timeout).await?;
            let bytes = wav.to_bytes().map_err(|error| bad_wav(&server.base_url, &error))?;
            fs_err::tokio::write(part.path(), bytes).await?;
            (wav, None)
        }
    };
    part.persist(out).map_err(|failed| failed.error)?;
    let file = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let engine = request.voice.to_string();
    Ok(Narration { file, duration_ms: wav.duration_ms(), engine, words })
}

fn bad_wav(from: &str, error: &hound::Error) -> SpeechError {
    SpeechError::BadAudio { from: from.to_owned(), reason: error.to_string() }
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
