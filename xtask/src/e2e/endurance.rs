//! What hours show in minutes: the memory of a process that does job after job, and whether it answers
//! while it is busy.

use std::time::{Duration, Instant};

use protocol::JobState;
use serde_json::{Value, json};

use super::{World, short};

/// Steps at which the memory is looked at.
const STEPS: usize = 10;
/// Of them, those in which caches and arenas fill.
const WARM_UP: usize = 4;

/// Everything that is not this machine's work: texts, searches, downloads that are in the store.
fn light(n: usize) -> Value {
    short(&json!({
        "video_subject": format!("rain {n}"),
        "video_script": "",
        "stop_at": "materials",
    }))
}

/// Resident memory, KiB.
fn resident(world: &World) -> u64 {
    let pid = world.pipeline.pid().expect("it runs");
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// With `REELBENCH_LONG` it is the number of jobs of hours (`reports/service`).
#[tokio::test(flavor = "multi_thread")]
async fn e2e_memory_stays_as_it_is_after_many_jobs() {
    let is_long = std::env::var_os("REELBENCH_LONG").is_some();
    let n_jobs = if is_long { 6000 } else { 300 };
    // Answers are kept within a bound that the warm-up reaches.
    let set = ["jobs.max_queued=10000", "llm.cache=false", "stock.search_cache_h=0.0"];
    let world = World::start("", &set).await;
    let mut memory = Vec::with_capacity(STEPS);
    let begun = Instant::now();
    for step in 0..STEPS {
        let mut jobs = Vec::new();
        for n in 0..n_jobs / STEPS {
            jobs.push(world.submit(light(step * n_jobs + n)).await);
        }
        for job in &jobs {
            let status = world.ended(job).await;
            assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
        }
        memory.push(resident(&world));
    }
    let (warm, last) = (memory[WARM_UP - 1], memory[STEPS - 1]);
    println!("{n_jobs} jobs in {:.0} s: {memory:?} KiB", begun.elapsed().as_secs_f64());
    let most = if is_long { warm + warm / 20 } else { warm + 32 * 1024 };
    assert!(last <= most, "memory grows: {memory:?} KiB");
    world.stop().await;
}

/// Where speech is called on the threads that serve everything, nobody is answered; here it is not.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_health_is_told_while_every_slot_speaks() {
    let world = World::start("", &[]).await;
    let long = "The sea keeps 25 secrets, and nobody counted them. ".repeat(300);
    let spoken = |n: usize| {
        let script = format!("{n}. {long}");
        short(&json!({"video_script": script, "stop_at": "narration"}))
    };
    let mut jobs = Vec::new();
    for n in 0..9 {
        jobs.push(world.submit(spoken(n)).await);
    }
    let url = world.base.join("/healthz").expect("a path");
    let client = reqwest::Client::new();
    let (mut waits, mut n_busy) = (Vec::new(), 0);
    while jobs.len() > waits.len() / 40 {
        let asked = Instant::now();
        let answer = client.get(url.clone()).send().await.expect("an answer");
        assert!(answer.status().is_success());
        waits.push(asked.elapsed().as_secs_f64() * 1000.0);
        if waits.len() % 20 == 0 {
            n_busy += usize::from(speaking(&world).await >= 2.0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(n_busy > 0, "it never spoke with both slots");
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| waits[(waits.len() as f64 * share) as usize];
    println!(
        "healthz, {} times, {n_busy} of {} looks with every slot speaking: p50 {:.1} ms, p99 {:.1} ms",
        waits.len(),
        waits.len() / 20,
        at(0.5),
        at(0.99)
    );
    for job in &jobs {
        let _ = world.client.cancel(job).await; // it may have ended
    }
    for job in &jobs {
        let state = world.ended(job).await.state;
        assert!(matches!(state, JobState::Succeeded | JobState::Cancelled), "{state:?}");
    }
    world.stop().await;
}

/// How many pieces are spoken now.
async fn speaking(world: &World) -> f64 {
    let url = world.base.join("/metrics.json").expect("a path");
    let metrics: Value = reqwest::get(url).await.expect("an answer").json().await.expect("JSON");
    metrics["limiters"]["speech"]["in_use"].as_f64().expect("a gauge")
}
