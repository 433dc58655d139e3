//! `render`: one filter graph, one encode.

use std::path::{Path, PathBuf};

use protocol::{BgmType, JobSpec, VideoInfo};

use crate::artefacts::{Materials, Narration, Rendered, Selection, Subtitles};
use crate::error::StageError;
use crate::job::{self, JobFolder};
use crate::media::{self, BurnIn, Encoding, MediaError, Music, Render, RenderPlan, ShotInput};
use crate::parts::Parts;

/// Name of the video in the job folder.
pub const FILE: &str = "video.mp4";
/// Frames a second: MoneyPrinterTurbo's.
const FPS: u32 = 30;
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

/// Runs the stage for the job `id`.
///
/// # Errors
///
/// `music_missing`, `render_failed`, `disk`.
pub async fn run(
    parts: &Parts,
    id: &str,
    spec: &JobSpec,
    inputs: &Inputs<'_>,
    folder: &JobFolder,
) -> Result<Rendered, StageError> {
    let Inputs { narration, materials, selection, subtitles } = *inputs;
    let plan = RenderPlan {
        size: spec.size(),
        fps: FPS,
        shots: shots(materials, selection),
        narration: folder.file(&narration.file),
        duration_ms: narration.duration_ms,
        voice_volume: spec.voice_volume,
        music: music(parts.settings.music.dir.as_deref(), spec).map_err(|expected| {
            let message = format!("bgm_file: expected {expected}, found {:?}", spec.bgm_file);
            StageError::permanent("music_missing", message)
        })?,
        subtitles: spec
            .subtitle_enabled
            .then(|| BurnIn { ass: subtitles.ass.clone(), fonts_dir: None }),
        encoding: Encoding {
            encoder: parts.encoder,
            threads: spec.n_threads,
            ..Encoding::default()
        },
        output: PathBuf::from(FILE),
    };
    let rendered = media::render(&plan, folder.path(), |_| ()).await;
    let Render { media, encoder } = rendered.map_err(|error| StageError {
        code: "render_failed",
        message: error.to_string(),
        // A process that was killed or a full disk may be gone at the next attempt; a plan or a
        // clip that cannot be used stays so.
        transient: matches!(error, MediaError::Process(_) | MediaError::Io(_)),
    })?;
    let bytes = fs_err::metadata(folder.file(FILE)).map(|file| file.len());
    Ok(Rendered {
        video: VideoInfo {
            file: FILE.to_owned(),
            url: job::file_url(id, FILE),
            bytes: bytes.map_err(|error| StageError::transient("disk", error))?,
            width: media.width,
            height: media.height,
            fps: media.fps,
            duration_ms: media.video_ms,
            encoder: encoder.to_string(),
        },
    })
}

fn shots(materials: &Materials, selection: &Selection) -> Vec<ShotInput> {
    let shot = |shot: &crate::artefacts::Shot| {
        let clip = materials.clips.get(shot.clip)?;
        Some(ShotInput {
            path: clip.path.clone(),
            source_size: protocol::Size { width: clip.media.width, height: clip.media.height },
            source_start_ms: shot.source_start_ms,
            duration_ms: shot.duration_ms,
        })
    };
    selection.shots.iter().filter_map(shot).collect()
}

/// The music that is asked for, or what would have been expected.
pub(super) fn music(folder: Option<&Path>, spec: &JobSpec) -> Result<Option<Music>, String> {
    if spec.bgm_type == BgmType::None || spec.bgm_volume <= 0.0 {
        return Ok(None);
    }
    let tracks = folder.map(tracks).transpose();
    let tracks = tracks.map_err(|error| format!("a music folder that can be read: {error}"))?;
    let track = choose(tracks.as_deref().unwrap_or_default(), spec)?;
    let path = folder.zip(track).map(|(folder, track)| folder.join(track));
    Ok(path.map(|path| Music { path, volume: spec.bgm_volume }))
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

fn choose<'a>(tracks: &'a [String], spec: &JobSpec) -> Result<Option<&'a String>, String> {
    match spec.bgm_type {
        BgmType::None => Ok(None),
        BgmType::Random if tracks.is_empty() => Ok(None),
        BgmType::Random => {
            let index = usize::try_from(spec.seed % tracks.len() as u64).unwrap_or(0);
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
mod tests {
    use super::*;

    #[track_caller]
    fn check(bgm_type: BgmType, file: &str, seed: u64, expected: Result<Option<&str>, &str>) {
        let tracks = ["a.mp3".to_owned(), "b.m4a".to_owned()];
        let spec = JobSpec { bgm_type, bgm_file: file.to_owned(), seed, ..JobSpec::default() };
        let found = choose(&tracks, &spec).map(|track| track.map(String::as_str));
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn music_is_the_named_track_or_the_seeds() {
        check(BgmType::Custom, "c.mp3", 0, Err("one of the tracks a.mp3, b.m4a"));
        check(BgmType::Custom, "b.m4a", 0, Ok(Some("b.m4a")));
        check(BgmType::Random, "", 4, Ok(Some("a.mp3")));
        check(BgmType::Random, "", 5, Ok(Some("b.m4a")));
        check(BgmType::None, "a.mp3", 0, Ok(None));
        let silent = JobSpec { bgm_volume: 0.0, ..JobSpec::default() };
        assert_eq!(music(Some(Path::new("/not/there")), &silent), Ok(None), "not even looked for");
    }
}
