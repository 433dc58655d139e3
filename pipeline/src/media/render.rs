use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempPath;
use tokio::process::Command;

use super::graph::Targets;
use super::probe::probe;
use super::tool::{self, SAFE_INPUT, SAFE_STILL, file_url};
use super::{Encoder, MediaError, Mode, RenderPlan, ShotInput, graph, pieces, relay};
use crate::artefacts::MediaInfo;
use crate::process::{self, ProcessError};

/// A finished video.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// What the probe found in it.
    pub media: MediaInfo,
    /// Who encoded it: the plan's encoder, or libx264 in its place.
    pub encoder: Encoder,
    /// What was not done as the plan says, in words.
    pub warnings: Vec<String>,
}

/// Makes the video of `plan` in `folder`, and tells how much of it is done, 0 to 1.
///
/// It is written under another name and gets its own once it is found to be what was asked for. After
/// an error, or when the future is dropped, nothing of it is left, apart from the finished pieces of a
/// video that is joined of such: what is made of the same plan in the same folder goes on from them.
///
/// # Errors
///
/// [`MediaError`]: a plan that no video can follow, an input that cannot be used (by name), ffmpeg
/// failed or took too long, or the result is not what was asked for.
pub async fn render(
    plan: &RenderPlan,
    folder: &Path,
    mut on_progress: impl FnMut(f64) + Send,
) -> Result<Render, MediaError> {
    plan.check()?;
    let mut on_done = monotonic(&mut on_progress);
    let error = match attempt(plan, folder, &mut on_done).await {
        Ok(render) => return Ok(render),
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
    attempt(&plan, folder, &mut on_done).await
}

async fn attempt(
    plan: &RenderPlan,
    folder: &Path,
    on_done: &mut (impl FnMut(f64) + Send),
) -> Result<Render, MediaError> {
    let part = with_suffix(&plan.output, ".part.mp4");
    let cover_part = plan.cover.as_ref().map(|cover| with_suffix(cover, ".part.jpg"));
    let targets = Targets { video: &part, cover: cover_part.as_deref() };
    // Declared before the processes: dropped after them, when nobody writes the files any more.
    let unfinished = TempPath::try_from_path(folder.join(&part))?;
    let unfinished_cover =
        cover_part.as_ref().map(|cover| TempPath::try_from_path(folder.join(cover))).transpose()?;
    let mut warnings = Vec::new();
    match plan.mode {
        Mode::SinglePass => single_pass(plan, folder, targets, on_done).await?,
        Mode::PerClip => pieces::per_clip(plan, folder, targets, on_done).await?,
        Mode::ConcatCopy => {
            let mismatch = pieces::concat_copy(plan, folder, targets, on_done).await?;
            if let Some(mismatch) = mismatch {
                tracing::warn!(mismatch, "pieces cannot be joined as they are");
                warnings.push(format!("rendered in a single pass: {mismatch}"));
                single_pass(plan, folder, targets, on_done).await?;
            }
        }
    }
    let media = probe(&unfinished).await?;
    let output = folder.join(&plan.output);
    if let Some((expected, actual)) = difference(plan, &media) {
        return Err(MediaError::Broken { path: output, expected, actual });
    }
    // Under its new name the guard does not find it.
    if let (Some(part), Some(cover)) = (&unfinished_cover, &plan.cover) {
        fs_err::tokio::rename(part, folder.join(cover)).await?;
    }
    fs_err::tokio::rename(&unfinished, &output).await?;
    on_done(1.0);
    Ok(Render { media, encoder: plan.encoding.encoder, warnings })
}

/// Never tells less than before: a second way after the first failed begins anew.
pub(crate) fn monotonic(mut on_progress: impl FnMut(f64) + Send) -> impl FnMut(f64) + Send {
    let mut most = 0.0;
    move |done: f64| {
        if done > most {
            most = done.min(1.0);
            on_progress(most);
        }
    }
}

async fn single_pass(
    plan: &RenderPlan,
    folder: &Path,
    targets: Targets<'_>,
    on_done: &mut impl FnMut(f64),
) -> Result<(), MediaError> {
    let total = plan.total_frames() as f64;
    let mut on_line = |line: &str| {
        if let Some(frames) = frames_done(line) {
            on_done(frames as f64 / total);
        }
    };
    if plan.is_relayed() {
        relay::relay(plan, folder, targets, &mut on_line).await
    } else {
        let command = ffmpeg(graph::arguments(plan, targets), folder);
        Ok(process::lines(command, plan.bounds(), on_line).await?)
    }
}

pub(super) fn ffmpeg(args: Vec<OsString>, folder: &Path) -> Command {
    let mut command = tool::program();
    command.args(args).current_dir(folder);
    command
}

/// `video.mp4` is written as `video.mp4.part.mp4`.
pub(super) fn with_suffix(output: &Path, suffix: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a line of `-progress`.
pub(super) fn frames_done(line: &str) -> Option<u64> {
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
        if !shot.is_still {
            probe(&shot.path).await?;
        }
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
    let mut command = tool::ffmpeg();
    command.args(["-loglevel", "error", "-progress", "pipe:1"]);
    if shot.is_still {
        command.args(SAFE_STILL);
    } else {
        command.args(["-ss", &format!("{}ms", shot.source_start_ms)]).args(SAFE_INPUT);
    }
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
