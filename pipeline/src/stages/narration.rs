//! `narration`: the script, spoken.

use protocol::JobSpec;

use crate::artefacts::{Narration, Script};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::parts::Parts;
use crate::speech::{self, SpeechError, SpeechRequest};

/// Name of the sound in the job folder.
pub const FILE: &str = "narration.wav";

/// Runs the stage.
///
/// # Errors
///
/// `voice_unknown`, `speech_unavailable`, `speech_refused`, `speech_failed`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    folder: &JobFolder,
) -> Result<Narration, StageError> {
    let voice = speech::voice_for(&spec.voice_name, &spec.video_language, &script.text)
        .map_err(|error| StageError::permanent("voice_unknown", error))?;
    let request = SpeechRequest { text: script.text.clone(), voice, rate: spec.voice_rate };
    let spoken = speech::speak(&parts.speech, &request, &folder.file(FILE)).await;
    spoken.map_err(|error| StageError {
        code: code(&error),
        message: error.to_string(),
        transient: error.is_transient(),
    })
}

fn code(error: &SpeechError) -> &'static str {
    match error {
        SpeechError::Unauthorised { .. } | SpeechError::NotConfigured => "speech_refused",
        SpeechError::Refused { status, .. } if *status < 500 => "speech_refused",
        SpeechError::Refused { .. }
        | SpeechError::RateLimited { .. }
        | SpeechError::Unreachable { .. }
        | SpeechError::Timeout { .. } => "speech_unavailable",
        SpeechError::Empty
        | SpeechError::Process(_)
        | SpeechError::BadAudio { .. }
        | SpeechError::Io(_) => "speech_failed",
    }
}
