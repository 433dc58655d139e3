//! What is asked for: one request, in MoneyPrinterTurbo's names.

mod choices;
mod material;
mod size;
mod terms;

use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer, Serialize};

pub use choices::{
    BgmType, Class, ConcatMode, FitMode, Platform, Priority, SubtitleAnimation, SubtitlePosition,
    Transition, VideoSource,
};
pub use material::Material;
pub use size::{Aspect, Size};
pub use terms::Terms;

use crate::Stage;

/// What is asked for. Names and defaults are those of MoneyPrinterTurbo's `VideoParams` (and, where
/// marked "Extended", of MoneyPrinterTurbo-Extended); what is ours alone is marked. An unknown field is
/// refused. Ranges are checked by the pipeline before any work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(default))]
#[serde(default, deny_unknown_fields)]
pub struct JobSpec {
    /// What the video is about. Needed unless `video_script` is given.
    pub video_subject: String,
    /// The narration text. Not empty: no script is asked of the language model.
    pub video_script: String,
    /// Further wishes for the script, in words (up to 2,000 characters).
    pub video_script_prompt: String,
    /// In place of the role and rules that the language model is given (up to 8,000 characters).
    pub custom_system_prompt: String,
    /// Search terms. Given: none are asked of the language model.
    pub video_terms: Option<Terms>,
    /// Shape of the picture.
    pub video_aspect: Aspect,
    /// Ours: exact size of the picture, in place of `video_aspect`'s.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub video_size: Option<Size>,
    /// What is done with a clip of another shape.
    pub video_fit_mode: FitMode,
    /// In which order clips are shown.
    pub video_concat_mode: ConcatMode,
    /// What happens at the border of two clips.
    #[serde(deserialize_with = "transition_or_none")]
    pub video_transition_mode: Option<Transition>,
    /// Longest time one clip is shown, seconds (1 to 60).
    pub video_clip_duration: f64,
    /// Speed of the clips (0.5 to 2).
    pub video_clip_speed: f64,
    /// Clips that are encoded at once where each has an encode of its own (1 to 8).
    pub video_clip_concurrency: u32,
    /// Ask for terms in the order of the script, and show the clips in theirs.
    pub match_materials_to_script: bool,
    /// How many videos are made of the same narration (1 to 10).
    pub video_count: u32,
    /// Where clips come from.
    pub video_source: VideoSource,
    /// Ours: which kind of picture is generated, where `video_source` is `comfyui` or `replicate`. None:
    /// `heavy`.
    pub generation: Option<Class>,
    /// Local files, where `video_source` is `local`.
    pub video_materials: Option<Vec<Material>>,
    /// A ready narration: nothing is spoken.
    pub custom_audio_file: Option<String>,
    /// Language of the script, a BCP 47 tag such as `vi` or `en-US`. Empty: told from the text.
    pub video_language: String,
    /// Paragraphs asked of the language model (1 to 10).
    pub paragraph_number: u32,
    /// `espeak:<voice>`, `openai:<voice>`, `no-voice`, or empty for the espeak-ng voice of the language.
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
    /// Ours: whether the music steps back while somebody speaks.
    pub bgm_ducking: bool,
    /// For music generators, of which there is none here: empty.
    pub video_music_prompt: String,
    /// As `video_music_prompt`.
    pub sonilo_bgm_prompt: String,
    /// Whether subtitles are burned in.
    pub subtitle_enabled: bool,
    /// Where they stand.
    pub subtitle_position: SubtitlePosition,
    /// Where they stand with `subtitle_position` `custom`: share of the free height above them, percent.
    pub custom_position: f64,
    /// Font family, or MoneyPrinterTurbo's name of a font file. Empty: the first installed font that has
    /// every glyph of the text.
    pub font_name: String,
    /// Height of the font for a picture 1080 pixels wide; scaled with the width (8 to 300).
    pub font_size: f64,
    /// Colour of the letters, `#RRGGBB`.
    pub text_fore_color: String,
    /// Box behind the letters: `false` for none, `true` for black, or `#RRGGBB`.
    pub text_background_color: Background,
    /// Whether that box is rounded and lets the picture through.
    pub rounded_subtitle_background: bool,
    /// Colour of the outline, `#RRGGBB`.
    pub stroke_color: String,
    /// Width of the outline for a picture 1080 pixels wide (0 to 20).
    pub stroke_width: f64,
    /// How subtitles appear.
    pub subtitle_animation: SubtitleAnimation,
    /// Extended: whether the word that is spoken is drawn in `word_highlight_color`.
    pub enable_word_highlighting: bool,
    /// Extended: its colour, `#RRGGBB`.
    pub word_highlight_color: String,
    /// Threads of the encoder (1 to 64).
    pub n_threads: u32,
    /// Ours: platforms to write title, caption and hashtags for.
    pub social_platforms: Vec<Platform>,
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
            video_script_prompt: String::new(),
            custom_system_prompt: String::new(),
            video_terms: None,
            video_aspect: Aspect::Portrait,
            video_size: None,
            video_fit_mode: FitMode::Cover,
            video_concat_mode: ConcatMode::Random,
            video_transition_mode: None,
            video_clip_duration: 5.0,
            video_clip_speed: 1.0,
            video_clip_concurrency: 1,
            match_materials_to_script: false,
            video_count: 1,
            video_source: VideoSource::Pexels,
            generation: None,
            video_materials: None,
            custom_audio_file: None,
            video_language: String::new(),
            paragraph_number: 1,
            voice_name: String::new(),
            voice_rate: 1.0,
            voice_volume: 1.0,
            bgm_type: BgmType::Random,
            bgm_file: String::new(),
            bgm_volume: 0.2,
            bgm_ducking: false,
            video_music_prompt: String::new(),
            sonilo_bgm_prompt: String::new(),
            subtitle_enabled: true,
            subtitle_position: SubtitlePosition::Bottom,
            custom_position: 70.0,
            font_name: "STHeitiMedium.ttc".to_owned(),
            font_size: 60.0,
            text_fore_color: "#FFFFFF".to_owned(),
            text_background_color: Background::Flag(false),
            rounded_subtitle_background: false,
            stroke_color: "#000000".to_owned(),
            stroke_width: 1.5,
            subtitle_animation: SubtitleAnimation::None,
            enable_word_highlighting: false,
            word_highlight_color: "#ff0000".to_owned(),
            n_threads: 2,
            social_platforms: Vec::new(),
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

    /// Longest time one clip is shown, in milliseconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    pub fn longest_shot_ms(&self) -> u64 {
        (self.video_clip_duration * 1000.0) as u64
    }
}

/// The box behind subtitles, as MoneyPrinterTurbo writes it: a flag or a colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Background {
    /// `false`: none. `true`: black.
    Flag(bool),
    /// `#RRGGBB`.
    Colour(String),
}

impl Background {
    /// The colour of the box, `#RRGGBB`. None: no box.
    pub fn colour(&self) -> Option<&str> {
        match self {
            Self::Flag(false) => None,
            Self::Flag(true) => Some("#000000"),
            Self::Colour(colour) => Some(colour),
        }
    }
}

/// MoneyPrinterTurbo's clients write no transition as `null`, `"None"` and `""`.
fn transition_or_none<'de, D: Deserializer<'de>>(
    document: D,
) -> Result<Option<Transition>, D::Error> {
    match Option::<String>::deserialize(document)?.as_deref() {
        None | Some("" | "None" | "none") => Ok(None),
        Some(name) => Transition::deserialize(name.into_deserializer()).map(Some),
    }
}

#[cfg(test)]
mod tests;
