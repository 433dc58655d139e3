use super::*;

fn cue(start_ms: u64, end_ms: u64, text: &str) -> SrtCue {
    SrtCue { start_ms, end_ms, text: text.to_owned() }
}

#[track_caller]
fn check_broken(result: Result<(), String>, expected: Option<&str>) {
    assert_eq!(result.err().as_deref(), expected);
}

#[test]
fn a_timeline_is_monotone_and_inside_the_picture() {
    check_broken(timeline(&[], None), Some("there is no cue"));
    check_broken(timeline(&[cue(0, 0, "a")], None), Some("cue 1 at 0 ms ends at 0 ms"));
    check_broken(timeline(&[cue(0, 9, " ")], None), Some("cue 1 at 0 ms is empty"));
    let overlap = [cue(0, 10, "a"), cue(9, 20, "b")];
    check_broken(timeline(&overlap, None), Some("cue 1 at 0 ms overlaps the next one"));
    let late = [cue(0, 10, "a"), cue(10, 20, "b")];
    check_broken(
        timeline(&late, Some(19)),
        Some("the last cue ends at 20 ms, the picture at 19 ms"),
    );
    check_broken(timeline(&late, Some(20)), None);
}

#[test]
fn every_word_of_the_script_is_shown() {
    let cues = [cue(0, 1, "Biển đêm,"), cue(1, 2, "sóng\nvỗ.")];
    check_broken(words(&cues, " Biển đêm,  sóng vỗ.\n"), None);
    check_broken(
        words(&cues, "Biển đêm, sóng lặng."),
        Some("expected \"lặng.\" at character 12, found \"vỗ.\""),
    );
    check_broken(words(&[], "a"), Some("expected \"a\" at character 0, found \"\""));
}

fn footage(video_ms: u64, audio_ms: u64) -> Footage {
    let size = protocol::Aspect::Portrait.size();
    Footage { size, video_ms, audio_ms, black: Vec::new() }
}

#[test]
fn the_picture_covers_the_sound_and_does_not_outlast_it() {
    check_broken(covers(&footage(10_100, 10_133), 10_000), None);
    check_broken(covers(&footage(10_100, 10_200), 10_000), None);
    let short = "picture 10100 ms, sound 10201 ms, narration 10000 ms";
    check_broken(covers(&footage(10_100, 10_201), 10_000), Some(short));
    let cut = "picture 9990 ms, sound 9990 ms, narration 10000 ms";
    check_broken(covers(&footage(9_990, 9_990), 10_000), Some(cut));
    let tail = "picture 10501 ms outlasts the narration of 10000 ms";
    check_broken(covers(&footage(10_501, 10_501), 10_000), Some(tail));
}

fn shown(ids: &[&str]) -> Vec<ClipUse> {
    let clip = |(index, id): (usize, &&str)| ClipUse {
        id: (*id).to_owned(),
        sha256: String::new(),
        page_url: String::new(),
        creator: String::new(),
        licence: String::new(),
        start_ms: index as u64 * 5000,
        duration_ms: 5000,
        score: None,
    };
    ids.iter().enumerate().map(clip).collect()
}

#[test]
fn a_clip_follows_itself_only_when_all_were_shown() {
    check_broken(repeated(&shown(&["a", "b", "a"]), 3), None);
    check_broken(
        repeated(&shown(&["a", "a"]), 2),
        Some("a at 5000 ms follows itself; 1 of 2 were used"),
    );
    check_broken(repeated(&shown(&["a", "a"]), 1), None);
    check_broken(repeated(&shown(&["a", "b", "b"]), 2), None);
}

#[test]
fn counters_and_black_frames_are_told() {
    check_broken(reconcile(&[("succeeded".to_owned(), 1), ("queued".to_owned(), 0)]), None);
    assert!(reconcile(&[("succeeded".to_owned(), 2)]).is_err());
    let mut dark = footage(1, 1);
    dark.black = vec![(0.0, 0.5)];
    check_broken(nothing_black(&dark), Some("black at 0.00–0.50 s"));
}
