//! Every doubt, and how often each detector is wrong.

use super::*;
use crate::plan::Random;
use crate::sample::tests::{sample, span};
use crate::simulation::{lognormal, open, poisson, rate, run, serve, serve_closed, some};
use crate::{Arrivals, Phase, Plan};

fn doubts(run: &Run) -> Vec<Doubt> {
    Doubt::of(run, &Summary::of(&run.samples))
}

#[track_caller]
fn check(ending: Ending, samples: Vec<Sample>, expected: &[&str]) {
    let mut run = run(Plan::closed(some(1), some(2)), samples);
    run.ending = ending;
    let doubts: Vec<String> = doubts(&run).iter().map(ToString::to_string).collect();
    assert_eq!(doubts, expected);
}

#[test]
fn a_run_is_doubted_for_each_of_its_faults() {
    let good = || vec![sample(0, 1000), sample(0, 2000)];
    check(Ending::Unfinished, good(), &["the run did not come to its end"]);
    let died = Ending::TargetDied("killed".to_owned());
    check(died, vec![sample(0, 5)], &["the target died: killed"]);
    check(Ending::Complete, vec![sample(0, 5)], &["expected 2 samples, found 1"]);

    let backwards = Sample { job: 4, accepted_us: Some(2000), ..sample(0, 1000) };
    let found = [
        "job 4: accepted at 2000 us is after finished at 1000 us",
        "queue wait, stages and the rest miss the latency of 1 jobs by more than 1 %, at most by 100.0 %",
    ];
    check(Ending::Complete, vec![sample(0, 1000), backwards], &found);

    let open = Sample { stages: vec![span("render", 0, 1100)], ..sample(0, 1000) };
    let found = [
        "queue wait, stages and the rest miss the latency of 1 jobs by more than 1 %, at most by 10.0 %",
    ];
    check(Ending::Complete, vec![open, sample(0, 1000)], &found);

    let late = Sample { sent_us: 11_000, ..sample(0, 1_000_000) };
    let found = ["the driver sent jobs up to 11.0 ms late (p99 of 2 jobs), 10.0 ms are allowed"];
    check(Ending::Complete, vec![late.clone(), sample(0, 2_000_000)], &found);
    // Half a per cent of a median job of 4 s is 20 ms.
    let slow = Sample { finished_us: 4_000_000, ..late };
    check(Ending::Complete, vec![slow, sample(0, 5_000_000)], &[]);

    let full = Ending::Overwhelmed { max_in_flight: 64 };
    let found = ["a job was due while 64 were in flight, which is the most allowed"];
    check(full, good(), &found);
}

#[test]
fn a_whole_run_and_one_cut_short_are_believed() {
    check(Ending::Complete, vec![sample(0, 1000), sample(0, 2000)], &[]);
    check(Ending::CutShort, vec![sample(0, 1000)], &[]);
    check(Ending::Aborted("too slow".to_owned()), vec![sample(0, 1000)], &[]);
    let warm_up = Sample { phase: Phase::WarmUp, ..sample(0, 1000) };
    check(Ending::Complete, vec![warm_up, sample(0, 1000), sample(0, 2000)], &[]);
    let failed = Sample { outcome: Outcome::Failed("x".to_owned()), ..sample(0, 1000) };
    check(Ending::Complete, vec![sample(0, 1000), failed], &[]);
}

#[test]
fn ends_that_are_seen_late_are_a_warning() {
    let warned = |samples| -> Vec<String> {
        let run = run(Plan::closed(some(1), some(2)), samples);
        Warning::of(&Figures::of(&run)).iter().map(ToString::to_string).collect()
    };
    let seen = |at_us| Sample { observed_us: Some(at_us), ..sample(0, 1_000_000) };
    assert!(warned(vec![seen(1_025_000), seen(1_000_001)]).is_empty());
    let late = warned(vec![seen(1_025_001), seen(1_000_001)]);
    assert_eq!(late, ["ends were seen up to 25.0 ms late (p99 of 2 jobs)"]);
    // Half a per cent of ten seconds.
    let long = Sample { finished_us: 10_000_000, observed_us: Some(10_050_000), ..sample(0, 1) };
    assert!(warned(vec![long]).is_empty());

    // Nobody but the driver says when it ended.
    let coarse = |running_us| Sample { running_us: Some(running_us), ..seen(1_000_000) };
    assert!(warned(vec![coarse(975_000)]).is_empty());
    let said =
        "ends are known within 26.0 ms (p99 of 1 jobs): latencies are too long by up to that";
    assert_eq!(warned(vec![coarse(974_000)]), [said]);
}

/// An M/D/3 queue of ten-second jobs at 80 % of what it can do.
fn queue(n_jobs: u32) -> Run {
    let plan = poisson(0.24, n_jobs, 5);
    let samples = serve(&plan.schedule(), 3, |_| 10_000_000);
    run(plan, samples)
}

#[test]
fn littles_law_holds_in_a_queue_and_finds_a_clock_that_is_wrong() {
    let good = queue(1_000);
    let little = Figures::of(&good).little.expect("jobs");
    // L = lambda W of M/D/3: 2.4 in service, and those that wait.
    assert!(little.discrepancy() < 0.01 && little.in_flight > 2.4, "{little:?}");
    assert!(!doubts(&good).iter().any(|doubt| matches!(doubt, Doubt::Little(_))));

    // A service whose clock loses 5 %: each job seems to take less.
    let slow_clock = |loses: f64| {
        let mut run = good.clone();
        for sample in &mut run.samples {
            let took = (sample.finished_us - sample.sent_us) as f64 * (1.0 - loses);
            sample.finished_us = sample.sent_us + took as u64;
            sample.started_us = None;
        }
        run
    };
    let doubt = doubts(&slow_clock(0.05));
    let [Doubt::Little(little)] = &doubt[..] else { panic!("{doubt:?}") };
    assert!((0.03..0.05).contains(&little.discrepancy()), "{little:?}");
    assert!(doubts(&slow_clock(0.01)).is_empty());

    // Looks that are rare explain what they explain, and no more.
    let looked_at = |late_us: u64, gap_us: u64| {
        let mut run = good.clone();
        for sample in &mut run.samples {
            sample.observed_us = Some(sample.finished_us + late_us);
            sample.running_us = Some(sample.finished_us + late_us - gap_us);
        }
        doubts(&run)
    };
    assert!(looked_at(500_000, 1_000_000).is_empty());
    assert!(matches!(looked_at(500_000, 100_000)[..], [Doubt::Disorder { .. }, Doubt::Little(_)]));
}

/// A long test looks at 2,000 runs of each kind in place of 20: `reports/load` has its result.
fn n_seeds() -> u64 {
    if std::env::var_os("REELBENCH_LONG").is_some() { 2_000 } else { 20 }
}

/// How many of the runs are doubted, by what.
fn count(name: &str, make: impl Fn(u64) -> Run) -> [u64; 3] {
    let mut counts = [0; 3];
    for seed in 0..n_seeds() {
        for doubt in doubts(&make(seed)) {
            match doubt {
                Doubt::Saturated(_) => counts[0] += 1,
                Doubt::Drifting(_) => counts[1] += 1,
                Doubt::Uneven { .. } => counts[2] += 1,
                other => panic!("{name}, seed {seed}: {other}"),
            }
        }
    }
    let [saturated, drifting, uneven] = counts;
    let n = n_seeds();
    println!("| {name} | {n} | {saturated} | {drifting} | {uneven} |");
    counts
}

/// Jobs one after the other, of independent times, times `factor` at each instant's share of the run.
fn one_by_one(n_jobs: u32, seed: u64, factor: impl Fn(f64) -> f64) -> Run {
    let mut times = lognormal(1_000_000, 0.2, seed);
    let mut n = 0;
    let samples = serve_closed([1, n_jobs, 1], |at| {
        n += 1;
        (times(at) as f64 * factor(f64::from(n) / f64::from(n_jobs))) as u64
    });
    run(Plan::closed(some(1), some(n_jobs)), samples)
}

/// Times of which each is like the one before: an AR(1) process of their logarithms.
fn like_neighbours(n_jobs: u32, rho: f64, seed: u64) -> Run {
    let mut random = Random::new(seed, 98);
    let mut state = random.normal();
    let samples = serve_closed([1, n_jobs, 1], |_| {
        state = rho * state + (1.0 - rho * rho).sqrt() * random.normal();
        (1e6 * (0.2 * state).exp()) as u64
    });
    run(Plan::closed(some(1), some(n_jobs)), samples)
}

/// Ten workers over three servers.
fn crowd(n_jobs: u32, seed: u64) -> Run {
    let samples = serve_closed([10, n_jobs, 3], lognormal(1_000_000, 0.2, seed));
    run(Plan::closed(some(10), some(n_jobs)), samples)
}

fn queue_of(servers: usize, load: f64, n_jobs: u32, seed: u64) -> Run {
    let plan = poisson(load * servers as f64, n_jobs, seed);
    let samples = serve(&plan.schedule(), servers, lognormal(1_000_000, 0.1, seed));
    run(plan, samples)
}

#[test]
fn steady_runs_are_seldom_doubted() {
    println!("| steady run | runs | saturated | drifting | uneven |\n|---|---|---|---|---|");
    let alarms = [
        count("one worker, 120 jobs", |seed| one_by_one(120, seed, |_| 1.0)),
        count("one worker, 1,000 jobs", |seed| one_by_one(1_000, seed, |_| 1.0)),
        count("one worker, 300 jobs, neighbours alike (0.5)", |seed| {
            like_neighbours(300, 0.5, seed)
        }),
        count("ten workers over three servers, 120 jobs", |seed| crowd(120, seed)),
        count("ten workers over three servers, 400 jobs", |seed| crowd(400, seed)),
        count("a queue of one server, half full, 300 jobs", |seed| queue_of(1, 0.5, 300, seed)),
        count("a queue of four servers, 80 % full, 300 jobs", |seed| queue_of(4, 0.8, 300, seed)),
        count("a queue of four servers, 80 % full, 1,000 jobs", |seed| {
            queue_of(4, 0.8, 1_000, seed)
        }),
    ];
    let n_runs = n_seeds() * alarms.len() as u64;
    let n_alarms: u64 = alarms.iter().flatten().sum();
    println!("{n_alarms} of {n_runs} in all");
    assert!(n_alarms * 150 <= n_runs, "{n_alarms} of {n_runs}: {alarms:?}");
}

#[test]
fn runs_that_are_not_steady_are_doubted() {
    println!("| faulty run | runs | saturated | drifting | uneven |\n|---|---|---|---|---|");
    let most = n_seeds() * 95 / 100;
    let saturated = [
        count("a queue of one server, 1.5 times full, 200 jobs", |s| queue_of(1, 1.5, 200, s)),
        count("a queue of four servers, 1.2 times full, 1,000 jobs", |s| {
            queue_of(4, 1.2, 1_000, s)
        }),
    ];
    assert!(saturated.iter().all(|counts| counts[0] >= most), "{saturated:?}");
    let drifting = [
        count("one worker, 300 jobs, +60 % on the way", |s| {
            one_by_one(300, s, |share| 1.0 + 0.6 * share)
        }),
        count("one worker, 300 jobs, -40 % on the way", |s| {
            one_by_one(300, s, |share| 1.0 - 0.4 * share)
        }),
    ];
    assert!(drifting.iter().all(|counts| counts[1] >= most), "{drifting:?}");
    let slow_third = |share: f64| if (0.33..0.67).contains(&share) { 1.6 } else { 1.0 };
    let uneven =
        count("one worker, 300 jobs, a third 60 % slower", |s| one_by_one(300, s, slow_third));
    assert!(uneven[2] >= most, "{uneven:?}");
}

#[test]
fn a_service_that_fills_is_not_one_that_is_saturated() {
    // 30 s a job, ten a second for a minute: half of the run passes before the first job ends.
    let plan = open(Arrivals::Constant { rate: rate(10.0) }, 600, 0);
    let samples = serve(&plan.schedule(), 1_000, |_| 30_000_000);
    assert!(doubts(&run(plan, samples)).is_empty());
}
