use serde::Deserialize;

use super::{SettingsError, seconds};
use crate::media::{Credible, MAX_PIXELS};

/// What is believed of clips and pictures of sites, generators and users. One that says more of itself
/// is left out before it is decoded.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// Pixels of one picture.
    pub max_pixels: u64,
    /// Length of a clip, seconds.
    pub max_clip_s: f64,
    /// Frames a second of a clip.
    pub max_fps: f64,
    /// Size of a picture's file, bytes. A clip's: `downloads.max_clip_bytes`.
    pub max_picture_bytes: u64,
}

impl Default for Media {
    fn default() -> Self {
        let Credible { pixels, length, fps } = Credible::default();
        Self {
            max_pixels: pixels,
            max_clip_s: length.as_secs_f64(),
            max_fps: fps,
            max_picture_bytes: 64 << 20,
        }
    }
}

impl Media {
    /// The same, for who looks at files.
    pub fn credible(&self) -> Credible {
        let length = seconds(self.max_clip_s);
        Credible { pixels: self.max_pixels, length, fps: self.max_fps }
    }
}

/// Whether every value means something.
pub(super) fn validate(media: &Media) -> Result<(), SettingsError> {
    let (key, value, expected) = if !(1..=MAX_PIXELS).contains(&media.max_pixels) {
        ("media.max_pixels", media.max_pixels.to_string(), "1 to 268435456")
    } else if !(1.0..=1e6).contains(&media.max_clip_s) {
        ("media.max_clip_s", media.max_clip_s.to_string(), "seconds, 1 to 1000000")
    } else if !(1.0..=1e6).contains(&media.max_fps) {
        ("media.max_fps", media.max_fps.to_string(), "1 to 1000000")
    } else if !(1..=1 << 30).contains(&media.max_picture_bytes) {
        ("media.max_picture_bytes", media.max_picture_bytes.to_string(), "1 to 1073741824")
    } else {
        return Ok(());
    };
    Err(SettingsError::OutOfRange { key, value, expected })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_set_is_what_is_believed() {
        let overrides = ["media.max_pixels=7", "media.max_clip_s=2.5", "media.max_fps=9"];
        let overrides = overrides.map(str::to_owned);
        let settings = crate::settings::load("optimized", None, &overrides).expect("valid");
        let length = Duration::from_millis(2_500);
        assert_eq!(settings.media.credible(), Credible { pixels: 7, length, fps: 9.0 });
        assert_eq!(Media::default().credible(), Credible::default());
    }
}
