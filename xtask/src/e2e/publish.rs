//! Artefacts go to an S3-like store: a real client against a server of another project (s3s).

use protocol::{JobState, Stage};
use serde_json::{Value, json};

use super::{World, short};
use crate::services::S3_SECRET_KEY;

async fn run(behaviour: &str) -> (protocol::JobStatus, Vec<String>) {
    let (status, left, _) = run_with(behaviour, &[], &json!({})).await;
    (status, left)
}

/// The store's address is known only when its server runs: the first world tells it to the second. The
/// last of what is given is how many uploads there were at once.
async fn run_with(
    behaviour: &str,
    set: &[&str],
    changes: &Value,
) -> (protocol::JobStatus, Vec<String>, u64) {
    let stores = World::start(behaviour, &[]).await;
    let settings = [
        "publish.url='s3://reelbench/videos'".to_owned(),
        format!("publish.endpoint='{}'", stores.providers.s3),
        "publish.region='us-east-1'".to_owned(),
        "jobs.max_attempts=1".to_owned(),
    ];
    let settings: Vec<&str> =
        settings.iter().map(String::as_str).chain(set.iter().copied()).collect();
    let world = World::start("", &settings).await;
    let status = world.run(short(changes)).await;
    let left = world.leftovers();
    let most_at_once = stores.asked("s3").await.most_at_once;
    world.stop().await;
    stores.stop().await;
    (status, left, most_at_once)
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_as_many_files_go_up_at_once_as_are_set() {
    let most_at_once = async |concurrency: &str| {
        let (status, _, most) =
            run_with("[s3]\nlatency_ms = 300\n", &[concurrency], &json!({})).await;
        assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
        most
    };
    assert_eq!(most_at_once("publish.concurrency=1").await, 1);
    assert!(most_at_once("publish.concurrency=4").await > 1);
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
