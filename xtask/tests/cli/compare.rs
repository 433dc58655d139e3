//! `compare` over run files that are made here.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use bench::{Ending, Plan, Run, Sample, Scenario, StageSpan};

use crate::{seen, xtask};

/// A checkout with a folder of runs, and nothing else.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("a temp folder") };
        fs_err::create_dir(world.path("xtask")).expect("a folder");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes `run` under a name in `reports/runs`.
    fn keep(&self, name: &str, run: &Run) {
        let folder = self.path("reports/runs").join(name);
        fs_err::create_dir_all(&folder).expect("a folder");
        fs_err::write(folder.join("run.json"), run.to_json().expect("JSON")).expect("a run");
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut all = vec!["compare"];
        all.extend(arguments);
        xtask(&all)
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .current_dir(self.folder.path())
            .output()
            .expect("xtask starts")
    }

    /// All that is seen of it, without the folder of this test.
    fn seen(&self, arguments: &[&str]) -> String {
        let real = fs_err::canonicalize(self.folder.path()).expect("it is there");
        seen(&self.run(arguments)).replace(&real.display().to_string(), "[checkout]")
    }
}

/// Jobs, 120 of them, of `ms` milliseconds more or less, four at a time.
fn run(began_unix_us: u64, profile: &str, ms: u64) -> Run {
    let some = |n| NonZeroU32::new(n).expect("not zero");
    let scenario = Scenario {
        name: "short".to_owned(),
        title: "Short".to_owned(),
        payload: serde_json::json!({ "video_subject": "the sea" }),
    };
    let plan = Plan::closed(some(4), some(120));
    let mut run = Run::new(scenario, plan, "the pipeline of this checkout", began_unix_us);
    for (name, value) in [
        ("profile", profile),
        ("weights", "fixture"),
        ("revision", "0123456789ab"),
        ("command", "cargo xtask load-test short --concurrency 4 --jobs 120"),
    ] {
        run.environment.insert(name.to_owned(), value.into());
    }
    run.ending = Ending::Complete;
    run.samples = (0..120).map(|job| sample(job, ms * 1000)).collect();
    run
}

fn sample(job: u64, usual_us: u64) -> Sample {
    let spread = job.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60; // 0 to 15
    let takes_us = usual_us * (92 + spread) / 100;
    let sent_us = job / 4 * usual_us * 11 / 10;
    let (started_us, finished_us) = (sent_us + 2_000, sent_us + takes_us);
    let render = StageSpan { name: "render".to_owned(), start_us: started_us, end_us: finished_us };
    Sample {
        accepted_us: Some(sent_us + 1_000),
        started_us: Some(started_us),
        stages: vec![render],
        ..Sample::new(job, sent_us, finished_us)
    }
}

#[test]
fn two_runs_of_the_folder_are_a_page() {
    let world = World::new();
    world.keep("20260101-100000-short", &run(1_000, "baseline", 2_000));
    world.keep("20260101-101000-short", &run(2_000, "optimized", 1_500));
    insta::assert_snapshot!(world.seen(&["20260101-100000-short", "20260101-101000-short"]));
    let swapped = world.seen(&["20260101-101000-short", "20260101-100000-short"]);
    assert!(swapped.contains("warning: the run before began after the other"), "{swapped}");
    assert!(
        swapped.contains("**WORSE: latency p50") && swapped.starts_with("exit: 0"),
        "{swapped}"
    );
    let same =
        world.seen(&["20260101-100000-short", "reports/runs/20260101-100000-short/run.json"]);
    assert!(same.contains("warning: before and after are the same run"), "{same}");
    assert!(same.contains("**NO DIFFERENCE SHOWN: latency p50"), "{same}");
}

#[test]
fn what_is_no_run_is_named_before_any_work() {
    let world = World::new();
    let none = world.seen(&["nowhere", "nowhere"]);
    assert!(none.contains("there is no run in [checkout]/reports/runs"), "{none}");
    for minute in 10..17 {
        world.keep(&format!("20260101-1{minute}00-short"), &run(minute, "baseline", 2_000));
    }
    fs_err::create_dir(world.path("empty")).expect("a folder");
    fs_err::write(world.path("notes.json"), "{\"format\": 1}").expect("a file");
    let out = world.path("out");
    let out = out.to_str().expect("UTF-8");
    let good = "20260101-11000-short";
    let mut all = String::new();
    for other in ["20260101-999999-short", "empty", "notes.json"] {
        all += &world.seen(&[good, other, "--out", out]);
    }
    insta::assert_snapshot!(all);
    assert!(!Path::new(out).exists(), "nothing was written");
}

#[test]
fn a_run_that_is_no_measurement_is_another_exit_code() {
    let world = World::new();
    world.keep("good", &run(1_000, "baseline", 2_000));
    let mut bad = run(2_000, "baseline", 2_000);
    bad.ending = Ending::TargetDied("pipeline ended with signal: 9 (SIGKILL)".to_owned());
    world.keep("bad", &bad);
    let seen = world.seen(&["good", "bad"]);
    assert!(seen.starts_with("exit: 4\n"), "{seen}");
    assert!(seen.contains("**NOT COMPARABLE: after: the target died: pipeline ended"), "{seen}");
    assert!(!seen.contains("p50"), "no figure: {seen}");
}

#[test]
fn files_and_a_document_are_written_when_asked_for() {
    let world = World::new();
    world.keep("a", &run(1_000, "baseline", 2_000));
    world.keep("b", &run(2_000, "optimized", 1_500));
    let output = world.run(&["a", "b", "--out", "new/folder", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let first = &document["metrics"][0];
    assert_eq!(
        (first["name"].as_str(), first["word"].as_str()),
        (Some("latency p50"), Some("better"))
    );
    assert_eq!(first["unit"], "us");
    assert!(first["ratio"]["high"].as_f64().is_some_and(|high| high < 0.8), "{first:#}");
    let page = fs_err::read_to_string(world.path("new/folder/comparison.md")).expect("a page");
    assert!(page.contains("](comparison.svg)"), "{page}");
    let picture =
        fs_err::read_to_string(world.path("new/folder/comparison.svg")).expect("a picture");
    assert!(picture.starts_with("<svg"), "{picture}");
    let n_files = fs_err::read_dir(world.path("new/folder")).expect("the folder").count();
    assert_eq!(n_files, 3, "the page twice and its picture, and nothing begun is left");
}
