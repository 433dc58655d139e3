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

fn evidence(outcome: Outcome) -> Evidence {
    let status = JobStatus {
        id: "a".to_owned(),
        subject: String::new(),
        state: JobState::Succeeded,
        priority: protocol::Priority::Normal,
        attempt: 1,
        max_attempts: 1,
        progress: 1.0,
        submitted_us: 0,
        started_us: Some(0),
        finished_us: Some(1),
        times: protocol::Times::default(),
        batch: None,
        files_gone: false,
        stages: Vec::new(),
        error: None,
        outcome: Some(outcome),
    };
    Evidence {
        status,
        asked: Asked { size: protocol::Aspect::Portrait.size(), expect: Expect::default() },
        fetched: Vec::new(),
        footage: None,
        cues: None,
        leftovers: Vec::new(),
        wrong_clips: Vec::new(),
        job_counts: vec![("succeeded".to_owned(), 1)],
    }
}

#[track_caller]
fn check_findings(evidence: &Evidence, expected: &[(&str, &str)]) {
    let findings = check(evidence);
    let broken: Vec<(&str, &str)> = findings
        .iter()
        .filter_map(|finding| Some((finding.invariant, finding.broken.as_deref()?)))
        .collect();
    assert_eq!(broken, expected);
}

fn named() -> Outcome {
    let video = protocol::VideoInfo {
        file: "video.mp4".to_owned(),
        url: String::new(),
        bytes: 1,
        width: 1080,
        height: 1920,
        fps: 30.0,
        duration_ms: 10_000,
        encoder: String::new(),
    };
    let subtitles = protocol::SubtitleInfo {
        srt: "subtitles.srt".to_owned(),
        vtt: "subtitles.vtt".to_owned(),
        ass: "subtitles.ass".to_owned(),
        cues: 1,
        timing: protocol::TimingSource::Engine,
        font: String::new(),
        font_stands_in_for: None,
        notes: Vec::new(),
    };
    Outcome {
        script: Some("Hi.".to_owned()),
        narration: Some(narration(10_000)),
        video: Some(video),
        subtitles: Some(subtitles),
        ..Outcome::default()
    }
}

fn narration(duration_ms: u64) -> NarrationInfo {
    NarrationInfo { file: "narration.wav".to_owned(), duration_ms, engine: String::new() }
}

#[test]
fn what_the_outcome_names_is_there_and_can_be_read() {
    let missing = evidence(named());
    let all = "missing: video.mp4, narration.wav, subtitles.srt, subtitles.vtt, subtitles.ass";
    check_findings(&missing, &[("what the outcome names is there", all)]);

    let files = ["video.mp4", "narration.wav", "subtitles.srt", "subtitles.vtt", "subtitles.ass"];
    let mut broken = evidence(named());
    broken.fetched = files.map(str::to_owned).to_vec();
    broken.footage = Some(Err("it has no picture".to_owned()));
    broken.cues = Some(Err("block 1 is no cue".to_owned()));
    check_findings(
        &broken,
        &[
            ("the video can be read", "it has no picture"),
            ("the subtitles can be read", "block 1 is no cue"),
        ],
    );

    broken.footage = Some(Ok(footage(10_000, 10_000)));
    broken.cues = Some(Ok(vec![cue(0, 900, "Hi.")]));
    check_findings(&broken, &[]);
    assert_eq!(check(&broken).len(), 12);

    broken.asked.expect =
        Expect { clips_min: Some(1), narration_min_s: Some(11.0), ..Expect::default() };
    check_findings(
        &broken,
        &[
            (
                "the narration is as long as the scenario expects",
                "expected at least 11 s, found 10 s",
            ),
            ("enough clips were shown", "expected at least 1, found 0"),
        ],
    );
}

#[test]
fn the_narration_is_within_the_bounds_of_the_scenario() {
    let bounds =
        |least, most| Expect { narration_min_s: least, narration_max_s: most, ..Expect::default() };
    let both = bounds(Some(10.0), Some(12.5));
    check_broken(spoken(None, &both), Some("expected 10 s to 12.5 s, found none"));
    let short = "expected 10 s to 12.5 s, found 9.999 s";
    check_broken(spoken(Some(&narration(9_999)), &both), Some(short));
    check_broken(spoken(Some(&narration(10_000)), &both), None);
    check_broken(spoken(Some(&narration(12_500)), &both), None);
    let long = "expected at most 12.5 s, found 12.501 s";
    check_broken(spoken(Some(&narration(12_501)), &bounds(None, Some(12.5))), Some(long));
    let short = "expected at least 10 s, found 1 s";
    check_broken(spoken(Some(&narration(1_000)), &bounds(Some(10.0), None)), Some(short));
    check_broken(spoken(Some(&narration(1)), &Expect::default()), None);
}

#[test]
fn a_clip_that_is_shown_twice_counts_once() {
    check_broken(enough(&[], 1), Some("expected at least 1, found 0"));
    check_broken(enough(&shown(&["a", "b", "a"]), 3), Some("expected at least 3, found 2"));
    check_broken(enough(&shown(&["a", "b", "a"]), 2), None);
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
