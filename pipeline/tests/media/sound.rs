use std::path::Path;

use pipeline::media::checks::volume_db;
use pipeline::media::{Music, RenderPlan, render};

use crate::{clip, ffmpeg, folder, plan, shot};

async fn plan_of(at: &Path, duration_ms: u64) -> RenderPlan {
    let path = clip(at, "clip.mp4", "testsrc2=s=160x120:r=10", 1.0, "");
    plan(at, duration_ms, vec![shot(&path, 0, duration_ms).await])
}

/// Loudness of the video of `plan` in each of `parts` (start and length, ms), dB.
async fn volumes<const N: usize>(plan: &RenderPlan, at: &Path, parts: [(u64, u64); N]) -> [f64; N] {
    render(plan, at, |_| {}).await.expect("a video");
    let mut volumes = [0.0; N];
    for (volume, (start, length)) in volumes.iter_mut().zip(parts) {
        *volume = volume_db(&at.join("video.mp4"), start, length).await.expect("a sound");
    }
    volumes
}

#[tokio::test]
async fn mono_speech_keeps_its_level_and_follows_its_volume() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at, 1500).await;
    let before = volume_db(&plan.narration, 200, 1000).await.expect("a sound");
    let [same] = volumes(&plan, at, [(200, 1000)]).await;
    assert!((same - before).abs() < 0.3, "{before} dB became {same} dB");
    plan.voice_volume = 0.5;
    let [half] = volumes(&plan, at, [(200, 1000)]).await;
    assert!((half - before + 6.0).abs() < 0.3, "{before} dB became {half} dB");
    // A gain that would clip is limited: a sine's RMS is 3 dB below its peak of -1.5 dB.
    ffmpeg(at, "-f lavfi -t 1500ms -i sine=f=300:r=22050 -af volume=8 -ac 1 narration.wav");
    plan.voice_volume = 2.0;
    let [limited] = volumes(&plan, at, [(200, 1000)]).await;
    assert!((limited + 4.5).abs() < 0.5, "{limited} dB");
}

#[tokio::test]
async fn music_is_repeated_to_the_end_and_fades_out_there() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at, 5900).await;
    plan.voice_volume = 0.0;
    ffmpeg(at, "-f lavfi -t 1 -i sine=f=440:r=44100 -ac 2 it's|a|song.mp3");
    plan.music = Some(Music { path: at.join("it's a song.mp3"), volume: 0.5 });
    let parts = [(500, 500), (2300, 500), (4250, 500), (5700, 250)];
    let [begin, before_fade, in_fade, end] = volumes(&plan, at, parts).await;
    assert!((begin - before_fade).abs() < 1.0, "repeated: {begin} and {before_fade} dB");
    assert!((begin - in_fade - 6.0).abs() < 1.5, "half way: {begin} and {in_fade} dB");
    assert!(end < begin - 15.0, "at the end: {begin} and {end} dB");
    // Shorter than the fade: it fades all the way.
    let mut short = plan_of(at, 1000).await;
    (short.voice_volume, short.music) = (0.0, plan.music);
    let [begin, end] = volumes(&short, at, [(0, 200), (900, 150)]).await;
    assert!(end < begin - 10.0, "{begin} and {end} dB");
}

#[tokio::test]
async fn speech_is_heard_over_music_as_both_were_given() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at, 4000).await;
    let [alone] = volumes(&plan, at, [(0, 900)]).await;
    ffmpeg(at, "-f lavfi -t 3 -i anullsrc=r=44100:cl=stereo silence.mp3");
    plan.music = Some(Music { path: at.join("silence.mp3"), volume: 1.0 });
    let [mixed] = volumes(&plan, at, [(0, 900)]).await;
    assert!((alone - mixed).abs() < 0.2, "a mixer must not turn the speech down: {alone}, {mixed}");
}
