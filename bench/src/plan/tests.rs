//! Plans as documents, in words, and as schedules.

use proptest::prelude::*;

use super::*;
use crate::simulation::{duration_us, open, poisson, rate, some};

#[track_caller]
fn check(document: &str, expected: Result<&str, &str>) {
    let read = serde_json::from_str::<Plan>(document).map_err(|error| error.to_string());
    let said = read.and_then(|plan| {
        plan.check(1).map_err(|error| error.to_string())?;
        Ok(plan.to_string())
    });
    match (said, expected) {
        (Ok(said), Ok(expected)) => assert_eq!(said, expected),
        (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
        (said, _) => panic!("{document}: expected {expected:?}, found {said:?}"),
    }
}

/// An open plan of these arrivals, for a time.
fn document(arrivals: &str, more: &str) -> String {
    format!(
        r#"{{"load":{{"open":{{"arrivals":{arrivals},"until":{{"duration_us":60000000}},
        "max_in_flight":100}}}},"seed":7{more}}}"#
    )
}

#[test]
fn a_plan_is_read_checked_and_said_in_words() {
    let closed = |more: &str| {
        format!(r#"{{"load":{{"closed":{{"workers":10,"until":{{"jobs":80}}{more}}}}}}}"#)
    };
    check(&closed(""), Ok("10 workers, each with one job at a time (closed loop), 80 jobs"));
    check(
        &closed(r#","think":{"exponential_us":2000000}"#),
        Ok(
            "10 workers, each with one job at a time and 2.00 s on average between two (closed loop), 80 jobs",
        ),
    );
    check(&closed(r#","rate":2"#), Err("unknown field `rate`"));
    check(&closed(r#","think":{"constant_us":0}"#), Err("expected a nonzero u64"));
    check(r#"{"load":{"closed":{"workers":0,"until":{"jobs":8}}}}"#, Err("nonzero u32"));
    check(r#"{"load":{"closed":{"workers":1,"until":{"jobs":0}}}}"#, Err("nonzero u32"));
    check(r#"{"load":{"closed":{"workers":1}}}"#, Err("missing field `until`"));
    check(
        r#"{"load":{"closed":{"workers":1,"until":{"jobs":5}}},"max_jobs":4}"#,
        Err("the schedule has 5 jobs, at most 4 are allowed"),
    );

    let cases = [
        (r#"{"constant":{"rate":0.25}}"#, Ok("0.25 jobs a second, evenly (open loop), 60.0 s")),
        (
            r#"{"poisson":{"rate":2}}"#,
            Ok("2 jobs a second on average, Poisson (open loop), 60.0 s"),
        ),
        (
            r#"{"gamma":{"rate":2,"shape":0.5}}"#,
            Ok("2 jobs a second on average, gamma gaps of shape 0.5 (open loop), 60.0 s"),
        ),
        (
            r#"{"ramp":{"from":0,"to":4}}"#,
            Ok("a ramp from 0 to 4 jobs a second (open loop), 60.0 s"),
        ),
        (
            r#"{"bursts":{"size":5,"every_us":10000000}}"#,
            Ok("5 jobs at once every 10.0 s (open loop), 60.0 s"),
        ),
        (r#"{"trace":{"at_us":[0,5,5,9]}}"#, Ok("a trace of 4 jobs (open loop), 60.0 s")),
        (r#"{"poisson":{"rate":0}}"#, Err("expected more than 0 and at most 1,000,000, found 0")),
        (r#"{"poisson":{"rate":-1}}"#, Err("found -1")),
        (r#"{"gamma":{"rate":1,"shape":0}}"#, Err("found 0")),
        (r#"{"ramp":{"from":0,"to":0}}"#, Err("sends nothing")),
        (r#"{"trace":{"at_us":[0,5,4]}}"#, Err("instant 2 of the trace is before")),
        (r#"{"trace":{"at_us":[]}}"#, Err("no job that is measured")),
        (r#"{"constant":{"rate":1000000}}"#, Err("at most 1000000 are allowed")),
    ];
    for (arrivals, expected) in cases {
        check(&document(arrivals, ""), expected);
    }
    let ramp = r#"{"ramp":{"from":0,"to":4}}"#;
    check(
        &document(ramp, r#","warm_up":{"jobs":3}"#),
        Err("a ramp from 0 has no rate for its warm-up"),
    );
    let ramp = r#"{"ramp":{"from":4,"to":0}}"#;
    check(
        &document(ramp, r#","cool_down":{"jobs":3}"#),
        Err("a ramp to 0 has no rate for its cool-down"),
    );
    check(
        &document(
            r#"{"constant":{"rate":2}}"#,
            r#","warm_up":{"jobs":6},"cool_down":{"duration_us":5000000}"#,
        ),
        Ok(
            "2 jobs a second, evenly (open loop), 60.0 s, after a warm-up of 6 jobs, then a cool-down of 5.00 s",
        ),
    );
    check(
        &document(r#"{"constant":{"rate":2}}"#, r#","abort":[{"max_share":1.5,"of_last":20}]"#),
        Err("an abort at a share of 1.5"),
    );
    check(
        &document(r#"{"constant":{"rate":2}}"#, r#","max_jobs":100"#),
        Err("has 101 jobs, at most 100"),
    );
}

#[test]
fn what_has_no_end_or_cannot_be_warmed_is_refused() {
    let load = |arrivals, until| Plan::of(Load::Open { arrivals, until, max_in_flight: some(9) });
    let ten = Some(Until::Jobs(some(10)));
    let cases = [
        (load(Arrivals::Poisson { rate: rate(1.0) }, None), PlanError::Endless("poisson")),
        (load(Arrivals::Ramp { from: 1.0, to: 2.0 }, ten), PlanError::RampWithoutDuration),
        (
            load(Arrivals::Trace { at_us: vec![1, 2] }, ten),
            PlanError::TraceTooShort { asked: 10, found: 2 },
        ),
        (
            Plan { cool_down: ten, ..load(Arrivals::Trace { at_us: vec![1, 2] }, None) },
            PlanError::NothingToCoolDown,
        ),
        (
            Plan { warm_up: Some(Until::Jobs(some(2))), ..poisson(1.0, 10, 0) },
            PlanError::ColdShares { jobs: 2, shares: 3 },
        ),
    ];
    for (plan, expected) in cases {
        assert_eq!(plan.check(3), Err(expected), "{plan}");
    }
}

/// Planned instants in milliseconds, with a `w` or a `c` behind those that do not count.
fn schedule(plan: &Plan) -> String {
    let words: Vec<String> = plan
        .schedule()
        .iter()
        .map(|due| {
            let mark = match due.phase {
                Phase::WarmUp => "w",
                Phase::Measured => "",
                Phase::CoolDown => "c",
            };
            format!("{}{mark}", due.planned_us as f64 / 1e3)
        })
        .collect();
    words.join(" ")
}

#[test]
fn schedules_are_what_their_arrivals_say() {
    let for_s = |arrivals, seconds: u64| {
        let until = Some(duration_us(seconds * 1_000_000));
        Plan::of(Load::Open { arrivals, until, max_in_flight: some(9) })
    };
    let constant = Arrivals::Constant { rate: rate(4.0) };
    assert_eq!(schedule(&for_s(constant.clone(), 1)), "0 250 500 750");
    let marked = Plan {
        warm_up: Some(Until::Jobs(some(2))),
        cool_down: Some(duration_us(500_000)),
        ..for_s(constant, 1)
    };
    assert_eq!(schedule(&marked), "0w 250w 500 750 1000 1250 1500c 1750c");
    let bursts =
        Arrivals::Bursts { size: some(2), every_us: NonZeroU64::new(700_000).expect("us") };
    assert_eq!(schedule(&for_s(bursts, 2)), "0 0 700 700 1400 1400");
    let trace = Arrivals::Trace { at_us: vec![0, 10_000, 10_000, 70_000] };
    let whole = Plan::of(Load::Open { arrivals: trace, until: None, max_in_flight: some(9) });
    assert_eq!(schedule(&whole), "0 10 10 70");
    let warmed = Plan { warm_up: Some(Until::Jobs(some(1))), ..whole };
    assert_eq!((schedule(&warmed).as_str(), warmed.n_measured()), ("0w 10 10 70", Some(3)));

    // From 0 to 4 a second in 2 s: four jobs, at sqrt(number).
    let ramp = for_s(Arrivals::Ramp { from: 0.0, to: 4.0 }, 2);
    assert_eq!(schedule(&ramp), "0 1000 1414.214 1732.051");
    // From 2 to 1 in 2 s: three jobs, the third at 4 - 2 sqrt(2) s; before it a second at 2 a second.
    let falling = Plan {
        warm_up: Some(duration_us(1_000_000)),
        cool_down: Some(Until::Jobs(some(2))),
        ..for_s(Arrivals::Ramp { from: 2.0, to: 1.0 }, 2)
    };
    assert_eq!(schedule(&falling), "0w 500w 1000 1535.898 2171.573 3000c 4000c");
}

#[test]
fn a_seed_makes_the_same_schedule_to_the_bit_for_ever() {
    let gamma = Arrivals::Gamma { rate: rate(2.0), shape: rate(0.5) };
    assert_eq!(schedule(&poisson(2.0, 6, 42)), "547.744 637.134 675.647 914.911 1099.952 2140.748");
    assert_eq!(schedule(&open(gamma, 6, 42)), "282.06 671.701 1376.748 1613.186 2947.972 3045.391");
    assert_ne!(schedule(&poisson(2.0, 6, 42)), schedule(&poisson(2.0, 6, 43)));
}

/// Mean and variance of the gaps, in units of the mean that the rate promises.
fn gaps(arrivals: Arrivals) -> (f64, f64) {
    let due = open(arrivals, 100_000, 3).schedule();
    let gaps: Vec<f64> = due
        .windows(2)
        .map(|pair| (pair[1].planned_us - pair[0].planned_us) as f64 * 5.0 / 1e6)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    (mean, variance)
}

#[test]
fn gaps_have_the_mean_and_the_variance_of_their_process() {
    for (shape, variance) in [(0.25, 4.0), (1.0, 1.0), (4.0, 0.25)] {
        let found = gaps(Arrivals::Gamma { rate: rate(5.0), shape: rate(shape) });
        assert!(
            (found.0 - 1.0).abs() < 0.03 && (found.1 / variance - 1.0).abs() < 0.06,
            "{found:?}"
        );
    }
    let found = gaps(Arrivals::Poisson { rate: rate(5.0) });
    assert!((found.0 - 1.0).abs() < 0.01 && (found.1 - 1.0).abs() < 0.03, "{found:?}");
}

#[test]
fn poisson_counts_are_poisson_because_nothing_is_rescaled() {
    // 400 minutes of 60 jobs on average: mean and variance of the counts are 60.
    let counts: Vec<f64> = (0..400)
        .map(|seed| {
            let arrivals = Arrivals::Poisson { rate: rate(1.0) };
            let until = Some(duration_us(60_000_000));
            let load = Load::Open { arrivals, until, max_in_flight: some(9) };
            Plan { seed, ..Plan::of(load) }.schedule().len() as f64
        })
        .collect();
    let mean = counts.iter().sum::<f64>() / 400.0;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 399.0;
    assert!((mean - 60.0).abs() < 1.5 && (45.0..77.0).contains(&variance), "{mean} {variance}");
}

#[test]
fn think_times_are_drawn_for_each_worker_and_turn() {
    let think = |think| Plan {
        seed: 5,
        ..Plan::of(Load::Closed { workers: some(2), until: Until::Jobs(some(9)), think })
    };
    let mean = NonZeroU64::new(1_000_000).expect("us");
    let constant = think(Think::ConstantUs(mean));
    assert_eq!([0, 1, 2].map(|turn| constant.think_us(1, turn)), [0, 1_000_000, 1_000_000]);
    let drawn = think(Think::ExponentialUs(mean));
    let times: Vec<u64> = (1..20_000).map(|turn| drawn.think_us(0, turn)).collect();
    let found = times.iter().sum::<u64>() as f64 / times.len() as f64;
    assert!((found / 1e6 - 1.0).abs() < 0.03, "{found}");
    assert_ne!(drawn.think_us(0, 1), drawn.think_us(1, 1));
    assert_eq!(think(Think::None).think_us(0, 3), 0);
}

#[test]
fn what_a_plan_says_has_a_name_each() {
    let plan = Plan {
        warm_up: Some(Until::Jobs(some(3))),
        timeout_us: NonZeroU64::new(30_000_000),
        abort: vec![Abort {
            max_share: 0.05,
            of_last: some(20),
            slower_than_us: NonZeroU64::new(8_000_000),
        }],
        max_jobs: Some(some(100)),
        ..poisson(0.5, 60, 7)
    };
    let facts: Vec<String> =
        plan.facts().into_iter().map(|(name, fact)| format!("{name}: {fact}")).collect();
    insta::assert_snapshot!(facts.join("\n"), @r"
    arrivals: 0.5 jobs a second on average, Poisson
    jobs: 60
    jobs in flight, at most: 4294967295
    seed: 7
    warm-up: 3 jobs
    timeout: 30.0 s
    aborted when: more than 5 % of the last 20 jobs failed or took longer than 8.00 s
    jobs in all, at most: 100
    ");
    let closed = Plan::closed(some(10), some(80)).facts();
    assert_eq!(closed, [("workers", "10".to_owned()), ("jobs", "80".to_owned())]);
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let per_s = (1_u32..1000).prop_map(|tenths| rate(f64::from(tenths) / 10.0));
    let every = (1_u64..5_000_000).prop_map(|us| NonZeroU64::new(us).expect("not zero"));
    let arrivals = prop_oneof![
        per_s.clone().prop_map(|rate| Arrivals::Constant { rate }),
        per_s.clone().prop_map(|rate| Arrivals::Poisson { rate }),
        (per_s.clone(), per_s).prop_map(|(rate, shape)| Arrivals::Gamma { rate, shape }),
        (1_u32..9, every).prop_map(|(n, every_us)| Arrivals::Bursts { size: some(n), every_us }),
        (0.1..50.0, 0.1..50.0).prop_map(|(from, to)| Arrivals::Ramp { from, to }),
    ];
    let part = prop_oneof![
        Just(None),
        (1_u32..50).prop_map(|n| Some(Until::Jobs(some(n)))),
        (1_u64..9_000_000).prop_map(|us| Some(duration_us(us))),
    ];
    (arrivals, part.clone(), part, any::<u64>(), 1_u64..20_000_000).prop_map(
        |(arrivals, warm_up, cool_down, seed, us)| {
            let until = Some(duration_us(us));
            let load = Load::Open { arrivals, until, max_in_flight: some(9) };
            Plan { warm_up, cool_down, seed, ..Plan::of(load) }
        },
    )
}

proptest! {
    #[test]
    fn a_schedule_goes_forward_and_its_phases_follow_one_another(plan in any_plan()) {
        let due = plan.schedule();
        prop_assert!(due.is_sorted_by_key(|due| due.planned_us), "{}", plan);
        prop_assert!(due.is_sorted_by_key(|due| due.phase), "{}", plan);
        let text = serde_json::to_string(&plan).expect("a document");
        let read: Plan = serde_json::from_str(&text).expect("a plan");
        prop_assert_eq!(&read, &plan);
        prop_assert_eq!(read.schedule(), due);
        if let Some(Until::Jobs(jobs)) = plan.warm_up {
            let n = plan.schedule().iter().filter(|due| due.phase == Phase::WarmUp).count();
            prop_assert_eq!(n, jobs.get() as usize);
        }
    }
}
