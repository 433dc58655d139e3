//! The search over simulated services whose capacity is known.

use std::num::NonZeroU64;

use super::*;
use crate::Run;
use crate::simulation::{lognormal, poisson, rate, run, serve};

/// Searches over `servers` servers that take `service_us` a job, by Poisson arrivals.
fn search(first: f64, slos: &[Slo], seed: u64, probe: impl Fn(Rate, u64) -> Run) -> (Found, usize) {
    let mut knee = Knee::new(rate(first), rate(1e5));
    while let Some(rate) = knee.next() {
        let run = probe(rate, seed * 100 + knee.probed().len() as u64);
        knee.add(Probe { rate, slos, max_failed: 0.0 }.judge(&run));
    }
    (knee.found(), knee.probed().len())
}

/// M/D/c: Poisson arrivals, times that are all alike, c servers.
fn m_d_c(servers: usize, service_us: u64, jobs: u32) -> impl Fn(Rate, u64) -> Run {
    move |rate, seed| {
        let plan = poisson(rate.per_s(), jobs, seed);
        let samples = serve(&plan.schedule(), servers, |_| service_us);
        run(plan, samples)
    }
}

#[test]
fn the_knee_of_a_known_queue_is_found_within_five_per_cent_in_eight_probes() {
    let n_seeds = if std::env::var_os("REELBENCH_LONG").is_some() { 100 } else { 3 };
    let (mut worst, mut most_probes, mut n_off) = (0.0_f64, 0, 0);
    for servers in [1, 2, 4, 8, 16] {
        for (service_us, first) in [(250_000, 1.0), (8_000_000, 0.125)] {
            let capacity = servers as f64 * 1e6 / service_us as f64;
            for seed in 0..n_seeds {
                let (found, n_probes) = search(first, &[], seed, m_d_c(servers, service_us, 4_000));
                let held = found.held.map_or(0.0, Rate::per_s);
                let error = (held / capacity - 1.0).abs();
                worst = worst.max(error);
                most_probes = most_probes.max(n_probes);
                assert!(n_probes <= 8, "{n_probes} probes");
                n_off += u64::from(error > 0.05);
                if error > 0.05 {
                    println!("c = {servers}, seed {seed}: {held} of {capacity}, {n_probes} probes");
                }
            }
        }
    }
    println!("{n_off} off, worst error {:.1} %, at most {most_probes} probes", worst * 100.0);
    // By chance fewer jobs come than the rate says, and a rate just above the capacity is held.
    let n_searches = 5 * 2 * n_seeds;
    assert!(n_off * 200 <= n_searches, "{n_off} of {n_searches}");
}

#[test]
fn an_slo_is_a_limit_below_the_capacity() {
    // M/M/1-like queues break an SLO long before they are full: four servers of log-normal times.
    let service = |seed| lognormal(1_000_000, 0.3, seed);
    let probe = |rate: Rate, seed| {
        let plan = poisson(rate.per_s(), 3_000, seed);
        let samples = serve(&plan.schedule(), 4, service(seed));
        run(plan, samples)
    };
    let slo = Slo { quantile: 0.95, at_most_us: NonZeroU64::new(2_000_000).expect("us") };
    let (free, _) = search(1.0, &[], 1, probe);
    let (bound, n_probes) = search(1.0, &[slo], 1, probe);
    let (free, bound) = (free.held.expect("a knee"), bound.held.expect("a knee"));
    assert!(n_probes <= 8 && bound.per_s() < 0.95 * free.per_s(), "{bound:?} of {free:?}");
    // What is said to be held is.
    let summary = crate::Summary::of(&probe(bound, 77).samples);
    assert!(summary.latency.seen(0.95).is_some_and(|us| us <= 2_100_000));
}

#[track_caller]
fn check(answers: &[(f64, bool, f64)], next: Option<f64>) {
    let mut knee = Knee::new(rate(1.0), rate(100.0));
    for &(per_s, is_held, done_per_s) in answers {
        let asked = knee.next().expect("a probe").per_s();
        assert!((asked / per_s - 1.0).abs() < 0.01, "asked {asked}, expected {per_s}");
        let held = if is_held { Held::Yes } else { Held::No(String::new()) };
        let keeps_up = done_per_s > 0.97 * asked;
        knee.add(Probed { rate: rate(asked), done_per_s, keeps_up, held });
    }
    let asked = knee.next().map(Rate::per_s);
    let is_near = match (asked, next) {
        (Some(asked), Some(next)) => (asked / next - 1.0).abs() < 0.01,
        (asked, next) => asked == next,
    };
    assert!(is_near, "asked {asked:?}, expected {next:?}");
}

#[test]
fn each_answer_has_its_next_question() {
    check(&[], Some(1.0));
    check(&[(1.0, true, 1.0)], Some(4.0));
    // Saturated at 2.5 a second: just below it, then just above.
    let full = [(1.0, true, 1.0), (4.0, false, 2.5), (2.45, true, 2.45), (2.56, false, 2.5)];
    check(&full[..2], Some(2.45));
    check(&full[..3], Some(2.56));
    check(&full, None);
    // Chance was against it at 98 %: a little lower.
    check(&[full[0], full[1], (2.45, false, 2.37)], Some(2.32));
    // It did all of it and broke an SLO: halfway, by the ratio.
    check(&[(1.0, true, 1.0), (4.0, false, 4.0)], Some(2.0));
    check(&[(1.0, true, 1.0), (4.0, false, 4.0), (2.0, true, 2.0)], Some(8_f64.sqrt()));
    // Not even the first.
    check(&[(1.0, false, 1.0)], Some(0.25));
    check(&[(1.0, false, 0.5)], Some(0.49));
    // Everything up to the limit.
    let up = [(1.0, true, 1.0), (4.0, true, 4.0), (16.0, true, 16.0), (64.0, true, 64.0)];
    check(&up, Some(100.0));
    check(&[&up[..], &[(100.0, true, 100.0)]].concat(), None);
}

#[test]
fn eight_probes_are_enough_whatever_they_show() {
    let mut knee = Knee::new(rate(8.0), rate(8.0));
    for _ in 0..MOST {
        let rate = knee.next().expect("a probe");
        let held = Held::Unsure("too few jobs".to_owned());
        knee.add(Probed { rate, done_per_s: rate.per_s(), keeps_up: true, held });
    }
    assert_eq!((knee.next(), knee.found().held), (None, None));
}

#[test]
fn a_probe_says_why_a_rate_is_not_held() {
    let slo = |us| Slo { quantile: 0.95, at_most_us: NonZeroU64::new(us).expect("us") };
    let judged =
        |run: &Run, slos: &[Slo]| Probe { rate: rate(1.0), slos, max_failed: 0.0 }.judge(run).held;
    let probe = m_d_c(1, 1_000_000, 1_000);
    let light = probe(rate(0.2), 1);
    assert_eq!(judged(&light, &[slo(3_000_000)]), Held::Yes);
    let Held::No(reason) = judged(&light, &[slo(1_000_000)]) else { panic!("it is broken") };
    assert!(reason.starts_with("p95 is above 1."), "{reason}");
    let Held::No(reason) = judged(&probe(rate(2.0), 1), &[]) else { panic!("it is saturated") };
    assert!(reason.ends_with("% of the jobs pile up"), "{reason}");
    let few = m_d_c(1, 1_000_000, 15)(rate(0.2), 1);
    assert_eq!(
        judged(&few, &[]),
        Held::Unsure("too few jobs to see whether they pile up".to_owned())
    );
    let fifty = m_d_c(1, 1_000_000, 50)(rate(0.05), 1);
    let Held::Unsure(reason) = judged(&fifty, &[slo(9_000_000)]) else { panic!("50 are few") };
    assert!(reason.starts_with("p95 takes 100 jobs at least, the probe has 50"), "{reason}");

    let mut failed = light.clone();
    failed.samples[5].outcome = crate::Outcome::Failed("llm".to_owned());
    assert_eq!(judged(&failed, &[]), Held::No("1 of 1000 jobs failed".to_owned()));
    let allowing =
        |max_failed, run: &Run| Probe { rate: rate(1.0), slos: &[], max_failed }.judge(run).held;
    assert_eq!(allowing(0.01, &failed), Held::Yes, "surely fewer than one in a hundred");
    let unsure = allowing(0.001, &failed);
    assert_eq!(unsure, Held::Unsure("1 of 1000 jobs failed: 0.0 to 0.6 %".to_owned()));
    let fail = |run: &mut Run, is_one: &dyn Fn(usize) -> bool| {
        for (number, job) in
            run.samples.iter_mut().enumerate().filter(|(number, _)| is_one(*number))
        {
            job.outcome = crate::Outcome::Failed(format!("{number}"));
        }
    };
    let mut often = light.clone();
    fail(&mut often, &|number| number % 20 == 3);
    assert_eq!(allowing(0.01, &often), Held::No("50 of 1000 jobs failed".to_owned()));
    // As many in one burst are one event.
    let mut once = light.clone();
    fail(&mut once, &|number| (100..150).contains(&number));
    assert!(matches!(allowing(0.01, &once), Held::Unsure(_)), "{:?}", allowing(0.01, &once));
    let mut backwards = light.clone();
    backwards.samples[7].started_us = Some(backwards.samples[7].finished_us + 5_000_000);
    assert!(matches!(judged(&backwards, &[]), Held::Unsure(_)), "clocks that disagree");
    let mut lost = light.clone();
    lost.samples.pop();
    assert!(matches!(judged(&lost, &[]), Held::Unsure(_)), "a job without a sample");
    let mut late = light.clone();
    late.samples.iter_mut().for_each(|job| job.planned_us = job.planned_us.saturating_sub(20_000));
    assert!(matches!(judged(&late, &[]), Held::Unsure(reason) if reason.contains("late")));
    let mut full = light;
    full.ending = crate::Ending::Overwhelmed { max_in_flight: 9 };
    assert_eq!(judged(&full, &[]), Held::No("more than 9 jobs were in flight".to_owned()));
}
