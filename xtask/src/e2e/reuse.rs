//! What a later job takes from earlier ones, and which stages wait for which.

use std::os::unix::fs::MetadataExt as _;

use protocol::{JobStatus, Stage};
use serde_json::{Value, json};

use super::{World, short};

/// How often a result of `stage` was taken from an earlier job, as the metrics say.
async fn n_reused(world: &World, stage: Stage) -> u32 {
    let url = world.base.join("/metrics").expect("a path");
    let metrics = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    let line = format!("reelbench_stage_reused_total{{stage=\"{stage}\"}} ");
    let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
    count.map_or(0, |count| count.parse().expect("a count"))
}

async fn check_reused(world: &World, changes: &Value, expected: [u32; 2]) -> JobStatus {
    let status = world.run(short(changes)).await;
    assert!(status.outcome.is_some(), "{:?}\n{}", status.error, world.log());
    let found = [n_reused(world, Stage::Narration).await, n_reused(world, Stage::Subtitles).await];
    assert_eq!(found, expected, "narrations and subtitles taken over, after {changes}");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_second_job_with_the_same_text_takes_what_is_safe_to_take() {
    let world = World::start("", &[]).await;
    let first = check_reused(&world, &json!({"stop_at": "subtitles"}), [0, 0]).await;
    let second = check_reused(&world, &json!({"seed": 7, "stop_at": "subtitles"}), [1, 1]).await;
    let file = |status: &JobStatus, name| {
        let path = world.data_dir().join("jobs").join(&status.id).join(name);
        fs_err::metadata(path).expect("a file").ino()
    };
    assert_eq!(file(&first, "narration.wav"), file(&second, "narration.wav"), "one file, not two");
    // Other letters: the same sound, other subtitles.
    check_reused(&world, &json!({"font_size": 30, "stop_at": "subtitles"}), [2, 1]).await;
    check_reused(&world, &json!({"voice_rate": 1.5, "stop_at": "subtitles"}), [2, 1]).await;
    assert_eq!(world.leftovers(), [""; 0]);
    world.stop().await;

    for nothing_is_kept in ["cache.stages=false", "cache.max_bytes=0"] {
        let world = World::start("", &[nothing_is_kept]).await;
        check_reused(&world, &json!({"stop_at": "subtitles"}), [0, 0]).await;
        check_reused(&world, &json!({"stop_at": "subtitles"}), [0, 0]).await;
        world.stop().await;
    }
}

/// Whether the first stage ran while the second one did.
fn overlap(status: &JobStatus, first: Stage, second: Stage) -> bool {
    let times = |stage| {
        let time = status.stages.iter().find(|time| time.stage == stage).expect("it ran");
        (time.started_us, time.finished_us.expect("it ended"))
    };
    let ((start, end), (other_start, other_end)) = (times(first), times(second));
    start < other_end && other_start < end
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_sound_and_picture_are_made_at_once_unless_one_is_to_follow_the_other() {
    // Seconds of speech and of search, so that they meet.
    let slow = "[speech]\nlatency_ms = 1500\n[pexels]\nlatency_ms = 1500\n";
    let job = short(&json!({"voice_name": "openai:alloy", "stop_at": "selection"}));
    for (setting, expected) in [("jobs.overlap=true", true), ("jobs.overlap=false", false)] {
        let world = World::start(slow, &[setting]).await;
        let status = world.run(job.clone()).await;
        assert!(status.outcome.is_some(), "{:?}\n{}", status.error, world.log());
        let found = overlap(&status, Stage::Narration, Stage::Materials);
        assert_eq!(found, expected, "{setting}: {:?}", status.stages);
        world.stop().await;
    }
}
