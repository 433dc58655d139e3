use serde::{Deserialize, Serialize};

use crate::{ConcatMode, Platform};

/// What a job made. A part is absent where `stop_at` ended the job before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The narration text.
    pub script: Option<String>,
    /// The search terms.
    #[serde(default)]
    pub terms: Vec<String>,
    /// The speech.
    pub narration: Option<NarrationInfo>,
    /// The subtitles.
    pub subtitles: Option<SubtitleInfo>,
    /// Clips in the order in which they are shown.
    #[serde(default)]
    pub clips: Vec<ClipUse>,
    /// The same for each further video.
    #[serde(default)]
    pub more_clips: Vec<Vec<ClipUse>>,
    /// Distinct clips that were there to choose from.
    #[serde(default)]
    pub clips_available: usize,
    /// Clips that were downloaded and not used because they are broken.
    #[serde(default)]
    pub rejected: Vec<RejectedClip>,
    /// How the clips were chosen.
    #[serde(default)]
    pub selection: Option<SelectionInfo>,
    /// What the network was asked for to get the clips.
    #[serde(default)]
    pub downloads: Downloads,
    /// The video; with `video_count` above 1 the first one.
    pub video: Option<VideoInfo>,
    /// All videos, the first one first.
    #[serde(default)]
    pub videos: Vec<VideoInfo>,
    /// File name of the cover image in the job folder, a JPEG.
    #[serde(default)]
    pub cover: Option<String>,
    /// What was not done as it was asked for, in words: the video is there all the same.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Where the artefacts were published, as URLs.
    #[serde(default)]
    pub published: Vec<String>,
    /// What to publish the video with: one for each platform that was asked for.
    #[serde(default)]
    pub social: Vec<SocialPost>,
    /// Model weights that had a part in it.
    #[serde(default)]
    pub models: Vec<ModelUse>,
    /// How long the last attempt waited for other programs (ffmpeg, speech) and for models; the rest of
    /// its time is the service's own.
    #[serde(default)]
    pub elsewhere_us: u64,
}

/// What a video is published with, within the limits of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SocialPost {
    /// Where.
    pub platform: Platform,
    /// Never empty.
    pub title: String,
    /// What stands below the video.
    pub caption: String,
    /// Each with its `#`.
    pub hashtags: Vec<String>,
    /// Who wrote it.
    pub writer: Writer,
}

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Writer {
    /// The language model.
    Llm,
    /// Nobody: it was taken from subject and script, because the model gave nothing that can be used.
    Script,
}

/// The video file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VideoInfo {
    /// File name in the job folder.
    pub file: String,
    /// Where to get it, relative to the server.
    pub url: String,
    /// Size of the file.
    pub bytes: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// Length of the picture.
    pub duration_ms: u64,
    /// ffmpeg's name of the encoder.
    pub encoder: String,
}

/// The speech.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NarrationInfo {
    /// File name in the job folder.
    pub file: String,
    /// Length of the speech.
    pub duration_ms: u64,
    /// Which engine and voice spoke, such as `espeak:vi`.
    pub engine: String,
}

/// The subtitles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubtitleInfo {
    /// File name of the SRT in the job folder.
    pub srt: String,
    /// File name of the WebVTT in the job folder.
    #[serde(default)]
    pub vtt: String,
    /// File name of the ASS in the job folder.
    pub ass: String,
    /// How many cues.
    pub cues: usize,
    /// How the words got their times.
    pub timing: TimingSource,
    /// Font family they are drawn with.
    pub font: String,
    /// What was asked for, where that font stands in for another.
    #[serde(default)]
    pub font_stands_in_for: Option<String>,
    /// What a reader should know of them: why that font, letters it lacks, why the times are guessed.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How words got their times, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TimingSource {
    /// The speech engine reported each word.
    Engine,
    /// Whisper heard them, aligned to the known text.
    Whisper,
    /// By length of the text inside the speech.
    Proportional,
}

/// One clip on screen, with where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClipUse {
    /// The site's name of the clip, `pexels:1234`.
    pub id: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// The site's page of it.
    pub page_url: String,
    /// Who made it.
    pub creator: String,
    /// Under which terms.
    pub licence: String,
    /// When it appears.
    pub start_ms: u64,
    /// How long it is shown.
    pub duration_ms: u64,
    /// Likeness of the clip to what is said meanwhile, -1 to 1. None: chosen without a model.
    pub score: Option<f32>,
}

/// How the clips of a video were chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionInfo {
    /// The order that they are in, which need not be the one that was asked for.
    pub mode: ConcatMode,
    /// Why it is another one.
    pub warning: Option<String>,
    /// Whether the pictures of the clips counted, beside what is written of them.
    #[serde(default)]
    pub pictures: bool,
}

/// A clip that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedClip {
    /// Where it was to be had.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What was downloaded to get the clips of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Downloads {
    /// Clips that came by the network, whole.
    pub clips: usize,
    /// Clips that were in the store already.
    pub reused: usize,
    /// Bytes that were received, retries and broken files included.
    pub bytes: u64,
    /// Clips that nothing would have missed: the narration was covered without them, or their download
    /// was dropped half-way because it was covered.
    pub clips_in_vain: usize,
    /// Bytes that were received of those.
    pub bytes_in_vain: u64,
}

/// Model weights that had a part in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelUse {
    /// Such as `minilm`.
    pub name: String,
    /// SHA-256 of the weights file, hex.
    pub sha256: String,
    /// Whether its answers mean anything.
    pub weights: Weights,
}

/// Where weights come from. Fixture weights show cost and parity, never quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Trained.
    Real,
    /// Made by the fixtures, at real dimensions.
    Fixture,
}
