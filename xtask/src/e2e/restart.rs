//! A pipeline that is killed loses no job and does no stage twice.

use protocol::{JobState, Stage};
use serde_json::json;

use super::{World, short};

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_ends_after_kill_9_in_each_slow_stage() {
    // Slow downloads: the kill comes in the middle of them.
    let mut world = World::start("[files]\nlatency_ms = 700\n", &[]).await;
    let job = world.submit(short(&json!({"video_script": "The sea is calm. ".repeat(12)}))).await;
    let mut killed_in = Vec::new();
    for stage in [Stage::Materials, Stage::Render] {
        let running = |status: &protocol::JobStatus| {
            let of_attempt = |time: &&protocol::StageTime| time.attempt == status.attempt;
            status
                .stages
                .iter()
                .filter(of_attempt)
                .any(|time| time.stage == stage && time.finished_us.is_none())
        };
        loop {
            let url = world.base.join(&job.status_url).expect("a path");
            let status: protocol::JobStatus =
                reqwest::get(url).await.expect("an answer").json().await.expect("a status");
            if running(&status) {
                killed_in.push(stage);
                break;
            }
            if status.state.is_final() {
                break; // this machine is quick: the stage was over between two looks
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        world.kill_and_restart().await;
    }
    assert!(killed_in.contains(&Stage::Materials), "{killed_in:?}");
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    assert_eq!(status.attempt as usize, 1 + killed_in.len());
    let scripts = status.stages.iter().filter(|time| time.stage == Stage::Script).count();
    assert_eq!(scripts, 1, "a stage that has ended is not run again: {:?}", status.stages);
    assert_eq!(world.leftovers(), [""; 0]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_pipeline_ends_with_the_program_that_started_it() {
    let world = World::start("", &[]).await;
    let pid = world.pipeline.pid().expect("a process");
    world.stop().await;
    let still_there = std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(!still_there, "the pipeline goes when its standard input ends");
}
