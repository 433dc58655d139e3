use super::*;
use crate::page::tests::{check_sound, words};

fn effect(name: &str, unit: Unit, values: [f64; 2], change: Option<[f64; 3]>) -> Effect {
    let better = if unit == Unit::Rate { Better::Higher } else { Better::Lower };
    let [before, after] = values.map(Some);
    Effect { name: name.to_owned(), unit, better, before, after, change }
}

/// Twelve pairs in which the p95 became 7.9 % longer.
pub(crate) fn regression() -> Gate {
    let change = Some([0.079, 0.051, 0.108]);
    let pairs = (0..12).map(|n| Pair {
        change: 0.079 + f64::from(n * 5 % 7 - 3) * 0.009,
        is_before_first: n % 4 == 0 || n % 4 == 3,
    });
    let side = |name, commit: &str| Side {
        name: Some(name),
        revision: Some(commit.to_owned()),
        command: Some("cargo xtask load-test short --seed 7".to_owned()),
    };
    let difference = Difference {
        name: "revision".to_owned(),
        before: Some("1111111".to_owned()),
        after: Some("2222222".to_owned()),
        breaks: None,
    };
    let times = |from: u64| -> Distribution { (0..960).map(|n| from + n * 5_000).collect() };
    Gate {
        scenario: "short".to_owned(),
        ruling: Ruling::Regression,
        primary: effect("latency p95", Unit::Time, [9.12e6, 9.84e6], change),
        limit: 0.02,
        confidence: 0.99,
        pairs: pairs.collect(),
        n_jobs: [960, 959],
        least_seen: Some(0.034),
        null: Some(Null { n_pairs: 6, change: [0.002, -0.011, 0.014], is_quiet: true }),
        slot: Some(Slot { change: 0.004, p: 0.21, is_there: false }),
        others: vec![
            effect("throughput", Unit::Rate, [5457.0, 5210.0], Some([-0.045, -0.06, -0.031])),
            effect("CPU time a job", Unit::Time, [1.15e6, 1.16e6], Some([0.005, -0.01, 0.02])),
            effect("latency p99", Unit::Time, [9.6e6, 9.9e6], None),
        ],
        stages: vec![StageEffect {
            effect: effect("render", Unit::Time, [1.6e6, 2.1e6], Some([0.31, 0.29, 0.34])),
            share: 0.27,
        }],
        counters: vec![
            Counter { name: "encodes".to_owned(), before: [80; 2], after: [80; 2] },
            Counter { name: "requests".to_owned(), before: [400; 2], after: [402; 2] },
        ],
        objectives: vec![
            Objective {
                promise: "latency p95 <= 60 s".to_owned(),
                seen: "9.84 s (9.60 s to 9.99 s)".to_owned(),
                is_kept: Some(true),
            },
            Objective {
                promise: "latency p99.9 <= 60 s".to_owned(),
                seen: "> 9.99 s (n = 959; needs 3688)".to_owned(),
                is_kept: None,
            },
        ],
        warnings: vec![Advice {
            warning: "**The machine was busy** (after): load 1.96 on 2 cores".to_owned(),
            advice: "end other work, or take more pairs".to_owned(),
        }],
        differences: vec![difference],
        environment: [("cores".to_owned(), "2".to_owned())].into(),
        sides: [side("before", "1111111"), side("after", "2222222")],
        command: "cargo xtask gate --base 1111111 --seed 7".to_owned(),
        facts: vec![("order seed".to_owned(), "7".to_owned())],
        files: vec![("pairs/01-a.json".to_owned(), "the first run of before".to_owned())],
        latencies: Some([times(6_000_000), times(6_400_000)]),
        pooled: vec![
            Pooled {
                name: "latency p50".to_owned(),
                seen: ["8.40 s".to_owned(), "8.80 s".to_owned()],
                change: Some([0.048, 0.021, 0.074]),
            },
            Pooled {
                name: "latency p99".to_owned(),
                seen: ["10.8 s".to_owned(), "> 10.9 s (n = 300; needs 368)".to_owned()],
                change: None,
            },
        ],
    }
}

pub(crate) fn pass() -> Gate {
    let primary =
        effect("latency p95", Unit::Time, [9.12e6, 9.08e6], Some([-0.004, -0.013, 0.006]));
    Gate { ruling: Ruling::Pass, primary, warnings: Vec::new(), ..regression() }
}

fn inconclusive(more_pairs: Option<u32>, has_look: bool) -> Gate {
    let primary = effect("latency p95", Unit::Time, [9.12e6, 9.5e6], Some([0.03, -0.01, 0.07]));
    Gate { ruling: Ruling::Inconclusive { more_pairs, has_look }, primary, ..regression() }
}

pub(crate) fn invalid() -> Gate {
    let reason = "the same program against itself differs by +6.0 %\nload 8 on 2 cores";
    let null = Null { n_pairs: 6, change: [0.06, 0.03, 0.09], is_quiet: false };
    let ruling = Ruling::Invalid { reason: reason.to_owned() };
    Gate { ruling, null: Some(null), ..regression() }
}

/// A gate that was ended before its first pair, and knows nothing.
fn nothing() -> Gate {
    let ruling = Ruling::Invalid { reason: "no pair was finished".to_owned() };
    let mut primary = effect("latency p95", Unit::Time, [0.0, 0.0], None);
    (primary.before, primary.after) = (None, None);
    Gate {
        ruling,
        primary,
        pairs: Vec::new(),
        least_seen: None,
        null: None,
        slot: None,
        others: Vec::new(),
        stages: Vec::new(),
        counters: Vec::new(),
        objectives: Vec::new(),
        differences: Vec::new(),
        environment: BTreeMap::new(),
        files: Vec::new(),
        latencies: None,
        pooled: Vec::new(),
        ..regression()
    }
}

#[track_caller]
fn check(gate: &Gate, expected: &str) {
    assert_eq!(verdict(gate), expected);
    let page = page(gate);
    assert!(page.markdown().starts_with(&format!("**{expected}**\n")), "the first line");
    let html = page.html();
    check_sound(&html);
    let first: String = words(&html).chars().take(120).collect();
    assert!(first.starts_with(&expected[..60.min(expected.len())]), "{first}");
    assert_eq!(files(gate), files(gate), "the same bytes");
}

#[test]
fn every_ruling_is_the_first_line() {
    let found = "latency p95 +7.9 % (+5.1 % to +10.8 %, 99 % interval), 12 pairs, limit +2.0 %";
    check(&regression(), &format!("REGRESSION: {found}"));
    let found = "latency p95 -0.4 % (-1.3 % to +0.6 %, 99 % interval), 12 pairs, limit +2.0 %";
    check(&pass(), &format!("PASS: {found}"));
    let found = "latency p95 +3.0 % (-1.0 % to +7.0 %, 99 % interval), 12 pairs, limit +2.0 %";
    let more = format!("INCONCLUSIVE: {found}; about 6 more pairs would tell");
    check(&inconclusive(Some(6), true), &more);
    check(&inconclusive(Some(6), false), &format!("{more}, beyond the last look"));
    check(&inconclusive(None, false), &format!("INCONCLUSIVE: {found}; more pairs would not tell"));
    check(&invalid(), "INVALID: the same program against itself differs by +6.0 %");
    check(&nothing(), "INVALID: no pair was finished");
    let last_look = Gate { confidence: 1.0 - 0.001 - 0.0005, ..pass() };
    assert!(verdict(&last_look).contains(", 99.85 % interval), "), "{}", verdict(&last_look));
}

#[test]
fn a_regression_is_a_page() {
    insta::assert_snapshot!(page(&regression()).markdown());
}

#[test]
fn the_page_is_small_and_has_its_pictures() {
    let files = files(&regression());
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let pages = [PAGE, "gate.html", "gate.json", "pairs.svg", "latency.svg", "ecdf.svg"];
    let told = ["summary.md", "comment.md", "annotations.txt"];
    assert_eq!(names, [pages.as_slice(), &told].concat());
    let html = &files[1].1;
    assert!(html.len() < 200_000, "{} bytes", html.len());
    assert_eq!(html.matches("<svg").count(), 3);
}

/// What the default rule says of runs.
fn gated(runs: &[crate::Runs]) -> Gate {
    let (metrics, pairs) = crate::paired(runs, crate::PRIMARY).expect("pairs");
    let rule = crate::gate::Rule::default();
    let judged = crate::gate::judge(&metrics, &pairs, &rule).expect("judged");
    Gate::of(&judged, &rule, runs, Told::default()).expect("runs")
}

#[test]
fn a_counter_that_one_side_does_not_tell_is_named() {
    let page = |runs: &[crate::Runs]| page(&gated(runs)).markdown();
    let mut runs = crate::paired::tests::series(12, 1.0, 80);
    assert!(!page(&runs).contains("counted and not judged"));
    for pair in &mut runs {
        pair.candidate.environment.remove(crate::COUNTERS);
    }
    let markdown = page(&runs);
    assert!(markdown.contains("counted and not judged: requests to chat"), "{markdown}");
}

#[test]
fn a_pass_of_the_first_look_says_what_it_is_less_than() {
    let runs = crate::paired::tests::series(8, 1.0, 80);
    let gate = gated(&runs);
    let line = verdict(&gate);
    // At eight pairs nothing can fail, so that the interval has its upper end alone.
    assert!(line.starts_with("PASS: latency p50 ") && line.contains(" % (less than +"), "{line}");
    assert!(line.ends_with(", 99.6 % interval), 8 pairs, limit +2.0 %"), "{line}");
    let page = page(&gate);
    assert!(page.markdown().contains("no difference shown: "), "{}", page.markdown());
    for (_, picture) in page.pictures() {
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}

#[test]
fn a_counter_that_varies_is_shown_as_it_is() {
    let mut runs = crate::paired::tests::series(12, 1.0, 80);
    let counted = serde_json::json!({ "requests to chat": 81 });
    runs[3].base.environment.insert(crate::COUNTERS.to_owned(), counted);
    let page = page(&gated(&runs)).markdown();
    let row = page.lines().find(|line| line.starts_with("| requests to chat")).expect("a row");
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!(cells[2..5], ["80 to 81", "80", "UNSTEADY"]);
}

#[test]
fn runs_have_pooled_percentiles_and_objectives_and_neither_decides() {
    let runs = crate::paired::tests::series(12, 1.3, 80);
    let (metrics, pairs) = crate::paired(&runs, crate::PRIMARY).expect("pairs");
    let rule = crate::gate::Rule::default();
    let judged = crate::gate::judge(&metrics, &pairs, &rule).expect("judged");
    let promises = vec![
        Promise::Latency { quantile: 0.5, at_most_s: 0.1 },
        Promise::Latency { quantile: 0.5, at_most_s: 1e6 },
        Promise::Failed { at_most: 0.5 },
    ];
    let gate = |seed, promises: &[Promise]| {
        let told = Told { seed, promises: promises.to_vec(), ..Told::default() };
        Gate::of(&judged, &rule, &runs, told).expect("runs")
    };
    let (found, plain) = (gate(1, &promises), gate(2, &[]));
    let [p50, other] = [&found, &plain].map(|gate| gate.pooled[0].change.expect("carried"));
    assert!((p50[0] - 0.3).abs() < 0.05 && p50[1] > 0.2 && p50[2] < 0.4, "{p50:?}");
    assert!(p50 != other && p50[0].to_bits() == other[0].to_bits(), "another seed: {other:?}");
    let kept: Vec<Option<bool>> = found.objectives.iter().map(|it| it.is_kept).collect();
    assert_eq!(kept, [Some(false), Some(true), Some(true)]);
    assert_eq!(found.objectives[2].seen, "0.0 % (0.0 % to 26.5 %; 0 of 480 jobs in 12 runs)");
    assert_eq!((plain.objectives.len(), &plain.ruling), (0, &found.ruling));
    let page = page(&found);
    for text in [page.markdown(), words(&page.html()), page.json()] {
        assert!(text.contains("whole pairs of runs") && text.contains("0 of 480 jobs"), "{text}");
    }
}
