use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::probe::probe;
use super::tool::{SAFE_INPUT, ffmpeg, file_url};
use crate::process;

/// An hour of sound is converted in seconds.
const LIMIT: Duration = Duration::from_secs(300);
/// What a file without sound is refused with.
const NO_SOUND: &str = "expected a sound, found none";

/// Writes the first sound of `from`, of any kind that ffmpeg opens, into the WAV file `to`: mono, 16
/// bits, 48 kHz.
///
/// # Errors
///
/// [`MediaError`]: no media file, no sound in it, more than `longest` of it, or ffmpeg did not do its
/// work.
pub async fn to_wav(from: &Path, longest: Duration, to: &Path) -> Result<(), MediaError> {
    let unusable = |reason| MediaError::Unusable { path: from.to_owned(), reason };
    let found = probe(from).await?;
    if found.audio_ms == 0 {
        return Err(unusable(NO_SOUND.to_owned()));
    }
    if u128::from(found.audio_ms) > longest.as_millis() {
        let (longest, found) = (longest.as_secs(), found.audio_ms / 1000);
        return Err(unusable(format!("expected at most {longest} s of sound, found {found} s")));
    }
    let mut ffmpeg = ffmpeg();
    ffmpeg.args(["-v", "error", "-y"]).args(SAFE_INPUT);
    ffmpeg.arg("-i").arg(file_url(from)).args(["-map", "0:a:0", "-vn", "-ac", "1"]);
    ffmpeg.args(["-ar", "48000", "-c:a", "pcm_s16le", "-map_metadata", "-1"]);
    ffmpeg.args(["-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "wav"]).arg(file_url(to));
    process::output(ffmpeg, &[], LIMIT).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    /// What ffmpeg's sources make, as a file of that name.
    async fn made(folder: &Path, name: &str, source: &[&str]) -> std::path::PathBuf {
        let file = folder.join(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i"]).args(source).arg(&file);
        process::output(ffmpeg, &[], LIMIT).await.expect("ffmpeg");
        file
    }

    #[tokio::test]
    async fn any_sound_becomes_a_wav_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let wav = folder.path().join("out.wav");
        let minute = Duration::from_secs(60);
        let check_refused = async |file: &Path, longest, expected: &str| {
            let error = to_wav(file, longest, &wav).await.expect_err("must be refused");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!wav.exists());
        };
        let silent = made(folder.path(), "silent.mp4", &["color=s=64x64:d=1"]).await;
        check_refused(&silent, minute, NO_SOUND).await;
        let text = folder.path().join("playlist.m3u8");
        fs_err::write(&text, "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n").expect("written");
        check_refused(&text, minute, "not a media file").await;

        let stereo = ["sine=d=2:r=44100", "-ac", "2", "-metadata", "title=secret"];
        let song = made(folder.path(), "a song.mp3", &stereo).await;
        let short = Duration::from_secs(1);
        check_refused(&song, short, "expected at most 1 s of sound, found 2 s").await;
        to_wav(&song, minute, &wav).await.expect("a sound");
        let found = probe(&wav).await.expect("a WAV");
        assert!(found.audio_ms.abs_diff(2000) < 60, "{found:?}");
        let bytes = fs_err::read(&wav).expect("file");
        let (channels, rate) = (&bytes[22..24], &bytes[24..28]);
        assert_eq!((channels, rate), (&[1, 0][..], &48_000_u32.to_le_bytes()[..]));
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }
}
