use protocol::Size;

use super::*;

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
fn the_time_limit_grows_with_the_video() {
    assert_eq!(time_limit(&plan()), Duration::from_secs(120 + 42));
}
