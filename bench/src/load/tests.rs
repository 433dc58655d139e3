//! The whole load over a target that sleeps, in virtual time.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::sample::tests::span;
use crate::simulation::{duration_us, open, rate, scenario, some};
use crate::{Abort, Arrivals, Driven, Job, Outcome, Parts, Phase, Scenario, Share, Think, Until};

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

fn closed(workers: u32, jobs: u32) -> Plan {
    Plan::closed(some(workers), some(jobs))
}

async fn loaded(plan: &Plan, target: &Arc<Sleeper>, stop_after_s: Option<u64>) -> Loaded {
    let stop = async {
        match stop_after_s {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut n_seen = 0;
    let loaded = load(plan, scenario(), Arc::clone(target), stop, |_| n_seen += 1).await;
    assert_eq!(n_seen, loaded.samples.len(), "every sample was handed over as it came");
    assert_eq!(target.in_flight.load(Ordering::SeqCst), 0, "nothing is left in flight");
    loaded
}

async fn run(plan: Plan, target: &Arc<Sleeper>, stop_after_s: Option<u64>) -> Vec<Sample> {
    let loaded = loaded(&plan, target, stop_after_s).await;
    let ending = if stop_after_s.is_some() { Ending::CutShort } else { Ending::Complete };
    assert_eq!(loaded.ending, ending);
    loaded.samples
}

fn near(us: u64, expected: u64) -> bool {
    us.abs_diff(expected) <= 10_000
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
    load(&closed(1, 1), scenario(), Arc::new(Broken), std::future::pending(), |_| {}).await;
}

fn evenly(per_s: f64, jobs: u32) -> Plan {
    open(Arrivals::Constant { rate: rate(per_s) }, jobs, 0)
}

#[tokio::test]
#[should_panic(expected = "a bug in the target")]
async fn a_panic_of_the_target_is_not_swallowed_in_an_open_loop() {
    load(&evenly(100.0, 3), scenario(), Arc::new(Broken), std::future::pending(), |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_sends_each_job_at_its_instant_however_many_are_in_flight() {
    let target = Sleeper::new(10);
    let plan = evenly(2.0, 30);
    let samples = run(plan.clone(), &target, None).await;
    // A job takes 10.3 s, two come a second.
    assert_eq!(target.most_in_flight.load(Ordering::SeqCst), 21);
    for (sample, due) in samples.iter().zip(plan.schedule()) {
        assert_eq!(sample.planned_us, due.planned_us);
        assert!(near(sample.sent_us, due.planned_us), "{sample:?}");
        assert!(near(sample.latency_us(), 10_300_000), "{sample:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_jobs_in_flight_than_allowed_end_an_open_loop() {
    let mut plan = evenly(2.0, 30);
    let Load::Open { max_in_flight, .. } = &mut plan.load else { panic!("an open loop") };
    *max_in_flight = some(8);
    let target = Sleeper::new(10);
    let loaded = loaded(&plan, &target, None).await;
    assert_eq!(loaded.ending, Ending::Overwhelmed { max_in_flight: 8 });
    assert_eq!(target.most_in_flight.load(Ordering::SeqCst), 8);
    let n_cancelled = loaded.samples.iter().filter(|s| s.outcome == Outcome::Cancelled).count();
    assert_eq!((loaded.samples.len(), n_cancelled), (8, 8));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_open_loop_between_two_jobs() {
    let samples = run(evenly(0.01, 3), &Sleeper::new(1), Some(50)).await;
    assert_eq!((samples.len(), &samples[0].outcome), (1, &Outcome::Ok));
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_and_a_cool_down_are_marked_and_the_measured_jobs_have_full_load() {
    let plan = Plan {
        warm_up: Some(Until::Jobs(some(3))),
        cool_down: Some(Until::Jobs(some(100))),
        ..closed(3, 6)
    };
    let samples = run(plan, &Sleeper::new(1), None).await;
    let n_of = |phase| samples.iter().filter(|sample| sample.phase == phase).count();
    assert_eq!((n_of(Phase::WarmUp), n_of(Phase::Measured)), (3, 6));
    // The last three measured jobs end at once, or one after the other: no cool-down job is sent then.
    assert!((0..=2).contains(&n_of(Phase::CoolDown)), "{samples:?}");
    let open = Plan { cool_down: Some(duration_us(60_000_000)), ..evenly(2.0, 10) };
    let samples = run(open, &Sleeper::new(4), None).await;
    let last_end = samples.iter().filter(|s| s.phase == Phase::Measured).map(|s| s.finished_us);
    let last_sent = samples.iter().map(|sample| sample.sent_us).max();
    // Until 4.5 + 4.3 s, at two a second.
    let n_cool = samples.iter().filter(|sample| sample.phase == Phase::CoolDown).count();
    assert_eq!((samples.len() - n_cool, n_cool), (10, 8));
    assert!(last_sent <= last_end.max());
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_for_a_time_sends_until_it_is_over() {
    let load = Load::Closed {
        workers: some(2),
        until: duration_us(10_000_000),
        think: Think::ConstantUs(NonZeroU64::new(700_000).expect("us")),
    };
    let plan = Plan { warm_up: Some(duration_us(2_000_000)), ..Plan::of(load) };
    let samples = run(plan, &Sleeper::new(1), None).await;
    // A turn is 1.3 s of work and 0.7 s of thought: one turn of warm-up, then five.
    let n_of = |phase| samples.iter().filter(|sample| sample.phase == phase).count();
    assert_eq!((n_of(Phase::WarmUp), n_of(Phase::Measured)), (2, 10));
    for sample in &samples {
        assert!(near(sample.planned_us, sample.job / 2 * 2_000_000), "{sample:?}");
        assert!(sample.sent_us >= sample.planned_us, "nobody is sent before they have thought");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cap_on_jobs_ends_a_loop_that_goes_on_for_a_time() {
    let load =
        Load::Closed { workers: some(2), until: duration_us(60_000_000), think: Think::None };
    let plan = Plan { max_jobs: Some(some(5)), ..Plan::of(load) };
    let loaded = loaded(&plan, &Sleeper::new(1), None).await;
    let reason = "the cap of 5 jobs in all was reached".to_owned();
    assert_eq!((loaded.samples.len(), loaded.ending), (5, Ending::Aborted(reason)));
    let is_ok = |sample: &Sample| sample.outcome == Outcome::Ok;
    assert!(loaded.samples.iter().all(is_ok), "what was paid for is waited for");
}

/// Takes as long as the number of its job in seconds; it does not hear when it is to stop.
struct Deaf;

impl Target for Deaf {
    async fn drive(&self, job: Job) -> Driven {
        tokio::time::sleep(Duration::from_secs(job.number)).await;
        Driven::new(Outcome::Ok)
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_too_long_is_cancelled_and_has_failed() {
    let timeout = |us| Plan { timeout_us: NonZeroU64::new(us), ..closed(1, 3) };
    let samples = run(timeout(1_000_000), &Sleeper::new(1), None).await;
    let failed = Outcome::Failed("timeout".to_owned());
    for sample in &samples {
        assert_eq!(sample.outcome, failed);
        assert!(near(sample.finished_us - sample.sent_us, SECOND), "{sample:?}");
    }
    let samples = run(timeout(2_000_000), &Sleeper::new(1), None).await;
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));

    // One that does not hear is left alone 10 s later.
    let plan = Plan { timeout_us: NonZeroU64::new(2_000_000), ..closed(30, 30) };
    let never = std::future::pending();
    let Loaded { samples, .. } = load(&plan, scenario(), Arc::new(Deaf), never, |_| {}).await;
    let n_failed = samples.iter().filter(|sample| sample.outcome == failed).count();
    assert!((17..=18).contains(&n_failed), "those of more than 12 s: {n_failed}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_slo_aborts_the_run() {
    let slow = NonZeroU64::new(1_200_000);
    let abort = Abort { max_share: 0.5, of_last: some(4), slower_than_us: slow };
    let plan = Plan { abort: vec![abort], ..closed(2, 100) };
    let aborted = loaded(&plan, &Sleeper::new(1), None).await;
    let reason = "more than 50 % of the last 4 jobs failed or took longer than 1.20 s (4 of 4)";
    assert_eq!(aborted.ending, Ending::Aborted(reason.to_owned()));
    assert!((4..=8).contains(&aborted.samples.len()), "{}", aborted.samples.len());

    // One failure in a hundred is none too many.
    let abort = Abort { max_share: 0.25, of_last: some(4), slower_than_us: None };
    let plan = Plan { abort: vec![abort], ..closed(2, 100) };
    assert_eq!(loaded(&plan, &Sleeper::new(1), None).await.ending, Ending::Complete);
}

/// Tells which job asked for what.
struct Echo;

impl Target for Echo {
    async fn drive(&self, job: Job) -> Driven {
        let extra = serde_json::json!([job.scenario.name, job.priority.as_deref()]);
        Driven { extra, ..Driven::new(Outcome::Ok) }
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_ask_for_what_the_mix_says_and_the_samples_keep_it() {
    let share = |name: &str, priority: Option<&str>| Share {
        scenario: Scenario { name: name.to_owned(), ..scenario() },
        priority: priority.map(str::to_owned),
        weight: some(1),
    };
    let mix = Mix::new(vec![share("a", None), share("b", Some("high"))]).expect("two");
    let plan = Plan { seed: 3, warm_up: Some(Until::Jobs(some(2))), ..closed(4, 100) };
    let never = std::future::pending();
    let Loaded { samples, .. } = load(&plan, mix.clone(), Arc::new(Echo), never, |_| {}).await;
    for sample in &samples {
        let share = mix.shares().nth(mix.of_job(3, sample.job, sample.phase)).expect("a share");
        assert_eq!(sample.scenario.as_deref(), Some(share.scenario.name.as_str()));
        assert_eq!(sample.priority, share.priority);
        assert_eq!(sample.extra, serde_json::json!([share.scenario.name, share.priority]));
    }
    let n_high = samples.iter().filter(|sample| sample.priority.is_some()).count();
    assert!((35..=67).contains(&n_high), "{n_high} of 102");
}

/// Serves one job after the other in 50 ms each, and nothing at all from 20 s to 23 s.
struct Frozen {
    free: tokio::sync::Mutex<()>,
}

const SERVICE: Duration = Duration::from_millis(50);
const FROZEN_S: std::ops::Range<u64> = 20..23;

impl Target for Frozen {
    async fn drive(&self, job: Job) -> Driven {
        let _turn = self.free.lock().await;
        let now_s = job.clock.now_us() / SECOND;
        if FROZEN_S.contains(&now_s) {
            tokio::time::sleep_until(job.clock.instant(FROZEN_S.end * SECOND)).await;
        }
        tokio::time::sleep(SERVICE).await;
        Driven::new(Outcome::Ok)
    }
}

fn quantile(mut times: Vec<u64>, q: f64) -> f64 {
    times.sort_unstable();
    times[(times.len() as f64 * q).ceil() as usize - 1] as f64
}

/// What a server that freezes does to users who come by the schedule, computed without a driver.
fn truth(plan: &Plan) -> Vec<u64> {
    let (mut free_us, service_us) = (0, SERVICE.as_micros() as u64);
    let frozen = FROZEN_S.start * SECOND..FROZEN_S.end * SECOND;
    let latency = |due: crate::Due| {
        let mut start = due.planned_us.max(free_us);
        if frozen.contains(&start) {
            start = frozen.end;
        }
        free_us = start + service_us;
        free_us - due.planned_us
    };
    plan.schedule().into_iter().map(latency).collect()
}

/// Coordinated omission: while a server stands still, a closed loop sends nothing and does not see what
/// users see.
#[tokio::test(start_paused = true)]
async fn a_server_that_freezes_for_three_seconds_of_sixty_is_seen_as_it_is() {
    let frozen = || Arc::new(Frozen { free: tokio::sync::Mutex::new(()) });
    for (seed, arrivals) in [
        (1, Arrivals::Constant { rate: rate(10.0) }),
        (2, Arrivals::Poisson { rate: rate(10.0) }),
        (3, Arrivals::Poisson { rate: rate(12.0) }),
    ] {
        let mut plan = Plan { seed, ..open(arrivals, 1, 0) };
        let Load::Open { until, .. } = &mut plan.load else { panic!("an open loop") };
        *until = Some(duration_us(60 * SECOND));
        let Loaded { samples, ending } =
            load(&plan, scenario(), frozen(), std::future::pending(), |_| {}).await;
        assert_eq!(ending, Ending::Complete);
        let corrected: Vec<u64> = samples.iter().map(Sample::latency_us).collect();
        let truth = truth(&plan);
        for q in [0.5, 0.95] {
            let (found, exact) = (quantile(corrected.clone(), q), quantile(truth.clone(), q));
            // tokio's virtual timer has a granularity of 1 ms, which is 2 % of the 50 ms of a job.
            assert!((found - exact).abs() <= 0.02 * exact + 1_000.0, "q {q}: {found} for {exact}");
        }
        // A tool that waits for an answer before it sends the next job and starts its clock when it sends.
        let Loaded { samples, .. } =
            load(&closed(1, 600), scenario(), frozen(), std::future::pending(), |_| {}).await;
        let uncorrected = samples.iter().map(|s| s.finished_us - s.sent_us).collect();
        let (found, exact) = (quantile(uncorrected, 0.95), quantile(truth, 0.95));
        assert!(found < 0.1 * exact, "the freeze is one job of 600: {found} for {exact}");
    }
}
