use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MediaError;
use super::tool::ffmpeg;
use crate::process::{self, Bounds, ProcessError};

/// An H.264 encoder of ffmpeg. One that is listed by `ffmpeg -encoders` need not work: an H100 has no
/// video encoder at all, a container may lack the driver. So it is asked by encoding two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoder {
    /// x264, on the processor.
    #[serde(rename = "libx264")]
    X264,
    /// NVIDIA. In a container it needs `NVIDIA_DRIVER_CAPABILITIES=compute,utility,video`.
    #[serde(rename = "h264_nvenc")]
    Nvenc,
    /// Intel Quick Sync.
    #[serde(rename = "h264_qsv")]
    Qsv,
    /// VA-API: AMD and Intel on Linux.
    #[serde(rename = "h264_vaapi")]
    Vaapi,
    /// AMD's own.
    #[serde(rename = "h264_amf")]
    Amf,
    /// Apple.
    #[serde(rename = "h264_videotoolbox")]
    VideoToolbox,
    /// Windows Media Foundation.
    #[serde(rename = "h264_mf")]
    MediaFoundation,
}

impl Encoder {
    /// Every encoder, the fast ones first: the order in which they are worth trying.
    pub const ALL: [Self; 7] = [
        Self::Nvenc,
        Self::Qsv,
        Self::Vaapi,
        Self::VideoToolbox,
        Self::Amf,
        Self::MediaFoundation,
        Self::X264,
    ];

    /// ffmpeg's name of it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X264 => "libx264",
            Self::Nvenc => "h264_nvenc",
            Self::Qsv => "h264_qsv",
            Self::Vaapi => "h264_vaapi",
            Self::Amf => "h264_amf",
            Self::VideoToolbox => "h264_videotoolbox",
            Self::MediaFoundation => "h264_mf",
        }
    }

    /// `bounds` as they are for a process with this encoder: the driver of a card maps the memory of the
    /// card, and more than there is of it.
    pub(super) fn bounds(self, bounds: Bounds) -> Bounds {
        match self {
            Self::X264 => bounds,
            _ => Bounds { memory: None, ..bounds },
        }
    }

    /// What stands before the inputs: the device that frames are brought to.
    pub(super) const fn device_args(self) -> &'static [&'static str] {
        match self {
            Self::Vaapi => &["-vaapi_device", "/dev/dri/renderD128"],
            _ => &[],
        }
    }

    /// The filters between the finished picture and the encoder.
    pub(super) const fn upload(self) -> &'static str {
        match self {
            Self::X264 | Self::Nvenc | Self::VideoToolbox => "format=yuv420p",
            Self::Qsv | Self::Amf | Self::MediaFoundation => "format=nv12",
            Self::Vaapi => "format=nv12,hwupload",
        }
    }

    /// The encoder with its settings. `quality` is x264's `crf`, brought to the scale of the encoder:
    /// they count alike, from 0 (best) to 51, apart from Apple's (100 is best) and Windows'.
    pub(super) fn args(self, preset: &str, quality: u32, threads: u32) -> Vec<String> {
        let quality_of_100 = 100 - quality.min(51) * 100 / 51;
        let settings = match self {
            Self::X264 => format!("-preset {preset} -crf {quality} -threads {threads}"),
            Self::Nvenc => format!("-preset p4 -rc vbr -cq {quality} -b:v 0"),
            Self::Qsv => format!("-global_quality {quality}"),
            Self::Vaapi => format!("-rc_mode CQP -qp {quality}"),
            Self::Amf => format!("-rc cqp -qp_i {quality} -qp_p {quality}"),
            Self::VideoToolbox => format!("-q:v {quality_of_100}"),
            Self::MediaFoundation => format!("-rate_control quality -quality {quality_of_100}"),
        };
        let name = ["-c:v", self.as_str()].map(str::to_owned);
        name.into_iter().chain(settings.split(' ').map(str::to_owned)).collect()
    }
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Encoder {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|encoder| encoder.as_str() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(" ");
            format!("unknown encoder {name:?}, expected one of {names}")
        })
    }
}

/// The encoder of this process. One that fails is given up only once libx264 has made the same video:
/// a full disk or a broken clip takes no encoder from the jobs after it.
#[derive(Debug)]
pub struct Choice {
    found: Encoder,
    is_given_up: AtomicBool,
}

impl Choice {
    /// Begins with the encoder that was found to work.
    pub const fn new(found: Encoder) -> Self {
        Self { found, is_given_up: AtomicBool::new(false) }
    }

    /// The one to use now.
    pub fn current(&self) -> Encoder {
        if self.is_given_up.load(Ordering::Relaxed) { Encoder::X264 } else { self.found }
    }

    /// A video was asked of the current encoder, and `used` has made it. An encoder that still `works`
    /// was busy: a card takes a few videos at once, and refuses the next one.
    pub async fn has_made(&self, used: Encoder, works: impl AsyncFnOnce(Encoder) -> bool) {
        if used != Encoder::X264 || self.current() == Encoder::X264 {
            return;
        }
        if works(self.found).await {
            tracing::warn!(encoder = %self.found, "was busy: libx264 did its work");
        } else {
            tracing::warn!(encoder = %self.found, "given up: libx264 did what it could not");
            self.is_given_up.store(true, Ordering::Relaxed);
        }
    }
}

/// The first of `preferred` that encodes two frames on this machine.
///
/// It starts ffmpeg once for each encoder that is tried: ask once, keep the answer.
///
/// # Errors
///
/// [`MediaError::NoEncoder`] with the reason of each.
pub async fn choose(preferred: &[Encoder]) -> Result<Encoder, MediaError> {
    let mut reasons = Vec::new();
    for &encoder in preferred {
        match encode_two_frames(encoder).await {
            Ok(()) => return Ok(encoder),
            Err(error) => reasons.push((encoder, error.to_string())),
        }
    }
    Err(MediaError::NoEncoder { reasons })
}

/// Whether `encoder` encodes two frames on this machine.
pub async fn works(encoder: Encoder) -> bool {
    encode_two_frames(encoder).await.is_ok()
}

/// Runs the encoder as a render does: same device, same upload, same settings.
async fn encode_two_frames(encoder: Encoder) -> Result<(), ProcessError> {
    let mut command = ffmpeg();
    command.args(["-loglevel", "error"]).args(encoder.device_args());
    // NVENC refuses frames below about 150 pixels a side.
    command.args(["-f", "lavfi", "-i", "color=black:s=256x256:r=30", "-vf", encoder.upload()]);
    command.args(encoder.args("veryfast", 21, 1)).args(["-frames:v", "2", "-f", "null", "-"]);
    let bounds = encoder.bounds(Duration::from_secs(20).into());
    process::output(command, &[], bounds).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_others_are_refused() {
        for encoder in Encoder::ALL {
            assert_eq!(encoder.as_str().parse(), Ok(encoder));
            let json = serde_json::to_string(&encoder).expect("an encoder is a string");
            assert_eq!(json, format!("\"{encoder}\""));
        }
        let error = "h265".parse::<Encoder>().expect_err("not H.264");
        assert!(
            error.starts_with("unknown encoder \"h265\", expected one of h264_nvenc"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_encoder_is_given_up_once_libx264_has_done_its_work_and_it_fails_again() {
        let choice = Choice::new(Encoder::Nvenc);
        for (used, still_works, expected) in [
            (Encoder::Nvenc, false, Encoder::Nvenc), // nobody asks
            (Encoder::X264, true, Encoder::Nvenc),
            (Encoder::X264, false, Encoder::X264),
            (Encoder::X264, true, Encoder::X264), // for good
        ] {
            choice.has_made(used, async |_| still_works).await;
            assert_eq!(choice.current(), expected, "{used} {still_works}");
        }
    }

    #[tokio::test]
    async fn an_encoder_that_does_not_exist_here_is_passed_over() {
        // Windows alone has it: no ffmpeg this is tested with can use it.
        assert!(!works(Encoder::MediaFoundation).await);
        let chosen = choose(&[Encoder::MediaFoundation, Encoder::X264]).await.expect("libx264");
        assert_eq!(chosen, Encoder::X264);
        let error = choose(&[Encoder::MediaFoundation]).await.expect_err("nothing is left");
        assert!(error.to_string().starts_with("no usable encoder: h264_mf: "), "{error}");
    }
}
