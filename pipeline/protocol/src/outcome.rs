use serde::{Deserialize, Serialize};

/// What a job made. A part is absent where `stop_at` ended the job before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Distinct clips that were there to choose from.
    #[serde(default)]
    pub clips_available: usize,
    /// Clips that were downloaded and not used because they are broken.
    #[serde(default)]
    pub rejected: Vec<RejectedClip>,
    /// The video.
    pub video: Option<VideoInfo>,
    /// Where the artefacts were published, as URLs.
    #[serde(default)]
    pub published: Vec<String>,
    /// Model weights that had a part in it.
    #[serde(default)]
    pub models: Vec<ModelUse>,
}

/// The video file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
pub struct SubtitleInfo {
    /// File name of the SRT in the job folder.
    pub srt: String,
    /// File name of the ASS in the job folder.
    pub ass: String,
    /// How many cues.
    pub cues: usize,
    /// How the words got their times.
    pub timing: TimingSource,
    /// Font family they are drawn with.
    pub font: String,
}

/// How words got their times, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A clip that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedClip {
    /// Where it was to be had.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Model weights that had a part in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// Trained.
    Real,
    /// Made by the fixtures, at real dimensions.
    Fixture,
}
