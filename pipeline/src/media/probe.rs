use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::tool::{SAFE_INPUT, ffprobe, file_url};
use super::{Credible, MediaError};
use crate::artefacts::MediaInfo;
use crate::process::{self, ProcessError};

/// Longest side that is believed. H.264 itself ends there.
const MAX_SIDE: u32 = 16_384;

/// A file is read within this time, or not at all.
const LIMIT: Duration = Duration::from_secs(30);

/// What the file at `path` holds, where that is [`Credible`].
///
/// # Errors
///
/// As [`probe_within`].
pub async fn probe(path: &Path) -> Result<MediaInfo, MediaError> {
    probe_within(path, &Credible::default()).await
}

/// What the file at `path` holds, where it is no more than is believed.
///
/// # Errors
///
/// [`MediaError`], naming the path: not a media file, no stream, absurd dimensions, length or rate, or
/// no length. Or ffprobe did not run.
pub async fn probe_within(path: &Path, credible: &Credible) -> Result<MediaInfo, MediaError> {
    let media = ask(path).await?;
    credible.check(path, &media)?;
    Ok(media)
}

async fn ask(path: &Path) -> Result<MediaInfo, MediaError> {
    let mut command = ffprobe();
    command.args(["-of", "json", "-show_streams", "-show_format"]);
    command.args(SAFE_INPUT).arg("-i").arg(file_url(path));
    match process::output(command, &[], LIMIT).await {
        Ok(json) => parse_probe(path, &json),
        Err(ProcessError::Failed { stderr, .. }) => {
            Err(MediaError::NotMedia { path: path.to_owned(), reason: reason(path, &stderr) })
        }
        Err(error) => Err(error.into()),
    }
}

/// What ffprobe complains of, without what the error says already and what changes from run to run:
/// `[hls @ 0x564301] Format not allowed` and `file:a.mp4: Invalid argument`.
fn reason(path: &Path, stderr: &str) -> String {
    let url = format!("{}: ", file_url(path).display());
    let lines: Vec<String> = stderr
        .lines()
        .map(|line| {
            match line
                .split_once(" @ 0x")
                .and_then(|(part, rest)| Some((part, rest.split_once(']')?.1)))
            {
                Some((part, words)) => format!("{part}]{words}"),
                None => line.trim_start_matches(&url).to_owned(),
            }
        })
        .collect();
    lines.join(" | ")
}

/// Reads what ffprobe says of the file at `path` (`-of json -show_streams -show_format`).
///
/// # Errors
///
/// As [`probe`].
pub fn parse_probe(path: &Path, json: &[u8]) -> Result<MediaInfo, MediaError> {
    let path = path.to_owned();
    let document: Document = match serde_json::from_slice(json) {
        Ok(document) => document,
        Err(error) => return Err(MediaError::NotMedia { path, reason: error.to_string() }),
    };
    let of_kind = |kind| move |stream: &&Stream| stream.codec_type.as_deref() == Some(kind);
    let picture =
        document.streams.iter().filter(of_kind("video")).find(|stream| !stream.is_cover());
    let sound = document.streams.iter().find(of_kind("audio"));
    if picture.is_none() && sound.is_none() {
        return Err(MediaError::NoStream { path });
    }
    // Matroska and MPEG-TS keep one length for all streams.
    let whole_ms = document.format.duration.as_deref().and_then(milliseconds);
    let length = |stream: Option<&Stream>| {
        stream.map_or(0, |stream| stream.duration_ms().or(whole_ms).unwrap_or(0))
    };
    let (video_ms, audio_ms) = (length(picture), length(sound));
    let (width, height) = picture.map_or((0, 0), Stream::shown_size);
    if picture.is_some() && !((1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height)) {
        return Err(MediaError::Dimensions { path, width, height, limit: MAX_SIDE });
    }
    if (picture.is_some() && video_ms == 0) || video_ms.max(audio_ms) == 0 {
        return Err(MediaError::NoDuration { path });
    }
    Ok(MediaInfo {
        width,
        height,
        fps: picture.map_or(0.0, Stream::fps),
        duration_ms: video_ms.max(audio_ms),
        video_ms,
        audio_ms,
        video_codec: picture.and_then(|stream| stream.codec_name.clone()).unwrap_or_default(),
    })
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    duration: Option<String>,
    #[serde(default)]
    tags: HashMap<String, String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
    #[serde(default)]
    disposition: HashMap<String, u8>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Stream {
    /// Whether it is the picture on the sleeve of a song.
    fn is_cover(&self) -> bool {
        self.disposition.get("attached_pic").is_some_and(|&flag| flag != 0)
    }

    /// Width and height after the rotation that a player applies. The display matrix goes before the
    /// old `rotate` tag.
    fn shown_size(&self) -> (u32, u32) {
        let matrix = self.side_data_list.iter().find_map(|data| data.rotation);
        let degrees = matrix.or_else(|| self.tags.get("rotate")?.parse().ok()).unwrap_or(0.0);
        let is_quarter_turn = (degrees / 90.0).round().rem_euclid(2.0) == 1.0;
        if is_quarter_turn { (self.height, self.width) } else { (self.width, self.height) }
    }

    /// The average; the base rate where the container knows no average.
    fn fps(&self) -> f64 {
        let rates = [&self.avg_frame_rate, &self.r_frame_rate];
        rates.into_iter().find_map(|rate| fraction(rate.as_deref()?)).unwrap_or(0.0)
    }

    fn duration_ms(&self) -> Option<u64> {
        let clock = || self.tags.get("DURATION").and_then(|clock| clock_milliseconds(clock));
        self.duration.as_deref().and_then(milliseconds).or_else(clock)
    }
}

/// `30000/1001`. None for `0/0`, ffprobe's "unknown".
fn fraction(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let value = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

/// `2.500000`, seconds.
fn milliseconds(text: &str) -> Option<u64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite())?;
    Some((seconds.max(0.0) * 1000.0).round() as u64)
}

/// `00:01:02.500000000`, Matroska's.
fn clock_milliseconds(text: &str) -> Option<u64> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    milliseconds(&seconds.to_string())
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
