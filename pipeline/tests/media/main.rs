//! Renders with the real ffmpeg, from clips that are made on the spot.

mod effects;
mod failure;
mod fit;
mod hostile;
mod modes;
mod picture;
mod sound;

use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline::media::{RenderPlan, ShotInput, probe};
use protocol::Size;
use tempfile::TempDir;

/// A job folder with a name that needs quoting everywhere.
fn folder() -> TempDir {
    tempfile::Builder::new().prefix("it's [a] 50%, b;c:d \"e\"=").tempdir().expect("a folder")
}

/// Runs ffmpeg in `folder` on arguments written as in a shell without quotes; `|` stands for a space.
#[track_caller]
fn ffmpeg(folder: &Path, args: &str) {
    let args = args.split_whitespace().map(|arg| arg.replace('|', " "));
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(args)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A clip of `source` (lavfi) for `seconds`, encoded with `args`.
#[track_caller]
fn clip(folder: &Path, name: &str, source: &str, seconds: f64, args: &str) -> PathBuf {
    let path = folder.join(name);
    let x264 = "-c:v libx264 -preset ultrafast";
    ffmpeg(folder, &format!("-f lavfi -t {seconds} -i {source} {x264} {args} made.mp4"));
    fs_err::rename(folder.join("made.mp4"), &path).expect("rename");
    path
}

/// The clip at `path`, held sideways: a phone turns no pixels, it says how to turn them.
fn turned(folder: &Path, path: &Path) -> PathBuf {
    fs_err::rename(path, folder.join("made.mp4")).expect("rename");
    ffmpeg(folder, "-i made.mp4 -c copy -metadata:s:v rotate=90 turned.mp4");
    fs_err::rename(folder.join("turned.mp4"), path).expect("rename");
    path.to_owned()
}

/// Speech of `ms`: a tone at a sixteenth of full scale, mono, as speech engines give it.
#[track_caller]
fn narration(folder: &Path, ms: u64) -> PathBuf {
    ffmpeg(folder, &format!("-f lavfi -t {ms}ms -i sine=f=300:r=22050 -ac 1 narration.wav"));
    folder.join("narration.wav")
}

async fn shot(path: &Path, source_start_ms: u64, duration_ms: u64) -> ShotInput {
    let media = probe(path).await.expect("a clip");
    let source_size = Size { width: media.width, height: media.height };
    let (path, source_fps) = (path.to_owned(), media.fps);
    ShotInput { path, is_still: false, source_size, source_fps, source_start_ms, duration_ms }
}

/// A plan for a small portrait video of `duration_ms` of speech.
fn plan(folder: &Path, duration_ms: u64, shots: Vec<ShotInput>) -> RenderPlan {
    let size = Size { width: 270, height: 480 };
    RenderPlan::new(size, shots, narration(folder, duration_ms), duration_ms)
}

/// Names of what lies in `folder` and begins with `video`.
fn videos(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).expect("folder");
    let names =
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("video")).collect()
}

/// The luma of every frame of the video at `path`, which is `width` x `height`.
fn luma(path: &Path, width: usize, height: usize) -> Vec<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-i"])
        .arg(path)
        .args(["-an", "-vf", &format!("scale={width}:{height},format=yuv420p,extractplanes=y")])
        .args(["-vsync", "passthrough", "-f", "rawvideo", "-"])
        .output()
        .expect("ffmpeg is installed");
    output.stdout.chunks(width * height).map(<[u8]>::to_vec).collect()
}

/// How alike the pictures of two videos are, 0 to 1.
fn ssim(one: &Path, other: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-i"])
        .arg(one)
        .arg("-i")
        .arg(other)
        .args(["-lavfi", "[0:v][1:v]ssim", "-an", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = text.rsplit("All:").next().and_then(|rest| rest.split(' ').next()?.parse().ok());
    all.unwrap_or_else(|| panic!("no SSIM in {text}"))
}
