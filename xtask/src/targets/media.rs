//! How long what a job made is: for the real-time factor.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;
use tokio::process::Command;

/// Samples a second of OpenAI's `pcm`: 16 bits, one channel
/// (<https://platform.openai.com/docs/guides/text-to-speech>).
const PCM_RATE: u64 = 24_000;

/// What a sound or a film is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RIFF with its head.
    Wav,
    /// Samples without a head, as OpenAI gives them.
    Pcm,
    /// Any other sound: ffprobe is asked.
    Sound,
    /// Anything with a picture: ffprobe is asked.
    Film,
}

impl Kind {
    /// By its media type (RFC 6838); None: neither sound nor film.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Some(Self::Wav),
            "audio/pcm" | "audio/l16" => Some(Self::Pcm),
            other if other.starts_with("audio/") => Some(Self::Sound),
            other if other.starts_with("video/") => Some(Self::Film),
            _ => None,
        }
    }

    /// By the ending of its file name; None: neither sound nor film.
    pub fn of_name(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        match ending.as_str() {
            "wav" => Some(Self::Wav),
            "mp3" | "flac" | "ogg" | "opus" | "m4a" | "aac" => Some(Self::Sound),
            "mp4" | "webm" | "mkv" | "mov" | "gif" | "avi" => Some(Self::Film),
            _ => None,
        }
    }
}

/// How long it is, milliseconds. None: it is broken, or empty.
///
/// # Errors
///
/// ffprobe cannot be started.
pub async fn length_ms(kind: Kind, bytes: &[u8]) -> anyhow::Result<Option<u64>> {
    match kind {
        Kind::Wav => Ok(wav_ms(bytes)),
        Kind::Pcm => Ok(nonzero(bytes.len() as u64 * 1000 / (2 * PCM_RATE))),
        // The packets of a sound are exact where its head is a guess (ADTS, MP3 without Xing).
        Kind::Sound => {
            let told =
                probe(bytes, &["-select_streams", "a:0", "-show_entries", "packet=duration_time"]);
            Ok(total_ms(&told.await?))
        }
        Kind::Film => Ok(total_ms(&probe(bytes, &["-show_entries", "format=duration"]).await?)),
    }
}

/// What our own pipeline says in its outcome: of the videos, or else of the narration.
pub fn told_ms(outcome: &Value) -> Option<u64> {
    let length = |document: &Value| document["duration_ms"].as_u64();
    let videos: Option<u64> = outcome["videos"]
        .as_array()
        .filter(|videos| !videos.is_empty())
        .and_then(|videos| videos.iter().map(length).sum());
    videos.or_else(|| length(&outcome["video"])).or_else(|| length(&outcome["narration"]))
}

/// Of a RIFF file (<https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html>). A head that was
/// written before the end was known says 0 or the most there is: then everything behind it counts.
fn wav_ms(bytes: &[u8]) -> Option<u64> {
    let number = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(four))
    };
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut at, mut bytes_per_second) = (12, None);
    loop {
        let (name, size) = (bytes.get(at..at + 4)?, number(at + 4)?);
        let behind = at + 8;
        if name == b"data" {
            let there = (bytes.len() - behind) as u64;
            let said =
                if matches!(size, 0 | u32::MAX) { there } else { u64::from(size).min(there) };
            return nonzero(said * 1000 / bytes_per_second.filter(|&rate| rate > 0)?);
        }
        if name == b"fmt " {
            bytes_per_second = number(behind + 8).map(u64::from);
        }
        at = behind + size as usize + size as usize % 2; // chunks begin at even places
    }
}

/// Lines with one number of seconds each.
fn total_ms(told: &str) -> Option<u64> {
    let seconds =
        told.lines().filter_map(|line| line.trim().trim_end_matches(',').parse::<f64>().ok());
    nonzero((seconds.sum::<f64>() * 1e3).round() as u64)
}

fn nonzero(ms: u64) -> Option<u64> {
    (ms > 0).then_some(ms)
}

/// What ffprobe says of a file with these bytes. Empty: it is broken.
async fn probe(bytes: &[u8], questions: &[&str]) -> anyhow::Result<String> {
    // A file, not a pipe: the head of an MP4 may stand at its end.
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(bytes)?;
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-of", "csv=p=0"]).args(questions).arg(file.path());
    ffprobe.stdin(Stdio::null()).kill_on_drop(true);
    let output = ffprobe.output().await.context("cannot start `ffprobe`")?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(if output.status.success() { told } else { String::new() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A head of 16 bits, one channel, with `size` as the length of its data, before `n_bytes` of silence.
    fn wav(rate: u32, size: u32, n_bytes: usize) -> Vec<u8> {
        let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wav.extend(rate.to_le_bytes());
        wav.extend((rate * 2).to_le_bytes());
        wav.extend(b"\x02\0\x10\0LIST\x03\0\0\0abc\0data");
        wav.extend(size.to_le_bytes());
        wav.extend(vec![0; n_bytes]);
        wav
    }

    #[tokio::test]
    async fn a_sound_without_a_container_is_as_long_as_its_bytes_say() {
        for (bytes, expected) in [
            (wav(22_050, 44_100, 44_100), Some(1_000)),
            (wav(24_000, 0, 24_000), Some(500)),
            (wav(24_000, u32::MAX, 24_000), Some(500)),
            (wav(24_000, 96_000, 48_000), Some(1_000)), // cut off
            (wav(24_000, 0, 0), None),
            (wav(0, 4, 4), None),
            (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0abcd".to_vec(), None),
            (b"RIFF".to_vec(), None),
            (Vec::new(), None),
        ] {
            let found = length_ms(Kind::Wav, &bytes).await.expect("no program is asked");
            assert_eq!(found, expected, "{} bytes", bytes.len());
        }
        assert_eq!(length_ms(Kind::Pcm, &[0; 48_000]).await.expect("no program"), Some(1_000));
    }

    /// What ffmpeg makes of a second of noise and blue.
    async fn made(arguments: &[&str]) -> Vec<u8> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error"]).args(arguments).arg("pipe:1");
        let output = ffmpeg.output().await.expect("ffmpeg");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    #[tokio::test]
    async fn ffprobe_is_asked_for_what_is_coded() {
        let sound = ["-f", "lavfi", "-i", "sine=d=1.5"];
        for format in
            [&["-f", "mp3", "-b:a", "64k"][..], &["-f", "ogg", "-c:a", "libopus"], &["-f", "adts"]]
        {
            let bytes = made(&[&sound[..], format].concat()).await;
            let ms = length_ms(Kind::Sound, &bytes).await.expect("ffprobe").expect("a length");
            assert!((1_450..=1_650).contains(&ms), "{format:?}: {ms} ms");
        }
        let film = [
            "-f",
            "lavfi",
            "-i",
            "color=blue:s=32x32:d=2",
            "-movflags",
            "frag_keyframe",
            "-f",
            "mp4",
        ];
        let ms = length_ms(Kind::Film, &made(&film).await).await.expect("ffprobe");
        assert!(ms.is_some_and(|ms| ms.abs_diff(2_000) <= 50), "{ms:?}");
        assert_eq!(length_ms(Kind::Film, b"no film").await.expect("ffprobe"), None);
    }

    #[test]
    fn a_kind_is_known_by_its_type_or_its_name() {
        for (media_type, expected) in [
            ("audio/wav", Some(Kind::Wav)),
            ("Audio/X-WAV; codecs=1", Some(Kind::Wav)),
            ("audio/pcm", Some(Kind::Pcm)),
            ("audio/mpeg", Some(Kind::Sound)),
            ("video/mp4", Some(Kind::Film)),
            ("application/json", None),
            ("", None),
        ] {
            assert_eq!(Kind::of_media_type(media_type), expected, "{media_type}");
        }
        for (name, expected) in [
            ("a.b.MP4", Some(Kind::Film)),
            ("a.flac", Some(Kind::Sound)),
            ("a.wav", Some(Kind::Wav)),
            ("a.png", None),
            ("mp4", None),
        ] {
            assert_eq!(Kind::of_name(name), expected, "{name}");
        }
    }

    #[test]
    fn our_own_outcome_says_how_long_its_films_are() {
        for (outcome, expected) in [
            (json!({"videos": [{"duration_ms": 2_000}, {"duration_ms": 3_000}]}), Some(5_000)),
            (json!({"videos": [], "video": {"duration_ms": 2_000}}), Some(2_000)),
            (json!({"video": null, "narration": {"duration_ms": 700}}), Some(700)),
            (json!({"script": "The sea."}), None),
            (json!([{"image": "a"}]), None),
            (Value::Null, None),
        ] {
            assert_eq!(told_ms(&outcome), expected, "{outcome}");
        }
    }
}
