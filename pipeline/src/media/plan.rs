use std::path::PathBuf;

use protocol::Size;

use super::{Encoder, MediaError};

/// The picture goes on this long after the last sound: a player that drops the last frame cuts
/// nothing off.
const MARGIN_MS: u64 = 100;

/// More shots than these are not opened at once: an open clip of 1080p holds about 30 MiB, one of 4K
/// about 105 MiB, and a narration of three minutes has forty.
const MAX_OPEN_CLIPS: usize = 8;

/// One video to be made. Paths of inputs are absolute; names of outputs are relative to the folder
/// that [`render`](super::render) is given.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderPlan {
    /// Size of the picture; both sides even.
    pub size: Size,
    /// Frames a second, constant.
    pub fps: u32,
    /// What is shown, back to back from 0. Too short: the last one stays on screen.
    pub shots: Vec<ShotInput>,
    /// The speech; its length decides the video's.
    pub narration: PathBuf,
    /// Length of the speech.
    pub duration_ms: u64,
    /// Gain of the speech.
    pub voice_volume: f64,
    /// Music below it.
    pub music: Option<Music>,
    /// Subtitles in the picture.
    pub subtitles: Option<BurnIn>,
    /// How the picture is encoded.
    pub encoding: Encoding,
    /// The video, relative to the folder.
    pub output: PathBuf,
}

/// A piece of a clip on screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShotInput {
    /// The clip.
    pub path: PathBuf,
    /// Its size as the probe found it. A clip that does not say how its colours are coded is read as
    /// BT.709 from 720 lines on and as BT.601 below, as players do.
    pub source_size: Size,
    /// Where in the clip it begins.
    pub source_start_ms: u64,
    /// How long it is shown. A clip that ends before stays on screen with its last frame.
    pub duration_ms: u64,
}

/// Background music: repeated to the length of the video, faded out over its last 3 s.
#[derive(Clone, Debug, PartialEq)]
pub struct Music {
    /// The track.
    pub path: PathBuf,
    /// Its gain.
    pub volume: f64,
}

/// Subtitles that are drawn into the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnIn {
    /// Name of the ASS file in the folder.
    pub ass: String,
    /// Where fonts are besides the installed ones.
    pub fonts_dir: Option<PathBuf>,
}

/// How the picture is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// By whom; libx264 takes over where a hardware encoder fails.
    pub encoder: Encoder,
    /// Threads of the filters and of libx264. The same number gives the same bytes.
    pub threads: u32,
    /// x264's; the others have one of their own.
    pub preset: String,
    /// x264's `crf`, 0 (best) to 51.
    pub quality: u32,
}

impl Default for Encoding {
    fn default() -> Self {
        Self { encoder: Encoder::X264, threads: 2, preset: "veryfast".to_owned(), quality: 21 }
    }
}

/// A shot in whole frames of the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Index into [`RenderPlan::shots`].
    pub shot: usize,
    /// How many frames it is shown.
    pub frames: u64,
}

impl RenderPlan {
    /// Frames of the video: the speech and the margin, rounded up.
    pub fn total_frames(&self) -> u64 {
        ((self.duration_ms + MARGIN_MS) * u64::from(self.fps)).div_ceil(1000)
    }

    /// Length of the picture, rounded down.
    pub fn total_ms(&self) -> u64 {
        self.total_frames() * 1000 / u64::from(self.fps)
    }

    /// The shots in whole frames, together exactly [`RenderPlan::total_frames`].
    ///
    /// Borders are rounded, not lengths: a hundred shots drift no more than one. The last shot is
    /// prolonged to the end; a shot beyond the end or below half a frame is left out.
    pub fn cuts(&self) -> Vec<Cut> {
        let (total, fps) = (self.total_frames(), u64::from(self.fps));
        let mut cuts: Vec<Cut> = Vec::new();
        let (mut end_ms, mut shown) = (0u64, 0);
        for (shot, input) in self.shots.iter().enumerate() {
            end_ms = end_ms.saturating_add(input.duration_ms);
            let end = (end_ms.saturating_mul(fps).saturating_add(500) / 1000).min(total);
            if end > shown {
                cuts.push(Cut { shot, frames: end - shown });
                shown = end;
            }
        }
        if let Some(last) = cuts.last_mut() {
            last.frames += total - shown;
        }
        cuts
    }

    /// Whether the shots are decoded one after the other and handed to the encoder as raw frames. The
    /// video is the same, byte for byte.
    pub fn is_relayed(&self) -> bool {
        self.cuts().len() > MAX_OPEN_CLIPS
    }

    /// Whether a video can follow the plan at all.
    ///
    /// # Errors
    ///
    /// [`MediaError::Plan`]: nothing to show or to say, or a size that 4:2:0 cannot have.
    pub fn check(&self) -> Result<(), MediaError> {
        let Size { width, height } = self.size;
        let reason = if width == 0 || height == 0 || width % 2 == 1 || height % 2 == 1 {
            format!("expected even sides of at least 2 pixels, found {}", self.size)
        } else if !(1..=240).contains(&self.fps) {
            format!("expected 1 to 240 frames a second, found {}", self.fps)
        } else if self.duration_ms == 0 {
            "the narration has no length".to_owned()
        } else if self.cuts().is_empty() {
            "there is no shot of half a frame or more".to_owned()
        } else {
            return Ok(());
        };
        Err(MediaError::Plan { reason })
    }
}
