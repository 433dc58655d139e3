//! Spoken words: a text becomes a WAV file, with the time of each word where the engine tells it.
//!
//! Knows nothing of jobs, subtitles or models.

mod dispatch;
mod error;
mod espeak;
mod openai;
mod rates;
mod silence;
mod split;
mod turns;
mod voice;
mod wav;
mod words;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use dispatch::{Dispatch, LocalEngine};
pub use error::SpeechError;
pub use espeak::helper_beside_this_program;
pub use openai::OpenAiSpeech;
use protocol::TimingSource;
pub use rates::seconds_of;
pub use turns::Turns;
pub use voice::{Engine, UnknownVoice, Voice, spoken_language, voice_for};
pub use wav::{Wav, WavError, wav_length_ms};
pub use words::{Event, EventKind, words_from_events};

use crate::artefacts::Narration;
use crate::elsewhere;

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
    /// espeak-ng.
    pub espeak: Arc<LocalEngine>,
    /// The server of `openai:` voices. None: there is none.
    pub openai: Option<OpenAiSpeech>,
    /// Longest time for one piece of speech, from when it is its turn.
    pub timeout: Duration,
    /// How many pieces are spoken at once.
    pub turns: Turns,
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
    let _at_work = elsewhere::enter();
    if request.text.trim().is_empty() {
        return Err(SpeechError::Empty);
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let part = part_file(folder.unwrap_or(Path::new(".")))?;
    let (wav, words) = match request.voice.engine {
        Engine::Espeak => {
            let _turn = settings.turns.slots().take().await;
            let espeak = &settings.espeak;
            let (wav, words) =
                espeak::speak(espeak, request, settings.timeout, part.path()).await?;
            (wav, Some(words))
        }
        Engine::OpenAi => {
            let server = settings.openai.as_ref().ok_or(SpeechError::NotConfigured)?;
            let wav = openai::speak(server, request, settings.timeout, &settings.turns).await?;
            write(&wav, &server.base_url, part.path()).await?;
            (wav, None)
        }
        Engine::Silence => {
            let (wav, words) = silence::speak(&request.text, request.rate);
            write(&wav, "silence", part.path()).await?;
            (wav, Some(words))
        }
    };
    part.persist(out).map_err(|failed| failed.error)?;
    let file = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let engine = request.voice.to_string();
    let timing = match request.voice.engine {
        Engine::Silence => TimingSource::Proportional,
        Engine::Espeak | Engine::OpenAi => TimingSource::Engine,
    };
    Ok(Narration { file, duration_ms: wav.duration_ms(), engine, words, timing })
}

async fn write(wav: &Wav, from: &str, path: &Path) -> Result<(), SpeechError> {
    let bytes = wav.to_bytes().map_err(|error| SpeechError::BadAudio {
        from: from.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(fs_err::tokio::write(path, bytes).await?)
}

/// A file that is gone unless it is kept.
pub(crate) fn part_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".narration-").suffix(".wav");
    // Readable as every other artefact is, not by its owner alone; the umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
