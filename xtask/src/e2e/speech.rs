//! The service as a speech server, asked as OpenAI's clients ask.

use std::process::Stdio;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::process::Command;

use super::World;

async fn speak(world: &World, changes: &Value) -> Response {
    let mut request = json!({
        "model": "tts-1",
        "input": "The sea is calm tonight, and the wind is low.",
        "voice": "alloy",
    });
    let changes = changes.as_object().expect("fields").clone();
    request.as_object_mut().expect("fields").extend(changes);
    let url = world.base.join("/v1/audio/speech").expect("a path");
    reqwest::Client::new().post(url).json(&request).send().await.expect("an answer")
}

/// Codec and seconds of a sound, as ffprobe finds them.
async fn probe(world: &World, sound: &[u8], raw: bool) -> (String, f64) {
    let file = world.folder.path().join("sound");
    fs_err::write(&file, sound).expect("written");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin"]);
    if raw {
        ffmpeg.args(["-f", "s16le", "-ar", "24000", "-ac", "1"]);
    }
    ffmpeg.arg("-i").arg(&file).args(["-f", "s16le", "-ar", "24000", "-ac", "1", "pipe:1"]);
    let output = ffmpeg.stderr(Stdio::piped()).output().await.expect("ffmpeg");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let codec = said.split("Audio: ").nth(1).and_then(|rest| rest.split([',', ' ']).next());
    (codec.expect("a codec").to_owned(), output.stdout.len() as f64 / 48_000.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_text_is_spoken_in_every_format_and_at_every_speed() {
    let world = World::start("", &[]).await;
    for (format, media_type, codec) in [
        ("mp3", "audio/mpeg", "mp3"),
        ("opus", "audio/ogg", "opus"),
        ("aac", "audio/aac", "aac"),
        ("flac", "audio/flac", "flac"),
        ("wav", "audio/wav", "pcm_s16le"),
        ("pcm", "audio/pcm", "pcm_s16le"),
    ] {
        let mut lengths = Vec::new();
        for speed in [0.25, 1.0, 4.0] {
            let wish = json!({"response_format": format, "speed": speed});
            let answer = speak(&world, &wish).await;
            assert_eq!(answer.status().as_u16(), 200, "{wish}");
            assert_eq!(answer.headers()["content-type"], media_type);
            let is_chunked = answer.headers().contains_key("transfer-encoding");
            assert_eq!(is_chunked, format != "wav", "{wish}");
            let sound = answer.bytes().await.expect("a sound");
            let (found, seconds) = probe(&world, &sound, format == "pcm").await;
            assert_eq!(found, codec, "{wish}");
            lengths.push(seconds);
        }
        let [slow, usual, fast] = lengths[..] else { panic!("three speeds") };
        assert!((1.5..6.0).contains(&usual), "{format}: {usual} s");
        // A voice leaves its pauses as they are, more or less.
        assert!((3.0..5.5).contains(&(slow / usual)), "{format}: {slow} s, {usual} s");
        assert!((3.0..5.5).contains(&(usual / fast)), "{format}: {usual} s, {fast} s");
    }
    let relayed = speak(&world, &json!({"voice": "openai:alloy"})).await;
    assert_eq!(relayed.status().as_u16(), 200);
    assert!(world.asked("speech").await.requests > 0, "the speech server was asked");
    for (wish, status, param) in [
        (json!({"voice": "zz"}), 400, "voice"),
        (json!({"input": "…"}), 400, "input"),
        (json!({"speed": 5}), 400, "speed"),
    ] {
        let answer = speak(&world, &wish).await;
        assert_eq!(answer.status().as_u16(), status, "{wish}");
        let document: Value = answer.json().await.expect("a document");
        assert_eq!(document["error"]["param"], param, "{document}");
        assert_eq!(document["error"]["type"], "invalid_request_error", "{document}");
    }
    world.stop().await;
}
