//! The built image under a load, as `cargo xtask load-test --image` drives it, and as an arm of
//! `cargo xtask gate`.

use std::path::Path;
use std::time::Duration;

use bench::{Ending, Outcome, Run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Command;

use super::world::{World, said, with_engine};

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

/// The same, as far as its search terms.
const TERMS: &str = r#"
name = "terms"
title = "Terms"
description = "Two questions."
[job]
video_subject = "the sea"
stop_at = "terms"
"#;

/// Two short runs of each arm, of whatever spread.
const POLICY: &str = r#"
[run]
jobs = 2
warm_up = 0
concurrency = 2
null = false
[gate.calibration]
pairs = 2
least_visible = 10.0
"#;

fn xtask(world: &World, command: &str, scenarios: &[&str]) -> Command {
    for (name, text) in [("tiny.toml", TINY), ("terms.toml", TERMS), ("policy.toml", POLICY)] {
        fs_err::write(world.folder.path().join(name), text).expect("written");
    }
    let mut line = Command::new(world.paths.binary("debug", "xtask"));
    line.arg(command).args(scenarios).args(["--build", "dev", "--no-build", "--json"]);
    line.current_dir(world.folder.path()).env("NO_COLOR", "1").kill_on_drop(true);
    line
}

fn load(world: &World, scenarios: &[&str], jobs: &str) -> Command {
    let mut command = xtask(world, "load-test", scenarios);
    command.args(["--concurrency", "2", "--jobs", jobs, "--image", &world.tag, "--out", "out"]);
    command
}

fn run(file: &Path) -> Run {
    let text = fs_err::read_to_string(file);
    Run::from_json(&text.expect("a run file")).expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_is_driven_by_a_load_and_leaves_no_container() {
    with_engine("load", async |world| {
        let mut missing = load(world, &["tiny.toml"], "1");
        let output = missing.output().await.expect("xtask starts");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(&format!("has no {}", world.tag)), "{}", said(&output));

        world.built(&mut world.build(&["--base", "local"])).await;
        let out = world.folder.path().join("out");
        let mix = ["--mix", "tiny.toml=1", "--mix", "terms.toml=1"];
        let output = load(world, &mix, "4").output().await.expect("xtask starts");
        // Beside other tests the driver itself may be late.
        let is_late = said(&output).contains("INVALID: the driver sent jobs up to");
        let code = if is_late { 4 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let driven = run(&out.join("run.json"));
        assert_eq!((driven.ending.clone(), driven.samples.len()), (Ending::Complete, 4));
        assert_eq!(driven.target, format!("the image {}", world.tag));
        assert!(driven.environment["start_ms"].as_u64().is_some_and(|ms| ms > 0));
        for sample in &driven.samples {
            assert_eq!(
                (&sample.outcome, &sample.extra["cold"]),
                (&Outcome::Ok, &(sample.job == 0).into())
            );
            let is_whole = sample.scenario.as_deref() == Some("tiny");
            let has_render = sample.stages.iter().any(|stage| stage.name == "render");
            assert_eq!(has_render, is_whole, "{sample:?}");
        }
        for name in ["tiny", "terms"] {
            let is_there = driven.samples.iter().any(|one| one.scenario.as_deref() == Some(name));
            assert!(is_there, "no {name}");
        }
        assert_eq!(world.leftovers().await, [""; 0]);
        gated(world).await;

        fs_err::remove_dir_all(&out).expect("removed");
        let child = world.spawn(&mut load(world, &["tiny.toml"], "400"));
        let samples = out.join("samples.jsonl");
        while fs_err::read_to_string(&samples).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("it runs");
        kill_process(pid, Signal::INT).expect("it is there");
        let output = child.wait_with_output().await.expect("an end");
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        assert_eq!(run(&out.join("run.json")).ending, Ending::CutShort);
        assert_eq!(world.leftovers().await, [""; 0], "Ctrl-C leaves no container");
    })
    .await;
}

/// The image against itself: whether a gate between two images is worth anything here.
async fn gated(world: &World) {
    let image = format!("image:{}", world.tag);
    let mut command = xtask(world, "gate", &["terms.toml", "--same"]);
    command.args(["--before", &image, "--after", &image, "--policy", "policy.toml"]);
    command.args(["--out", "gated"]);
    let output = command.output().await.expect("xtask starts");
    let told: Value = serde_json::from_slice(&output.stdout).expect("one document");
    // Two pairs show no spread that could be believed, and beside other tests a driver may be late, which ends it;
    // what matters are the runs that were made.
    let verdict = told["verdict"].as_str().expect("a verdict");
    let code = if verdict.starts_with("FIT") { 0 } else { 4 };
    let is_known = ["FIT: ", "NOT FIT: latency p50: "].iter().any(|word| verdict.starts_with(word));
    assert!(is_known || verdict.contains(": the driver "), "{verdict}");
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(told["n_pairs"] == 2 || verdict.starts_with("INVALID"), "{verdict}");
    let runs = world.folder.path().join("gated/runs");
    // A run in which the driver was late is kept beside the one that was made for it.
    let made = fs_err::read_dir(&runs).expect("runs").map(|run| run.expect("one").path());
    let made: Vec<_> = made.filter(|run| !run.to_string_lossy().contains("-late-")).collect();
    assert!(made.len() == 4 || (verdict.starts_with("INVALID") && !made.is_empty()), "{made:?}");
    for side in made {
        let run = run(&side.join("run.json"));
        let counted = &run.environment[bench::COUNTERS];
        // Two questions for each job; nothing is rendered.
        let found = [&counted["requests to chat"], &counted["encodes"]];
        assert_eq!(found, [&Value::from(4), &Value::from(0)], "{counted}");
        let side = side.display();
        assert_eq!(run.target, format!("the image {}", world.tag));
        let n_ok = run.samples.iter().filter(|sample| sample.outcome == Outcome::Ok).count();
        assert!(n_ok == 2 && run.ending == Ending::Complete, "{side}: {n_ok} of 2 jobs");
    }
    assert_eq!(world.leftovers().await, [""; 0]);
}
