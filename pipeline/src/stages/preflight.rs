//! What a request names and this service does not have: found before any work.

use protocol::{FieldError, JobSpec};

use super::{materials, render};
use crate::local;
use crate::parts::Parts;
use crate::speech::{Engine, voice_for};

/// Every field of a valid request that names a font, a voice, a track, a file or a source that is not
/// here.
pub async fn check(parts: &Parts, spec: &JobSpec) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Err(error) = parts.fonts.choose(&spec.font_name, "") {
        errors.push(FieldError {
            field: "font_name".to_owned(),
            value: spec.font_name.clone(),
            expected: format!("an installed family or its file: {error}"),
        });
    }
    if let Err(expected) = render::music(parts.settings.music.dir.as_deref(), spec, spec.seed) {
        let (field, value) = ("bgm_file".to_owned(), spec.bgm_file.clone());
        errors.push(FieldError { field, value, expected });
    }
    if let Some(name) = &spec.custom_audio_file
        && let Err(expected) = local::file(parts.settings.local.dir.as_deref(), name)
    {
        let (field, value) = ("custom_audio_file".to_owned(), name.clone());
        errors.push(FieldError { field, value, expected });
    }
    errors.extend(voice(parts, spec).await);
    errors.extend(materials::check(parts, spec).await);
    errors
}

/// A voice that espeak-ng does not have. Whose server has which voices, only the server knows.
async fn voice(parts: &Parts, spec: &JobSpec) -> Option<FieldError> {
    let voice = voice_for(&spec.voice_name, &spec.video_language, &spec.video_script).ok()?;
    if voice.engine != Engine::Espeak || spec.custom_audio_file.is_some() {
        return None;
    }
    match parts.speech.espeak.has_voice(&voice.name).await {
        Ok(true) => return None,
        Ok(false) => {}
        // The stage will say it, with what can be done.
        Err(error) => {
            tracing::warn!(%error, "espeak-ng cannot be asked for its voices");
            return None;
        }
    }
    let expected = "a voice of espeak-ng (`espeak-ng --voices` lists them)".to_owned();
    Some(if spec.voice_name.trim().is_empty() {
        let expected = format!("a language with {expected}, or a voice_name");
        FieldError { field: "video_language".to_owned(), value: voice.name, expected }
    } else {
        FieldError { field: "voice_name".to_owned(), value: spec.voice_name.clone(), expected }
    })
}
