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
