//! Artefacts go to an S3-like store: a real client against a server of another project (s3s).

use protocol::{JobState, Stage};
use serde_json::json;

use super::{World, short};
use crate::services::S3_SECRET_KEY;

/// The store's address is known only when its server runs: the first world tells it to the second.
async fn run(behaviour: &str) -> (protocol::JobStatus, Vec<String>) {
    let stores = World::start(behaviour, &[]).await;
    let settings = [
        "publish.url='s3://reelbench/videos'".to_owned(),
        format!("publish.endpoint='{}'", stores.providers.s3),
        "publish.region='us-east-1'".to_owned(),
        "jobs.max_attempts=1".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let world = World::start("", &settings).await;
    let status = world.run(short(&json!({}))).await;
    let left = world.leftovers();
    world.stop().await;
    stores.stop().await;
    (status, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_video_is_published_to_an_s3_like_store() {
    let (status, left) = run("").await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
    let published = status.outcome.expect("an outcome").published;
    let base = format!("s3://reelbench/videos/{}", status.id);
    let files = ["video.mp4", "cover.jpg", "subtitles.srt", "subtitles.vtt", "subtitles.ass"];
    assert_eq!(published, files.map(|file| format!("{base}/{file}")));
    assert_eq!(left, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_store_that_refuses_is_named() {
    let (status, left) = run("[[s3.faults]]\nkind = 'status'\nstatus = 403\n").await;
    let error = status.error.expect("refused");
    assert_eq!((error.stage, error.code.as_str()), (Some(Stage::Publish), "publish_failed"));
    assert!(error.message.contains("s3://reelbench/videos"), "{}", error.message);
    assert!(!error.message.contains(S3_SECRET_KEY), "{}", error.message);
    assert_eq!(left, [""; 0]);
}
