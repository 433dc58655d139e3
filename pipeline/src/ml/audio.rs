//! Sound as Whisper wants it.

use std::path::Path;
use std::time::Duration;

use super::MlError;
use crate::media::{SAFE_INPUT, ffmpeg, file_url};
use crate::process;

/// Samples a second that Whisper was trained with.
pub(super) const SAMPLE_RATE: u32 = 16_000;

/// Mono sound at [`SAMPLE_RATE`], -1 to 1, and what is spoken in it.
pub(super) struct Speech {
    pub(super) samples: Vec<f32>,
    /// A language tag such as `vi` or `vi-VN`.
    pub(super) language: String,
}

impl Speech {
    /// Length of the sound, rounded down.
    pub(super) fn duration_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(SAMPLE_RATE)
    }
}

/// How long the decoder may take. An hour of sound takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Decodes the file to mono samples of -1 to 1 at [`SAMPLE_RATE`].
///
/// # Errors
///
/// [`MlError::Audio`]: ffmpeg is not there, or finds no sound in the file.
pub(super) async fn samples(path: &Path) -> Result<Vec<f32>, MlError> {
    let mut ffmpeg = ffmpeg();
    ffmpeg.args(["-v", "error"]).args(SAFE_INPUT).arg("-i").arg(file_url(path));
    ffmpeg.args(["-map", "0:a:0", "-ac", "1", "-ar", &SAMPLE_RATE.to_string()]);
    ffmpeg.args(["-f", "s16le", "-"]);
    let bytes = process::output(ffmpeg, &[], LIMIT)
        .await
        .map_err(|error| MlError::Audio { path: path.to_owned(), reason: error.to_string() })?;
    let (pairs, _) = bytes.as_chunks::<2>();
    Ok(pairs.iter().map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0).collect())
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_sound_is_heard_whatever_its_name_and_a_list_of_others_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let sound = folder.path().join("a:b.wav");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=1.5"]).arg(file_url(&sound));
        process::output(ffmpeg, &[], LIMIT).await.expect("ffmpeg");
        assert_eq!(samples(&sound).await.expect("a sound").len(), 24_000);

        fs_err::rename(&sound, folder.path().join("secret.wav")).expect("renamed");
        let list = folder.path().join("list.wav");
        fs_err::write(&list, "ffconcat version 1.0\nfile secret.wav\n").expect("written");
        let refused = samples(&list).await.expect_err("a list");
        assert!(matches!(refused, MlError::Audio { .. }), "{refused}");
    }
}
