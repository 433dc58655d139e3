use std::path::PathBuf;

use serde::Deserialize;

use super::SettingsError;
use crate::media::{Encoder, Mode};

/// x264's presets, the fast ones first; `placebo` is none that anybody wants.
const PRESETS: [&str; 9] = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
];

/// Encoding.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Render {
    /// Best first; the first one that really encodes two frames is taken.
    pub encoders: Vec<Encoder>,
    /// How the shots become one video (claims 001-4a, 001-4b: `per-clip` before).
    pub mode: Mode,
    /// x264's preset.
    pub preset: String,
    /// x264's quality, 0 (best) to 51; brought to the scale of the other encoders.
    pub crf: u32,
    /// Loudness that the speech is brought to before `voice_volume`, LUFS. None: as it was spoken.
    pub loudness_lufs: Option<f64>,
    /// Whether a cover image is made.
    pub cover: bool,
}

impl Default for Render {
    fn default() -> Self {
        Self {
            encoders: Encoder::ALL.to_vec(),
            mode: Mode::SinglePass,
            preset: "veryfast".to_owned(),
            crf: 21,
            loudness_lufs: None,
            cover: true,
        }
    }
}

/// Whether every value means something.
pub(super) fn validate(render: &Render) -> Result<(), SettingsError> {
    let (key, value, expected) = if !PRESETS.contains(&render.preset.as_str()) {
        let presets = "one of x264's presets, ultrafast to veryslow";
        ("render.preset", render.preset.clone(), presets)
    } else if render.crf > 51 {
        ("render.crf", render.crf.to_string(), "0 to 51")
    } else if let Some(lufs) = render.loudness_lufs.filter(|lufs| !(-40.0..=-5.0).contains(lufs)) {
        ("render.loudness_lufs", lufs.to_string(), "-40 to -5")
    } else {
        return Ok(());
    };
    Err(SettingsError::OutOfRange { key, value, expected })
}

/// Background music.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Music {
    /// Folder of tracks. None: there is no music.
    pub dir: Option<PathBuf>,
}
