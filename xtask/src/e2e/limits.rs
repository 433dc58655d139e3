//! How much happens at once: as the providers see it, and as the metrics tell it.

use protocol::JobState;
use serde_json::json;

use super::{World, short};

/// The most searches that were at Pexels at once, of a job with six terms, and a gauge after it.
async fn most_searches(set: &[&str], gauge: &str) -> (u64, String) {
    let world = World::start("[pexels]\nlatency_ms = 300\n", set).await;
    let terms = json!(["coffee", "rain", "sea", "forest", "city", "night"]);
    let job = short(&json!({"video_terms": terms, "stop_at": "materials"}));
    let status = world.run(job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}: {}", status.error, world.log());
    let metrics = world.base.join("/metrics").expect("a path");
    let metrics = reqwest::get(metrics).await.expect("an answer").text().await.expect("metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(gauge)?.strip_prefix(' '));
    let found = (world.asked("pexels").await.most_at_once, line.unwrap_or(&metrics).to_owned());
    world.stop().await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_calls_are_as_many_at_once_as_their_class_has_places() {
    let limit = |class: &str| format!("reelbench_limiter_limit{{class=\"{class}\"}}");
    let in_use = |class: &str| format!("reelbench_limiter_in_use{{class=\"{class}\"}}");
    let one = most_searches(&["limits.light=1"], &limit("light")).await;
    assert_eq!(one, (1, "1".to_owned()));
    let shared = most_searches(&["limits.shared=2"], &limit("shared")).await;
    assert_eq!(shared, (2, "2".to_owned()));
    let (most, left) = most_searches(&[], &in_use("light")).await;
    assert!((3..=8).contains(&most), "{most} at once, of 8 places");
    assert_eq!(left, "0", "nobody is at work any more");
}

/// The most requests that were at Replicate at once, of a job with six pictures of that class: each is
/// created, looked at and fetched one after the other.
async fn most_predictions(generation: &str) -> u64 {
    let slow = "[replicate]\nlatency_ms = 100\n";
    let world =
        World::start(slow, &["limits.heavy=1", "limits.light=6", "replicate.poll_s=0.1"]).await;
    let terms = json!(["coffee", "rain", "sea", "forest", "city", "night"]);
    let job = short(&json!({
        "video_source": "replicate",
        "generation": generation,
        "video_terms": terms,
        "stop_at": "materials",
    }));
    let status = world.run(job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}: {}", status.error, world.log());
    let most = world.asked("replicate").await.most_at_once;
    world.stop().await;
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_pictures_have_the_places_of_their_class() {
    assert_eq!(most_predictions("heavy").await, 1);
    let light = most_predictions("light").await;
    assert!((2..=6).contains(&light), "{light} at once, of 6 places");
}

/// Claim 002-6: memory is scarce from the start, and a job goes well all the same.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_what_is_not_needed_is_given_back_when_memory_is_scarce() {
    let world = World::start("", &["limits.cleanup_percent=0.5", "limits.sample_s=0.2"]).await;
    let status = world.run(short(&json!({}))).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}: {}", status.error, world.log());
    let metrics = world.base.join("/metrics").expect("a path");
    let metrics = reqwest::get(metrics).await.expect("an answer").text().await.expect("metrics");
    let once = "reelbench_memory_cleanups_total 1\n";
    assert!(metrics.contains(once), "once, as it stays scarce: {metrics}");
    assert!(world.log().contains("memory is scarce"), "{}", world.log());
    world.stop().await;
}
