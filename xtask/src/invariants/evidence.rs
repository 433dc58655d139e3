//! Collects what the checks need: thin, and with ffprobe and ffmpeg only.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fetch::Digest;
use protocol::{ClipUse, JobStatus, Size};
use serde::Deserialize;
use tokio::process::Command;

use super::srt::{self, SrtCue};
use super::{Asked, Evidence, Footage};
use crate::targets::NativeClient;

/// A darker picture for longer than this is a black frame; one frame at 30 a second is 33 ms.
const BLACK: &str = "blackdetect=d=0.03:pix_th=0.08:pic_th=0.99";

/// The files of a job that were fetched from the service.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where they are.
    pub folder: PathBuf,
    /// Those that the service had.
    pub names: Vec<String>,
}

impl Fetched {
    /// Where the file `name` is, if the service had it.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.names.iter().any(|fetched| fetched == name).then(|| self.folder.join(name))
    }
}

/// Collects the evidence of a job that has ended, from the service, its data folder and the files that
/// were fetched from it.
///
/// # Errors
///
/// A tool is missing, the service is away or a disk does not answer; what is wrong with the job or with
/// its files is no error but evidence.
pub async fn collect(
    client: &NativeClient,
    status: JobStatus,
    asked: Asked,
    data_dir: &Path,
    fetched: &Fetched,
) -> anyhow::Result<Evidence> {
    let footage = match fetched.path("video.mp4") {
        Some(video) => Some(look(&video).await?),
        None => None,
    };
    let cues = fetched.path("subtitles.srt").map(|srt| read_cues(&srt)).transpose()?;
    Ok(Evidence {
        asked,
        footage,
        cues,
        fetched: fetched.names.clone(),
        leftovers: leftovers(&data_dir.join("jobs").join(&status.id))?,
        wrong_clips: wrong_clips(&status, data_dir).await?,
        job_counts: client.job_counts().await?,
        status,
    })
}

fn read_cues(srt: &Path) -> io::Result<Result<Vec<SrtCue>, String>> {
    let bytes = fs_err::read(srt)?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string());
    Ok(text.and_then(|text| srt::parse(&text)))
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

/// What is seen of a video; the inner error is what is wrong with it.
async fn look(video: &Path) -> anyhow::Result<Result<Footage, String>> {
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-of", "json", "-show_streams"]).arg(video);
    let probe = match output(probe).await? {
        Ok(output) => serde_json::from_slice::<Probe>(&output.stdout)?,
        Err(reason) => return Ok(Err(reason)),
    };
    let stream = |kind| probe.streams.iter().find(|stream| stream.codec_type == kind);
    let length_ms = |stream: Option<&Stream>| {
        let seconds: Option<f64> = stream.and_then(|stream| stream.duration.as_ref()?.parse().ok());
        (seconds.unwrap_or_default() * 1000.0).round() as u64
    };
    let Some(picture) = stream("video") else { return Ok(Err("it has no picture".to_owned())) };
    let size = Size {
        width: picture.width.unwrap_or_default(),
        height: picture.height.unwrap_or_default(),
    };

    let mut detect = Command::new("ffmpeg");
    detect.args(["-nostdin", "-hide_banner", "-nostats", "-i"]).arg(video);
    detect.args(["-vf", BLACK, "-an", "-f", "null", "-"]);
    let seen = output(detect).await?;
    Ok(seen.map(|seen| Footage {
        size,
        video_ms: length_ms(Some(picture)),
        audio_ms: length_ms(stream("audio")),
        black: black_spans(&String::from_utf8_lossy(&seen.stderr)),
    }))
}

/// What a tool says; the inner error is that it could not do its work.
async fn output(mut command: Command) -> anyhow::Result<Result<std::process::Output, String>> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot start `{program}`"))?;
    if output.status.success() {
        return Ok(Ok(output));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(Err(format!("`{program}` ended with {}: {}", output.status, said.trim())))
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

fn leftovers(job: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in [job.to_owned(), job.join("stages")] {
        let entries = match fs_err::read_dir(folder) {
            Ok(entries) => entries,
            // A job that did not come so far leaves nothing there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.contains(".part.") || name.starts_with('.') {
                found.push(name);
            }
        }
    }
    Ok(found)
}

/// Hashes each file that was shown, once.
async fn wrong_clips(status: &JobStatus, data_dir: &Path) -> anyhow::Result<Vec<String>> {
    let clips = status.outcome.iter().flat_map(|outcome| &outcome.clips);
    let distinct: BTreeMap<String, String> =
        clips.map(|ClipUse { id, sha256, .. }| (sha256.clone(), id.clone())).collect();
    let store = data_dir.join("store");
    let wrong = move || -> io::Result<Vec<String>> {
        let looked = distinct.iter().map(|(sha256, id)| {
            Ok(wrong_clip(&store, sha256)?.map(|reason| format!("{id}: {reason}")))
        });
        looked.filter_map(Result::transpose).collect()
    };
    Ok(tokio::task::spawn_blocking(wrong).await.context("the hashing ended early")??)
}

/// What is wrong with one file, if anything. The store's layout is public, `blobs/sha256/ab/<digest>`;
/// it is not opened, which would tidy up under the hands of the running pipeline.
fn wrong_clip(store: &Path, sha256: &str) -> io::Result<Option<String>> {
    let expected: Digest = match sha256.parse() {
        Ok(digest) => digest,
        Err(error) => return Ok(Some(format!("{error}"))),
    };
    let hex = expected.to_string();
    match fetch::digest_of_file(&store.join("blobs/sha256").join(&hex[..2]).join(&hex)) {
        Ok(found) if found == expected => Ok(None),
        Ok(found) => Ok(Some(format!("expected {expected}, found {found}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Some(format!("{expected} is not in the store")))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
