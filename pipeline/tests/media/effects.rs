//! What transitions look like, measured.

use std::path::Path;

use pipeline::media::{RenderPlan, render};
use protocol::{Size, Transition};

use crate::{clip, ffmpeg, folder, luma, plan, shot};

const WIDTH: usize = 180;
const HEIGHT: usize = 320;

/// The luma of every frame of two shots of 1.5 s, each of one grey and 2 s long at the source.
async fn frames_with(at: &Path, transition: Option<Transition>, seed: u64) -> Vec<Vec<u8>> {
    let light = clip(at, "light.mp4", "color=0xc0c0c0:s=320x240:r=30", 2.0, "");
    let dark = clip(at, "dark.mp4", "color=0x606060:s=320x240:r=30", 2.0, "");
    let shots = vec![shot(&light, 0, 1500).await, shot(&dark, 0, 1500).await];
    let mut plan = small(plan(at, 2900, shots));
    (plan.transition, plan.seed) = (transition, seed);
    render(&plan, at, |_| {}).await.expect("a video");
    let frames = luma(&at.join("video.mp4"), WIDTH, HEIGHT);
    assert_eq!(frames.len(), 90, "{transition:?} changes no length");
    frames
}

fn small(plan: RenderPlan) -> RenderPlan {
    RenderPlan { size: Size { width: WIDTH as u32, height: HEIGHT as u32 }, ..plan }
}

fn mean(frame: &[u8]) -> f64 {
    frame.iter().map(|&value| f64::from(value)).sum::<f64>() / frame.len() as f64
}

/// Checks that the mean luma of the frame is within 3 of what is expected.
#[track_caller]
fn check_means(frames: &[Vec<u8>], expected: &[(usize, f64)]) {
    for &(number, expected) in expected {
        let found = mean(&frames[number]);
        assert!(
            (found - expected).abs() < 3.0,
            "frame {number}: expected {expected}, found {found}"
        );
    }
}

/// Luma of the two greys and of black, BT.709 limited range.
const LIGHT: f64 = 180.9;
const DARK: f64 = 98.4;
const BLACK: f64 = 16.0;

#[tokio::test]
async fn fades_are_as_long_as_half_a_shot_of_1_5_s() {
    let folder = folder();
    let at = folder.path();
    let plain = frames_with(at, None, 0).await;
    check_means(&plain, &[(0, LIGHT), (44, LIGHT), (45, DARK), (89, DARK)]);
    let half = |grey: f64, share: f64| BLACK + (grey - BLACK) * share;
    let fade_in = frames_with(at, Some(Transition::FadeIn), 0).await;
    let ends = [(0, BLACK), (11, half(LIGHT, 0.5)), (22, LIGHT), (44, LIGHT)];
    check_means(&fade_in, &ends);
    check_means(&fade_in, &[(45, BLACK), (56, half(DARK, 0.5)), (67, DARK), (89, DARK)]);
    let fade_out = frames_with(at, Some(Transition::FadeOut), 0).await;
    check_means(&fade_out, &[(0, LIGHT), (22, LIGHT), (34, half(LIGHT, 0.5)), (45, DARK)]);
}

#[tokio::test]
async fn a_cross_fade_blends_and_takes_no_time() {
    let folder = folder();
    let frames = frames_with(folder.path(), Some(Transition::CrossFade), 0).await;
    // 22 frames from the border on: the light clip goes on, the dark one has begun.
    let middle = f64::midpoint(LIGHT, DARK);
    check_means(&frames, &[(44, LIGHT), (45, LIGHT), (56, middle), (67, DARK), (89, DARK)]);
}

/// The columns (or rows) in the middle of the frame that are not black: from and to.
fn lit(frame: &[u8], is_column: bool) -> (usize, usize) {
    let length = if is_column { WIDTH } else { HEIGHT };
    let at = |i: usize| {
        if is_column { frame[HEIGHT / 2 * WIDTH + i] } else { frame[i * WIDTH + WIDTH / 2] }
    };
    let lit: Vec<usize> = (0..length).filter(|&i| at(i) > 60).collect();
    (lit.first().copied().unwrap_or(length), lit.last().map_or(0, |last| last + 1))
}

#[tokio::test]
async fn a_slide_comes_from_the_side_that_the_seed_chooses_and_ends_in_place() {
    let folder = folder();
    let at = folder.path();
    let mut sides = std::collections::BTreeSet::new();
    for (seed, transition) in (0..4).zip([Transition::SlideIn, Transition::SlideOut].repeat(2)) {
        let frames = frames_with(at, Some(transition), seed).await;
        // A shot of 45 frames slides for 22.
        let (half, whole) = match transition {
            Transition::SlideIn => (10, 21..45),
            _ => (34, 0..24),
        };
        for frame in &frames[whole] {
            assert_eq!((lit(frame, true), lit(frame, false)), ((0, WIDTH), (0, HEIGHT)));
        }
        let (columns, rows) = (lit(&frames[half], true), lit(&frames[half], false));
        let is_half = |(from, to): (usize, usize), length: usize| {
            (from == 0) != (to == length) && (to - from).abs_diff(length / 2) <= 4
        };
        let side = if columns != (0, WIDTH) && rows != (0, 0) && is_half(columns, WIDTH) {
            if columns.0 == 0 { "left" } else { "right" }
        } else {
            assert!(is_half(rows, HEIGHT), "{transition:?} {seed}: {columns:?} {rows:?}");
            if rows.0 == 0 { "top" } else { "bottom" }
        };
        sides.insert(side);
    }
    assert!(sides.len() > 1, "the same side for every seed: {sides:?}");
}

/// The width of the white square in the middle of the frame, in parts of pixels.
fn square(frame: &[u8]) -> f64 {
    let row = &frame[HEIGHT / 2 * WIDTH..][..WIDTH];
    row.iter().map(|&value| (f64::from(value) - 16.0).max(0.0) / 219.0).sum()
}

const SQUARE: &str = "color=black:s=180x320:r=30,drawbox=x=50:y=120:w=80:h=80:c=white:t=fill";

#[tokio::test]
async fn a_zoom_is_even_and_goes_to_a_fifth() {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "square.mp4", SQUARE, 2.1, "-crf 1");
    let shots = vec![shot(&path, 0, 2000).await];
    let mut plan = small(plan(at, 1900, shots));
    plan.encoding.quality = 1;
    for (transition, from, to) in
        [(Transition::ZoomIn, 80.0, 96.0), (Transition::ZoomOut, 96.0, 80.0)]
    {
        plan.transition = Some(transition);
        render(&plan, at, |_| {}).await.expect("a video");
        let widths: Vec<f64> =
            luma(&at.join("video.mp4"), WIDTH, HEIGHT).iter().map(|frame| square(frame)).collect();
        assert_eq!(widths.len(), 60);
        check_even(&widths, from, to);
    }
}

/// Checks that the widths go from one to the other in even steps of parts of a pixel.
#[track_caller]
fn check_even(widths: &[f64], from: f64, to: f64) {
    let (first, last) = (widths[0], widths[widths.len() - 1]);
    assert!((first - from).abs() < 0.7 && (last - to).abs() < 0.7, "{first} to {last}");
    let step = (to - from) / (widths.len() - 1) as f64;
    for pair in widths.windows(2) {
        let off = (pair[1] - pair[0] - step).abs();
        assert!(off < 0.35, "a step of {} in place of {step}: {widths:?}", pair[1] - pair[0]);
    }
}

#[tokio::test]
async fn a_still_picture_comes_closer_by_three_percent_a_second() {
    let folder = folder();
    let at = folder.path();
    // A name that is a pattern to ffmpeg, unless it is told otherwise.
    ffmpeg(at, &format!("-f lavfi -i {SQUARE} -frames:v 1 -update 1 -q:v 1 -f image2 still.jpg"));
    fs_err::rename(at.join("still.jpg"), at.join("a %03d.jpg")).expect("rename");
    let mut still = shot(&clip(at, "square.mp4", SQUARE, 1.0, ""), 0, 2000).await;
    (still.path, still.is_still) = (at.join("a %03d.jpg"), true);
    let mut plan = small(plan(at, 1900, vec![still]));
    plan.encoding.quality = 1;
    render(&plan, at, |_| {}).await.expect("a video");
    let frames = luma(&at.join("video.mp4"), WIDTH, HEIGHT);
    let widths: Vec<f64> = frames.iter().map(|frame| square(frame)).collect();
    assert_eq!(widths.len(), 60);
    check_even(&widths, 80.0, 80.0 * (1.0 + 0.03 * 59.0 / 30.0));
}

#[tokio::test]
async fn a_cross_fade_into_a_still_holds_a_clip_that_ends_too_soon() {
    let folder = folder();
    let at = folder.path();
    let light = clip(at, "light.mp4", "color=0xc0c0c0:s=320x240:r=30", 1.0, "");
    ffmpeg(at, "-f lavfi -i color=0x606060:s=300x200 -frames:v 1 -update 1 -f image2 dark.jpg");
    let mut dark = shot(&light, 0, 1500).await;
    (dark.path, dark.is_still) = (at.join("dark.jpg"), true);
    let mut plan = small(plan(at, 2900, vec![shot(&light, 0, 1500).await, dark]));
    plan.transition = Some(Transition::CrossFade);
    render(&plan, at, |_| {}).await.expect("a video");
    let frames = luma(&at.join("video.mp4"), WIDTH, HEIGHT);
    assert_eq!(frames.len(), 90);
    let middle = f64::midpoint(LIGHT, DARK);
    check_means(&frames, &[(44, LIGHT), (56, middle), (67, DARK), (89, DARK)]);
}
