//! The three ways to one video.

use std::path::Path;
use std::time::Duration;

use pipeline::media::{BurnIn, Mode, Music, RenderPlan, render};
use protocol::{Size, Transition};

use crate::failure::n_running_in;
use crate::picture::ASS;
use crate::{clip, ffmpeg, folder, luma, plan, shot, ssim, videos};

/// Three shots of different clips with subtitles and music, and a cover.
async fn plan_of(at: &Path) -> RenderPlan {
    let one = clip(at, "one.mp4", "testsrc2=s=320x240:r=25", 2.0, "");
    let two = clip(at, "two.mp4", "mandelbrot=s=240x320:r=30", 2.0, "");
    let three = clip(at, "three.mp4", "smptebars=s=320x180:r=24", 2.0, "");
    let mut shots = Vec::new();
    for (path, ms) in [(one, 733), (two, 900), (three, 1000)] {
        shots.push(shot(&path, 100, ms).await);
    }
    let mut plan = plan(at, 2500, shots);
    plan.size = Size { width: 180, height: 320 };
    fs_err::write(at.join("subtitles.ass"), ASS).expect("subtitles");
    plan.subtitles = Some(BurnIn { ass: "subtitles.ass".to_owned(), fonts_dir: None });
    ffmpeg(at, "-f lavfi -t 1 -i sine=f=440:r=44100 -ac 2 song.mp3");
    plan.music = Some(Music { path: at.join("song.mp3"), volume: 0.2, ducking: true });
    plan.cover = Some("cover.jpg".into());
    plan.concurrency = 2;
    plan
}

#[tokio::test]
async fn every_mode_shows_the_same() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    for transition in [None, Some(Transition::CrossFade), Some(Transition::SlideIn)] {
        plan.transition = transition;
        plan.mode = Mode::SinglePass;
        render(&plan, at, |_| {}).await.expect("a video");
        fs_err::rename(at.join("video.mp4"), at.join("single.mp4")).expect("rename");
        for (mode, least) in [(Mode::ConcatCopy, 0.98), (Mode::PerClip, 0.95)] {
            plan.mode = mode;
            let mut progress = vec![0.0];
            let made = render(&plan, at, |done| progress.push(done)).await.expect("a video");
            assert!(progress.is_sorted() && progress.last() == Some(&1.0), "{progress:?}");
            assert_eq!(made.warnings, Vec::<String>::new());
            assert_eq!(videos(at), ["video.mp4"], "nothing else is left");
            assert!(!at.join("pieces").exists());
            let (video, single) = (at.join("video.mp4"), at.join("single.mp4"));
            assert_eq!(luma(&video, 18, 32).len(), luma(&single, 18, 32).len());
            let found = ssim(&video, &single);
            assert!(found > least, "{mode:?} with {transition:?}: SSIM {found}");
        }
    }
}

#[tokio::test]
async fn a_relayed_cross_fade_is_the_same_as_one_in_a_single_graph() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    plan.transition = Some(Transition::CrossFade);
    render(&plan, at, |_| {}).await.expect("a video");
    fs_err::rename(at.join("video.mp4"), at.join("single.mp4")).expect("rename");
    // As if one of them were too big to be open with others.
    plan.shots[0].source_size = Size { width: 200_000, height: 700 };
    assert!(plan.is_relayed());
    render(&plan, at, |_| {}).await.expect("a video");
    let found = ssim(&at.join("video.mp4"), &at.join("single.mp4"));
    assert!(found > 0.99, "SSIM {found}");
}

#[tokio::test]
async fn a_retry_makes_the_missing_pieces_alone() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    (plan.mode, plan.cover, plan.concurrency) = (Mode::ConcatCopy, None, 1);
    let good = plan.shots[2].path.clone();
    fs_err::rename(&good, at.join("away.mp4")).expect("rename");
    render(&plan, at, |_| {}).await.expect_err("a clip is gone");
    let pieces = || -> Vec<_> {
        let entries = fs_err::read_dir(at.join("pieces")).expect("pieces").flatten();
        let times =
            entries.map(|entry| (entry.file_name(), entry.metadata().expect("there").modified()));
        let mut times: Vec<_> = times.map(|(name, time)| (name, time.expect("a time"))).collect();
        times.sort();
        times
    };
    let before = pieces();
    assert_eq!(before.len(), 2);
    // The last one fails again: what is there was not touched.
    render(&plan, at, |_| {}).await.expect_err("it is still gone");
    assert_eq!(pieces(), before);
    // Other subtitles make other pieces.
    fs_err::write(at.join("subtitles.ass"), ASS.replace("MMMM", "WWWW")).expect("subtitles");
    render(&plan, at, |_| {}).await.expect_err("it is still gone");
    assert_eq!(pieces().len(), 4);
    fs_err::rename(at.join("away.mp4"), &good).expect("rename");
    render(&plan, at, |_| {}).await.expect("a video");
    assert!(!at.join("pieces").exists());
}

/// Most processes that are at work at once.
async fn most_at_once(plan: &RenderPlan, at: &Path) -> usize {
    let mut most = 0;
    let look = async {
        loop {
            most = most.max(n_running_in(at));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        made = render(plan, at, |_| {}) => drop(made.expect("a video")),
        () = look => {}
    }
    most
}

#[tokio::test]
async fn as_many_pieces_are_made_at_once_as_were_asked_for() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    (plan.mode, plan.size) = (Mode::ConcatCopy, Size { width: 720, height: 1280 });
    for expected in [1, 3] {
        plan.concurrency = expected;
        assert_eq!(most_at_once(&plan, at).await, expected);
    }
}

#[tokio::test]
async fn a_clip_that_was_replaced_makes_another_piece() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    (plan.mode, plan.cover, plan.concurrency) = (Mode::ConcatCopy, None, 1);
    let (first, last) = (plan.shots[0].path.clone(), plan.shots[2].path.clone());
    fs_err::rename(&last, at.join("away.mp4")).expect("rename");
    render(&plan, at, |_| {}).await.expect_err("a clip is gone");
    clip(at, "one.mp4", "color=red:s=320x240:r=25", 2.0, "");
    assert!(first.ends_with("one.mp4"));
    fs_err::rename(at.join("away.mp4"), &last).expect("rename");
    render(&plan, at, |_| {}).await.expect("a video");
    let fresh = at.join("fresh.mp4");
    fs_err::rename(at.join("video.mp4"), &fresh).expect("rename");
    render(&plan, at, |_| {}).await.expect("a video of new pieces alone");
    assert_eq!(ssim(&at.join("video.mp4"), &fresh), 1.0);
}

#[tokio::test]
async fn pieces_that_differ_are_not_joined() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    (plan.mode, plan.cover, plan.concurrency) = (Mode::ConcatCopy, None, 1);
    let away = plan.shots[2].path.clone();
    fs_err::rename(&away, at.join("away.mp4")).expect("rename");
    render(&plan, at, |_| {}).await.expect_err("a clip is gone");
    // A piece that another encoder made under the same name.
    let piece = fs_err::read_dir(at.join("pieces")).expect("pieces").flatten().next();
    let piece = piece.expect("a piece").path();
    fs_err::rename(&piece, at.join("piece.mp4")).expect("rename");
    ffmpeg(at, "-i piece.mp4 -c:v libx264 -profile:v baseline -pix_fmt yuv420p other.mp4");
    fs_err::rename(at.join("other.mp4"), &piece).expect("rename");
    fs_err::rename(at.join("away.mp4"), &away).expect("rename");
    let made = render(&plan, at, |_| {}).await.expect("a video all the same");
    let [warning] = &made.warnings[..] else { panic!("{:?}", made.warnings) };
    assert!(
        warning.starts_with("rendered in a single pass: its pieces differ: profile is "),
        "{warning}"
    );
    assert_eq!(videos(at), ["video.mp4"]);
}

#[tokio::test]
async fn the_cover_is_the_first_shot_without_subtitles() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at).await;
    let red = clip(
        at,
        "red.mp4",
        "color=red:s=1280x720:r=30,format=gbrp",
        2.0,
        "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    );
    plan.shots[0] = shot(&red, 0, 1000).await;
    plan.transition = Some(Transition::FadeIn);
    for mode in [Mode::SinglePass, Mode::ConcatCopy, Mode::PerClip] {
        plan.mode = mode;
        render(&plan, at, |_| {}).await.expect("a video");
        let cover = at.join("cover.jpg");
        ffmpeg(at, "-i cover.jpg -pix_fmt rgb24 -f rawvideo cover.rgb");
        let pixels = fs_err::read(at.join("cover.rgb")).expect("pixels");
        assert_eq!(pixels.len(), 180 * 320 * 3, "{mode:?}");
        let is_red = |pixel: &[u8]| pixel[0] > 245 && pixel[1] < 12 && pixel[2] < 12;
        assert!(pixels.chunks(3).all(is_red), "{mode:?}: {:?}", &pixels[..6]);
        fs_err::remove_file(cover).expect("removed");
    }
    plan.cover = None;
    render(&plan, at, |_| {}).await.expect("a video");
    assert!(!at.join("cover.jpg").exists());
}
