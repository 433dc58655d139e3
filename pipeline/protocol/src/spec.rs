use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Stage;

/// What is asked for: one video. Names and defaults are MoneyPrinterTurbo's `VideoParams`; an unknown
/// field is refused. Ranges are checked by the pipeline before any work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSpec {
    /// What the video is about. Needed unless `video_script` is given.
    pub video_subject: String,
    /// The narration text. Not empty: no script is asked of the language model.
    pub video_script: String,
    /// Search terms. Given: none are asked of the language model.
    pub video_terms: Option<Terms>,
    /// Shape of the picture.
    pub video_aspect: Aspect,
    /// Ours: exact size of the picture, in place of `video_aspect`'s.
    pub video_size: Option<Size>,
    /// Where clips come from.
    pub video_source: VideoSource,
    /// Longest time one clip is shown, seconds (1 to 60).
    pub video_clip_duration: f64,
    /// Language of the script, a BCP 47 tag such as `vi` or `en-US`. Empty: told from the text.
    pub video_language: String,
    /// Paragraphs asked of the language model (1 to 10).
    pub paragraph_number: u32,
    /// `espeak:<voice>`, `openai:<voice>`, or empty for the espeak-ng voice of the language.
    pub voice_name: String,
    /// Speed of the speech against the voice's own (0.5 to 2).
    pub voice_rate: f64,
    /// Gain of the speech (0 to 2).
    pub voice_volume: f64,
    /// Which background music.
    pub bgm_type: BgmType,
    /// File name of a track in the music folder, with `bgm_type` `custom`.
    pub bgm_file: String,
    /// Gain of the music (0 to 1). 0: none.
    pub bgm_volume: f64,
    /// Whether subtitles are burned in.
    pub subtitle_enabled: bool,
    /// Where they stand.
    pub subtitle_position: SubtitlePosition,
    /// Font family. Empty: the first installed font that has every glyph of the text.
    pub font_name: String,
    /// Height of the font for a picture 1080 pixels wide; scaled with the width (8 to 300).
    pub font_size: f64,
    /// Colour of the letters, `#RRGGBB`.
    pub text_fore_color: String,
    /// Colour of the outline, `#RRGGBB`.
    pub stroke_color: String,
    /// Width of the outline for a picture 1080 pixels wide (0 to 20).
    pub stroke_width: f64,
    /// Threads of the encoder (1 to 64).
    pub n_threads: u32,
    /// Last stage to run. None: all of them.
    pub stop_at: Option<Stage>,
    /// Ours: order among waiting jobs.
    pub priority: Priority,
    /// Ours: seed of everything that is chosen by chance. The same request gives the same choices.
    pub seed: u64,
}

impl Default for JobSpec {
    fn default() -> Self {
        Self {
            video_subject: String::new(),
            video_script: String::new(),
            video_terms: None,
            video_aspect: Aspect::Portrait,
            video_size: None,
            video_source: VideoSource::Pexels,
            video_clip_duration: 5.0,
            video_language: String::new(),
            paragraph_number: 1,
            voice_name: String::new(),
            voice_rate: 1.0,
            voice_volume: 1.0,
            bgm_type: BgmType::Random,
            bgm_file: String::new(),
            bgm_volume: 0.2,
            subtitle_enabled: true,
            subtitle_position: SubtitlePosition::Bottom,
            font_name: String::new(),
            font_size: 60.0,
            text_fore_color: "#FFFFFF".to_owned(),
            stroke_color: "#000000".to_owned(),
            stroke_width: 1.5,
            n_threads: 2,
            stop_at: None,
            priority: Priority::Normal,
            seed: 0,
        }
    }
}

impl JobSpec {
    /// Size of the picture in pixels: `video_size` where it is given, else the aspect's.
    pub fn size(&self) -> Size {
        self.video_size.unwrap_or_else(|| self.video_aspect.size())
    }
}

impl JobSpec {
    /// Longest time one clip is shown, in milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub fn longest_shot_ms(&self) -> u64 {
        (self.video_clip_duration * 1000.0) as u64
    }
}

/// Search terms as one string separated by commas (also `，`), or as a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Terms {
    /// `"sea, night sky"`.
    Joined(String),
    /// `["sea", "night sky"]`.
    List(Vec<String>),
}

impl Terms {
    /// The terms, trimmed, without empty ones.
    pub fn to_vec(&self) -> Vec<String> {
        let parts: Vec<&str> = match self {
            Self::Joined(joined) => joined.split([',', '，']).collect(),
            Self::List(list) => list.iter().map(String::as_str).collect(),
        };
        parts
            .into_iter()
            .map(str::trim)
            .filter(|term| !term.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Shape of the picture, with MoneyPrinterTurbo's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aspect {
    /// 1080x1920.
    #[serde(rename = "9:16")]
    Portrait,
    /// 1920x1080.
    #[serde(rename = "16:9")]
    Landscape,
    /// 1080x1080.
    #[serde(rename = "1:1")]
    Square,
}

impl Aspect {
    /// Size in pixels.
    pub const fn size(self) -> Size {
        match self {
            Self::Portrait => Size { width: 1080, height: 1920 },
            Self::Landscape => Size { width: 1920, height: 1080 },
            Self::Square => Size { width: 1080, height: 1080 },
        }
    }
}

/// Width and height in pixels, written `540x960`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let (width, height) =
            parsed.ok_or_else(|| format!("expected a size such as 540x960, found {text:?}"))?;
        Ok(Self { width, height })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A stock site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoSource {
    /// Pexels' video search.
    Pexels,
    /// Pixabay's video search.
    Pixabay,
}

impl VideoSource {
    /// The name in documents, settings and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pexels => "pexels",
            Self::Pixabay => "pixabay",
        }
    }
}

/// Which background music.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BgmType {
    /// A track of the music folder, chosen by the seed. None where the folder is empty.
    Random,
    /// The track named by `bgm_file`.
    Custom,
    /// No music.
    #[serde(alias = "")]
    None,
}

/// Where subtitles stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubtitlePosition {
    /// At 5 % from above.
    Top,
    /// In the middle.
    Center,
    /// At 5 % from below.
    Bottom,
}

/// Order among waiting jobs; within one priority, first in is first out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Priority {
    /// After everything else.
    Low,
    /// The default.
    Normal,
    /// Before `NORMAL`.
    High,
    /// Before everything else.
    Urgent,
}

impl Priority {
    /// 0 for `LOW` to 3 for `URGENT`.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
            Self::Urgent => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_document_is_all_defaults_and_a_spec_is_read_back() {
        let spec: JobSpec = serde_json::from_str("{}").expect("every field has a default");
        assert_eq!(spec, JobSpec::default());
        let text = serde_json::to_string(&spec).expect("a spec is a document");
        assert_eq!(serde_json::from_str::<JobSpec>(&text).ok(), Some(spec));
    }

    #[track_caller]
    fn check_refused(document: &str, reason: &str) {
        let error =
            serde_json::from_str::<JobSpec>(document).expect_err("must be refused").to_string();
        assert!(error.starts_with(reason), "{document}: {error}");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        check_refused(r#"{"video_subjekt": "sea"}"#, "unknown field `video_subjekt`");
        check_refused(r#"{"video_aspect": "4:3"}"#, "unknown variant `4:3`");
        check_refused(r#"{"priority": "now"}"#, "unknown variant `now`");
        check_refused(
            r#"{"video_size": "wide"}"#,
            "expected a size such as 540x960, found \"wide\"",
        );
    }

    #[track_caller]
    fn check_terms(document: &str, expected: &[&str]) {
        let terms: Terms = serde_json::from_str(document).expect("terms");
        assert_eq!(terms.to_vec(), expected, "{document}");
    }

    #[test]
    fn terms_come_joined_or_as_a_list() {
        check_terms(r#""sea, night sky""#, &["sea", "night sky"]);
        check_terms(r#""biển， bầu trời ,,""#, &["biển", "bầu trời"]);
        check_terms(r#"[" sea ", ""]"#, &["sea"]);
    }

    #[test]
    fn an_exact_size_goes_before_the_aspect() {
        let mut spec = JobSpec { video_aspect: Aspect::Square, ..JobSpec::default() };
        assert_eq!(spec.size().to_string(), "1080x1080");
        spec.video_size = "540x960".parse().ok();
        assert_eq!(spec.size(), Size { width: 540, height: 960 });
    }
}
