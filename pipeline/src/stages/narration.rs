//! `narration`: the script, spoken, or the narration that the user brings.

use std::path::Path;
use std::time::Duration;

use protocol::{JobSpec, TimingSource};
use tempfile::NamedTempFile;

use crate::artefacts::{Narration, Script};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::local;
use crate::media::{self, MediaError};
use crate::parts::Parts;
use crate::speech::{self, SpeechError, SpeechRequest};

/// Name of the sound in the job folder.
pub const FILE: &str = "narration.wav";
/// Longest narration that a user may bring; as long as the longest script.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs the stage.
///
/// # Errors
///
/// `voice_unknown`, `speech_unavailable`, `speech_refused`, `speech_failed`, `audio_missing`,
/// `audio_unusable`, `disk`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    folder: &JobFolder,
) -> Result<Narration, StageError> {
    if let Some(name) = &spec.custom_audio_file {
        return ready(brought(parts, name, folder).await?, name, folder);
    }
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

/// The sound of the user as a narration is to be: a file of the job folder that is gone unless it is kept.
///
/// # Errors
///
/// `audio_missing`, `audio_unusable`, `disk`.
pub(super) async fn brought(
    parts: &Parts,
    name: &str,
    folder: &JobFolder,
) -> Result<NamedTempFile, StageError> {
    let sound = local::file(parts.settings.local.dir.as_deref(), name).map_err(|expected| {
        let message = format!("custom_audio_file: expected {expected}, found {name:?}");
        StageError::permanent("audio_missing", message)
    })?;
    converted(&sound, folder).await
}

async fn converted(sound: &Path, folder: &JobFolder) -> Result<NamedTempFile, StageError> {
    let part = speech::part_file(folder.path());
    let part = part.map_err(|error| StageError::transient("disk", error))?;
    let made = media::to_wav(sound, LONGEST, part.path()).await;
    made.map_err(|error| StageError {
        code: "audio_unusable",
        message: error.to_string(),
        transient: matches!(error, MediaError::Process(_) | MediaError::Io(_)),
    })?;
    Ok(part)
}

/// The sound of the user as narration. When its words come is for the subtitles to find out.
fn ready(sound: NamedTempFile, name: &str, folder: &JobFolder) -> Result<Narration, StageError> {
    let disk = |error: std::io::Error| StageError::transient("disk", error);
    let duration_ms = speech::wav_length_ms(sound.path()).map_err(disk)?;
    sound.persist(folder.file(FILE)).map_err(|failed| disk(failed.error))?;
    Ok(Narration {
        file: FILE.to_owned(),
        duration_ms,
        engine: format!("file:{name}"),
        words: None,
        timing: TimingSource::Engine,
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
        | SpeechError::Engine { .. }
        | SpeechError::BadAudio { .. }
        | SpeechError::Io(_) => "speech_failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    #[test]
    fn a_result_of_an_older_version_is_read() {
        let old =
            r#"{"file": "narration.wav", "duration_ms": 1, "engine": "espeak:vi", "words": []}"#;
        let read: Narration = serde_json::from_str(old).expect("a narration");
        assert_eq!(read.timing, TimingSource::Engine);
    }

    #[tokio::test]
    async fn a_ready_narration_is_converted_and_leaves_nothing_else() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        let song = data.path().join("said.ogg");
        let mut ffmpeg = tokio::process::Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=1.5"]).arg(&song);
        process::output(ffmpeg, &[], LONGEST).await.expect("ffmpeg");

        let sound = converted(&song, &folder).await.expect("a sound");
        let narration = ready(sound, "said.ogg", &folder).expect("a narration");
        assert_eq!((narration.engine.as_str(), narration.words), ("file:said.ogg", None));
        assert!(narration.duration_ms.abs_diff(1500) < 60, "{}", narration.duration_ms);
        let files = || fs_err::read_dir(folder.path()).expect("folder").count();
        assert!(folder.file(FILE).is_file());
        assert_eq!(files(), 2, "the narration and the folder of results");

        fs_err::write(&song, "no song").expect("written");
        let error = converted(&song, &folder).await.expect_err("no sound");
        assert_eq!((error.code, error.transient), ("audio_unusable", false));
        assert_eq!(files(), 2);
    }
}
