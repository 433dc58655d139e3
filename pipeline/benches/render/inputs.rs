//! Clips of the shapes and rates that stock sites have, made on the spot and kept.

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline::media::ShotInput;
use protocol::Size;

/// Name, picture, width, height, frames a second. The noise is what a camera has.
const CLIPS: [(&str, &str, u32, u32, u32); 6] = [
    ("landscape-25", "testsrc2=s=1920x1080:r=25,noise=alls=6:allf=t", 1920, 1080, 25),
    ("4k-24", "testsrc2=s=3840x2160:r=24,noise=alls=4:allf=t", 3840, 2160, 24),
    ("portrait-60", "testsrc2=s=1080x1920:r=60,noise=alls=6:allf=t", 1080, 1920, 60),
    ("small-30", "testsrc2=s=1280x720:r=30,noise=alls=6:allf=t", 1280, 720, 30),
    ("fractal-24", "mandelbrot=s=1920x1080:r=24:maxiter=200,noise=alls=4:allf=t", 1920, 1080, 24),
    ("4k-30", "testsrc2=s=3840x2160:r=30,noise=alls=4:allf=t", 3840, 2160, 30),
];

/// Where the shots end, in frames of a video of 780.
const BORDERS: [u64; 7] = [0, 130, 260, 390, 520, 650, 780];

/// What is rendered.
pub struct Inputs {
    /// Where all of it is, and the videos will be.
    pub folder: PathBuf,
    /// The clips, 4.33 s of each.
    pub shots: Vec<ShotInput>,
}

impl Inputs {
    /// The first `n_clips`; makes what is not there yet.
    pub fn made(n_clips: usize) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("render");
        fs_err::create_dir_all(&folder)?;
        let mut shots = Vec::new();
        for (i, (name, source, width, height, fps)) in CLIPS.into_iter().enumerate().take(n_clips) {
            let path = made(&folder, &format!("{name}.mp4"), source, "5.2", X264)?;
            shots.push(ShotInput {
                path,
                is_still: false,
                source_size: Size { width, height },
                source_fps: f64::from(fps),
                source_start_ms: 0,
                duration_ms: (BORDERS[i + 1] * 1000).div_ceil(30)
                    - (BORDERS[i] * 1000).div_ceil(30),
            });
        }
        let speech = "sine=f=220:r=22050,tremolo=f=4:d=0.8";
        made(&folder, "narration.wav", speech, "25.9", &["-ac", "1"])?;
        fs_err::write(folder.join("subtitles.ass"), ass())?;
        fs_err::write(folder.join("subtitles.srt"), srt())?;
        Ok(Self { folder, shots })
    }

    /// Length of all shots.
    pub fn total_ms(&self) -> u64 {
        BORDERS[self.shots.len()] * 1000 / 30
    }

    /// How many frames of the video the shot number `i` has.
    pub fn frames(&self, i: usize) -> u64 {
        BORDERS[i + 1] - BORDERS[i]
    }

    /// A clip as phones make them now.
    pub fn hevc(&self) -> anyhow::Result<ShotInput> {
        let source = "testsrc2=s=3840x2160:r=30,noise=alls=4:allf=t";
        let x265 = [
            "-c:v",
            "libx265",
            "-preset",
            "medium",
            "-x265-params",
            "log-level=none",
            "-crf",
            "26",
        ];
        let path = made(&self.folder, "4k-hevc.mp4", source, "1.2", &x265)?;
        let source_size = Size { width: 3840, height: 2160 };
        Ok(ShotInput { path, source_size, source_fps: 30.0, ..self.shots[0].clone() })
    }
}

const X264: &[&str] =
    &["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"];

fn made(
    folder: &Path,
    name: &str,
    source: &str,
    seconds: &str,
    encoder: &[&str],
) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    if !path.is_file() {
        let unfinished = folder.join(format!("unfinished.{name}"));
        let status = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-t", seconds])
            .args(encoder)
            .arg(&unfinished)
            .status()?;
        anyhow::ensure!(status.success(), "ffmpeg ended with {status}");
        fs_err::rename(unfinished, &path)?;
    }
    Ok(path)
}

/// Thirteen subtitles of two lines, 1.9 s each: where they begin, in seconds, and their lines.
fn cues() -> impl Iterator<Item = (u64, String, &'static str)> {
    let lines = |cue| format!("The lights of a town by the sea {cue}");
    (0..13).map(move |cue| (2 * cue, lines(cue), "And the water is quiet at night"))
}

fn ass() -> String {
    let mut text = "[Script Info]\nScriptType: v4.00+\nPlayResX: 1080\nPlayResY: 1920\n\n\
        [V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Outline, \
        Shadow, Alignment, MarginL, MarginR, MarginV\n\
        Style: Default,DejaVu Sans,60,&H00FFFFFF,&H00000000,1.5,3,2,54,54,96\n\n\
        [Events]\nFormat: Start, End, Style, Text\n"
        .to_owned();
    for (start, one, two) in cues() {
        let end = start + 1;
        text.push_str(&format!(
            "Dialogue: 0:00:{start:02}.00,0:00:{end:02}.90,Default,{one}\\N{two}\n"
        ));
    }
    text
}

fn srt() -> String {
    let block = |(start, one, two)| {
        let (number, end) = (start / 2 + 1, start + 1);
        format!("{number}\n00:00:{start:02},000 --> 00:00:{end:02},900\n{one}\n{two}\n\n")
    };
    cues().map(block).collect()
}
