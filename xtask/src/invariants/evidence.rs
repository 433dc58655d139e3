//! Collects what the checks need: thin, and with ffprobe and ffmpeg only.

use std::path::Path;

use anyhow::Context as _;
use fetch::Digest;
use protocol::{JobStatus, Size};
use serde::Deserialize;
use tokio::process::Command;

use super::srt::{self, SrtCue};
use crate::targets::NativeClient;

/// A darker picture for longer than this is a black frame; one frame at 30 a second is 33 ms.
const BLACK: &str = "blackdetect=d=0.03:pix_th=0.08:pic_th=0.99";

/// Everything the checks look at.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What the service says.
    pub status: JobStatus,
    /// Size of the picture that was asked for.
    pub expected_size: Size,
    /// The video, where there is one.
    pub footage: Option<Footage>,
    /// The subtitles, where there are any.
    pub cues: Option<Vec<SrtCue>>,
    /// Files in the job folder that must not outlive the job.
    pub leftovers: Vec<String>,
    /// Clips whose file does not have the digest that the outcome names.
    pub wrong_clips: Vec<String>,
    /// Jobs by state, as `/metrics` has them.
    pub job_counts: Vec<(String, u64)>,
}

/// What is seen of the video file.
#[derive(Clone, Debug)]
pub struct Footage {
    /// Pixels.
    pub size: Size,
    /// Length of the picture.
    pub video_ms: u64,
    /// Length of the sound.
    pub audio_ms: u64,
    /// Black spans in seconds.
    pub black: Vec<(f64, f64)>,
}

/// Collects the evidence of a job that has ended, from the service, its data folder and the files that
/// were fetched to `artefacts`.
///
/// # Errors
///
/// A tool is missing or a file cannot be read; what is wrong with the job is no error but evidence.
pub async fn collect(
    client: &NativeClient,
    status: JobStatus,
    expected_size: Size,
    data_dir: &Path,
    artefacts: &Path,
) -> anyhow::Result<Evidence> {
    let video = artefacts.join("video.mp4");
    let footage = if video.is_file() { Some(look(&video).await?) } else { None };
    let srt = artefacts.join("subtitles.srt");
    let cues = if srt.is_file() {
        Some(srt::parse(&fs_err::read_to_string(srt)?).map_err(anyhow::Error::msg)?)
    } else {
        None
    };
    Ok(Evidence {
        expected_size,
        footage,
        cues,
        leftovers: leftovers(&data_dir.join("jobs").join(&status.id))?,
        wrong_clips: wrong_clips(&status, data_dir)?,
        job_counts: client.job_counts().await?,
        status,
    })
}

#[derive(Deserialize)]
struct Probe {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: String,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<String>,
}

async fn look(video: &Path) -> anyhow::Result<Footage> {
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-of", "json", "-show_streams"]).arg(video);
    let probe: Probe = serde_json::from_slice(&output(probe).await?.stdout)?;
    let stream = |kind| probe.streams.iter().find(|stream| stream.codec_type == kind);
    let length_ms = |stream: Option<&Stream>| {
        let seconds: Option<f64> = stream.and_then(|stream| stream.duration.as_ref()?.parse().ok());
        (seconds.unwrap_or_default() * 1000.0).round() as u64
    };
    let picture = stream("video").with_context(|| format!("{} has no picture", video.display()))?;
    let size = Size {
        width: picture.width.unwrap_or_default(),
        height: picture.height.unwrap_or_default(),
    };

    let mut detect = Command::new("ffmpeg");
    detect.args(["-nostdin", "-hide_banner", "-nostats", "-i"]).arg(video);
    detect.args(["-vf", BLACK, "-an", "-f", "null", "-"]);
    let said = String::from_utf8_lossy(&output(detect).await?.stderr).into_owned();
    Ok(Footage {
        size,
        video_ms: length_ms(Some(picture)),
        audio_ms: length_ms(stream("audio")),
        black: black_spans(&said),
    })
}

async fn output(mut command: Command) -> anyhow::Result<std::process::Output> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot start `{program}`"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::bail!("`{program}` ended with {}: {}", output.status, said.trim())
}

/// `[blackdetect @ 0x55] black_start:1.5 black_end:2 black_duration:0.5`.
fn black_spans(said: &str) -> Vec<(f64, f64)> {
    let value = |line: &str, key: &str| -> Option<f64> {
        line.split(key).nth(1)?.split_whitespace().next()?.parse().ok()
    };
    said.lines()
        .filter_map(|line| Some((value(line, "black_start:")?, value(line, "black_end:")?)))
        .collect()
}

fn leftovers(job: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in [job.to_owned(), job.join("stages")] {
        for entry in fs_err::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.contains(".part.") || name.starts_with('.') {
                found.push(name);
            }
        }
    }
    Ok(found)
}

/// The store's layout is public: `blobs/sha256/ab/<digest>`.
fn wrong_clips(status: &JobStatus, data_dir: &Path) -> anyhow::Result<Vec<String>> {
    let clips = status.outcome.iter().flat_map(|outcome| &outcome.clips);
    let mut wrong = Vec::new();
    for clip in clips {
        let expected: Digest = clip.sha256.parse()?;
        let store = fetch::Store::open(data_dir.join("store"))?;
        match store.get(&expected)? {
            None => wrong.push(format!("{} is not in the store", clip.id)),
            Some(blob) => {
                let found = fetch::digest_of_file(&blob.path)?;
                if found != expected {
                    wrong.push(format!("{}: expected {expected}, found {found}", clip.id));
                }
            }
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_spans_are_read_from_what_ffmpeg_says() {
        let said = "frame=1\n[blackdetect @ 0x5] black_start:1.5 black_end:2 black_duration:0.5\nx";
        assert_eq!(black_spans(said), [(1.5, 2.0)]);
        assert_eq!(black_spans("nothing"), []);
    }
}
