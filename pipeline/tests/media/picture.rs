use std::path::Path;

use pipeline::artefacts::MediaInfo;
use pipeline::media::checks::{black_intervals, frame_at};
use pipeline::media::{BurnIn, Encoder, RenderPlan, probe, render};

use crate::{clip, folder, plan, shot, turned, videos};

/// Renders and checks what holds for every video.
async fn rendered(plan: &RenderPlan, folder: &Path) -> MediaInfo {
    let mut progress = vec![0.0];
    let made = render(plan, folder, |done| progress.push(done)).await.expect("a video");
    assert!(progress.is_sorted() && progress.last() == Some(&1.0), "{progress:?}");
    assert_eq!(made.encoder, Encoder::X264);
    assert_eq!(videos(folder), ["video.mp4"], "nothing else is left");

    let media = made.media;
    assert_eq!((media.width, media.height, media.fps), (270, 480, 30.0));
    assert!(media.video_ms >= plan.duration_ms + 100, "{media:?}");
    assert!(media.video_ms <= plan.duration_ms + 134, "{media:?}");
    assert!((plan.duration_ms..=media.video_ms).contains(&media.audio_ms), "{media:?}");
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-of", "default=nw=1:nk=1"])
        .args(["-show_entries", "stream=pix_fmt,sample_aspect_ratio,color_range,color_space"])
        .args(["-show_entries", "stream=color_transfer,color_primaries"])
        .arg(folder.join(&plan.output))
        .output()
        .expect("ffprobe is installed");
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        found.split_whitespace().collect::<Vec<_>>(),
        ["1:1", "yuv420p", "tv", "bt709", "bt709", "bt709"]
    );
    media
}

#[tokio::test]
async fn clips_of_every_kind_become_one_even_picture() {
    let folder = folder();
    let at = folder.path();
    // 4:3 at 60 frames a second with sound; a phone's, turned; a variable rate; a big one.
    let paths = [
        clip(at, "a 4:3.mp4", "testsrc2=s=320x240:r=60[out0];sine[out1]", 2.0, ""),
        turned(at, &clip(at, "turned 90.mp4", "testsrc2=s=320x180:r=25", 2.0, "")),
        clip(
            at,
            "variable.mp4",
            "testsrc2=s=320x240:r=30",
            2.0,
            "-vf select='if(lt(t,1),1,not(mod(n,3)))' -vsync vfr",
        ),
        clip(at, "4K.mp4", "testsrc2=s=3840x2160:r=24", 1.5, "-pix_fmt yuv420p"),
    ];
    let sizes = [(320, 240), (180, 320), (320, 240), (3840, 2160)];
    let mut shots = Vec::new();
    for (path, size) in paths.iter().zip(sizes) {
        let media = probe(path).await.expect("a clip");
        assert_eq!((media.width, media.height), size, "{}", path.display());
        shots.push(shot(path, 250, 1200).await);
    }
    let mut plan = plan(at, 4777, shots);
    plan.encoding.threads = 1; // with more, x264 may give other bytes for the same frames
    rendered(&plan, at).await;
    let video = at.join("video.mp4");
    assert_eq!(black_intervals(&video).await.expect("looked at"), []);
    let black = clip(at, "black.mp4", "color=black:s=320x240:r=30", 1.0, "");
    let whole = [(0, u64::MAX)];
    assert_eq!(black_intervals(&black).await.expect("looked at"), whole, "the detector sees black");
    // The same plan gives the same bytes.
    let bytes = fs_err::read(&video).expect("video");
    rendered(&plan, at).await;
    assert!(bytes == fs_err::read(&video).expect("video"), "two renders of one plan differ");
}

/// Checks that `video` shows nothing but `expected` at `at_ms`.
async fn check_colour_at(video: &Path, at_ms: u64, expected: [u8; 3]) {
    let frame = frame_at(video, at_ms, 8, 8).await.expect("a frame");
    assert_eq!(frame.len(), 8 * 8 * 3, "no frame at {at_ms} ms");
    for found in frame.chunks(3) {
        let is_near = found.iter().zip(expected).all(|(f, e)| f.abs_diff(e) <= 6);
        assert!(is_near, "at {at_ms} ms: expected {expected:?}, found {found:?}");
    }
}

/// Checks that a clip of one colour has it in the video too.
async fn check_colour(source: &str, args: &str, expected: [u8; 3]) {
    let folder = folder();
    let path = clip(folder.path(), "plain.mp4", source, 1.0, args);
    let plan = plan(folder.path(), 500, vec![shot(&path, 0, 1000).await]);
    rendered(&plan, folder.path()).await;
    check_colour_at(&folder.path().join("video.mp4"), 200, expected).await;
}

#[tokio::test]
async fn colours_stay_what_they_are() {
    let red = [255, 0, 0];
    let to = |matrix: &str, range: &str, format: &str| {
        format!("-vf scale=out_color_matrix={matrix}:out_range={range},format={format}")
    };
    let (sd, hd) = ("color=red:s=320x240,format=gbrp", "color=red:s=1280x720,format=gbrp");
    let tags = "-colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m";
    // Clips that say nothing of their colours: BT.601 when small, BT.709 when big.
    check_colour(sd, &to("bt601", "tv", "yuv420p"), red).await;
    check_colour(hd, &to("bt709", "tv", "yuv420p"), red).await;
    // Clips that say it are believed.
    check_colour(hd, &format!("{} {tags}", to("bt601", "tv", "yuv420p")), red).await;
    // A phone's full range, and ten bits.
    check_colour(hd, &to("bt709", "pc", "yuvj420p"), red).await;
    check_colour(
        "color=0x3060c0:s=1280x720,format=gbrp10",
        &to("bt709", "tv", "yuv420p10"),
        [0x30, 0x60, 0xc0],
    )
    .await;
}

/// Checks that a square of the scene is a square in the video, in its middle, and that the edges are
/// the clip's grey and not a black bar.
async fn check_square(source: &str, args: &str, is_turned: bool) {
    let folder = folder();
    let mut path = clip(folder.path(), "square.mp4", source, 1.0, args);
    if is_turned {
        path = turned(folder.path(), &path);
    }
    let plan = plan(folder.path(), 500, vec![shot(&path, 0, 1000).await]);
    rendered(&plan, folder.path()).await;
    let frame = frame_at(&folder.path().join("video.mp4"), 200, 270, 480).await.expect("a frame");
    let luma = |x: usize, y: usize| frame[(y * 270 + x) * 3];
    let wide = (0..270).filter(|&x| luma(x, 240) > 190).count();
    let high = (0..480).filter(|&y| luma(135, y) > 190).count();
    assert!(wide > 40 && wide.abs_diff(high) <= 3, "{source} {args}: {wide}x{high}");
    for (x, y) in [(0, 0), (269, 0), (0, 479), (269, 479), (135, 0), (0, 240)] {
        let edge = luma(x, y);
        assert!((110..150).contains(&edge), "{source} {args}: {edge} at {x},{y}");
    }
}

#[tokio::test]
async fn the_picture_is_filled_and_nothing_is_stretched() {
    let scene = |size: &str, width: u32, height: u32| {
        let x = format!("x=(iw-{width})/2:y=(ih-{height})/2");
        format!("color=0x808080:s={size},drawbox={x}:w={width}:h={height}:c=white:t=fill")
    };
    check_square(&scene("640x360", 100, 100), "", false).await; // landscape
    check_square(&scene("90x320", 40, 40), "", false).await; // narrower than the video
    check_square(&scene("270x480", 100, 100), "", false).await; // as it is
    check_square(&scene("360x270", 75, 100), "-vf setsar=4/3", false).await; // anamorphic
    check_square(&scene("640x360", 100, 100), "", true).await;
}

#[tokio::test]
async fn a_clip_that_ends_too_soon_stays_with_its_last_frame() {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "short.mp4", "color=red:s=320x240:r=30", 0.5, "");
    let blue = clip(at, "blue.mp4", "color=blue:s=320x240:r=30", 0.5, "");
    let plan = plan(at, 2500, vec![shot(&path, 0, 1000).await, shot(&blue, 0, 1000).await]);
    rendered(&plan, at).await;
    let (red, blue) = ([255, 0, 0], [0, 0, 255]);
    for (ms, expected) in [(0, red), (900, red), (1050, blue), (2566, blue)] {
        check_colour_at(&at.join("video.mp4"), ms, expected).await;
    }
}

#[tokio::test]
async fn many_shots_take_another_way_to_the_same_bytes() {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "sea.mp4", "testsrc2=s=320x240:r=30", 7.0, "-pix_fmt yuv420p");
    let mut plan = plan(at, 6400, vec![shot(&path, 0, 6500).await]);
    let whole = plan.clone();
    // The same seconds in thirteen pieces: decoded one after the other, each from where it begins.
    plan.shots.clear();
    for start_ms in (0..6500).step_by(500) {
        plan.shots.push(shot(&path, start_ms, 500).await);
    }
    assert!(plan.is_relayed() && !whole.is_relayed());
    // What a worker that was killed has left is no obstacle.
    fs_err::write(at.join("video.mp4.part.yuv"), "old").expect("write");
    rendered(&plan, at).await;
    let relayed = fs_err::read(at.join("video.mp4")).expect("video");
    rendered(&whole, at).await;
    let direct = fs_err::read(at.join("video.mp4")).expect("video");
    assert!(relayed == direct, "{} and {} bytes", relayed.len(), direct.len());
}

#[tokio::test]
async fn subtitles_are_drawn_when_they_are_due() {
    let folder = folder();
    let at = folder.path();
    let path = clip(at, "grey's [1], 50%;.mp4", "color=0x404040:s=320x240:r=30", 2.0, "");
    let name = "it's [1], 50%;b:c\\ d .ass";
    fs_err::write(at.join(name), ASS).expect("subtitles");
    let mut plan = plan(at, 1500, vec![shot(&path, 0, 2000).await]);
    plan.subtitles = Some(BurnIn { ass: name.to_owned(), fonts_dir: Some(at.to_owned()) });
    rendered(&plan, at).await;
    for (ms, is_drawn) in [(200, false), (800, true), (1400, false)] {
        let frame = frame_at(&at.join("video.mp4"), ms, 270, 480).await.expect("a frame");
        let (above, below) = frame.split_at(frame.len() / 2);
        let white = |half: &[u8]| half.iter().filter(|&&value| value > 230).count();
        assert_eq!((white(above), white(below) > 500), (0, is_drawn), "at {ms} ms");
    }
}

pub const ASS: &str = "[Script Info]
ScriptType: v4.00+
PlayResX: 270
PlayResY: 480

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment, MarginV
Style: Default,DejaVu Sans,40,&H00FFFFFF,2,40

[Events]
Format: Start, End, Style, Text
Dialogue: 0:00:00.50,0:00:01.20,Default,MMMM
";
