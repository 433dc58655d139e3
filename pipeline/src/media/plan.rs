use std::path::PathBuf;
use std::time::Duration;

use protocol::{FitMode, Size, Transition};
use serde::Deserialize;

use super::{Encoder, MediaError};
use crate::process::Bounds;

/// The picture goes on this long after the last sound: a player that drops the last frame cuts
/// nothing off.
const MARGIN_MS: u64 = 100;

/// More shots than these are not opened at once: an open clip of 1080p holds about 30 MiB, one of 4K
/// about 105 MiB, and a narration of three minutes has forty.
const MAX_OPEN_CLIPS: usize = 8;

/// Nor are clips whose decoders would hold more than this together.
const MAX_OPEN_BYTES: u64 = 600 << 20;

/// A decoder and the filters after it hold up to twelve frames of 1.5 bytes a pixel.
const OPEN_BYTES_PER_PIXEL: u64 = 18;

/// How the shots become one video (claims 001-4a and 001-4b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One filter graph, one encode.
    #[default]
    SinglePass,
    /// Each shot is encoded for itself, side by side, with its part of the subtitles, and kept until
    /// there is a video; the results are joined as they are.
    ConcatCopy,
    /// MoneyPrinterTurbo's three generations: each clip is encoded, all of them are joined and encoded
    /// again, and once more with subtitles and sound.
    PerClip,
}

/// One video to be made. Paths of inputs are absolute; names of outputs are relative to the folder
/// that [`render`](super::render) is given.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderPlan {
    /// How it is made. What is seen and heard is the same in each.
    pub mode: Mode,
    /// Size of the picture; both sides even.
    pub size: Size,
    /// Frames a second, constant.
    pub fps: u32,
    /// What is shown, back to back from 0. Too short: the last one stays on screen.
    pub shots: Vec<ShotInput>,
    /// What is done with a clip of another shape than the picture.
    pub fit: FitMode,
    /// Speed of the clips: at 2 a shot of one second shows two seconds of its clip.
    pub speed: f64,
    /// What happens at the border of two shots. It changes the length of nothing.
    pub transition: Option<Transition>,
    /// What the transitions that are chosen by chance are chosen by.
    pub seed: u64,
    /// The speech; its length decides the video's.
    pub narration: PathBuf,
    /// Length of the speech.
    pub duration_ms: u64,
    /// Gain that brings the speech to the loudness that is wanted, decibels.
    pub voice_gain_db: f64,
    /// Gain of the speech after that.
    pub voice_volume: f64,
    /// Music below it.
    pub music: Option<Music>,
    /// Subtitles in the picture.
    pub subtitles: Option<BurnIn>,
    /// How the picture is encoded.
    pub encoding: Encoding,
    /// Shots that are encoded side by side in [`Mode::ConcatCopy`].
    pub concurrency: usize,
    /// What each process may take.
    pub allowance: Allowance,
    /// A picture of the first shot as JPEG, relative to the folder.
    pub cover: Option<PathBuf>,
    /// The video, relative to the folder.
    pub output: PathBuf,
}

/// A piece of a clip on screen.
#[derive(Clone, Debug, PartialEq)]
pub struct ShotInput {
    /// The clip.
    pub path: PathBuf,
    /// Whether it is one still picture. It is shown in slow motion, 3 % closer a second.
    pub is_still: bool,
    /// Its size as the probe found it. A clip that does not say how its colours are coded is read as
    /// BT.709 from 720 lines on and as BT.601 below, as players do.
    pub source_size: Size,
    /// Its frames a second as the probe found them; 0: unknown.
    pub source_fps: f64,
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
    /// Whether it steps back while somebody speaks.
    pub ducking: bool,
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
    /// Threads of the filters and of libx264. With one the same plan gives the same bytes; with more,
    /// x264 (164) looks ahead in a thread of its own, and on a busy machine a few frames come out
    /// otherwise in some runs. That thread is worth 12 to 20 % of the time of a render.
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

/// What a process that makes a video, or a part of one, may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// Seconds for each second of the video. A loaded machine renders at a fraction of the video's own
    /// speed; one that is twenty times slower hangs.
    pub time_factor: f64,
    /// And so many before that.
    pub time_floor: Duration,
    /// Bytes of memory. None: no bound.
    pub memory: Option<u64>,
    /// Bytes of each file. None: no bound.
    pub file: Option<u64>,
}

impl Default for Allowance {
    fn default() -> Self {
        let time_floor = Duration::from_secs(120);
        Self { time_factor: 20.0, time_floor, memory: Some(4 << 30), file: Some(16 << 30) }
    }
}

/// A shot in whole frames of the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Index into [`RenderPlan::shots`].
    pub shot: usize,
    /// Where it begins: frames of the video before it.
    pub start: u64,
    /// How many frames it is shown.
    pub frames: u64,
    /// Over how many of them it is blended with the shot before it, which goes on as long.
    pub blend: u64,
}

impl RenderPlan {
    /// The plainest plan for these shots and this speech: one pass, 30 frames a second, `video.mp4`.
    pub fn new(size: Size, shots: Vec<ShotInput>, narration: PathBuf, duration_ms: u64) -> Self {
        Self {
            mode: Mode::SinglePass,
            size,
            fps: 30,
            shots,
            fit: FitMode::Cover,
            speed: 1.0,
            transition: None,
            seed: 0,
            narration,
            duration_ms,
            voice_gain_db: 0.0,
            voice_volume: 1.0,
            music: None,
            subtitles: None,
            encoding: Encoding::default(),
            concurrency: 1,
            allowance: Allowance::default(),
            cover: None,
            output: PathBuf::from("video.mp4"),
        }
    }

    /// Frames of the video: the speech and the margin, rounded up.
    pub fn total_frames(&self) -> u64 {
        ((self.duration_ms + MARGIN_MS) * u64::from(self.fps)).div_ceil(1000)
    }

    /// Length of the picture, rounded down.
    pub fn total_ms(&self) -> u64 {
        self.total_frames() * 1000 / u64::from(self.fps)
    }

    /// What each process of this plan may take. A card's driver maps the card's memory: with a hardware
    /// encoder memory has no bound.
    pub(super) fn bounds(&self) -> Bounds {
        let Allowance { time_factor, time_floor, memory, file } = self.allowance;
        let length = Duration::from_millis(self.total_ms()).as_secs_f64();
        let time = Duration::try_from_secs_f64(length * time_factor).unwrap_or(Duration::MAX);
        let time = time.saturating_add(time_floor);
        self.encoding.encoder.bounds(Bounds { time, memory, file })
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
                cuts.push(Cut { shot, start: shown, frames: end - shown, blend: 0 });
                shown = end;
            }
        }
        if let Some(last) = cuts.last_mut() {
            last.frames += total - shown;
        }
        if self.transition == Some(Transition::CrossFade) {
            for i in 1..cuts.len() {
                // A second; less where one of the two is short, so that each is also seen alone.
                let shorter = cuts[i].frames.min(cuts[i - 1].frames);
                cuts[i].blend = (shorter / 2).clamp(1, fps);
            }
        }
        cuts
    }

    /// Whether the shots are decoded one after the other and handed to the encoder as raw frames. The
    /// encoder is given the same frames.
    pub fn is_relayed(&self) -> bool {
        let cuts = self.cuts();
        let pixels = cuts.iter().map(|cut| {
            let Size { width, height } = self.shots[cut.shot].source_size;
            u64::from(width) * u64::from(height)
        });
        cuts.len() > MAX_OPEN_CLIPS
            || (cuts.len() > 1 && pixels.sum::<u64>() * OPEN_BYTES_PER_PIXEL > MAX_OPEN_BYTES)
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
        } else if !(0.1..=10.0).contains(&self.speed) {
            format!("expected a speed of 0.1 to 10, found {}", self.speed)
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
