//! Jobs through providers that fail and workers that are killed: each ends exactly once, nothing is lost,
//! nothing is left.
//!
//! 150 jobs a database here; `cargo xtask test --long` takes 1,000 (`REELBENCH_LONG`): `reports/service` has
//! what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use protocol::{Accepted, JobState, JobStatus};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{World, short};
use crate::services::{Server, TOKENS};

/// 5 % of the requests get 429, 5 % 5xx, 2 % are reset, 1 % stall.
const FAULTS: &str = "
[[SERVER.faults]]
kind = 'status'
status = 429
retry_after_s = 1
probability = 0.05

[[SERVER.faults]]
kind = 'status'
status = 503
probability = 0.05

[[SERVER.faults]]
kind = 'reset'
after_bytes = 10
probability = 0.02

[[SERVER.faults]]
kind = 'stall'
after_bytes = 10
probability = 0.01
";

const SERVERS: [&str; 3] = ["chat", "pexels", "files"];

/// Stalls are seen soon, and a job may be killed more often than a user would allow.
const SETTINGS: [&str; 7] = [
    "jobs.max_attempts=30",
    "jobs.max_queued=2000",
    "jobs.lease_s=3.0",
    "jobs.retry_after_s=0.2",
    "downloads.stall_s=2.0",
    "llm.timeout_s=5.0",
    "llm.cache=false",
];

/// How hard it is.
struct Hardship {
    n_jobs: usize,
    /// How long a worker lives.
    kill_every: Duration,
    /// How many are killed at least.
    least_kills: usize,
    /// Latency of the language model, so long that each kill finds jobs at work.
    chat_ms: u32,
}

impl Hardship {
    /// For so many workers: the more there are, the sooner they are done.
    fn of(n_workers: u32) -> Self {
        let (n_jobs, kill_s) = match std::env::var_os("REELBENCH_LONG") {
            Some(_) => (1000, 20),
            None => (150, 5),
        };
        let kill_every = Duration::from_secs(kill_s);
        Self { n_jobs, kill_every, least_kills: 3, chat_ms: 350 * n_workers }
    }
}

fn behaviour(chat_ms: u32) -> String {
    let faults = SERVERS.map(|server| FAULTS.replace("SERVER", server));
    format!("[chat]\nlatency_ms = {chat_ms}\n{}", faults.concat())
}

/// A job whose words are its own: nothing is answered from what another one asked.
fn job(n: usize) -> Value {
    short(&json!({
        "video_subject": format!("coffee {n}"),
        "video_script": "",
        "stop_at": "materials",
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_jobs_survive_faults_and_kills_on_sqlite() {
    let hardship = Hardship::of(1);
    let mut world = World::start(&behaviour(hardship.chat_ms), &SETTINGS).await;
    let jobs = submit(&world, hardship.n_jobs).await;
    let begun = Instant::now();
    let mut n_kills = 0;
    while !all_ended(&world, &jobs).await || n_kills < hardship.least_kills {
        settle(&world, &jobs, hardship.kill_every).await;
        world.pipeline.kill().await;
        n_kills += 1;
        world.restart().await;
    }
    reconcile(&world, &jobs, n_kills, begun.elapsed()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_jobs_survive_faults_and_kills_on_postgres() {
    let Some(database) = super::database().await else { return };
    let hardship = Hardship::of(3);
    let behaviour = behaviour(hardship.chat_ms);
    let mut world = World::start_on(Some(database), &behaviour, &SETTINGS).await;
    let mut second = world.worker("second").await;
    // It hears and says nothing for longer than its lease, and then goes on where it was: to the others
    // that is a machine that was cut off, to the database one that is slow.
    let (third, _) = world.worker("third").await;
    let jobs = submit(&world, hardship.n_jobs).await;
    let begun = Instant::now();
    let mut n_kills = 0;
    while !all_ended(&world, &jobs).await || n_kills < hardship.least_kills {
        signal(&third, Signal::STOP);
        settle(&world, &jobs, hardship.kill_every).await;
        signal(&third, Signal::CONT);
        // One after the other: there is always one that takes what the dead one had.
        if n_kills % 2 == 0 {
            second.0.kill().await;
            world.keep_log("second");
            second = world.worker("second").await;
        } else {
            world.pipeline.kill().await;
            world.restart().await;
        }
        n_kills += 1;
    }
    for name in ["second", "third"] {
        world.keep_log(name);
    }
    reconcile(&world, &jobs, n_kills, begun.elapsed()).await;
    third.stop().await;
    second.0.stop().await;
    world.stop().await;
}

fn signal(server: &Server, signal: Signal) {
    let pid = server.pid().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    kill_process(pid.expect("it runs"), signal).expect("it is there");
}

/// Submits all of them to a queue that is held, and lets it go on.
pub(super) async fn submit(world: &World, n_jobs: usize) -> Vec<Accepted> {
    steer(world, "hold").await;
    let mut jobs = Vec::with_capacity(n_jobs);
    for n in 0..n_jobs {
        jobs.push(world.submit(job(n)).await);
    }
    let counts = world.client.job_counts().await.expect("counts");
    assert!(counts.contains(&("queued".to_owned(), n_jobs as u64)), "held: {counts:?}");
    steer(world, "resume").await;
    jobs
}

async fn steer(world: &World, how: &str) {
    let url = world.base.join(&format!("api/v1/queue/{how}")).expect("a path");
    let answer =
        reqwest::Client::new().post(url).bearer_auth(TOKENS[0].1).send().await.expect("an answer");
    let queue: protocol::QueueStatus = answer.json().await.expect("the queue");
    assert_eq!(queue.held, how == "hold");
}

/// Waits for `patience`, less where all have ended before.
async fn settle(world: &World, jobs: &[Accepted], patience: Duration) {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if all_ended(world, jobs).await {
            return;
        }
    }
}

pub(super) async fn all_ended(world: &World, jobs: &[Accepted]) -> bool {
    let counts = world.client.job_counts().await.expect("counts");
    let ended = counts.iter().filter(|(state, _)| state != "queued" && state != "running");
    ended.map(|(_, n)| *n).sum::<u64>() == jobs.len() as u64
}

/// Every job has ended exactly once, and everything adds up.
pub(super) async fn reconcile(world: &World, jobs: &[Accepted], n_kills: usize, took: Duration) {
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    let mut n_attempts = 0;
    let mut adds_up = 0;
    for job in jobs {
        let status = world.client.status(job).await.expect("it is known");
        assert!(status.state.is_final(), "{status:?}");
        assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
        assert_eq!(status.outcome.is_some(), status.state == JobState::Succeeded, "{status:?}");
        *states.entry(status.state.as_str()).or_default() += 1;
        n_attempts += status.attempt;
        if times_add_up(&status) {
            adds_up += 1;
        } else {
            let whole = status.finished_us.unwrap_or(0) - status.submitted_us;
            println!("{whole} us are not {} us: {:?}", status.times.sum_us(), status);
        }
    }
    let ids: BTreeSet<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!(ids.len(), jobs.len(), "a name was given twice");
    let counts: BTreeMap<String, u64> =
        world.client.job_counts().await.expect("counts").into_iter().collect();
    let total: u64 = counts.values().sum();
    assert_eq!(total, jobs.len() as u64, "{counts:?}");
    for (state, n) in &states {
        assert_eq!(counts[*state], *n, "{counts:?}");
    }
    ended_once(world, &ids);
    assert_eq!(world.leftovers(), [""; 0]);
    // 99.9 %.
    assert!(adds_up * 1000 >= jobs.len() * 999, "the times of {adds_up} of {} add up", jobs.len());
    println!(
        "{} jobs, {n_attempts} attempts, {n_kills} kills, {:.1} s, {adds_up} times add up",
        jobs.len(),
        took.as_secs_f64()
    );
}

/// Whether wait, work, overhead and what was lost with workers are the whole time, to 1 %.
fn times_add_up(status: &JobStatus) -> bool {
    let whole = status.finished_us.unwrap_or(0).saturating_sub(status.submitted_us);
    whole.abs_diff(status.times.sum_us()) * 100 <= whole
}

/// The log has the end of a job at most once: a worker that is killed may not come to say it.
fn ended_once(world: &World, ids: &BTreeSet<&str>) {
    let log = world.log();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("the job has ended")) {
        if let Some(id) = ids.iter().find(|id| line.contains(**id)) {
            *ends.entry(id).or_default() += 1;
        }
    }
    assert!(ends.len() * 2 > ids.len(), "{} of {} ends are in the log", ends.len(), ids.len());
    let twice: Vec<&&str> = ends.iter().filter(|(_, n)| **n > 1).map(|(id, _)| id).collect();
    assert!(twice.is_empty(), "ended twice: {twice:?}");
}
