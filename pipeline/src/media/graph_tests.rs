use std::path::PathBuf;

use proptest::prelude::*;
use protocol::{FitMode, Size, Transition};

use super::super::{BurnIn, Encoder, Music, ShotInput};
use super::*;

fn shot(path: &str, source_start_ms: u64, duration_ms: u64) -> ShotInput {
    ShotInput {
        path: path.into(),
        is_still: false,
        source_size: Size { width: 1920, height: 1080 },
        source_fps: 30.0,
        source_start_ms,
        duration_ms,
    }
}

fn plan(shots: Vec<ShotInput>, duration_ms: u64) -> RenderPlan {
    let size = Size { width: 270, height: 480 };
    RenderPlan::new(size, shots, "/job/narration.wav".into(), duration_ms)
}

fn targets(cover: Option<&str>) -> Targets<'_> {
    Targets { video: Path::new("video.mp4.part.mp4"), cover: cover.map(Path::new) }
}

fn listing(plan: &RenderPlan) -> String {
    lines(&arguments(plan, targets(None)))
}

/// The filter graph alone, one line for each chain.
fn graph(args: &[OsString]) -> String {
    let flag = args.iter().position(|arg| arg == "-filter_complex").expect("a graph");
    lines(&args[flag + 1..=flag + 1])
}

/// One line for each argument, one line for each chain of the graph.
fn lines(args: &[OsString]) -> String {
    let args: Vec<String> =
        args.iter().map(|arg| arg.to_string_lossy().replace(';', ";\n  ")).collect();
    args.join("\n")
}

#[test]
fn a_small_plan_with_hostile_names() {
    let mut small = ShotInput {
        source_size: Size { width: 640, height: 360 },
        ..shot("/clips/it's [1080p], 50%; a:b \\ \"c\".mp4", 0, 2500)
    };
    small.duration_ms = 2500;
    let mut plan = plan(vec![shot("-i.mp4", 1250, 1700), small], 4000);
    plan.voice_volume = 1.25;
    plan.music = Some(Music { path: "/music/a b.mp3".into(), volume: 0.2, ducking: false });
    plan.subtitles = Some(BurnIn {
        ass: "subtitles.ass".to_owned(),
        fonts_dir: Some(PathBuf::from("/fonts/it's [a], 50%; b:c\\ ")),
    });
    insta::assert_snapshot!(listing(&plan));
}

#[test]
fn a_short_plan_without_music_and_subtitles_on_a_hardware_encoder() {
    let mut plan = plan(vec![shot("/clips/sea.mp4", 0, 900)], 900);
    plan.encoding.encoder = Encoder::Vaapi;
    insta::assert_snapshot!(listing(&plan));
}

#[test]
fn a_long_plan_is_relayed() {
    let plan = plan(vec![shot("/clips/sea.mp4", 2000, 1000); 13], 12_900);
    assert!(plan.is_relayed());
    assert!(!RenderPlan { duration_ms: 7_900, ..plan.clone() }.is_relayed(), "8 can be open");
    let frames = Path::new("video.mp4.part.yuv");
    let shot = lines(&shot_arguments(&plan, 12, Targets { video: frames, cover: None }));
    let encode = lines(&relay_arguments(&plan, frames, Path::new("video.mp4.part.mp4")));
    insta::assert_snapshot!(format!("{shot}\n\n{encode}"));
}

#[test]
fn what_is_asked_of_a_shot_is_in_its_chain() {
    let still = ShotInput { is_still: true, source_fps: 0.0, ..shot("/clips/a%d.jpg", 0, 1000) };
    let slower = ShotInput { source_fps: 24.0, ..shot("/clips/sea.mp4", 0, 1000) };
    let mut plan = plan(vec![shot("/clips/sea.mp4", 2000, 1000), slower, still], 2900);
    let cover = graph(&arguments(&plan, targets(Some("cover.jpg.part.jpg"))));
    plan.fit = FitMode::Contain;
    let contain = graph(&arguments(&plan, targets(None)));
    plan.speed = 1.5;
    insta::assert_snapshot!(format!(
        "cover:\n{cover}\n\ncontain:\n{contain}\n\n1.5 times as fast:\n{}",
        listing(&plan)
    ));
}

#[test]
fn each_transition_has_its_filters() {
    let shots = vec![shot("/clips/sea.mp4", 0, 2000), shot("/clips/sea.mp4", 0, 500)];
    let mut plan = plan(shots, 2400);
    let mut text = String::new();
    for transition in [
        Transition::Shuffle,
        Transition::FadeIn,
        Transition::FadeOut,
        Transition::SlideIn,
        Transition::SlideOut,
        Transition::ZoomIn,
        Transition::ZoomOut,
        Transition::CrossFade,
    ] {
        plan.transition = Some(transition);
        let chains = graph(&arguments(&plan, targets(None)));
        text.push_str(&format!("{transition:?}\n"));
        for chain in
            chains.lines().filter(|chain| !chain.contains("picture") && !chain.contains("sound"))
        {
            let own = chain.split_once("setpts=N/(30*TB)").map_or(chain, |(_, own)| own);
            text.push_str(&format!("  {}\n", own.trim()));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn sound_is_as_it_was_asked_for() {
    let mut plan = plan(vec![shot("/clips/sea.mp4", 0, 5000)], 5000);
    plan.voice_gain_db = -3.456;
    plan.music = Some(Music { path: "/music/a.mp3".into(), volume: 0.2, ducking: true });
    insta::assert_snapshot!(graph(&arguments(&plan, targets(None))));
}

#[test]
fn a_video_of_pieces() {
    let mut plan = plan(vec![shot("/clips/sea.mp4", 2000, 1000); 2], 1900);
    plan.transition = Some(Transition::CrossFade);
    plan.subtitles = Some(BurnIn { ass: "subtitles.ass".to_owned(), fonts_dir: None });
    let (video, list) = (Path::new("out.mp4"), Path::new("list.txt"));
    let bare = RenderPlan { subtitles: None, ..plan.clone() };
    let cover = Targets { video, cover: Some(Path::new("cover.jpg")) };
    let of = |args: &[OsString]| lines(args);
    insta::assert_snapshot!(format!(
        "first:\n{}\n\nsecond:\n{}\n\njoin:\n{}\n\nrejoin:\n{}\n\nfinal:\n{}",
        of(&piece_arguments(&plan, 0, cover)),
        of(&piece_arguments(&plan, 1, Targets { video, cover: None })),
        of(&join_arguments(&plan, list, video)),
        of(&rejoin_arguments(&bare, list, video)),
        of(&final_arguments(&plan, Path::new("joined.mp4"), video)),
    ));
}

#[test]
fn clips_that_are_too_big_to_be_open_together_are_relayed() {
    let big = ShotInput {
        source_size: Size { width: 3840, height: 2160 },
        ..shot("/clips/sea.mp4", 0, 1000)
    };
    for (n_shots, expected) in [(1, false), (4, false), (5, true)] {
        let plan = plan(vec![big.clone(); n_shots], 1000 * n_shots as u64);
        assert_eq!(plan.is_relayed(), expected, "{n_shots} clips of 4K");
    }
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut RenderPlan), expected: &str) {
    let mut plan = plan(vec![shot("/clips/sea.mp4", 0, 1000)], 1000);
    plan.check().expect("as it is it can be rendered");
    change(&mut plan);
    let error = plan.check().expect_err("must be refused").to_string();
    assert_eq!(error, format!("cannot render: {expected}"));
}

#[test]
fn what_no_video_can_follow_is_refused() {
    let no_shot = "there is no shot of half a frame or more";
    check_refused(|plan| plan.shots.clear(), no_shot);
    check_refused(|plan| plan.shots[0].duration_ms = 16, no_shot);
    check_refused(|plan| plan.duration_ms = 0, "the narration has no length");
    check_refused(|plan| plan.fps = 0, "expected 1 to 240 frames a second, found 0");
    check_refused(
        |plan| plan.size.width = 271,
        "expected even sides of at least 2 pixels, found 271x480",
    );
    check_refused(
        |plan| plan.size.height = 0,
        "expected even sides of at least 2 pixels, found 270x0",
    );
}

#[track_caller]
fn check_cuts(durations_ms: &[u64], narration_ms: u64, expected: &[(usize, u64)]) {
    let shots = durations_ms.iter().map(|&ms| shot("/clips/sea.mp4", 0, ms)).collect();
    let cuts = plan(shots, narration_ms).cuts();
    let cuts: Vec<(usize, u64)> = cuts.iter().map(|cut| (cut.shot, cut.frames)).collect();
    assert_eq!(cuts, expected, "{durations_ms:?} for {narration_ms} ms");
}

#[test]
fn cuts_fill_the_video_exactly() {
    check_cuts(&[5000], 1000, &[(0, 33)]); // longer than needed: 1.1 s of it
    check_cuts(&[500], 1000, &[(0, 33)]); // too short: its last frame stays
    check_cuts(&[500, 500], 1000, &[(0, 15), (1, 18)]);
    check_cuts(&[1100, 5000], 1000, &[(0, 33)]); // nothing left for the second
    check_cuts(&[510, 1, 5000], 1000, &[(0, 15), (2, 18)]); // no room for a frame
    check_cuts(&[33, 33, 33, 5000], 1000, &[(0, 1), (1, 1), (2, 1), (3, 30)]);
    check_cuts(&[u64::MAX, u64::MAX], 1000, &[(0, 33)]);
}

/// The numbers that follow `key` in the graph.
fn numbers(text: &str, key: &str) -> Vec<u64> {
    let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().map(str::parse);
    text.split(key).skip(1).filter_map(|rest| digits(rest)?.ok()).collect()
}

proptest! {
    #[test]
    fn the_picture_covers_the_narration(
        durations_ms in prop::collection::vec(17u64..20_000, 1..60),
        narration_ms in 1u64..600_000,
        fps in prop::sample::select(vec![24u32, 25, 30, 50, 60]),
    ) {
        let n_shots = durations_ms.len();
        let shots: Vec<_> =
            durations_ms.iter().map(|&ms| shot("/clips/sea.mp4", 0, ms.max(60))).collect();
        let plan = RenderPlan { fps, ..plan(shots, narration_ms) };
        prop_assert!(plan.check().is_ok());
        let text = listing(&plan);

        let frames: u64 = numbers(&text, "trim=end_frame=").iter().sum();
        let shown_ms = frames as f64 * 1000.0 / f64::from(fps);
        let wanted_ms = narration_ms as f64 + 100.0;
        prop_assert!(shown_ms >= wanted_ms, "{shown_ms} ms for {wanted_ms}");
        prop_assert!(shown_ms < wanted_ms + 1000.0 / f64::from(fps) + 0.001);

        // Every part that is opened is shown, and no other.
        let n_cuts = plan.cuts().len();
        prop_assert!(n_cuts <= n_shots);
        prop_assert_eq!(numbers(&text, "concat=n="), vec![n_cuts as u64]);
        prop_assert_eq!(text.matches("file:/clips/sea.mp4").count(), n_cuts);
        // Borders stay where they were asked for: no drift.
        let (mut asked_ms, mut shown) = (0, 0);
        for (cut, shot) in plan.cuts().iter().zip(&plan.shots).take(n_cuts - 1) {
            asked_ms += shot.duration_ms;
            shown += cut.frames;
            let off = (shown as f64 * 1000.0 / f64::from(fps) - asked_ms as f64).abs();
            prop_assert!(off <= 500.0 / f64::from(fps) + 0.001, "{off} ms");
        }
    }
}

/// ffmpeg finds every file by the name that is written into a graph: one filter for each of many.
#[tokio::test]
async fn ffmpeg_reads_the_names_that_are_written_for_it() {
    const SUBTITLES: &str = "[Script Info]\nScriptType: v4.00+\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:00.00,0:00:05.00,Default,,0,0,0,,x\n";
    let is_long = std::env::var_os("REELBENCH_LONG").is_some_and(|value| value == "1");
    let folder = tempfile::tempdir().expect("a folder");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..if is_long { 200 } else { 4 } {
        let mut chain = Vec::new();
        for _ in 0..50 {
            let tree = args::tests::name().new_tree(&mut runner).expect("a name");
            let name = proptest::strategy::ValueTree::current(&tree);
            let fonts = folder.path().join(format!("{name}.d"));
            fs_err::create_dir_all(&fonts).expect("made");
            fs_err::write(folder.path().join(&name), SUBTITLES).expect("written");
            let subtitles = Some(BurnIn { ass: name, fonts_dir: Some(fonts) });
            let plan = RenderPlan { subtitles, ..plan(vec![], 900) };
            let filters = picture::finish(&plan, "");
            let filters = filters.strip_suffix("[picture]").expect("its end").to_owned();
            assert_eq!(args::tests::filters(&filters).len(), 2, "{filters}");
            chain.push(filters);
        }
        let mut ffmpeg = crate::media::ffmpeg();
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "color=black:s=64x64", "-vf"]);
        ffmpeg.arg(chain.join(",")).args(["-frames:v", "1", "-f", "null", "-"]);
        ffmpeg.current_dir(folder.path());
        let limit = std::time::Duration::from_secs(60);
        crate::process::output(ffmpeg, &[], limit).await.expect("each is found");
    }
}
