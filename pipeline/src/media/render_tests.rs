use std::time::Duration;

use protocol::Size;

use super::*;
use crate::media::{Allowance, Encoding};
use crate::process::Bounds;

fn plan() -> RenderPlan {
    let size = Size { width: 270, height: 480 };
    RenderPlan::new(size, Vec::new(), "/job/narration.wav".into(), 2000)
}

#[track_caller]
fn check(change: impl FnOnce(&mut MediaInfo), expected: Option<(&str, &str)>) {
    let mut media = MediaInfo {
        width: 270,
        height: 480,
        fps: 30.0,
        duration_ms: 2100,
        video_ms: 2100,
        audio_ms: 2091,
        video_codec: "h264".to_owned(),
    };
    change(&mut media);
    let found = difference(&plan(), &media);
    let found = found.as_ref().map(|(expected, actual)| (expected.as_str(), actual.as_str()));
    assert_eq!(found, expected, "{media:?}");
}

#[test]
fn a_video_that_is_not_what_was_asked_for_is_found_out() {
    check(|_| {}, None);
    check(|media| media.width = 272, Some(("a picture of 270x480", "272x480")));
    check(|media| media.fps = 29.97, Some(("30 frames a second", "29.97")));
    check(|media| media.video_ms = 1999, Some(("a picture of 2100 ms", "1999 ms")));
    check(|media| media.video_ms = 2200, Some(("a picture of 2100 ms", "2200 ms")));
    check(|media| media.audio_ms = 0, Some(("a sound of 2000 to 2100 ms", "0 ms")));
    check(|media| media.audio_ms = 2120, Some(("a sound of 2000 to 2100 ms", "2120 ms")));
}

#[test]
fn progress_is_read_line_by_line() {
    for (line, expected) in [
        ("frame=12", Some(12)),
        ("frame=  7", Some(7)),
        ("fps=30.0", None),
        ("out_time_us=N/A", None),
        ("progress=end", None),
    ] {
        assert_eq!(frames_done(line), expected, "{line}");
    }
}

#[test]
fn the_time_limit_grows_with_the_video_and_a_card_has_no_bound_of_memory() {
    let bounds = plan().bounds();
    assert_eq!(bounds.time, Duration::from_secs(120 + 42));
    assert_eq!((bounds.memory, bounds.file), (Some(4 << 30), Some(16 << 30)));
    let time_floor = Duration::from_secs(1);
    let allowance = Allowance { time_factor: 2.0, time_floor, memory: Some(7), file: None };
    let plan = RenderPlan { allowance, ..plan() };
    let expected = Bounds { time: Duration::from_millis(5_200), memory: Some(7), file: None };
    assert_eq!(plan.bounds(), expected);
    let encoding = Encoding { encoder: Encoder::Nvenc, ..Encoding::default() };
    let plan = RenderPlan { encoding, ..plan };
    assert_eq!(plan.bounds(), Bounds { memory: None, ..expected });
}
