//! What each stage makes: the documents that are written to `stages/<stage>.json` in the job folder
//! and read by the stages after it. A stage knows these types, never another stage.
//!
//! Lengths and instants within media are whole milliseconds (`…_ms`). Paths are relative to the job
//! folder unless a field says otherwise.

use std::path::{Path, PathBuf};

use protocol::{Downloads, RejectedClip, SelectionInfo, SocialPost, TimingSource, VideoInfo};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Result of a stage: a document, and the files that it speaks of.
pub trait Artefact: Serialize + DeserializeOwned + Send + Sync {
    /// Files without which the document is worth nothing; relative to the job folder or absolute.
    fn files(&self) -> Vec<&Path> {
        Vec::new()
    }
}

impl Artefact for Script {}
impl Artefact for SearchTerms {}
impl Artefact for Selection {}
impl Artefact for Published {}

impl Artefact for Narration {
    fn files(&self) -> Vec<&Path> {
        vec![Path::new(&self.file)]
    }
}

impl Artefact for Materials {
    fn files(&self) -> Vec<&Path> {
        self.clips.iter().map(|clip| clip.path.as_path()).collect()
    }
}

impl Artefact for Subtitles {
    fn files(&self) -> Vec<&Path> {
        vec![Path::new(&self.srt), Path::new(&self.vtt), Path::new(&self.ass)]
    }
}

impl Artefact for Rendered {
    fn files(&self) -> Vec<&Path> {
        let videos = self.videos().map(|video| Path::new(&video.file));
        videos.chain(self.cover.as_deref().map(Path::new)).collect()
    }
}

/// Result of `script`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The narration text, cleaned, never empty.
    pub text: String,
}

/// Result of `terms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchTerms {
    /// In the order of the script. Empty where the clips are the user's own, and never else.
    pub terms: Vec<String>,
}

/// One word of the narration, with its punctuation: what stands between white space in the script, and
/// within that each Chinese or Japanese letter (`timeline::tokens`). Together the words are the text
/// without its white space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedWord {
    /// As it stands in the script.
    pub text: String,
    /// When its sound begins.
    pub start_ms: u64,
    /// When its sound ends, after `start_ms` and not after the next word's start.
    pub end_ms: u64,
}

/// Result of `narration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narration {
    /// WAV file.
    pub file: String,
    /// Exact length of the sound.
    pub duration_ms: u64,
    /// Engine and voice, such as `espeak:vi`.
    pub engine: String,
    /// Times of the words, where whoever spoke tells them.
    pub words: Option<Vec<TimedWord>>,
    /// How `words` got their times: told by the engine, or reckoned where nobody speaks. Says nothing where
    /// there are none.
    #[serde(default = "from_engine")]
    pub timing: TimingSource,
}

/// What a result without the field means: it was written before nobody could speak.
fn from_engine() -> TimingSource {
    TimingSource::Engine
}

/// What a media file holds, as it is shown: rotation metadata is applied to width and height.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// Pixels across. 0 without a picture.
    pub width: u32,
    /// Pixels down. 0 without a picture.
    pub height: u32,
    /// Average frames a second. 0 without a picture.
    pub fps: f64,
    /// Length of the longest stream.
    pub duration_ms: u64,
    /// Length of the picture; 0 without one.
    pub video_ms: u64,
    /// Length of the sound; 0 without one.
    pub audio_ms: u64,
    /// Codec of the picture, ffmpeg's name. Empty without one.
    pub video_codec: String,
}

/// What a clip is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClipKind {
    /// Moving pictures.
    #[default]
    Video,
    /// One still picture, shown in slow motion.
    Image,
}

/// A clip that is here, verified and probed: downloaded, the user's own, or generated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The site's name of it, `pexels:1234`.
    pub id: String,
    /// The search term that found it.
    pub term: String,
    /// What the site says is seen in it; empty where it says nothing.
    pub description: String,
    /// The site's page of it.
    pub page_url: String,
    /// Who made it.
    pub creator: String,
    /// Under which terms.
    pub licence: String,
    /// Absolute path of the file, in the store.
    pub path: PathBuf,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// What the probe found.
    pub media: MediaInfo,
    /// What it is.
    #[serde(default)]
    pub kind: ClipKind,
}

/// Result of `materials`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Materials {
    /// Usable clips in the order of the terms, never empty.
    pub clips: Vec<Clip>,
    /// What was downloaded and cannot be used.
    pub rejected: Vec<RejectedClip>,
    /// What the network was asked for.
    #[serde(default)]
    pub downloads: Downloads,
    /// What was asked for in vain, in words.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A piece of a clip on screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Index into [`Materials::clips`].
    pub clip: usize,
    /// Where in the clip it begins.
    pub source_start_ms: u64,
    /// How long it is shown.
    pub duration_ms: u64,
    /// Likeness to what is said meanwhile, -1 to 1. None: chosen without a model.
    pub score: Option<f32>,
}

/// Result of `selection`: shots back to back from 0, together at least as long as the narration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// In the order in which they are shown, never empty.
    pub shots: Vec<Shot>,
    /// The shots of further videos of the same narration, one list each.
    #[serde(default)]
    pub more: Vec<Vec<Shot>>,
    /// How the clips were chosen.
    #[serde(default)]
    pub info: Option<SelectionInfo>,
}

/// One subtitle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// When it appears.
    pub start_ms: u64,
    /// When it goes, after `start_ms` and not after the next cue's start.
    pub end_ms: u64,
    /// One or two lines, none empty.
    pub lines: Vec<String>,
}

/// Result of `subtitles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtitles {
    /// SRT file.
    pub srt: String,
    /// WebVTT file.
    pub vtt: String,
    /// ASS file.
    pub ass: String,
    /// What all of them hold.
    pub cues: Vec<Cue>,
    /// How the words got their times.
    pub timing: TimingSource,
    /// Font family of the ASS.
    pub font: String,
    /// What was asked for, where the font stands in for another.
    pub font_stands_in_for: Option<String>,
    /// What a user should know of them, as sentences without an end.
    pub notes: Vec<String>,
}

/// Result of `render`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rendered {
    /// The video file.
    pub video: VideoInfo,
    /// Further videos of the same narration.
    #[serde(default)]
    pub more: Vec<VideoInfo>,
    /// Name of the cover image.
    #[serde(default)]
    pub cover: Option<String>,
    /// What was not done as it was asked for, in words.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl Rendered {
    /// All videos, the first one first.
    pub fn videos(&self) -> impl Iterator<Item = &VideoInfo> {
        std::iter::once(&self.video).chain(&self.more)
    }
}

/// What to publish the video with: `stages/social.json`, written beside the stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Social {
    /// One for each platform that was asked for, in the order of the request.
    pub posts: Vec<SocialPost>,
}

/// Result of `publish`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Where each artefact is, as URLs.
    pub urls: Vec<String>,
}
