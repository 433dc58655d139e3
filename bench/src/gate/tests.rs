//! Whole judgements of pairs that are written down.

mod null;

use proptest::prelude::*;

use super::*;
use crate::comparison::{Better, Word};
use crate::statistics::simulated::{generator, normal};

const PRIMARY: &str = "latency p50";

fn metric(name: &str, better: Better, role: Role) -> Metric {
    Metric { name: name.to_owned(), unit: "s".to_owned(), better, role }
}

fn primary(better: Better) -> Vec<Metric> {
    vec![metric(PRIMARY, better, Role::Primary)]
}

/// One value of one metric.
fn one(name: &str, value: f64) -> Values {
    Values::from([(name.to_owned(), value)])
}

/// Pairs of the primary metric: the base takes 10 s, the candidate `ratio` times that, each with a
/// spread of `sd`.
fn pairs(n: usize, ratio: f64, sd: f64) -> Vec<Pair> {
    let mut generator = generator(5);
    let orders = Schedule { seed: 4, has_null: false }.orders(n);
    orders
        .into_iter()
        .map(|order| {
            let candidate = 10.0 * ratio * (sd * normal(&mut generator)).exp();
            Pair { order, base: one(PRIMARY, 10.0), candidate: one(PRIMARY, candidate), null: None }
        })
        .collect()
}

fn with(mut pairs: Vec<Pair>, name: &str, of: impl Fn(usize, Arm) -> f64) -> Vec<Pair> {
    for (index, pair) in pairs.iter_mut().enumerate() {
        pair.base.insert(name.to_owned(), of(index, Arm::Base));
        pair.candidate.insert(name.to_owned(), of(index, Arm::Candidate));
        if let Some(null) = &mut pair.null {
            null.insert(name.to_owned(), of(index, Arm::Null));
        }
    }
    pairs
}

#[track_caller]
fn judged(metrics: &[Metric], pairs: &[Pair], rule: &Rule) -> Judgement {
    judge(metrics, pairs, rule).expect("it can be judged")
}

/// Under one look at ten pairs with 1 % on each side.
#[track_caller]
fn check(metrics: &[Metric], pairs: &[Pair], expected: &str) -> Judgement {
    let judgement = judged(metrics, pairs, &Rule::fixed(10, 0.01));
    assert_eq!(judgement.verdict.as_str(), expected, "{judgement:#?}");
    judgement
}

#[test]
fn a_verdict_is_where_the_whole_interval_lies() {
    let lower = primary(Better::Lower);
    check(&lower, &pairs(10, 1.0, 0.01), "pass");
    check(&lower, &pairs(10, 0.5, 0.01), "pass");
    check(&lower, &pairs(10, 1.1, 0.01), "regression");
    check(&lower, &pairs(10, 1.035, 0.02), "inconclusive");
    check(&lower, &pairs(10, 1.0, 0.2), "inconclusive");
    // The limits themselves, but for the last digits of a double.
    check(&lower, &pairs(10, 1.02 - 1e-9, 0.0), "pass");
    check(&lower, &pairs(10, 1.02 + 1e-9, 0.0), "regression");

    let higher = primary(Better::Higher);
    check(&higher, &pairs(10, 1.1, 0.01), "pass");
    let slow = check(&higher, &pairs(10, 0.9, 0.01), "regression");
    let effect = &slow.primary;
    let (low, high) = (effect.low.expect("a low end"), effect.high.expect("a high end"));
    assert!(low < effect.ratio && effect.ratio < high && high < 1.0 / 1.02, "{effect:?}");
    assert_eq!(effect.word, Word::Worse);
}

#[test]
fn a_judgement_is_one_line() {
    let metrics = primary(Better::Lower);
    let ten = Rule::fixed(10, 0.01);
    let line = |n, ratio, sd, rule: &Rule| judged(&metrics, &pairs(n, ratio, sd), rule).line();
    let found = [
        line(10, 1.1, 0.01, &ten),
        line(10, 1.0, 0.01, &ten),
        line(8, 1.0, 0.01, &Rule::default()),
        line(10, 1.035, 0.02, &ten),
        line(3, 1.1, 0.01, &ten),
    ];
    let expected = [
        "REGRESSION: latency p50 +9.99 % (+8.69 % to +11.3 %), 10 pairs",
        "PASS: latency p50 -0.01 % (-1.19 % to +1.14 %), 10 pairs",
        "PASS: latency p50 +0.34 % (less than +2.03 %), 8 pairs",
        "INCONCLUSIVE: latency p50 +3.47 % (+1.05 % to +5.88 %), 10 pairs; latency p50: the interval \
         holds values that fail and values that pass; about 28 more pairs would tell",
        "INCONCLUSIVE: latency p50 +10.0 %, 3 pairs; the first look takes 10 pairs",
    ];
    assert_eq!(found, expected);
}

#[test]
fn too_few_pairs_are_inconclusive_and_say_how_many_more() {
    let metrics = primary(Better::Lower);
    let few = check(&metrics, &pairs(4, 2.0, 0.01), "inconclusive");
    let Verdict::Inconclusive { reasons, next_look, more_pairs } = few.verdict else { panic!() };
    assert_eq!(reasons, [Reason::TooFewPairs { n: 4, needs: 10 }]);
    assert_eq!((next_look, more_pairs), (Some(10), Some(6)));
    assert_eq!((few.look, few.primary.low, few.primary.word), (None, None, Word::NotJudged));

    let noisy = check(&metrics, &pairs(10, 1.0, 0.1), "inconclusive");
    let Verdict::Inconclusive { reasons, next_look, more_pairs } = noisy.verdict else { panic!() };
    assert_eq!(reasons, [Reason::Undecided { metric: PRIMARY.to_owned() }]);
    assert_eq!(next_look, None, "there is one look");
    assert!(more_pairs.is_some_and(|more| (10..150).contains(&more)), "{more_pairs:?}");
}

#[test]
fn pairs_between_two_looks_change_nothing() {
    let metrics = primary(Better::Lower);
    let look = |pairs| Look { pairs, alarm: 0.01, fail: 0.01, pass: 0.01 };
    let rule = Rule { looks: vec![look(8), look(12)], ..Rule::default() };
    let mut pairs = pairs(11, 1.035, 0.02);
    let eight = judged(&metrics, &pairs[..8], &rule);
    pairs[10].candidate = one(PRIMARY, 1e9);
    assert_eq!(judged(&metrics, &pairs, &rule), eight);
    assert_eq!(eight.n_pairs, 8);
    let Verdict::Inconclusive { next_look, .. } = eight.verdict else { panic!("{eight:?}") };
    assert_eq!(next_look, Some(12));
}

#[test]
fn counters_gate_at_zero_tolerance() {
    let counter = |better| {
        let mut metrics = primary(Better::Lower);
        metrics.push(metric("requests", better, Role::Counter));
        metrics
    };
    let runs =
        |n, base: f64, candidate: f64| {
            with(pairs(n, 1.0, 0.01), "requests", move |_, arm| {
                if arm == Arm::Candidate { candidate } else { base }
            })
        };
    let check = |better, n, base, candidate, expected: &str, word: CountWord| {
        let judgement = check(&counter(better), &runs(n, base, candidate), expected);
        assert_eq!(judgement.counters[0].word, word);
    };
    check(Better::Lower, 10, 1e6, 1e6, "pass", CountWord::Same);
    check(Better::Lower, 10, 1e6, 1e6 + 1.0, "regression", CountWord::Worse);
    check(Better::Lower, 10, 1e6, 1e6 - 1.0, "pass", CountWord::Better);
    check(Better::Higher, 10, 3.0, 2.0, "regression", CountWord::Worse);
    check(Better::Lower, 10, 0.0, 0.0, "pass", CountWord::Same);
    // It needs no statistics, so it is known before the first look; not from one run.
    check(Better::Lower, 2, 1.0, 2.0, "regression", CountWord::Worse);
    check(Better::Lower, 1, 1.0, 2.0, "inconclusive", CountWord::Unknown);

    let metrics = counter(Better::Lower);
    let one_more = with(pairs(10, 1.0, 0.01), "requests", |pair, arm| {
        if (pair, arm) == (9, Arm::Candidate) { 4.0 } else { 3.0 }
    });
    assert_eq!(
        judge(&metrics, &one_more, &Rule::fixed(10, 0.01)).map(|j| j.counters[0].word),
        Ok(CountWord::Worse)
    );
    let unsteady = with(pairs(10, 1.0, 0.01), "requests", |pair, _| f64::from(u8::from(pair == 3)));
    let judgement = judge(&metrics, &unsteady, &Rule::fixed(10, 0.01)).expect("judged");
    let expected = Verdict::Inconclusive {
        reasons: vec![Reason::CountUnsteady { metric: "requests".to_owned() }],
        next_look: None,
        more_pairs: None,
    };
    assert_eq!(judgement.verdict, expected, "silence is never a pass");
}

#[test]
fn advisory_metrics_advise_and_fail_nothing() {
    let mut metrics = primary(Better::Lower);
    for name in ["render p50", "throughput", "queue p50"] {
        let better = if name == "throughput" { Better::Higher } else { Better::Lower };
        metrics.push(metric(name, better, Role::Advisory));
    }
    let factor = |by: f64| move |_, arm| if arm == Arm::Candidate { by } else { 1.0 };
    let mut runs = pairs(10, 1.0, 0.01);
    runs = with(runs, "render p50", factor(2.0));
    runs = with(runs, "throughput", factor(2.0));
    runs = with(
        runs,
        "queue p50",
        |pair, arm| {
            if arm == Arm::Candidate && pair % 2 == 0 { 1.1 } else { 1.0 }
        },
    );
    let judgement = check(&metrics, &runs, "pass");
    let words: Vec<Word> = judgement.advisory.iter().map(|effect| effect.word).collect();
    assert_eq!(words, [Word::Worse, Word::Better, Word::NoDifferenceShown]);
    // Twice 2^-10, three times over: Holm.
    assert_eq!(judgement.advisory[0].p, 3.0 * 2.0 / 1024.0);
}

#[test]
fn what_is_no_measurement_is_refused() {
    let metrics = primary(Better::Lower);
    let refused = |metrics: &[Metric], pairs: &[Pair], expected: &str| {
        let error = judge(metrics, pairs, &Rule::fixed(10, 0.01)).expect_err("must be refused");
        assert_eq!(error.to_string(), expected);
    };
    let set = |value: f64| {
        let mut pairs = pairs(10, 1.0, 0.01);
        pairs[3].candidate = one(PRIMARY, value);
        pairs
    };
    for value in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-310] {
        let expected = format!(
            "pair 3, candidate: \"latency p50\" is {value}, expected a finite number above zero"
        );
        refused(&metrics, &set(value), &expected);
    }
    let mut missing = pairs(10, 1.0, 0.01);
    missing[7].base.clear();
    refused(&metrics, &missing, "pair 7, base: no value of \"latency p50\"");
    let mut half = pairs(10, 1.0, 0.01);
    half[0].null = Some(one(PRIMARY, 10.0));
    refused(&metrics, &half, "pair 1 has no run of the null arm, and others have one");
    refused(&[], &set(1.0), "expected one primary metric, found 0");
    refused(&metrics, &[], "there are no pairs");
    let twice = [metrics[0].clone(), metric(PRIMARY, Better::Lower, Role::Advisory)];
    refused(&twice, &set(1.0), "two metrics have the name \"latency p50\"");
    let mut two = metrics.clone();
    two.push(metric("b", Better::Lower, Role::Primary));
    refused(&two, &set(1.0), "expected one primary metric, found 2");
    let counter = [metrics[0].clone(), metric("n", Better::Lower, Role::Counter)];
    let negative = with(pairs(10, 1.0, 0.01), "n", |_, _| -1.0);
    refused(
        &counter,
        &negative,
        "pair 0, base: \"n\" is -1, expected a finite number, zero or more",
    );
}

#[test]
fn a_rule_that_cannot_be_followed_is_refused() {
    let check = |rule: Rule, expected: &str| {
        let error = rule.check().expect_err("must be refused");
        assert_eq!(error.to_string(), expected);
        let refused = judge(&primary(Better::Lower), &pairs(10, 1.0, 0.01), &rule);
        assert_eq!(
            refused.map_err(|error| error.to_string()),
            Err(GateError::Rule(error).to_string())
        );
    };
    let expected = "alarm = 0.01 cannot be reached with 6 pairs: the signed-rank test needs 7";
    check(Rule::fixed(6, 0.01), expected);
    check(
        Rule::fixed(8, 0.002),
        "alarm = 0.002 cannot be reached with 8 pairs: the signed-rank test needs 9",
    );
    check(
        Rule { looks: vec![], ..Rule::default() },
        "expected looks at more and more pairs, found []",
    );
    let look = |pairs| Look { pairs, alarm: 0.01, fail: 0.01, pass: 0.01 };
    let looks = vec![look(12), look(12)];
    check(
        Rule { looks, ..Rule::default() },
        "expected looks at more and more pairs, found [12, 12]",
    );
    let expected = "expected 0 <= least_effect < tolerance, found 0.05 and 0.05";
    check(Rule { least_effect: 0.05, ..Rule::default() }, expected);
    check(
        Rule { advice: 0.5, ..Rule::default() },
        "expected advice from 0 to below 0.5, found 0.5",
    );
    check(
        Rule { advice: f64::NAN, ..Rule::default() },
        "expected advice from 0 to below 0.5, found NaN",
    );
    assert_eq!(Rule::default().check(), Ok(()));
}

#[test]
fn a_policy_is_read_and_what_it_does_not_know_is_refused() {
    let text = r#"{ "least_effect": 0.03, "looks": [{ "pairs": 12, "alarm": 0.0005, "fail": 0.001, "pass": 0.01 }] }"#;
    let rule: Rule = serde_json::from_str(text).expect("a rule");
    let looks = vec![Look { pairs: 12, alarm: 0.0005, fail: 0.001, pass: 0.01 }];
    assert_eq!(rule, Rule { least_effect: 0.03, looks, ..Rule::default() });
    let error = serde_json::from_str::<Rule>(r#"{ "least_efect": 0.03 }"#).expect_err("a typo");
    assert!(error.to_string().starts_with("unknown field `least_efect`"), "{error}");
}

#[test]
fn a_slot_bias_is_reported_and_changes_no_verdict() {
    let metrics = primary(Better::Lower);
    for bias in [0.95, 1.05] {
        let mut runs = pairs(12, 1.0, 0.01);
        for pair in &mut runs {
            let second =
                if pair.order == Order::BaseFirst { &mut pair.candidate } else { &mut pair.base };
            second.values_mut().for_each(|value| *value *= bias);
        }
        let judgement = judged(&metrics, &runs, &Rule::fixed(12, 0.01));
        let slot = judgement.primary.noise.slot.expect("both orders");
        assert!((slot.ratio - bias).abs() < 0.01 && slot.is_significant(), "{slot:?}");
        assert_ne!(judgement.verdict.as_str(), "regression");
        assert!(judgement.primary.noise.lag_1.is_some());
    }
    let unbiased = judged(&metrics, &pairs(12, 1.2, 0.01), &Rule::fixed(12, 0.01));
    assert!(unbiased.primary.noise.slot.is_some_and(|slot| !slot.is_significant()));
}

#[test]
fn a_machine_that_sees_too_little_may_not_gate() {
    let metrics = primary(Better::Lower);
    let check = |pairs: &[Pair], expected: &[&str]| {
        let calibration = calibrate(&metrics, pairs, &Rule::default()).expect("calibrated");
        let refusals: Vec<String> = calibration.refusals.iter().map(ToString::to_string).collect();
        assert_eq!(refusals, expected);
        assert_eq!(calibration.may_gate(), expected.is_empty());
        assert_eq!((calibration.effects.len(), calibration.n_pairs), (1, pairs.len()));
    };
    check(&pairs(8, 1.0, 0.02), &[]);
    check(&pairs(4, 1.0, 0.02), &["4 pairs of the base with itself; the policy takes 8"]);
    check(
        &pairs(8, 1.0, 0.3),
        &["latency p50: the gate would see 36.1 % at least; the policy allows 10.0 %"],
    );
    check(
        &pairs(8, 1.1, 0.01),
        &["latency p50: the base differs from itself by +10.4 % (p = 0.0078)"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn neither_the_unit_nor_the_direction_of_a_metric_matters(
        n in 1_usize..32,
        ratio in 0.8..1.25_f64,
        sd in 0.0..0.1_f64,
        unit in 1e-6..1e6_f64,
    ) {
        let lower = pairs(n, ratio, sd);
        let changed = |change: &dyn Fn(f64) -> f64| -> Vec<Pair> {
            let mut pairs = lower.clone();
            for pair in &mut pairs {
                let values = pair.base.values_mut().chain(pair.candidate.values_mut());
                values.for_each(|value| *value = change(*value));
            }
            pairs
        };
        let rule = Rule::default();
        let verdict = |better, pairs: &[Pair]| judged(&primary(better), pairs, &rule).verdict;
        let word = verdict(Better::Lower, &lower);
        let scaled = verdict(Better::Lower, &changed(&|value| value * unit));
        let inverse = verdict(Better::Higher, &changed(&|value| 1.0 / value));
        prop_assert_eq!(word.as_str(), scaled.as_str());
        prop_assert_eq!(word.as_str(), inverse.as_str());
    }
}

#[test]
fn a_judgement_is_a_document() {
    let mut metrics = primary(Better::Lower);
    metrics.push(metric("requests", Better::Lower, Role::Counter));
    let runs = with(pairs(10, 1.1, 0.01), "requests", |_, _| 3.0);
    let judgement = judged(&metrics, &runs, &Rule::fixed(10, 0.01));
    // The last digits of a logarithm are not the same on every machine.
    insta::assert_json_snapshot!(judgement, { ".primary.**" => insta::rounded_redaction(9) });
}
