use std::path::Path;

use pipeline::media::checks::volume_db;
use pipeline::media::{Music, RenderPlan, gain_db, loudness, render};

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
    plan.music = Some(Music { path: at.join("it's a song.mp3"), volume: 0.5, ducking: false });
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
    plan.music = Some(Music { path: at.join("silence.mp3"), volume: 1.0, ducking: false });
    let [mixed] = volumes(&plan, at, [(0, 900)]).await;
    assert!((alone - mixed).abs() < 0.2, "a mixer must not turn the speech down: {alone}, {mixed}");
}

/// Integrated loudness of the video as a listener has it, LUFS.
fn loudness_of_video(at: &Path) -> f64 {
    let output = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-i"])
        .arg(at.join("video.mp4"))
        .args(["-vn", "-af", "ebur128", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is installed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last =
        text.rsplit("I:").next().and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    last.unwrap_or_else(|| panic!("no loudness in {text}"))
}

/// A narration of tones with pauses, at `gain` of full scale.
fn speak(at: &Path, gain: f64) {
    let pauses = "volume='if(lt(mod(t,2),1.2),1,0)':eval=frame";
    ffmpeg(
        at,
        &format!(
            "-f lavfi -t 6 -i aevalsrc={gain}*sin(880*t)+{gain}*sin(5000*t):s=22050,{pauses} -ac 1 narration.wav"
        ),
    );
}

#[tokio::test]
async fn speech_comes_to_its_loudness_and_volumes_keep_their_meaning() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at, 6000).await;
    for gain in [0.01, 0.3] {
        speak(at, gain);
        plan.voice_volume = 1.0;
        plan.voice_gain_db = gain_db(loudness(&plan.narration).await.expect("heard"), -16.0);
        render(&plan, at, |_| {}).await.expect("a video");
        let found = loudness_of_video(at);
        assert!((found + 16.0).abs() < 1.0, "from {gain}: {found} LUFS");
        plan.voice_volume = 0.5;
        render(&plan, at, |_| {}).await.expect("a video");
        let half = loudness_of_video(at);
        assert!((found - half - 6.0).abs() < 0.5, "from {gain}: {half} LUFS at half the volume");
    }
    ffmpeg(at, "-f lavfi -t 6 -i anullsrc=r=22050:cl=mono narration.wav");
    let silence = loudness(&plan.narration).await.expect("heard");
    assert!(gain_db(silence, -16.0).abs() < f64::EPSILON, "silence has no loudness: {silence}");
}

/// Loudness of a tone of 4 kHz in the video, dB.
async fn high_tone_db(at: &Path, start_ms: u64, length_ms: u64) -> f64 {
    ffmpeg(at, "-i video.mp4 -vn -af highpass=f=3000:p=2,highpass=f=3000:p=2 high.wav");
    volume_db(&at.join("high.wav"), start_ms, length_ms).await.expect("a sound")
}

#[tokio::test]
async fn ducked_music_steps_back_while_somebody_speaks() {
    let folder = folder();
    let at = folder.path();
    let mut plan = plan_of(at, 6000).await;
    // Two seconds of speech at a quarter of full scale, then a pause.
    let speech = "aevalsrc=0.25*sin(1900*t):s=22050,volume='lt(t,2)':eval=frame";
    ffmpeg(at, &format!("-f lavfi -t 6 -i {speech} -ac 1 narration.wav"));
    ffmpeg(at, "-f lavfi -t 1 -i sine=f=4000:r=44100 -ac 2 -c:a pcm_s16le song.wav");
    let mut levels = Vec::new();
    for ducking in [false, true] {
        plan.music = Some(Music { path: at.join("song.wav"), volume: 0.4, ducking });
        render(&plan, at, |_| {}).await.expect("a video");
        levels.push((high_tone_db(at, 700, 1000).await, high_tone_db(at, 2700, 300).await));
    }
    let [(speech, pause), (ducked, after)] = levels[..] else { panic!("{levels:?}") };
    assert!((speech - pause).abs() < 1.5, "without ducking: {speech} and {pause} dB");
    assert!(speech - ducked > 8.0, "under speech: {speech} and {ducked} dB");
    assert!((after - pause).abs() < 2.0, "in the pause: {pause} and {after} dB");
}
