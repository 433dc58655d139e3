//! The whole load over a target that sleeps, in virtual time.

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::sample::tests::span;
use crate::{Outcome, Parts};

const SECOND: u64 = 1_000_000;

/// Takes a job after 0.1 s, lets it wait for 0.2 s and works for `work`; its seventh job fails.
struct Sleeper {
    work: Duration,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

impl Sleeper {
    fn new(work_s: u64) -> Arc<Self> {
        Arc::new(Self {
            work: Duration::from_secs(work_s),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
        })
    }

    async fn do_it(&self, job: &Job) -> Driven {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let accepted_us = Some(job.clock.now_us());
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = job.clock.now_us();
        tokio::time::sleep(self.work).await;
        let outcome =
            if job.number == 6 { Outcome::Failed("seven".to_owned()) } else { Outcome::Ok };
        Driven {
            accepted_us,
            started_us: Some(started),
            stages: vec![span("sleep", started, job.clock.now_us())],
            ..Driven::new(outcome)
        }
    }
}

impl Target for Sleeper {
    async fn drive(&self, job: Job) -> Driven {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        let mut stop = job.stop.clone();
        let driven = tokio::select! {
            driven = self.do_it(&job) => driven,
            () = stop.requested() => Driven::new(Outcome::Cancelled),
        };
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        driven
    }
}

fn scenario() -> Scenario {
    Scenario {
        name: "sleep".to_owned(),
        title: "Sleep".to_owned(),
        payload: serde_json::Value::Null,
    }
}

fn closed(workers: u32, jobs: u32) -> Plan {
    let some = |n| NonZeroU32::new(n).expect("not zero");
    Plan::Closed { workers: some(workers), jobs: some(jobs) }
}

async fn run(plan: Plan, target: &Arc<Sleeper>, stop_after_s: Option<u64>) -> Vec<Sample> {
    let stop = async {
        match stop_after_s {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut n_seen = 0;
    let samples = load(plan, scenario(), Arc::clone(target), stop, |_| n_seen += 1).await;
    assert_eq!(n_seen, samples.len(), "every sample was handed over as it came");
    assert_eq!(target.in_flight.load(Ordering::SeqCst), 0, "nothing is left in flight");
    samples
}

#[tokio::test(start_paused = true)]
async fn each_worker_takes_its_next_job_when_its_last_one_ended() {
    let target = Sleeper::new(1);
    let samples = run(closed(3, 8), &target, None).await;
    assert_eq!(target.most_in_flight.load(Ordering::SeqCst), 3);

    let mut numbers: Vec<u64> = samples.iter().map(|sample| sample.job).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..8).collect::<Vec<u64>>());

    // Rounds of 1.3 s: three jobs, three, two.
    let round = 1_300_000;
    let near = |us: u64, expected: u64| us.abs_diff(expected) <= 10_000;
    for (index, sample) in samples.iter().enumerate() {
        let begin = index as u64 / 3 * round;
        assert!(near(sample.planned_us, begin), "{sample:?}");
        assert!(near(sample.finished_us, begin + round), "{sample:?}");
        let parts = Parts::of(sample);
        assert!(
            near(parts.submit_us, SECOND / 10) && near(parts.queue_us, SECOND / 5),
            "{parts:?}"
        );
        assert!(parts.closure_error(sample) < 0.01 && sample.disorder().is_none(), "{sample:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_is_a_sample_and_the_load_goes_on() {
    let samples = run(closed(2, 10), &Sleeper::new(1), None).await;
    let failed: Vec<u64> = samples
        .iter()
        .filter(|sample| sample.outcome == Outcome::Failed("seven".to_owned()))
        .map(|sample| sample.job)
        .collect();
    assert_eq!((samples.len(), failed), (10, vec![6]));
}

#[tokio::test(start_paused = true)]
async fn a_stop_keeps_what_is_finished_and_cancels_what_is_in_flight() {
    let samples = run(closed(2, 100), &Sleeper::new(1), Some(2)).await;
    let n_of =
        |outcome: &Outcome| samples.iter().filter(|sample| sample.outcome == *outcome).count();
    assert_eq!((n_of(&Outcome::Ok), n_of(&Outcome::Cancelled), samples.len()), (2, 2, 4));
    assert!(samples.iter().all(|sample| sample.finished_us < 2 * SECOND + 10_000));
}

#[tokio::test(start_paused = true)]
async fn more_workers_than_jobs_are_no_more_jobs() {
    let target = Sleeper::new(1);
    assert_eq!(run(closed(50, 2), &target, None).await.len(), 2);
    assert_eq!(target.most_in_flight.load(Ordering::SeqCst), 2);
}

struct Broken;

impl Target for Broken {
    async fn drive(&self, _: Job) -> Driven {
        panic!("a bug in the target")
    }
}

#[tokio::test]
#[should_panic(expected = "a bug in the target")]
async fn a_panic_of_the_target_is_not_swallowed() {
    load(closed(1, 1), scenario(), Arc::new(Broken), std::future::pending(), |_| {}).await;
}
