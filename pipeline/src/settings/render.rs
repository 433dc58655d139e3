use std::path::PathBuf;

use serde::Deserialize;

use super::{SettingsError, seconds};
use crate::media::{Allowance, Encoder, Mode};

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
    /// Time that an ffmpeg has for each second of the video, seconds.
    pub time_factor: f64,
    /// And so many seconds before that.
    pub time_floor_s: f64,
    /// Memory of its own that an ffmpeg may have, bytes. 0: no limit. There is none with a hardware
    /// encoder: its driver maps the memory of the card.
    pub max_memory_bytes: u64,
    /// Largest file that an ffmpeg may write, bytes. 0: no limit.
    pub max_file_bytes: u64,
}

impl Render {
    /// What each ffmpeg of a render may take.
    pub fn allowance(&self) -> Allowance {
        let bound = |bytes: u64| (bytes > 0).then_some(bytes);
        Allowance {
            time_factor: self.time_factor,
            time_floor: seconds(self.time_floor_s),
            memory: bound(self.max_memory_bytes),
            file: bound(self.max_file_bytes),
        }
    }
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
            time_factor: 20.0,
            time_floor_s: 120.0,
            max_memory_bytes: 4 << 30,
            max_file_bytes: 16 << 30,
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
    } else if !(1.0..=1_000.0).contains(&render.time_factor) {
        ("render.time_factor", render.time_factor.to_string(), "1 to 1000")
    } else if !(1.0..=86_400.0).contains(&render.time_floor_s) {
        ("render.time_floor_s", render.time_floor_s.to_string(), "seconds, 1 to 86400")
    } else if (1..512 << 20).contains(&render.max_memory_bytes) {
        let expected = "0, or 536870912 and above: a small render takes that much";
        ("render.max_memory_bytes", render.max_memory_bytes.to_string(), expected)
    } else if (1..1 << 20).contains(&render.max_file_bytes) {
        ("render.max_file_bytes", render.max_file_bytes.to_string(), "0, or 1048576 and above")
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
