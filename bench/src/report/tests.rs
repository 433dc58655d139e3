use std::num::NonZeroU32;

use super::*;
use crate::page::tests::{check_sound, words};
use crate::picture::sample_runs::{self, Shape};
use crate::sample::tests::{sample, span};
use crate::{Outcome, Plan, Sample, Scenario, Usage};

/// Ten workers; job `n` takes `n` tenths of a second, the first half of it in the queue.
fn run(n_jobs: u32) -> Run {
    let some = |n| NonZeroU32::new(n).expect("not zero");
    let scenario = Scenario {
        name: "short".to_owned(),
        title: "Short".to_owned(),
        payload: serde_json::Value::Null,
    };
    let plan = Plan::closed(some(10), some(n_jobs.max(1)));
    let mut run = Run::new(scenario, plan, "native", 1_795_000_000_000_000);
    run.ending = Ending::Complete;
    run.environment.insert("cores".to_owned(), 2.into());
    run.environment.insert("weights".to_owned(), "minilm real, whisper fixture".into());
    run.samples = (1..=u64::from(n_jobs))
        .map(|n| Sample {
            job: n - 1,
            accepted_us: Some(0),
            started_us: Some(n * 50_000),
            stages: vec![
                span("script", n * 50_000, n * 60_000),
                span("render", n * 60_000, n * 99_000),
            ],
            ..sample(0, n * 100_000)
        })
        .collect();
    run.usage = (1..=4)
        .map(|n| Usage {
            at_us: n * 2_000_000,
            cpu_cores: n as f64 / 2.0,
            memory_bytes: n * 100_000_000,
            n_processes: 3,
            ..Usage::default()
        })
        .collect();
    run
}

#[test]
fn a_run_is_a_report() {
    insta::assert_snapshot!(markdown(&run(80)));
}

#[test]
fn a_run_whose_target_died_has_no_percentile() {
    let mut died = run(7);
    died.ending = Ending::TargetDied("pipeline ended with signal: 9 (SIGKILL)\n  a|b".to_owned());
    died.samples[6].outcome = Outcome::Failed("target_away".to_owned());
    let report = markdown(&died);
    assert!(!report.contains("p95") && !report.contains("## Latency"), "{report}");
    insta::assert_snapshot!(report);
}

#[test]
fn a_run_that_its_plan_aborted_says_why() {
    let mut aborted = run(80);
    aborted.ending =
        Ending::Aborted("more than 10 % of the last 20 jobs failed (3 of 20)".to_owned());
    let report = markdown(&aborted);
    assert!(report.contains("ABORTED: 80 of 80 jobs ended well"), "{report}");
    assert!(report.contains("as the plan says: more than 10 % of the last 20 jobs"), "{report}");
}

#[track_caller]
fn check(run: &Run, expected: &str) {
    assert_eq!(verdict_of(run), expected);
}

#[test]
fn the_verdict_is_one_line() {
    let p99 = "p99 > 500 ms (n = 8; needs 368)";
    let p95 = "p95 > 400 ms (n = 8; needs 100)";
    let percentiles = format!("p50 400 ms seen, unknown (n = 8; needs 100); {p95}; {p99}");
    check(&run(8), &format!("VALID: 8 of 8 jobs ended well; {percentiles}"));

    let mut cut = run(8);
    cut.ending = Ending::CutShort;
    check(&cut, &format!("CUT SHORT: 8 of 8 jobs ended well; {percentiles}"));

    let mut failed = run(8);
    failed.samples[7].outcome = Outcome::Failed("no_clips".to_owned());
    let few = "p50 400 ms seen, unknown (n = 7; needs 100); p95 > 300 ms (n = 7; needs 100); \
        p99 > 400 ms (n = 7; needs 368)";
    check(&failed, &format!("FAILED JOBS: 7 of 8 jobs ended well; {few}"));

    let mut unfinished = run(8);
    unfinished.ending = Ending::Unfinished;
    check(&unfinished, "INVALID: the run did not come to its end; 8 of 8 jobs ended well");
}

#[test]
fn a_run_without_samples_is_a_report_too() {
    let mut nothing = run(0);
    nothing.ending = Ending::CutShort;
    nothing.usage.clear();
    let report = markdown(&nothing);
    assert!(report.contains("CUT SHORT: 0 of 1 jobs ended well; p50 unknown"), "{report}");
    assert!(!report.contains("NaN"), "{report}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(files(&run(80)), files(&run(80)));
}

#[test]
fn the_page_of_a_run_is_one_file_with_the_verdict_first() {
    let mut usual = sample_runs::run(Shape { n_cards: 1, ..Shape::default() });
    usual.environment.insert("image digest".to_owned(), "sha256:1234".into());
    let files = files(&usual);
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), NAMES.len());
    assert!(NAMES.iter().all(|name| names.contains(name)), "{names:?}");
    let html = &files[1].1;
    check_sound(html);
    let first: String = words(html).chars().take(120).collect();
    assert!(first.starts_with("VALID: 80 of 80 jobs ended well; p50"), "{first}");
    assert!(html.len() < 200_000, "{} bytes", html.len());
    assert_eq!(html.matches("<svg").count(), 4);
    for word in ["card 0, power, mean", "230 W", "sha256:1234", "plan:"] {
        assert!(words(html).contains(word), "{word}");
    }
}

#[test]
fn the_way_of_what_was_made_has_a_row_of_its_own() {
    let mut fetched = run(80);
    assert!(!markdown(&fetched).contains("transfer"), "nothing was fetched");
    for sample in &mut fetched.samples {
        sample.observed_us = Some(sample.finished_us + 20_000);
        sample.downloaded_us = Some(sample.finished_us + 50_000);
    }
    let report = markdown(&fetched);
    let row = report.lines().find(|line| line.starts_with("| transfer (after the end"));
    let cells: Vec<&str> = row.expect("a row").split('|').map(str::trim).collect();
    assert_eq!(
        (cells[2], cells[3]),
        ("80", "30.0 ms seen, > 30.0 ms (n = 80; needs 100)"),
        "{report}"
    );
    assert_eq!(verdict_of(&fetched), verdict_of(&run(80)), "it is in no latency");
    let figures = crate::figures(&fetched);
    let transfer = figures.iter().find(|figure| figure.name == "transfer p50").expect("a figure");
    assert!((transfer.value - 30_000.0).abs() < 1e-9, "{transfer:?}");
}

fn verdict_of(run: &Run) -> String {
    let summary = Summary::of(&run.samples);
    verdict(run, &summary, &Doubt::of(run, &summary))
}

#[test]
fn classes_and_priorities_have_rows_of_their_own() {
    let mut mixed = sample_runs::run(Shape::default());
    assert!(!markdown(&mixed).contains("by class and priority"));
    for sample in &mut mixed.samples {
        let priority = if sample.job % 4 == 0 { "HIGH" } else { "NORMAL" };
        sample.extra = serde_json::json!({ "priority": priority });
    }
    let report = markdown(&mixed);
    assert!(report.contains("## Latency by class and priority"), "{report}");
    assert!(report.contains("| priority HIGH   |   20 |"), "{report}");
    assert!(report.contains("| priority NORMAL |   60 |"), "{report}");

    for sample in &mut mixed.samples {
        let scenario = if sample.job % 8 == 0 { "english" } else { "short" };
        sample.scenario = Some(scenario.to_owned());
    }
    mixed.mix = ["short", "english"].map(|name| share(&mixed, name)).to_vec();
    let report = markdown(&mixed);
    assert!(
        report.contains("of a mix by weight (2 x short, 2 x english (HIGH)) against"),
        "{report}"
    );
    assert!(report.contains("## Latency by scenario, class and priority"), "{report}");
    assert!(report.contains("| scenario english |   10 |"), "{report}");
    assert!(report.contains("| scenario short   |   70 |"), "{report}");
    assert!(report.contains("| priority HIGH    |   20 |"), "{report}");
}

fn share(run: &Run, name: &str) -> crate::Share {
    crate::Share {
        scenario: Scenario { name: name.to_owned(), ..run.scenario.clone() },
        priority: (name == "english").then(|| "HIGH".to_owned()),
        weight: NonZeroU32::new(2).expect("not zero"),
    }
}
