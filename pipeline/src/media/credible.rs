use std::path::Path;
use std::time::Duration;

use super::MediaError;
use super::tool::MAX_PIXELS;
use crate::artefacts::MediaInfo;

/// What is believed of a file that somebody else made. One that says more of itself is not decoded: some
/// bytes can claim to be a picture of gigabytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Credible {
    /// Pixels of one picture.
    pub pixels: u64,
    /// Length of picture and sound.
    pub length: Duration,
    /// Frames a second.
    pub fps: f64,
}

impl Default for Credible {
    /// Twice 8K, half a day, and what a slow-motion camera writes.
    fn default() -> Self {
        let length = Duration::from_secs(12 * 3600);
        Self { pixels: MAX_PIXELS / 4, length, fps: 1_000.0 }
    }
}

impl Credible {
    /// Whether the file at `path` is what it says: `media`.
    ///
    /// # Errors
    ///
    /// [`MediaError::Unusable`], with what would be believed.
    pub fn check(&self, path: &Path, media: &MediaInfo) -> Result<(), MediaError> {
        let longest = u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX);
        let MediaInfo { width, height, fps, duration_ms, .. } = *media;
        let reason = if let Err(reason) = self.check_size(width, height) {
            reason
        } else if duration_ms > longest {
            format!("expected at most {} s, found {} s", self.length.as_secs(), duration_ms / 1000)
        } else if fps > self.fps {
            format!("expected at most {} frames a second, found {fps}", self.fps)
        } else {
            return Ok(());
        };
        Err(MediaError::Unusable { path: path.to_owned(), reason })
    }

    /// Whether a picture has this size.
    ///
    /// # Errors
    ///
    /// What would be believed.
    pub fn check_size(&self, width: u32, height: u32) -> Result<(), String> {
        if u64::from(width) * u64::from(height) > self.pixels {
            let most = self.pixels;
            return Err(format!("expected at most {most} pixels, found {width}x{height}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(size: (u32, u32), seconds: u64, fps: f64, expected: Option<&str>) {
        let media = MediaInfo {
            width: size.0,
            height: size.1,
            fps,
            duration_ms: seconds * 1000,
            video_ms: seconds * 1000,
            audio_ms: 0,
            video_codec: "h264".to_owned(),
        };
        let found = Credible::default().check(Path::new("/a.mp4"), &media);
        let found = found.err().map(|error| error.to_string());
        assert_eq!(found, expected.map(|reason| format!("/a.mp4: expected at most {reason}")));
    }

    #[test]
    fn what_no_camera_makes_is_not_believed() {
        check((8192, 8192), 43_200, 1000.0, None);
        check((7680, 4320), 60, 120.0, None);
        check((0, 0), 60, 0.0, None); // a sound
        check((16_384, 8192), 5, 30.0, Some("67108864 pixels, found 16384x8192"));
        check((u32::MAX, u32::MAX), 5, 30.0, Some("67108864 pixels, found 4294967295x4294967295"));
        check((1920, 1080), 43_201, 30.0, Some("43200 s, found 43201 s"));
        check((1920, 1080), 5, 90_000.0, Some("1000 frames a second, found 90000"));
    }
}
