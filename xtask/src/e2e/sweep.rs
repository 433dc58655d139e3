//! `cargo xtask load-test --sweep`, and `gate` over services of the user's own: the same service, asked at several
//! rates and against itself.

use serde_json::{Value, json};
use tokio::process::Command;

use super::World;

/// One question of 40 ms, one after the other: about twenty jobs a second.
const CHAT: &str = "[chat]\nlatency_ms = 40\n";
const ONE: [&str; 3] = ["limits.light=1", "llm.cache=false", "cache.stages=false"];

/// What `xtask` with these arguments tells as a document, and how it ends.
async fn told(world: &World, arguments: &[&str]) -> (Value, Option<i32>) {
    let mut command = Command::new(world.paths.binary("debug", "xtask"));
    command.arg("--json").args(arguments).env("NO_COLOR", "1").current_dir(world.folder.path());
    let output = command.kill_on_drop(true).output().await.expect("xtask starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    (document, output.status.code())
}

async fn world() -> World {
    let world = World::start(CHAT, &ONE).await;
    let body = json!({ "video_subject": "the sea", "video_terms": ["sea"], "stop_at": "script" });
    fs_err::write(world.folder.path().join("body.json"), body.to_string()).expect("written");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_sweep_finds_what_a_service_cannot_hold() {
    let world = world().await;
    let url = world.base.as_str();
    let arguments =
        "--input body.json --sweep 50..240 --slo p50=30s --jobs 120 --max-jobs 960 --out out";
    let line =
        [&["load-test", "--url", url][..], &arguments.split(' ').collect::<Vec<_>>()].concat();
    let (swept, code) = told(&world, &line).await;
    let probes = swept["probes"].as_array().expect("probes");
    // Fifty a second are twice what it does: the first probe shows it, the next ones are slower.
    let reason = probes[0]["reason"].as_str().expect("a reason");
    assert!(reason.ends_with("% of the jobs pile up"), "{reason}");
    assert!(probes.len() > 1 && probes.len() <= 8, "{swept}");
    let rates: Vec<f64> = probes.iter().filter_map(|it| it["rate_per_s"].as_f64()).collect();
    assert!(rates[0] == 50.0 && rates[1] < 30.0, "{rates:?}");
    let not_held = swept["not_held_per_s"].as_f64().expect("a rate");
    assert!(not_held <= 50.0, "{swept}");
    let is_found = swept["held_per_s"].is_number();
    let expected = if !is_found {
        1
    } else if swept["is_close"] == true {
        0
    } else {
        3
    };
    assert_eq!(code, Some(expected), "{swept}");
    let page = fs_err::read_to_string(world.folder.path().join("out/sweep.md")).expect("a page");
    assert!(page.contains(swept["verdict"].as_str().expect("a verdict")), "{page}");
    assert!(page.contains("p50 <= 30.0 s") && page.contains("knee.svg"), "{page}");
    let run = fs_err::read_to_string(world.folder.path().join("out/probes/2/run.json"));
    let run = bench::Run::from_json(&run.expect("a run")).expect("a run");
    assert!(run.plan.is_open() && run.samples.len() == 120);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_gate_compares_services_of_the_users_own() {
    let world = world().await;
    let policy = "[run]\njobs = 6\nwarm_up = 1\nconcurrency = 2\nnull = false\n\
        [gate]\nlooks = [{ pairs = 5, alarm = 0.04, fail = 0.04, pass = 0.04 }]\n\
        [gate.calibration]\npairs = 2\nleast_visible = 10.0\n";
    fs_err::write(world.folder.path().join("policy.toml"), policy).expect("written");
    let url = format!("url:{}", world.base);
    let arguments = "--same --policy policy.toml --input body.json --max-jobs 60 --out out";
    let line = [
        &["gate", "--before", &url, "--after", &url],
        &arguments.split(' ').collect::<Vec<_>>()[..],
    ]
    .concat();
    let (gated, code) = told(&world, &line).await;
    let verdict = gated["verdict"].as_str().expect("a verdict");
    if verdict.contains(": the driver ") {
        // Beside other tests it may be late: then nothing is measured in vain.
        assert!(code == Some(4) && verdict.starts_with("INVALID: pair "), "{verdict}");
        return world.stop().await;
    }
    // Two pairs show no spread that could be believed; what matters is that they were made.
    let is_fit = verdict.starts_with("FIT");
    assert_eq!(
        (code, &gated["n_pairs"]),
        (Some(if is_fit { 0 } else { 4 }), &json!(2)),
        "{verdict}"
    );
    let counts = world.client.job_counts().await.expect("counts");
    assert!(counts.contains(&("succeeded".to_owned(), 24)), "{counts:?}");
    world.stop().await;
}
