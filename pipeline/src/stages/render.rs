//! `render`: the shots, the speech, the subtitles and the music become videos.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use protocol::{BgmType, JobSpec, Size, VideoInfo};

use crate::artefacts::{ClipKind, Materials, Narration, Rendered, Selection, Shot, Subtitles};
use crate::error::StageError;
use crate::job::{self, JobFolder};
use crate::media::{self, Encoder, Encoding, MediaError, Music, Render, RenderPlan, ShotInput};
use crate::parts::Parts;
use crate::process::ProcessError;
use crate::settings::Render as Settings;
use crate::stages::subtitles::burn_in;

/// Name of the first video in the job folder; the second one is `video-2.mp4`.
pub const FILE: &str = "video.mp4";
/// Name of the cover image.
const COVER: &str = "cover.jpg";
/// Frames a second: MoneyPrinterTurbo's.
const FPS: u32 = 30;
/// Pieces that are encoded side by side where nobody asked for more.
const MAX_PIECES: usize = 3;
/// What ffmpeg is given as music.
const TRACKS: [&str; 6] = ["mp3", "m4a", "aac", "wav", "flac", "ogg"];

/// What the stages before it made.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The speech.
    pub narration: &'a Narration,
    /// The clips.
    pub materials: &'a Materials,
    /// Which of them is shown when.
    pub selection: &'a Selection,
    /// What is written over them.
    pub subtitles: &'a Subtitles,
}

/// Runs the stage for the job `id`, and tells how much of it is done, 0 to 1.
///
/// # Errors
///
/// `render_failed`, `disk`.
pub async fn run(
    parts: &Parts,
    id: &str,
    spec: &JobSpec,
    inputs: &Inputs<'_>,
    folder: &JobFolder,
    on_progress: impl Fn(f64) + Sync,
) -> Result<Rendered, StageError> {
    let settings = &parts.settings.render;
    let narration = folder.file(&inputs.narration.file);
    let voice_gain_db = match settings.loudness_lufs {
        Some(target) => {
            let loudness = media::loudness(&narration).await.map_err(|error| failure(&error))?;
            media::gain_db(loudness, target)
        }
        None => 0.0,
    };
    let mut warnings = Vec::new();
    let selections: Vec<&Vec<Shot>> =
        std::iter::once(&inputs.selection.shots).chain(&inputs.selection.more).collect();
    let mut videos = Vec::new();
    for (number, shots) in selections.iter().enumerate() {
        let seed = spec.seed.wrapping_add(number as u64);
        let music_dir = parts.settings.music.dir.as_deref();
        let music = music(music_dir, spec, seed).unwrap_or_else(|expected| {
            warnings.push(format!("no music: expected {expected}, found {:?}", spec.bgm_file));
            None
        });
        let shots = shot_inputs(inputs.materials, shots);
        let speech_ms = inputs.narration.duration_ms;
        let bare = RenderPlan::new(spec.size(), shots, narration.clone(), speech_ms);
        let plan = RenderPlan {
            voice_gain_db,
            music,
            subtitles: burn_in(spec, inputs.subtitles),
            seed,
            cover: (number == 0 && settings.cover).then(|| PathBuf::from(COVER)),
            output: PathBuf::from(file_name(number)),
            ..as_set(settings, parts.encoder.current(), spec, bare)
        };
        let share = selections.len() as f64;
        let on_video = |done: f64| on_progress((number as f64 + done) / share);
        let rendered = with_or_without_music(plan, folder.path(), on_video).await;
        let rendered = rendered.map_err(|error| failure(&error))?;
        parts.encoder.has_made(rendered.encoder, media::works).await;
        videos.push(info(id, file_name(number), &rendered, folder)?);
        warnings.extend(rendered.warnings);
    }
    let mut told = HashSet::new();
    warnings.retain(|warning| told.insert(warning.clone()));
    let cover = settings.cover.then(|| COVER.to_owned());
    let video = videos.remove(0);
    Ok(Rendered { video, more: videos, cover, warnings })
}

fn info(
    id: &str,
    file: String,
    rendered: &Render,
    folder: &JobFolder,
) -> Result<VideoInfo, StageError> {
    let Render { media, encoder, .. } = rendered;
    let bytes = fs_err::metadata(folder.file(&file)).map(|file| file.len());
    Ok(VideoInfo {
        url: job::file_url(id, &file),
        file,
        bytes: bytes.map_err(|error| StageError::transient("disk", error))?,
        width: media.width,
        height: media.height,
        fps: media.fps,
        duration_ms: media.video_ms,
        encoder: encoder.to_string(),
    })
}

/// The plan as the operator and the request want every video of the job.
fn as_set(render: &Settings, encoder: Encoder, spec: &JobSpec, plan: RenderPlan) -> RenderPlan {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    RenderPlan {
        mode: render.mode,
        fps: FPS,
        fit: spec.video_fit_mode,
        speed: spec.video_clip_speed,
        transition: spec.video_transition_mode,
        voice_volume: spec.voice_volume,
        encoding: Encoding {
            encoder,
            threads: spec.n_threads,
            preset: render.preset.clone(),
            quality: render.crf,
        },
        concurrency: concurrency(spec, cores),
        allowance: render.allowance(),
        ..plan
    }
}

/// Pieces that are encoded side by side: as many as were asked for, or as there are cores for, up to
/// three: each takes up to 400 MiB.
fn concurrency(spec: &JobSpec, cores: usize) -> usize {
    let fitting = cores / spec.n_threads.max(1) as usize;
    (spec.video_clip_concurrency as usize).max(fitting.min(MAX_PIECES)).max(1)
}

/// `video.mp4`, `video-2.mp4` and so on.
fn file_name(number: usize) -> String {
    match number {
        0 => FILE.to_owned(),
        _ => format!("video-{}.mp4", number + 1),
    }
}

/// Renders; where the music cannot be used, once more without it: a video with speech alone is worth
/// more than none.
async fn with_or_without_music(
    mut plan: RenderPlan,
    folder: &Path,
    on_progress: impl Fn(f64) + Sync,
) -> Result<Render, MediaError> {
    let mut on_progress = media::monotonic(&on_progress);
    let error = match media::render(&plan, folder, &mut on_progress).await {
        Ok(render) => return Ok(render),
        Err(error) => error,
    };
    let music = plan.music.take().filter(|music| error.path() == Some(&music.path));
    let Some(music) = music else { return Err(error) };
    tracing::warn!(%error, "rendering without music");
    let name = music.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut render = media::render(&plan, folder, &mut on_progress).await?;
    render.warnings.push(format!("no music: {name} cannot be used"));
    Ok(render)
}

fn failure(error: &MediaError) -> StageError {
    let MediaError::Process(process) = error else {
        // A full disk may be gone at the next attempt; a plan or a clip that cannot be used stays so.
        let (message, transient) = (error.to_string(), matches!(error, MediaError::Io(_)));
        return StageError { code: "render_failed", message, transient };
    };
    // So may the load of the machine; the same video needs the same memory.
    let (hint, transient) = match process {
        ProcessError::Memory { .. } => (" (hint: render.max_memory_bytes)", false),
        ProcessError::File { .. } => (" (hint: render.max_file_bytes)", false),
        ProcessError::Timeout { .. } => (" (hint: render.time_factor)", true),
        _ => ("", true),
    };
    StageError { code: "render_failed", message: format!("{error}{hint}"), transient }
}

fn shot_inputs(materials: &Materials, shots: &[Shot]) -> Vec<ShotInput> {
    let shot = |shot: &Shot| {
        let clip = materials.clips.get(shot.clip)?;
        Some(ShotInput {
            path: clip.path.clone(),
            is_still: clip.kind == ClipKind::Image,
            source_size: Size { width: clip.media.width, height: clip.media.height },
            source_fps: clip.media.fps,
            source_start_ms: shot.source_start_ms,
            duration_ms: shot.duration_ms,
        })
    };
    shots.iter().filter_map(shot).collect()
}

/// The music that is asked for, or what would have been expected.
pub(super) fn music(
    folder: Option<&Path>,
    spec: &JobSpec,
    seed: u64,
) -> Result<Option<Music>, String> {
    if spec.bgm_type == BgmType::None || spec.bgm_volume <= 0.0 {
        return Ok(None);
    }
    let tracks = folder.map(tracks).transpose();
    let tracks = tracks.map_err(|error| format!("a music folder that can be read: {error}"))?;
    let track = choose(tracks.as_deref().unwrap_or_default(), spec, seed)?;
    let path = folder.zip(track).map(|(folder, track)| folder.join(track));
    Ok(path.map(|path| Music { path, volume: spec.bgm_volume, ducking: spec.bgm_ducking }))
}

/// The names of the tracks in `folder`, sorted.
fn tracks(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut tracks = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if TRACKS.contains(&ending.as_str()) {
            tracks.push(name);
        }
    }
    tracks.sort();
    Ok(tracks)
}

fn choose<'a>(
    tracks: &'a [String],
    spec: &JobSpec,
    seed: u64,
) -> Result<Option<&'a String>, String> {
    match spec.bgm_type {
        BgmType::None => Ok(None),
        BgmType::Random if tracks.is_empty() => Ok(None),
        BgmType::Random => {
            let index = usize::try_from(seed % tracks.len() as u64).unwrap_or(0);
            Ok(tracks.get(index))
        }
        BgmType::Custom => tracks
            .iter()
            .find(|track| **track == spec.bgm_file)
            .map(Some)
            .ok_or_else(|| format!("one of the tracks {}", tracks.join(", "))),
    }
}

#[cfg(test)]
mod tests;
