//! Looking at a finished file with ffmpeg's own detectors, for tests and for judging a run.

use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::tool::{SAFE_INPUT, ffmpeg, file_url};
use crate::process;

/// A file is looked at within this time.
const LIMIT: Duration = Duration::from_secs(300);

/// Where the picture is black for 30 ms or more: from and to, in milliseconds.
///
/// # Errors
///
/// ffmpeg did not do its work.
pub async fn black_intervals(path: &Path) -> Result<Vec<(u64, u64)>, MediaError> {
    let filter = "blackdetect=d=0.03:pix_th=0.05,metadata=print:file=-";
    let text = look(&["-i"], path, &["-an", "-vf", filter, "-f", "null", "-"]).await?;
    let text = String::from_utf8_lossy(&text);
    let instants = |key| -> Vec<u64> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.parse::<f64>().ok());
        lines.map(|seconds| (seconds * 1000.0).round() as u64).collect()
    };
    let ends = instants("lavfi.black_end=");
    // One that lasts to the end has no end in the metadata.
    let starts = instants("lavfi.black_start=").into_iter().enumerate();
    Ok(starts.map(|(i, start)| (start, ends.get(i).copied().unwrap_or(u64::MAX))).collect())
}

/// The frame shown at `at_ms`, scaled to `width` x `height`, row by row, 3 bytes a pixel (RGB).
///
/// # Errors
///
/// ffmpeg did not do its work. No frame at that time is an empty answer.
pub async fn frame_at(
    path: &Path,
    at_ms: u64,
    width: u32,
    height: u32,
) -> Result<Vec<u8>, MediaError> {
    let scale = format!("scale={width}:{height}:flags=area,format=rgb24");
    let output = ["-an", "-frames:v", "1", "-vf", &scale, "-f", "rawvideo", "-"];
    look(&["-ss", &format!("{at_ms}ms"), "-i"], path, &output).await
}

/// Loudness (RMS) of `length_ms` of sound from `start_ms` on, in dB below full scale. Negative
/// infinity: silence, or no sound there.
///
/// # Errors
///
/// ffmpeg did not do its work.
pub async fn volume_db(path: &Path, start_ms: u64, length_ms: u64) -> Result<f64, MediaError> {
    let key = "lavfi.astats.Overall.RMS_level";
    let filter = format!("astats=metadata=1,ametadata=print:key={key}:file=-");
    let (start, length) = (format!("{start_ms}ms"), format!("{length_ms}ms"));
    let input = ["-ss", &start, "-t", &length, "-i"];
    let text = look(&input, path, &["-vn", "-af", &filter, "-f", "null", "-"]).await?;
    let text = String::from_utf8_lossy(&text);
    let mut levels = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Ok(levels.next_back().and_then(|level| level.parse().ok()).unwrap_or(f64::NEG_INFINITY))
}

/// What ffmpeg writes to stdout.
async fn look(input: &[&str], path: &Path, output: &[&str]) -> Result<Vec<u8>, MediaError> {
    let mut command = ffmpeg();
    command.args(["-loglevel", "error"]).args(SAFE_INPUT);
    command.args(input).arg(file_url(path)).args(output);
    Ok(process::output(command, &[], LIMIT).await?)
}
