use serde::{Deserialize, Serialize};

/// Where clips come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum VideoSource {
    /// Pexels' video search.
    Pexels,
    /// Pixabay's video search.
    Pixabay,
    /// Coverr's video search.
    Coverr,
    /// The files of `video_materials`, from the operator's folder.
    Local,
    /// Ours: pictures or videos that a ComfyUI server makes of the terms.
    Comfyui,
    /// Ours: pictures or videos that a model on Replicate makes of the terms.
    Replicate,
}

impl VideoSource {
    /// The name in documents, settings and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pexels => "pexels",
            Self::Pixabay => "pixabay",
            Self::Coverr => "coverr",
            Self::Local => "local",
            Self::Comfyui => "comfyui",
            Self::Replicate => "replicate",
        }
    }
}

/// Which limit a call of a provider counts against, and with which model a picture is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Texts, searches, small pictures and corrections of faces: many at once.
    Light,
    /// Pictures and videos of large models.
    Heavy,
    /// Comics: two models, one after the other.
    Comic,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Light, Self::Heavy, Self::Comic];

    /// The name in documents, settings and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Heavy => "heavy",
            Self::Comic => "comic",
        }
    }
}

/// In which order clips are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ConcatMode {
    /// In an order that the seed chooses.
    Random,
    /// In the order of the terms.
    Sequential,
    /// Extended: each where it fits best what is said.
    Semantic,
}

/// What is done with a clip of another shape than the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FitMode {
    /// It fills the picture; what is beyond its sides is cut off.
    Cover,
    /// All of it is seen, between black bars.
    Contain,
}

/// What happens at the border of two clips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Transition {
    /// One of the others at each border, chosen by the seed; never a cross-fade.
    #[serde(alias = "shuffle")]
    Shuffle,
    /// Each clip comes out of the dark in its first second.
    #[serde(alias = "fade-in")]
    FadeIn,
    /// Each clip goes dark in its last second.
    #[serde(alias = "fade-out")]
    FadeOut,
    /// Each clip moves in from a side in its first second.
    #[serde(alias = "slide-in")]
    SlideIn,
    /// Each clip moves out to a side in its last second.
    #[serde(alias = "slide-out")]
    SlideOut,
    /// Each clip grows slowly to 1.2 times its size.
    #[serde(alias = "zoom-in")]
    ZoomIn,
    /// Each clip shrinks slowly from 1.2 times its size.
    #[serde(alias = "zoom-out")]
    ZoomOut,
    /// Ours: each clip is blended into the next one.
    #[serde(alias = "cross-fade")]
    CrossFade,
}

/// Which background music.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubtitlePosition {
    /// At 5 % from above.
    Top,
    /// In the middle.
    Center,
    /// At two thirds of the height.
    TwoThirds,
    /// At 5 % from below.
    Bottom,
    /// Where `custom_position` says.
    Custom,
}

/// How subtitles appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubtitleAnimation {
    /// They are there.
    #[serde(alias = "")]
    None,
    /// They grow beyond their size and spring back, within 0.18 s.
    PopSpring,
}

/// A platform with rules of its own for titles, captions and hashtags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// TikTok.
    Tiktok,
    /// YouTube Shorts.
    YoutubeShorts,
    /// Instagram Reels.
    InstagramReels,
    /// Facebook Reels.
    FacebookReels,
}

/// Order among waiting jobs; within one priority, first in is first out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
