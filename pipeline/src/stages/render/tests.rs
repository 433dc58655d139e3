use std::process::Command;
use std::time::Duration;

use protocol::{Downloads, FitMode, TimingSource, Transition};

use super::*;
use crate::artefacts::{Clip, MediaInfo};
use crate::media::{Allowance, Mode};

#[track_caller]
fn check(bgm_type: BgmType, file: &str, seed: u64, expected: Result<Option<&str>, &str>) {
    let tracks = ["a.mp3".to_owned(), "b.m4a".to_owned()];
    let spec = JobSpec { bgm_type, bgm_file: file.to_owned(), ..JobSpec::default() };
    let found = choose(&tracks, &spec, seed).map(|track| track.map(String::as_str));
    assert_eq!(found, expected.map_err(str::to_owned));
}

#[test]
fn music_is_the_named_track_or_the_seeds() {
    check(BgmType::Custom, "c.mp3", 0, Err("one of the tracks a.mp3, b.m4a"));
    check(BgmType::Custom, "b.m4a", 0, Ok(Some("b.m4a")));
    check(BgmType::Random, "", 4, Ok(Some("a.mp3")));
    check(BgmType::Random, "", 5, Ok(Some("b.m4a")));
    check(BgmType::None, "a.mp3", 0, Ok(None));
    let silent = JobSpec { bgm_volume: 0.0, ..JobSpec::default() };
    assert_eq!(music(Some(Path::new("/not/there")), &silent, 0), Ok(None), "not even looked for");
}

#[test]
fn what_is_asked_for_and_what_is_set_is_in_the_plan() {
    let settings = Settings {
        mode: Mode::ConcatCopy,
        preset: "slow".to_owned(),
        crf: 18,
        max_memory_bytes: 0,
        max_file_bytes: 9,
        time_factor: 3.0,
        time_floor_s: 1.5,
        ..Settings::default()
    };
    let spec = JobSpec {
        video_fit_mode: FitMode::Contain,
        video_clip_speed: 1.5,
        video_transition_mode: Some(Transition::ZoomIn),
        voice_volume: 0.7,
        n_threads: 3,
        video_clip_concurrency: 5,
        ..JobSpec::default()
    };
    let bare = RenderPlan::new(spec.size(), Vec::new(), "/job/narration.wav".into(), 1000);
    let plan = as_set(&settings, Encoder::Nvenc, &spec, bare.clone());
    let encoding =
        Encoding { encoder: Encoder::Nvenc, threads: 3, preset: "slow".to_owned(), quality: 18 };
    assert_eq!(
        plan,
        RenderPlan {
            mode: Mode::ConcatCopy,
            fit: FitMode::Contain,
            speed: 1.5,
            transition: Some(Transition::ZoomIn),
            voice_volume: 0.7,
            encoding,
            concurrency: plan.concurrency,
            allowance: Allowance {
                time_factor: 3.0,
                time_floor: Duration::from_millis(1_500),
                memory: None,
                file: Some(9),
            },
            ..bare
        }
    );
    assert!(plan.concurrency >= 5, "at least as many as were asked for");
}

#[test]
fn pieces_are_encoded_side_by_side_as_cores_allow() {
    for (asked, threads, cores, expected) in
        [(1, 2, 2, 1), (1, 2, 4, 2), (1, 2, 16, 3), (4, 2, 2, 4), (1, 8, 2, 1)]
    {
        let spec =
            JobSpec { video_clip_concurrency: asked, n_threads: threads, ..JobSpec::default() };
        assert_eq!(concurrency(&spec, cores), expected, "{asked} {threads} {cores}");
    }
}

/// Runs ffmpeg in `folder`, on arguments without spaces.
#[track_caller]
fn ffmpeg(folder: &Path, args: &str) {
    let mut command = Command::new("ffmpeg");
    command.current_dir(folder).args(["-nostdin", "-v", "error", "-y"]);
    assert!(command.args(args.split(' ')).status().expect("ffmpeg").success(), "{args}");
}

/// A clip of `name` in `folder` that is shown for 1 s from its beginning.
fn clip(folder: &Path, name: &str, kind: ClipKind) -> Clip {
    Clip {
        id: name.to_owned(),
        term: String::new(),
        description: String::new(),
        page_url: String::new(),
        creator: String::new(),
        licence: String::new(),
        path: folder.join(name),
        sha256: String::new(),
        bytes: 0,
        media: MediaInfo {
            width: 160,
            height: 120,
            fps: 25.0,
            duration_ms: 1000,
            video_ms: 1000,
            audio_ms: 0,
            video_codec: "h264".to_owned(),
        },
        kind,
    }
}

#[tokio::test]
async fn several_videos_are_made_of_pictures_and_clips_and_bad_music_is_left_out() {
    let data = tempfile::tempdir().expect("temporary folder");
    let mut settings = crate::settings::Settings {
        data_dir: data.path().to_owned(),
        ..crate::settings::Settings::default()
    };
    settings.models.dir = data.path().join("models");
    settings.music.dir = Some(data.path().to_owned());
    settings.render.loudness_lufs = Some(-20.0);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let parts = Parts::build(settings, crate::life::Startup::begin()).await.expect("parts");
    let folder = JobFolder::open(data.path(), "a").expect("folder");
    let at = folder.path();
    ffmpeg(at, "-f lavfi -t 1 -i testsrc2=s=160x120:r=25 moving.mp4");
    ffmpeg(at, "-f lavfi -i color=red:s=160x120 -frames:v 1 still.jpg");
    ffmpeg(at, "-f lavfi -t 1 -i sine=f=300:r=22050 -ac 1 narration.wav");
    fs_err::write(data.path().join("song.mp3"), "<html>404</html>").expect("written");

    let shot = |clip| Shot { clip, source_start_ms: 0, duration_ms: 1200, score: None };
    let selection = Selection { shots: vec![shot(0)], more: vec![vec![shot(1)]], info: None };
    let clips =
        vec![clip(at, "moving.mp4", ClipKind::Video), clip(at, "still.jpg", ClipKind::Image)];
    let inputs = Inputs {
        narration: &Narration {
            file: "narration.wav".to_owned(),
            duration_ms: 1000,
            engine: String::new(),
            words: None,
            timing: TimingSource::Engine,
        },
        materials: &Materials {
            clips,
            rejected: vec![],
            downloads: Downloads::default(),
            warnings: vec![],
        },
        selection: &selection,
        subtitles: &Subtitles {
            srt: String::new(),
            vtt: String::new(),
            ass: String::new(),
            cues: Vec::new(),
            timing: TimingSource::Engine,
            font: String::new(),
            font_stands_in_for: None,
            notes: Vec::new(),
        },
    };
    let spec = JobSpec {
        video_size: Some(Size { width: 90, height: 160 }),
        bgm_type: BgmType::Custom,
        bgm_file: "song.mp3".to_owned(),
        subtitle_enabled: false,
        ..JobSpec::default()
    };
    let progress = std::sync::Mutex::new(vec![0.0]);
    let on_progress = |done| progress.lock().expect("not poisoned").push(done);
    let made = run(&parts, "a", &spec, &inputs, &folder, on_progress).await.expect("videos");

    let files: Vec<&str> = made.videos().map(|video| video.file.as_str()).collect();
    assert_eq!(files, ["video.mp4", "video-2.mp4"]);
    for video in made.videos() {
        assert_eq!((video.width, video.height, video.duration_ms), (90, 160, 1100));
        assert!(folder.file(&video.file).is_file() && video.url.ends_with(&video.file));
    }
    assert_eq!(made.cover.as_deref(), Some("cover.jpg"));
    assert!(folder.file("cover.jpg").is_file());
    assert_eq!(made.warnings, ["no music: song.mp3 cannot be used"]);
    let progress = progress.into_inner().expect("not poisoned");
    assert!(progress.last() == Some(&1.0) && progress.contains(&0.5), "{progress:?}");
    // Both sides of a video are summed up here: 3 LU more than is heard.
    let found = media::loudness(&folder.file("video-2.mp4")).await.expect("heard");
    assert!((found + 17.0).abs() < 1.5, "{found} LUFS");
}
