//! Whole comparisons.

use proptest::prelude::*;

use super::*;
use crate::page::tests::{check_sound, words};
use crate::picture::sample_runs::{self, Shape};
use crate::picture::tests::any_run;
use crate::{Ending, Outcome, Usage};

const USUAL: Shape =
    Shape { workers: 10, jobs: 120, at_once: 3, fails: 0, n_cards: 0, slow: 1.0, seed: 7 };

fn with(shape: Shape, facts: &[(&str, &str)]) -> Run {
    let mut run = sample_runs::run(shape);
    for (name, value) in facts {
        run.environment.insert((*name).to_owned(), (*value).into());
    }
    run
}

/// Compares, and looks at the beginning of the verdict and at single figures.
#[track_caller]
fn check(before: &Run, after: &Run, verdict: &str, figures: &[(&str, Word)]) {
    let comparison = Comparison::of(before, after);
    let found = comparison.verdict();
    assert!(found.starts_with(verdict), "expected {verdict:?}, found {found:?}");
    for (name, word) in figures {
        let metric = comparison.metrics.iter().find(|metric| metric.name == *name);
        let metric = metric.unwrap_or_else(|| panic!("no figure {name:?}"));
        assert_eq!(metric.word, *word, "{metric:?}");
    }
}

#[test]
fn a_verdict_comes_from_the_interval() {
    use Word::{Better, NoDifferenceShown, NotJudged, Worse};
    let usual = sample_runs::run(USUAL);
    let other = sample_runs::run(Shape { seed: 8, ..USUAL });
    let same = "NO DIFFERENCE SHOWN: latency p50 18.6 s before, 1";
    let figures = [
        ("render p50", NoDifferenceShown),
        ("throughput", NoDifferenceShown),
        ("latency p99", NotJudged),
        ("memory, most", NotJudged),
        ("failed jobs", NoDifferenceShown),
    ];
    check(&usual, &other, same, &figures);

    let quick = sample_runs::run(Shape { slow: 0.6, seed: 9, ..USUAL });
    let better = [("throughput", Better), ("CPU time a job", Better), ("render p50", Better)];
    check(&usual, &quick, "BETTER: latency p50 18.6 s before, 1", &better);
    let worse = [("throughput", Worse), ("CPU time a job", Worse), ("render p50", Worse)];
    check(&quick, &usual, "WORSE: latency p50 1", &worse);

    let few = sample_runs::run(Shape { jobs: 5, seed: 9, ..USUAL });
    let figures = [("throughput", NotJudged), ("render p50", NotJudged)];
    check(
        &usual,
        &few,
        "NOT JUDGED, BUT NOT LIKE FOR LIKE (plan): latency p50 18.6 s before",
        &figures,
    );

    let failing = sample_runs::run(Shape { fails: 6, seed: 8, ..USUAL });
    check(&usual, &failing, "", &[("failed jobs", Worse)]);
    check(&failing, &usual, "", &[("failed jobs", Better)]);
}

#[test]
fn what_is_no_measurement_is_not_compared() {
    let good = sample_runs::run(USUAL);
    let mut bad = good.clone();
    bad.ending = Ending::Unfinished;
    check(&bad, &good, "NOT COMPARABLE: before: the run did not come to its end", &[]);
    bad.ending = Ending::TargetDied("killed\nlast words".to_owned());
    check(&good, &bad, "NOT COMPARABLE: after: the target died: killed", &[]);
    let page = markdown(&Comparison::of(&good, &bad));
    assert!(!page.contains("p50") && page.contains("> last words"), "{page}");
    bad.ending = Ending::CutShort;
    bad.samples.truncate(60);
    let comparison = Comparison::of(&good, &bad);
    assert!(comparison.is_valid(), "what it has is complete");
    assert!(comparison.warnings.contains(&Warning::CutShort { side: Side::After }));
}

#[test]
fn nothing_but_failed_jobs_is_compared_without_a_time() {
    let mut failed = sample_runs::run(USUAL);
    failed.samples.iter_mut().for_each(|job| job.outcome = Outcome::Failed("x".to_owned()));
    let expected = "NOT JUDGED: latency p50 none before, none after (before none, after none)";
    check(&failed, &failed, expected, &[]);
    check(&failed, &sample_runs::run(USUAL), "NOT JUDGED", &[("failed jobs", Word::Better)]);
}

#[test]
fn a_page_says_what_differs_before_what_that_did() {
    let before = [
        ("command", "cargo xtask load-test short --profile baseline"),
        ("profile", "baseline"),
        ("revision", "0123456789ab and changes"),
        ("load before", "0.31"),
    ];
    let after = [
        ("command", "cargo xtask load-test short"),
        ("profile", "optimized"),
        ("revision", "0123456789ab"),
        ("load before", "1.90"),
    ];
    let mut before = with(USUAL, &before);
    let mut after = with(Shape { slow: 0.6, fails: 20, seed: 9, ..USUAL }, &after);
    before.environment.insert("cores".to_owned(), 2.into());
    after.environment.insert("cores".to_owned(), 2.into());
    insta::assert_snapshot!(markdown(&Comparison::of(&before, &after)));
}

#[test]
fn a_page_on_disk_has_its_picture_beside_it() {
    let run = sample_runs::run(USUAL);
    let files = files(&run, &run);
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [PAGE, "comparison.html", "comparison.svg"]);
    let comparison = Comparison::of(&run, &run);
    let plain = markdown(&comparison);
    assert!(files[0].1.contains("](comparison.svg)") && !plain.contains(".svg"));
    assert!(files[2].1.contains("before and after</title>"));
    let html = &files[1].1;
    check_sound(html);
    assert!(words(html).starts_with(&comparison.verdict()), "the verdict comes first");
    assert!(html.contains("<svg") && html.len() < 200_000, "{} bytes", html.len());
}

#[test]
fn another_machine_is_said_in_the_first_line() {
    let before = with(USUAL, &[("cpu", "one"), ("weights", "fixture")]);
    let after = with(USUAL, &[("cpu", "another"), ("weights", "real")]);
    let verdict = "NO DIFFERENCE SHOWN, BUT NOT LIKE FOR LIKE (weights, machine): latency p50 ";
    check(&before, &after, verdict, &[]);
    let page = markdown(&Comparison::of(&before, &after));
    assert!(page.contains("> **Not like for like**: weights, machine differ,"), "{page}");
    assert!(page.contains("| cpu     |     one | another |   no: machine |"), "{page}");
}

#[test]
fn throughput_and_cpu_are_those_of_the_report() {
    let run = sample_runs::run(USUAL);
    let comparison = Comparison::of(&run, &run);
    let shown = |name: &str| {
        let metric = comparison.metrics.iter().find(|metric| metric.name == name).expect("there");
        metric.before.shown(metric.unit)
    };
    let report = crate::report::markdown(&run);
    // Columns line up: blanks say nothing.
    let report = report.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let throughput = shown("throughput").replace(" an hour", " jobs an hour");
    assert!(report.contains(&format!("Throughput: {throughput}")), "{throughput}: {report}");
    let cpu = shown("CPU time a job");
    assert!(report.contains(&format!("| CPU a job | {cpu} |")), "{cpu}: {report}");
    for name in ["latency p50", "queue wait p50", "render p50"] {
        assert!(report.contains(&shown(name)), "{name} {}: {report}", shown(name));
    }
}

#[test]
fn cpu_time_goes_to_the_job_that_ended_next() {
    let mut run = sample_runs::run(Shape { workers: 1, jobs: 20, at_once: 1, ..USUAL });
    let last = run.samples.iter().map(|job| job.finished_us).max().expect("jobs");
    let look = |at_us, cpu_cores| Usage { at_us, cpu_cores, ..Usage::default() };
    run.usage = vec![look(last / 2, 2.0), look(last, 2.0), look(last + 1_000_000, 0.0)];
    let comparison = Comparison::of(&run, &run);
    let cpu = comparison.metrics.iter().find(|metric| metric.name == "CPU time a job").expect("it");
    let Level::Known { value, .. } = cpu.before else { panic!("{cpu:?}") };
    assert!((value - 2.0 * last as f64 / 20.0).abs() < 1.0, "{value}");
}

/// Every number of a page.
fn numbers(comparison: &Comparison) -> Vec<f64> {
    let ratios = comparison.metrics.iter().filter_map(|metric| metric.ratio);
    let ends = |ratio: Ratio| [ratio.value, Some(ratio.low), ratio.high];
    ratios.flat_map(ends).flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_run_against_itself_shows_no_difference(run in any_run()) {
        let comparison = Comparison::of(&run, &run);
        prop_assert_eq!(&comparison.differences, &[]);
        let is_quiet = |word| matches!(word, Word::NoDifferenceShown | Word::NotJudged);
        prop_assert!(comparison.metrics.iter().all(|metric| is_quiet(metric.word)), "{comparison:?}");
        prop_assert!(numbers(&comparison).iter().all(|number| number.is_finite()));
        prop_assert_eq!(markdown(&comparison), markdown(&Comparison::of(&run, &run)));
    }

    #[test]
    fn swapped_runs_swap_better_and_worse(
        seeds in any::<[u8; 2]>(),
        slow in 0.3..3.0_f64,
        fails in 0_u64..12,
        jobs in 1_u32..120,
    ) {
        let before = sample_runs::run(Shape { seed: seeds[0].into(), ..USUAL });
        let after = sample_runs::run(Shape { seed: seeds[1].into(), slow, fails, jobs, ..USUAL });
        let (there, back) = (Comparison::of(&before, &after), Comparison::of(&after, &before));
        prop_assert_eq!(there.metrics.len(), back.metrics.len());
        for metric in &there.metrics {
            let other = back.metrics.iter().find(|other| other.name == metric.name).expect("it too");
            let swapped = match metric.word {
                Word::Better => Word::Worse,
                Word::Worse => Word::Better,
                word => word,
            };
            prop_assert_eq!(other.word, swapped, "{:?} {:?}", metric, other);
            if let (Some(ratio), Some(inverse)) = (&metric.ratio, &other.ratio) {
                if let (Some(value), Some(other)) = (ratio.value, inverse.value) {
                    prop_assert!(value == 0.0 || (value * other - 1.0).abs() < 1e-9);
                }
                if let Some(high) = inverse.high {
                    prop_assert!(ratio.low == 0.0 || (ratio.low * high - 1.0).abs() < 1e-6);
                }
            }
        }
    }
}
