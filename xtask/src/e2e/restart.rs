//! A pipeline that is killed or stopped loses no job and does no stage twice.

use std::time::Duration;

use protocol::{JobState, JobStatus, Stage};
use serde_json::{Value, json};

use super::{World, runs, short};

/// Less than what ends a program that does not end by itself.
const AT_ONCE: Duration = Duration::from_secs(8);
/// What `render` needs: whoever comes to it has ended these.
const BEFORE_RENDER: [Stage; 6] = [
    Stage::Script,
    Stage::Terms,
    Stage::Narration,
    Stage::Materials,
    Stage::Subtitles,
    Stage::Selection,
];

/// Seconds of work for the encoder, so that it is met in the middle of it.
fn long() -> Value {
    let script = "The sea is calm. ".repeat(24);
    short(&json!({"video_script": script, "video_size": "720x1280"}))
}

/// How often a stage was begun.
fn n_begun(status: &JobStatus, stage: Stage) -> usize {
    status.stages.iter().filter(|time| time.stage == stage).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_ends_after_kill_9_in_each_slow_stage() {
    // Slow downloads: the kill comes in the middle of them.
    let mut world = World::start("[files]\nlatency_ms = 700\n", &[]).await;
    let job = world.submit(long()).await;
    for stage in [Stage::Materials, Stage::Render] {
        world.seen(&job, |status| runs(status, stage)).await;
        world.pipeline.kill().await;
        world.restart().await;
    }
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    assert_eq!(status.attempt, 3, "each kill counts");
    let begun = [Stage::Script, Stage::Materials, Stage::Selection, Stage::Render]
        .map(|stage| n_begun(&status, stage));
    assert_eq!(begun, [1, 2, 1, 2], "only what was killed is run again: {:?}", status.stages);
    assert_eq!(world.leftovers(), [""; 0]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_that_is_handed_back_at_a_stop_goes_on_as_the_same_attempt() {
    let mut world = World::start("", &["jobs.max_attempts=1"]).await;
    let job = world.submit(long()).await;
    world.seen(&job, |status| runs(status, Stage::Render)).await;
    let status = world.pipeline.ends_by_sigterm(AT_ONCE).await;
    let status = status.unwrap_or_else(|| panic!("still there: {}", world.log()));
    assert!(status.success(), "{status}: {}", world.log());
    assert_eq!(world.leftovers(), [""; 0], "the render that was given up leaves nothing");

    world.restart().await;
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    assert_eq!(status.attempt, 1, "a hand-back does not count");
    for stage in BEFORE_RENDER {
        assert_eq!(n_begun(&status, stage), 1, "{stage} was run again: {:?}", status.stages);
    }
    // What was done before the stop was done before the job was taken again.
    let taken_us = status.started_us.expect("it began");
    let since =
        |stage| status.stages.iter().any(|time| time.stage == stage && time.started_us >= taken_us);
    let done_since: Vec<Stage> = Stage::ALL.into_iter().filter(|&stage| since(stage)).collect();
    assert_eq!(done_since, [Stage::Render, Stage::Publish], "{:?}", status.stages);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_pipeline_ends_with_the_program_that_started_it() {
    let mut world = World::start("", &[]).await;
    let status = world.pipeline.ends_by_itself(AT_ONCE).await;
    let status = status.unwrap_or_else(|| panic!("it ignores its input: {}", world.log()));
    assert!(status.success(), "{status}: {}", world.log());
    world.stop().await;
}

/// A service that is started again and again says why: what killed the one before left no word, but its
/// job is known; and what could not start said it itself.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_start_knows_how_the_one_before_ended() {
    let mut world = World::start("", &[]).await;
    let start = async |world: &World| {
        let url = world.base.join("metrics.json").expect("a path");
        let metrics: Value =
            reqwest::get(url).await.expect("an answer").json().await.expect("metrics");
        metrics["start"].clone()
    };
    assert_eq!(start(&world).await["before"], Value::Null);
    let job = world.submit(long()).await;
    world.seen(&job, |status| runs(status, Stage::Render)).await;
    world.pipeline.kill().await;
    world.restart().await;
    let before = start(&world).await["before"].clone();
    assert_eq!(before["starts"], 1, "{before}");
    let cause = before["cause"].as_str().expect("a cause");
    assert!(cause.contains("without a word") && cause.contains(&job.id), "{cause}");
    assert!(world.log().contains("did not end in order"), "{}", world.log());

    // It cannot start, and ends by itself.
    world.pipeline.kill().await;
    world.set.push("jobs.postgres_env='NO_SUCH_DATABASE'".to_owned());
    assert!(world.refusal().await.contains("NO_SUCH_DATABASE"));
    world.set.pop();
    world.restart().await;
    let started = start(&world).await;
    let before = &started["before"];
    assert_eq!(before["starts"], 3, "{before}");
    assert!(before["cause"].as_str().expect("a cause").contains("NO_SUCH_DATABASE"), "{before}");
    let ready = async {
        while start(&world).await["ready_s"].is_null() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        start(&world).await
    };
    let ready = tokio::time::timeout(super::PATIENCE, ready).await.expect("it is ready");
    for phase in ["database", "card", "fonts", "encoder", "models"] {
        assert!(ready["phases_s"][phase].as_f64() > Some(0.0), "{phase}: {ready}");
    }
    assert!(ready["ready_s"].as_f64() >= ready["phases_s"]["encoder"].as_f64(), "{ready}");
    world.stop().await;
}
