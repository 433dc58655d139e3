//! `cargo xtask load-test` over the real programs: what a user has after a good run, after Ctrl-C, after
//! `kill -9` of the service, and on a full disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{seen, xtask};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The quickest whole video.
const TINY: &str = r#"
name = "tiny"
title = "Tiny"
description = "One short sentence in a tiny picture."
[job]
video_subject = "coffee"
video_script = "A quiet cup of coffee."
video_terms = ["coffee"]
video_language = "en"
video_size = "180x320"
video_concat_mode = "semantic"
voice_name = "espeak:en-us"
bgm_type = "none"
"#;

struct Test {
    folder: TempDir,
}

impl Test {
    fn new() -> Self {
        let test = Self { folder: tempfile::tempdir().expect("a temp folder") };
        fs_err::write(test.path("tiny.toml"), TINY).expect("a scenario");
        test
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path("out").join(name)).unwrap_or_default()
    }

    /// The command, with the programs that `cargo xtask test` has built.
    fn command(&self, concurrency: &str, jobs: &str) -> Command {
        let scenario = self.path("tiny.toml");
        let mut command = xtask(&["load-test", "--build", "dev", "--no-build", "--json"]);
        command.arg(scenario).args(["--concurrency", concurrency, "--jobs", jobs]);
        command.arg("--out").arg(self.path("out"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts many jobs and waits until three of them have ended.
    fn started(&self) -> Child {
        let child = self.command("4", "500").spawn().expect("xtask starts");
        let began = Instant::now();
        while self.read("samples.jsonl").lines().count() < 3 {
            assert!(began.elapsed() < PATIENCE, "no samples: {}", self.read("pipeline.log"));
            std::thread::sleep(Duration::from_millis(50));
        }
        child
    }

    fn samples(&self) -> Vec<Value> {
        let lines = self.read("samples.jsonl");
        lines.lines().map(|line| serde_json::from_str(line).expect("a sample")).collect()
    }

    /// Processes that were started for this test: all of them have its folder, or the folder of their
    /// data, in their command line.
    fn left_behind(&self, data: &str) -> String {
        let found = Command::new("pgrep").args(["-af", data]).output().expect("pgrep");
        String::from_utf8_lossy(&found.stdout).into_owned()
    }
}

/// The process that `parent` started and whose command line has `word`.
fn child_of(parent: u32, word: &str) -> Pid {
    let found = Command::new("pgrep").args(["-P", &parent.to_string(), "-f", word]).output();
    let found = String::from_utf8(found.expect("pgrep").stdout).expect("text");
    let pid = found.lines().next().and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
    pid.unwrap_or_else(|| panic!("no child of {parent} has {word:?}"))
}

/// The `data_dir` of the service that `xtask` started.
fn data_dir(pipeline: Pid) -> String {
    let path = format!("/proc/{}/cmdline", pipeline.as_raw_nonzero());
    let line = fs_err::read_to_string(path).expect("a command line");
    let setting = line.split('\0').find_map(|part| part.strip_prefix("data_dir="));
    setting.expect("a data_dir").trim_matches(['"', '\'']).to_owned()
}

fn signal(process: &Child, signal: Signal) {
    let pid = Pid::from_raw(process.id().cast_signed()).expect("a process");
    kill_process(pid, signal).expect("it runs");
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", seen(output)))
}

/// The value of rank `ceil(q n)`.
fn exact(sorted: &[u64], q: f64) -> u64 {
    sorted[(q * sorted.len() as f64).ceil() as usize - 1]
}

fn us(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no time"))
}

#[test]
fn e2e_a_load_test_says_what_its_samples_say() {
    let test = Test::new();
    let output = test.command("4", "10").output().expect("xtask starts");
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    let told = document(&output);
    assert_eq!((&told["n_ok"], &told["n_failed"]), (&10.into(), &0.into()), "{told:#}");

    let samples = test.samples();
    assert_eq!(samples.len(), 10);
    let mut latencies: Vec<u64> =
        samples.iter().map(|job| us(&job["finished_us"]) - us(&job["planned_us"])).collect();
    latencies.sort_unstable();
    let p50 = us(&told["times"][0]["seen_us"][0]);
    assert!(p50.abs_diff(exact(&latencies, 0.5)) <= p50 / 1000 + 1, "{p50} of {latencies:?}");
    assert_eq!(told["times"][0]["p99"]["bounded"]["needs"], 368, "ten jobs carry no p99");

    for job in &samples {
        let at = |name: &str| us(&job[name]);
        let (sent, accepted, started) = (at("sent_us"), at("accepted_us"), at("started_us"));
        assert!(at("planned_us") <= sent && sent <= accepted && accepted <= started, "{job:#}");
        let names: Vec<&str> = job["stages"]
            .as_array()
            .expect("stages")
            .iter()
            .filter_map(|s| s["name"].as_str())
            .collect();
        assert_eq!(names.len(), 8, "{names:?}");
    }
    let most_at_once = most_in_flight(&samples);
    assert_eq!(most_at_once, 4, "four workers");

    let run = bench::Run::from_json(&test.read("run.json")).expect("a run");
    assert_eq!((run.ending, run.samples.len()), (bench::Ending::Complete, 10));
    assert!(run.usage.iter().any(|look| look.cpu_cores > 0.1 && look.memory_bytes > 10 << 20));
    assert!(run.environment["weights"].as_str().is_some_and(|text| text.contains("minilm")));
    assert!(run.environment["start_ms"].as_u64().is_some_and(|ms| ms > 0), "until it could work");
    for sample in &run.samples {
        assert_eq!(sample.extra["cold"], sample.job == 0, "the first after the start");
        assert!(sample.extra["media_ms"].as_u64().is_some_and(|ms| ms > 500), "{}", sample.extra);
    }
    assert!(told["real_time_factor"].as_f64().is_some_and(|factor| factor > 0.0), "{told:#}");
    let report = test.read("report.md");
    assert!(report.contains("cold start: 1 of 10 jobs") && report.contains("RTF "), "{report}");
    for picture in report.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        assert!(test.read(picture.0).starts_with("<svg"), "{} is in the report", picture.0);
    }
    assert!(report.contains("**VALID: 10 of 10 jobs ended well"), "{report}");
    assert!(test.read("times.hlog").contains("Tag=stage.render,"));
}

/// Jobs between sent and finished at the busiest instant.
fn most_in_flight(samples: &[Value]) -> i32 {
    let mut changes: BTreeMap<(u64, i32), i32> = BTreeMap::new();
    for job in samples {
        *changes.entry((us(&job["sent_us"]), 1)).or_default() += 1;
        *changes.entry((us(&job["finished_us"]), -1)).or_default() -= 1;
    }
    let running = changes.values().scan(0, |now, change| {
        *now += change;
        Some(*now)
    });
    running.max().unwrap_or(0)
}

#[test]
fn e2e_a_load_test_whose_service_is_killed_is_no_measurement() {
    let test = Test::new();
    let child = test.started();
    let pipeline = child_of(child.id(), "pipeline serve");
    let data = data_dir(pipeline);
    kill_process(pipeline, Signal::KILL).expect("it runs");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(4), "{}", seen(&output));

    let told = document(&output);
    let verdict = told["verdict"].as_str().expect("a verdict");
    assert!(
        verdict.starts_with("INVALID: the target died: pipeline ended with signal: 9"),
        "{verdict}"
    );
    assert_eq!(told["times"], Value::Array(Vec::new()), "no percentile of lucky jobs");
    let report = test.read("report.md");
    assert!(report.contains("**This run is not valid**") && !report.contains("p50"), "{report}");
    let run = bench::Run::from_json(&test.read("run.json")).expect("a run");
    assert!(matches!(run.ending, bench::Ending::TargetDied(_)), "{:?}", run.ending);
    assert!(run.samples.len() < 60, "the plan was not burnt: {} jobs", run.samples.len());
    assert_eq!(test.left_behind(&data), "");
    assert!(!Path::new(&data).exists(), "{data} is left");
}

#[test]
fn e2e_a_load_test_that_is_interrupted_reports_what_was_finished() {
    let test = Test::new();
    let child = test.started();
    let data = data_dir(child_of(child.id(), "pipeline serve"));
    signal(&child, Signal::INT);
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", seen(&output));

    let told = document(&output);
    let verdict = told["verdict"].as_str().expect("a verdict");
    assert!(verdict.starts_with("CUT SHORT: ") && verdict.contains("p50"), "{verdict}");
    let report = test.read("report.md");
    assert!(report.contains("somebody stopped the run") && report.contains("4 jobs"), "{report}");
    let run = bench::Run::from_json(&test.read("run.json")).expect("a run");
    assert_eq!(run.ending, bench::Ending::CutShort);
    assert_eq!(run.samples.len(), test.samples().len());
    let n_cancelled =
        run.samples.iter().filter(|sample| sample.outcome == bench::Outcome::Cancelled).count();
    assert_eq!(n_cancelled, 4, "what was in flight");
    assert_eq!(test.left_behind(&data), "");
    assert!(!Path::new(&data).exists(), "{data} is left");
}

#[test]
fn e2e_a_load_test_on_a_full_disk_stops_and_names_the_file() {
    let test = Test::new();
    fs_err::create_dir(test.path("out")).expect("a folder");
    // Every write to this device fails as on a full disk.
    let full = test.path("out").join("samples.jsonl");
    std::os::unix::fs::symlink("/dev/full", &full).expect("a link");
    let output = test.command("2", "500").output().expect("xtask ends");
    assert_eq!(output.status.code(), Some(2), "{}", seen(&output));
    let said = seen(&output);
    assert!(said.contains("a sample cannot be kept") && said.contains("samples.jsonl"), "{said}");
    let run = bench::Run::from_json(&test.read("run.json")).expect("a run");
    assert_eq!(run.ending, bench::Ending::Unfinished, "it says that it is no whole run");
}

#[test]
fn e2e_a_load_test_of_a_mix_tells_its_scenarios_and_priorities_apart() {
    let test = Test::new();
    let spoken = TINY.replace("\"tiny\"", "\"spoken\"") + "stop_at = \"narration\"\n";
    fs_err::write(test.path("spoken.toml"), spoken).expect("a scenario");
    let mut command = xtask(&["load-test", "--build", "dev", "--no-build", "--json"]);
    for (file, share) in [("spoken.toml", ":high=3"), ("tiny.toml", "=1")] {
        command.arg("--mix").arg(format!("{}{share}", test.path(file).display()));
    }
    command.args(["--concurrency", "3", "--jobs", "10", "--warm-up", "2", "--out"]);
    let output = command.arg(test.path("out")).output().expect("xtask starts");
    assert_eq!(document(&output)["n_ok"], 10, "{}", seen(&output));

    let run = bench::Run::from_json(&test.read("run.json")).expect("a run");
    assert_eq!(run.scenario.title, "3 x spoken (HIGH), 1 x tiny");
    let mix = run.asked();
    let samples = test.samples();
    assert_eq!(samples.len(), 12, "with two that warm up");
    for sample in &samples {
        let number = us(&sample["job"]);
        let phase = if number < 2 { bench::Phase::WarmUp } else { bench::Phase::Measured };
        let share = mix.shares().nth(mix.of_job(run.plan.seed, number, phase)).expect("a share");
        let (priority, taken) = match share.priority.as_deref() {
            Some(priority) => (priority.into(), priority),
            None => (Value::Null, "NORMAL"),
        };
        assert_eq!(sample["scenario"], share.scenario.name.as_str(), "{sample}");
        assert_eq!((&sample["priority"], &sample["extra"]["priority"]), (&priority, &taken.into()));
        let has_film =
            sample["extra"]["outcome"]["videos"].as_array().is_some_and(|v| !v.is_empty());
        assert_eq!(has_film, share.scenario.name == "tiny", "{sample}");
    }
    let report = test.read("report.md");
    assert!(report.contains("a mix by weight (3 x spoken (HIGH), 1 x tiny)"), "{report}");
    assert!(report.contains("| scenario spoken") && report.contains("| priority HIGH"), "{report}");
}

#[test]
fn wrong_numbers_are_refused_before_any_work() {
    for (arguments, reason) in [
        (vec!["--concurrency", "0"], "0 is not in 1..=64"),
        (vec!["--concurrency", "65"], "65 is not in 1..=64"),
        (vec!["--jobs", "0"], "0 is not in 1..=1000000"),
        (vec!["--url", "http://127.0.0.1:9"], "hint: --input FILE, or several by weight"),
        (vec!["--mix", "short"], "expected SCENARIO[:PRIORITY]=WEIGHT"),
        (vec!["--mix", "short:now=1"], "expected one of low, normal, high, urgent"),
        (
            vec!["--mix", "short=1", "--mix", "shrot=1"],
            "unknown scenario \"shrot\", expected english",
        ),
        (vec!["short", "--mix", "english=1"], "cannot be used with"),
        (
            vec!["--mix", "a=1", "--url", "http://127.0.0.1:9", "--input", "x"],
            "cannot be used with",
        ),
        (vec!["--token-env", "X"], "--url <URL>"),
        (vec!["--speaks", "runpod"], "--url <URL>"),
        (vec!["--speaks", "grpc"], "native, runpod, comfyui, openai-speech"),
        (
            vec!["--url", "http://127.0.0.1:9", "--input", "x.json", "--image"],
            "cannot be used with",
        ),
        (
            vec!["--url", "http://127.0.0.1:9", "--input", "x.json", "--jobs", "1", "--sync"],
            "--sync is for --speaks runpod",
        ),
        (vec!["--url", "http://127.0.0.1:9", "--input", "no/such.json"], "the guard allows 10"),
        (
            vec!["--url", "http://127.0.0.1:9", "--input", "no/such.json", "--jobs", "1"],
            "no/such.json",
        ),
    ] {
        let mut command = xtask(&["load-test"]);
        let output = command.args(&arguments).output().expect("xtask starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", seen(&output));
        assert!(seen(&output).contains(reason), "{arguments:?}: {}", seen(&output));
    }
}
