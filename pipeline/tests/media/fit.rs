//! Shapes and speeds of clips.

use pipeline::media::render;
use protocol::{FitMode, Size};

use crate::{clip, folder, luma, plan, shot};

/// Checks where the picture of a grey clip is within a frame of `size`, with black around it, and that
/// a square of the scene is a square.
async fn check_contained(source: &str, args: &str, size: (usize, usize), picture: (usize, usize)) {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "scene.mp4", source, 1.0, args);
    let mut plan = plan(at, 400, vec![shot(&path, 0, 1000).await]);
    let (width, height) = size;
    plan.size = Size { width: width as u32, height: height as u32 };
    plan.fit = FitMode::Contain;
    render(&plan, at, |_| {}).await.expect("a video");
    let frame = &luma(&at.join("video.mp4"), width, height)[10];
    let wide = (0..width).filter(|&x| frame[height / 2 * width + x] > 60).count();
    let high = (0..height).filter(|&y| frame[y * width + width / 2] > 60).count();
    assert!(wide.abs_diff(picture.0) <= 3 && high.abs_diff(picture.1) <= 3, "{wide}x{high}");
    let white_wide = (0..width).filter(|&x| frame[height / 2 * width + x] > 190).count();
    let white_high = (0..height).filter(|&y| frame[y * width + width / 2] > 190).count();
    assert!(white_wide > 20 && white_wide.abs_diff(white_high) <= 3, "{white_wide}x{white_high}");
}

#[tokio::test]
async fn contained_all_of_a_clip_is_seen_between_black_bars() {
    let scene = |size: &str, width: u32, height: u32| {
        let x = format!("x=(iw-{width})/2:y=(ih-{height})/2");
        format!("color=0x808080:s={size},drawbox={x}:w={width}:h={height}:c=white:t=fill")
    };
    let (portrait, landscape, square) = ((180, 320), (320, 180), (240, 240));
    check_contained(&scene("640x360", 100, 100), "", portrait, (180, 101)).await;
    check_contained(&scene("90x320", 40, 40), "", portrait, (90, 320)).await;
    check_contained(&scene("360x640", 100, 100), "", landscape, (101, 180)).await;
    check_contained(&scene("640x360", 100, 100), "", square, (240, 135)).await;
    // Pixels that are wider than high: 4:3 in 360x270 is shown 16:9.
    check_contained(&scene("360x270", 75, 100), "-vf setsar=4/3", landscape, (320, 180)).await;
}

/// The luma in the middle of each frame of a clip that grows lighter by two a frame, at `speed`.
async fn lights(speed: f64, rate: u32) -> Vec<f64> {
    let folder = folder();
    let at = folder.path();
    let source = format!("color=black:s=64x64:r={rate},geq=lum='20+N*60/{rate}':cb=128:cr=128");
    let path = clip(at, "light.mp4", &source, 3.0, "-crf 1");
    let mut plan = plan(at, 1400, vec![shot(&path, 1000, 1500).await]);
    plan.size = Size { width: 64, height: 64 };
    plan.speed = speed;
    plan.encoding.quality = 1;
    render(&plan, at, |_| {}).await.expect("a video");
    let frames = luma(&at.join("video.mp4"), 64, 64);
    assert_eq!(frames.len(), 45, "the speed of the clips is not that of the video");
    frames.iter().map(|frame| f64::from(frame[64 * 32 + 32])).collect()
}

#[tokio::test]
async fn a_clip_is_shown_at_its_speed_whatever_its_rate() {
    for rate in [15, 30, 60] {
        for (speed, n_moving) in [(1.0, 44), (0.5, 44), (1.25, 44), (2.0, 29)] {
            let lights = lights(speed, rate).await;
            for (frame, &found) in lights.iter().enumerate() {
                // From 1 s on it is 80, and two more each 30th of a second; then its last frame stays.
                let expected = 80.0 + 2.0 * speed * frame.min(n_moving) as f64;
                let step = 60.0 / f64::from(rate) * speed.max(1.0);
                let off = (found - expected).abs();
                assert!(off <= step + 3.0, "{rate}/s x {speed}, {frame}: {found}, not {expected}");
            }
        }
    }
}
