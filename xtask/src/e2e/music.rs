//! Background music is heard in the video.

use protocol::JobState;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{World, short};

/// MD5 of the sound of the video that a job makes.
async fn sound(world: &World, changes: &Value) -> String {
    let job = world.submit(short(changes)).await;
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    let video = world.folder.path().join("video.mp4");
    assert!(world.client.download(&job, "video.mp4", &video).await.expect("an answer"));
    let mut hash = Command::new("ffmpeg");
    hash.args(["-nostdin", "-v", "error", "-i"]).arg(&video);
    hash.args(["-map", "0:a", "-c", "copy", "-f", "md5", "-"]);
    let output = hash.output().await.expect("ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("an MD5")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_music_is_heard_and_is_the_same_for_the_same_seed() {
    let world = World::start("", &["jobs.max_attempts=1"]).await;
    let silent = sound(&world, &json!({})).await;
    assert!(silent.starts_with("MD5="), "{silent}");
    assert_eq!(sound(&world, &json!({})).await, silent, "else a difference says nothing");
    let random = json!({"bgm_type": "random"});
    let with_music = sound(&world, &random).await;
    assert_ne!(with_music, silent);
    assert_eq!(sound(&world, &random).await, with_music);
    let muted = json!({"bgm_type": "random", "bgm_volume": 0.0});
    assert_eq!(sound(&world, &muted).await, silent);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_music_that_is_not_there_is_refused_by_name() {
    let world = World::start("", &[]).await;
    let job = short(&json!({"bgm_type": "custom", "bgm_file": "no-such-track.mp3"}));
    let spec: protocol::JobSpec = serde_json::from_value(job).expect("a job");
    let refused = world.client.submit(&spec).await.expect_err("there is no such track");
    let message = refused.to_string();
    assert!(message.contains("422") && message.contains("bgm_file: expected one of"), "{message}");
    assert!(message.contains("no-such-track.mp3"), "{message}");
    world.stop().await;
}
