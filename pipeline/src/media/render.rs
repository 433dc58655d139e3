use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempPath;
use tokio::process::Command;

use super::probe::{SAFE_INPUT, file_url, probe};
use super::{Encoder, MediaError, RenderPlan, ShotInput, graph};
use crate::artefacts::MediaInfo;
use crate::process::{self, ProcessError};

/// A finished video.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// What the probe found in it.
    pub media: MediaInfo,
    /// Who encoded it: the plan's encoder, or libx264 in its place.
    pub encoder: Encoder,
}

/// Makes the video of `plan` in `folder`, and tells how much of it is done, 0 to 1.
///
/// It is written under another name and gets its own once it is found to be what was asked for. After
/// an error, or when the future is dropped, nothing of it is left.
///
/// # Errors
///
/// [`MediaError`]: a plan that no video can follow, an input that cannot be used (by name), ffmpeg
/// failed or took too long, or the result is not what was asked for.
pub async fn render(
    plan: &RenderPlan,
    folder: &Path,
    mut on_progress: impl FnMut(f64),
) -> Result<Render, MediaError> {
    plan.check()?;
    let error = match attempt(plan, folder, &mut on_progress).await {
        Ok(media) => return Ok(Render { media, encoder: plan.encoding.encoder }),
        Err(error) => error,
    };
    let is_last_word = !matches!(
        error,
        MediaError::Process(ProcessError::Failed { .. }) | MediaError::Broken { .. }
    );
    if is_last_word {
        return Err(error);
    }
    // Only now: a look at every input costs a process each, and most renders work.
    find_unusable_input(plan).await?;
    if plan.encoding.encoder == Encoder::X264 {
        return Err(error);
    }
    tracing::warn!(encoder = %plan.encoding.encoder, %error, "encoder failed, libx264 takes over");
    let mut plan = plan.clone();
    plan.encoding.encoder = Encoder::X264;
    let media = attempt(&plan, folder, &mut on_progress).await?;
    Ok(Render { media, encoder: Encoder::X264 })
}

async fn attempt(
    plan: &RenderPlan,
    folder: &Path,
    on_progress: &mut impl FnMut(f64),
) -> Result<MediaInfo, MediaError> {
    let part = with_suffix(&plan.output, ".part.mp4");
    // Declared before the processes: dropped after them, when nobody writes the file any more.
    let unfinished = TempPath::try_from_path(folder.join(&part))?;
    let total = plan.total_frames() as f64;
    let mut on_line = |line: &str| {
        if let Some(frames) = frames_done(line) {
            on_progress((frames as f64 / total).min(1.0));
        }
    };
    if plan.is_relayed() {
        relay(plan, folder, &part, &mut on_line).await?;
    } else {
        let command = ffmpeg(graph::arguments(plan, &part), folder);
        process::lines(command, time_limit(plan), on_line).await?;
    }
    let media = probe(&unfinished).await?;
    let output = folder.join(&plan.output);
    if let Some((expected, actual)) = difference(plan, &media) {
        return Err(MediaError::Broken { path: output, expected, actual });
    }
    // Under its new name the guard does not find it.
    fs_err::tokio::rename(&unfinished, &output).await?;
    on_progress(1.0);
    Ok(media)
}

/// Encodes while the shots are decoded beside it, one after the other: only one clip is open at any
/// time. The frames go through a named pipe.
async fn relay(
    plan: &RenderPlan,
    folder: &Path,
    part: &Path,
    on_line: &mut impl FnMut(&str),
) -> Result<(), MediaError> {
    let frames = with_suffix(&plan.output, ".part.yuv");
    let pipe = named_pipe(&folder.join(&frames))?;
    // Open for both, it waits for nobody; as long as it is open the encoder waits for the next shot.
    let end = fs_err::OpenOptions::new().read(true).write(true).open(&pipe)?;
    let feed = async {
        for cut in plan.cuts() {
            let command = ffmpeg(graph::shot_arguments(plan, cut, &frames), folder);
            process::output(command, &[], time_limit(plan)).await?;
        }
        drop(end);
        Ok(())
    };
    let command = ffmpeg(graph::relay_arguments(plan, &frames, part), folder);
    let encode = process::lines(command, time_limit(plan), on_line);
    tokio::try_join!(feed, encode)?;
    Ok(())
}

fn named_pipe(path: &Path) -> io::Result<TempPath> {
    // One may be left from a worker that was killed.
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let pipe = TempPath::try_from_path(path)?;
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(
        |error| {
            io::Error::new(error.kind(), format!("{}: cannot make a pipe: {error}", path.display()))
        },
    )?;
    Ok(pipe)
}

fn ffmpeg(args: Vec<OsString>, folder: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(args).current_dir(folder);
    command
}

/// `video.mp4` is written as `video.mp4.part.mp4`.
fn with_suffix(output: &Path, suffix: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A loaded machine renders at a fraction of the video's own speed; one that is twenty times slower
/// hangs.
fn time_limit(plan: &RenderPlan) -> Duration {
    Duration::from_secs(120) + Duration::from_millis(plan.total_ms()) * 20
}

/// Reads a line of `-progress`.
fn frames_done(line: &str) -> Option<u64> {
    line.strip_prefix("frame=")?.trim().parse().ok()
}

/// Where the video is not what was asked for: the expected and the actual.
fn difference(plan: &RenderPlan, media: &MediaInfo) -> Option<(String, String)> {
    let frame_ms = 1000 / u64::from(plan.fps) + 1;
    let (expected_ms, actual_ms) = (plan.total_ms(), media.video_ms);
    let size = format!("{}x{}", media.width, media.height);
    if size != plan.size.to_string() {
        Some((format!("a picture of {}", plan.size), size))
    } else if (media.fps - f64::from(plan.fps)).abs() > 0.01 {
        Some((format!("{} frames a second", plan.fps), media.fps.to_string()))
    } else if actual_ms < plan.duration_ms || actual_ms.abs_diff(expected_ms) > frame_ms {
        Some((format!("a picture of {expected_ms} ms"), format!("{actual_ms} ms")))
    } else if media.audio_ms < plan.duration_ms || media.audio_ms > actual_ms {
        let expected = format!("a sound of {} to {actual_ms} ms", plan.duration_ms);
        Some((expected, format!("{} ms", media.audio_ms)))
    } else {
        None
    }
}

/// Names the input that made a render fail, if it was one.
async fn find_unusable_input(plan: &RenderPlan) -> Result<(), MediaError> {
    let sounds = [Some(&plan.narration), plan.music.as_ref().map(|music| &music.path)];
    for path in sounds.into_iter().flatten() {
        if probe(path).await?.audio_ms == 0 {
            let reason = "expected a sound, found none".to_owned();
            return Err(MediaError::Unusable { path: path.clone(), reason });
        }
    }
    for shot in plan.cuts().into_iter().map(|cut| &plan.shots[cut.shot]) {
        probe(&shot.path).await?;
        if !has_frame(shot).await {
            let start_ms = shot.source_start_ms;
            let reason = format!("expected a picture at {start_ms} ms, found none");
            return Err(MediaError::Unusable { path: shot.path.clone(), reason });
        }
    }
    Ok(())
}

/// Whether a frame can be decoded where the shot begins.
async fn has_frame(shot: &ShotInput) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-progress", "pipe:1"]);
    command.args(["-ss", &format!("{}ms", shot.source_start_ms)]).args(SAFE_INPUT);
    command.arg("-i").arg(file_url(&shot.path));
    command.args(["-map", "0:V:0", "-frames:v", "1", "-f", "null", "-"]);
    let mut frames = 0;
    let decoded = process::lines(command, Duration::from_secs(60), |line| {
        frames = frames_done(line).unwrap_or(frames);
    });
    decoded.await.is_ok() && frames > 0
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
