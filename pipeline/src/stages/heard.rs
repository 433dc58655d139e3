//! What Whisper hears in the sound of a job. It takes long: what was heard is kept in the job folder, so
//! that a narration without a script is heard once for its text and its subtitles.

use std::path::Path;

use fetch::Digest;
use protocol::JobSpec;
use serde::{Deserialize, Serialize};

use crate::artefacts::TimedWord;
use crate::error::StageError;
use crate::job::JobFolder;
use crate::ml::WHISPER;
use crate::parts::Parts;

/// The result in the job folder.
const FILE: &str = "stages/heard.json";

/// What is in it.
#[derive(Serialize, Deserialize)]
struct Heard {
    /// Names the sound, the language and the weights.
    key: String,
    words: Vec<TimedWord>,
}

/// The words that are heard in `sound`, with their times.
///
/// # Errors
///
/// `whisper_failed`, `disk`.
pub(super) async fn words(
    parts: &Parts,
    spec: &JobSpec,
    sound: &Path,
    folder: &JobFolder,
) -> Result<Vec<TimedWord>, StageError> {
    let file = sound.to_owned();
    let digest = tokio::task::spawn_blocking(move || fetch::digest_of_file(&file)).await;
    let digest = digest.map_err(|error| StageError::transient("panic", error))?;
    let digest = digest.map_err(|error| StageError::transient("disk", error))?;
    let uses = parts.models.uses();
    let weights = uses.iter().find(|model| model.name == WHISPER).map(|model| &model.sha256);
    let key = Digest::of(format!("{digest} {weights:?} {}", spec.video_language).as_bytes());
    let key = key.to_string();
    if let Some(known) = kept(folder, &key) {
        return Ok(known);
    }
    let words = parts.models.transcribe(sound, &spec.video_language).await;
    let words = words.map_err(|error| StageError::transient("whisper_failed", error))?;
    if let Err(error) = keep(folder, key, &words) {
        tracing::warn!(%error, "what was heard is not kept");
    }
    Ok(words)
}

fn kept(folder: &JobFolder, key: &str) -> Option<Vec<TimedWord>> {
    let heard: Heard = serde_json::from_slice(&fs_err::read(folder.file(FILE)).ok()?).ok()?;
    (heard.key == key).then_some(heard.words)
}

fn keep(folder: &JobFolder, key: String, words: &[TimedWord]) -> std::io::Result<()> {
    folder.write(FILE, &serde_json::to_vec(&Heard { key, words: words.to_vec() })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_known_of_the_same_sound_alone() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        assert_eq!(kept(&folder, "one"), None);
        let words = vec![TimedWord { text: "sea".to_owned(), start_ms: 3, end_ms: 9 }];
        keep(&folder, "one".to_owned(), &words).expect("written");
        assert_eq!(kept(&folder, "one"), Some(words));
        assert_eq!(kept(&folder, "other"), None);
        folder.write(FILE, b"{\"key\": \"one\"").expect("written");
        assert_eq!(kept(&folder, "one"), None);
    }
}
