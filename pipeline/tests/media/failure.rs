use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pipeline::media::{Encoder, MediaError, Mode, Music, RenderPlan, ShotInput, probe, render};
use protocol::Size;

use crate::{clip, ffmpeg, folder, plan, shot, videos};

/// Checks that the render fails with `expected` after the folder's path, and leaves nothing.
async fn check(plan: &RenderPlan, at: &Path, expected: &str) {
    let error = render(plan, at, |_| {}).await.expect_err("must fail").to_string();
    let found = error.strip_prefix(&format!("{}/", at.display())).unwrap_or(&error);
    assert!(found.starts_with(expected), "expected {expected}, found {error}");
    assert_eq!(videos(at), Vec::<String>::new(), "after {error}");
}

#[tokio::test]
async fn an_input_that_cannot_be_used_is_named() {
    let folder = folder();
    let at = folder.path();
    let good = clip(at, "good.mp4", "testsrc2=s=160x120:r=10", 1.0, "-movflags +faststart");
    let plan = plan(at, 1500, vec![shot(&good, 0, 1000).await, shot(&good, 0, 1000).await]);
    let with = |change: &dyn Fn(&mut RenderPlan)| {
        let mut changed = plan.clone();
        change(&mut changed);
        changed
    };
    let with_clip = |name: &str| with(&|plan| plan.shots[1].path = at.join(name));

    fs_err::write(at.join("page.mp4"), "<html>404</html>").expect("write");
    check(&with_clip("page.mp4"), at, "page.mp4: not a media file: [mov,mp4").await;
    let missing = "missing.mp4: not a media file: No such file or directory";
    check(&with_clip("missing.mp4"), at, missing).await;

    // The header is whole, the pictures are not: ffprobe finds nothing wrong with it.
    let whole = fs_err::read(&good).expect("read");
    let data = whole.windows(4).position(|window| window == b"mdat").expect("mdat") + 4;
    fs_err::write(at.join("cut off.mp4"), &whole[..data + 8]).expect("write");
    probe(&at.join("cut off.mp4")).await.expect("its header is whole");
    let cut_off = "cut off.mp4: expected a picture at 0 ms, found none";
    check(&with_clip("cut off.mp4"), at, cut_off).await;
    let beyond = with(&|plan| plan.shots[1].source_start_ms = 5000);
    check(&beyond, at, "good.mp4: expected a picture at 5000 ms, found none").await;

    ffmpeg(at, "-f lavfi -t 1 -i sine sound.mp4");
    let no_picture = "sound.mp4: expected a picture at 0 ms, found none";
    check(&with_clip("sound.mp4"), at, no_picture).await;
    let mute = with(&|plan| plan.narration.clone_from(&good));
    check(&mute, at, "good.mp4: expected a sound, found none").await;
    let music = Music { path: at.join("missing.mp3"), volume: 0.2, ducking: false };
    let no_music = with(&|plan| plan.music = Some(music.clone()));
    check(&no_music, at, "missing.mp3: not a media file: No such file").await;
    // The same where shots are relayed to the encoder.
    let many = with(&|plan| {
        plan.shots = vec![ShotInput { duration_ms: 100, ..plan.shots[0].clone() }; 20];
        plan.shots[15].path = at.join("cut off.mp4");
    });
    assert!(many.is_relayed());
    check(&many, at, cut_off).await;
    // Not an input's fault: ffmpeg's last words.
    let preset = with(&|plan| plan.encoding.preset = "hasty".to_owned());
    check(&preset, at, "`ffmpeg` ended with exit status: 1: ").await;
    let folder_of_output = with(&|plan| plan.output = "video/no/such.mp4".into());
    check(&folder_of_output, at, "`ffmpeg` ended with exit status: 1: ").await;
    let odd = with(&|plan| plan.size = Size { width: 271, height: 480 });
    check(&odd, at, "cannot render: expected even sides").await;
}

#[tokio::test]
async fn a_playlist_in_disguise_opens_nothing() {
    let folder = folder();
    let at = folder.path();
    let secret = clip(at, "secret.mp4", "testsrc2=s=160x120:r=10", 0.5, "");
    let secret = secret.display();
    for (name, text) in [
        ("hls.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n")),
        ("concat.mp4", "ffconcat version 1.0\nfile secret.mp4\n".to_owned()),
    ] {
        fs_err::write(at.join(name), text).expect("write");
        let error = probe(&at.join(name)).await.expect_err("must be refused");
        assert!(matches!(error, MediaError::NotMedia { .. }), "{error}");
    }
}

#[tokio::test]
async fn libx264_takes_over_where_a_hardware_encoder_fails() {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "clip.mp4", "testsrc2=s=160x120:r=10", 1.0, "");
    let mut plan = plan(at, 500, vec![shot(&path, 0, 1000).await]);
    plan.encoding.encoder = Encoder::MediaFoundation; // Windows'
    let made = render(&plan, at, |_| {}).await.expect("a video all the same");
    assert_eq!((made.encoder, made.media.video_codec.as_str()), (Encoder::X264, "h264"));
    assert_eq!(videos(at), ["video.mp4"]);
}

/// Checks that a render of `n_shots` is gone without a trace when it is dropped half way.
async fn check_dropped(mode: Mode, n_shots: usize, is_relayed: bool) {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "clip.mp4", "testsrc2=s=640x360:r=30", 2.0, "");
    let shots: Vec<ShotInput> = vec![shot(&path, 0, 40_000 / n_shots as u64).await; n_shots];
    let mut plan = plan(at, 40_000, shots);
    plan.size = Size { width: 1080, height: 1920 };
    (plan.mode, plan.concurrency) = (mode, 2);
    assert_eq!(plan.is_relayed(), is_relayed);

    let seen = AtomicBool::new(false);
    let part = |name: &String| name.contains(".part.");
    let begun = async {
        while !(seen.load(Ordering::Relaxed)
            && unfinished(at).iter().any(part)
            && n_running_in(at) > 0)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        made = render(&plan, at, |_| seen.store(true, Ordering::Relaxed)) => panic!("40 s were made at once: {made:?}"),
        () = begun => {}
    }
    assert_eq!(unfinished(at), Vec::<String>::new());
    for _ in 0..100 {
        if n_running_in(at) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("ffmpeg is still running");
}

#[tokio::test]
async fn a_dropped_render_leaves_no_file_and_no_process() {
    check_dropped(Mode::SinglePass, 2, false).await;
    check_dropped(Mode::SinglePass, 20, true).await;
    check_dropped(Mode::ConcatCopy, 2, false).await;
    check_dropped(Mode::PerClip, 2, false).await;
}

/// Names of what is in the folder of a video, and of what is not finished among its pieces.
fn unfinished(at: &Path) -> Vec<String> {
    let pieces = fs_err::read_dir(at.join("pieces")).into_iter().flatten().flatten();
    let pieces = pieces.map(|piece| piece.file_name().to_string_lossy().into_owned());
    videos(at).into_iter().chain(pieces.filter(|name| name.contains(".part."))).collect()
}

/// How many processes work in the folder `at`.
pub fn n_running_in(at: &Path) -> usize {
    let processes = fs_err::read_dir("/proc").expect("proc").flatten();
    let is_there =
        |folder: std::io::Result<std::path::PathBuf>| folder.is_ok_and(|folder| folder == at);
    processes.filter(|process| is_there(fs_err::read_link(process.path().join("cwd")))).count()
}
