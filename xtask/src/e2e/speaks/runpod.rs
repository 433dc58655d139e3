//! `runpod`: the local server of RunPod's own Python package, and the pipeline, which speaks it too and
//! tells times.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bench::Outcome;
use serde_json::json;
use tokio::process::Child;

use super::super::tokens::ALL;
use super::super::{PATIENCE, World, short};
use super::{Load, check_code, check_parts, stage_us};
use crate::paths::Paths;
use crate::python::RUNPOD;
use crate::services::TOKENS;

/// A worker as RunPod's documentation shows it.
const HANDLER: &str = r#"
import time
import runpod

def handler(job):
    wish = job["input"]
    if wish.get("fail"):
        raise ValueError("no prompt")
    time.sleep(wish["work_s"])
    return {"made": "x" * 20000}

runpod.serverless.start({"handler": handler})
"#;

/// Starts the local server; it ends with the value.
async fn local_server(folder: &Path) -> (Child, String) {
    let file = folder.join("handler.py");
    fs_err::write(&file, HANDLER).expect("written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let paths = Paths::from_env().expect("a checkout");
    let mut python = RUNPOD.command(&paths).expect("runpod is brought by `cargo xtask test`");
    python.arg(&file).args(["--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port"]);
    python.arg(port.to_string()).current_dir(folder).kill_on_drop(true);
    let log = fs_err::File::create(folder.join("runpod.log")).expect("a log").into_parts().0;
    python.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let child = python.spawn().expect("python3");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let (url, begun) = (format!("http://127.0.0.1:{port}"), Instant::now());
    while client.get(format!("{url}/openapi.json")).send().await.is_err() {
        let log = fs_err::read_to_string(folder.join("runpod.log")).unwrap_or_default();
        assert!(begun.elapsed() < PATIENCE, "it does not listen: {log}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (child, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_runpod() {
    let load = Load::new(&json!({"input": {"work_s": 0.2}}));
    let (server, url) = local_server(load.folder.path()).await;
    for sync in [&[][..], &["--sync"]] {
        let jobs = ["--speaks", "runpod", "--concurrency", "1", "--jobs", "3"];
        let run = load.run(&url, &[&jobs[..], sync].concat()).await;
        assert_eq!(run.samples.len(), 3);
        for sample in &run.samples {
            check_parts(sample);
            assert!(stage_us(sample, "execution") >= 200_000, "{sample:?}");
            assert_eq!(sample.extra["times"], "seen", "this server tells no times");
            assert!(sample.extra["output_bytes"].as_u64().is_some_and(|bytes| bytes > 20_000));
            assert!(sample.extra.get("output").is_none(), "outputs may be megabytes");
            assert!(sample.downloaded_us >= sample.observed_us, "{sample:?}");
        }
    }

    fs_err::write(load.folder.path().join("body.json"), r#"{"input": {"fail": true}}"#)
        .expect("written");
    let (code, said) = load.said(&url, &["--speaks", "runpod", "--jobs", "1"]).await;
    check_code(code, &said, 1);
    assert!(said.contains("ValueError: no prompt"), "{said}");
    let outcome = load.run_file().samples[0].outcome.clone();
    assert_eq!(outcome, Outcome::Failed("ValueError".to_owned()));
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_runpod_within_its_guard_and_in_its_format() {
    // Nobody listens there: nobody is asked.
    let url = "http://127.0.0.1:9";
    let load = Load::new(&json!({"work_s": 1}));
    for (jobs, expected) in [
        ("11", "11 jobs would be sent to http://127.0.0.1:9/, the guard allows 10"),
        ("1", r#"hint: put it into one: {"input": {...}}"#),
    ] {
        let (code, said) = load.said(url, &["--speaks", "runpod", "--jobs", jobs]).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
        load.check_nothing_begun();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_runpod_and_takes_its_times_apart() {
    // The speech takes its time, and is spoken anew for each job.
    let slow = "[speech]\nlatency_ms = 300\n";
    let world = World::start(slow, &[ALL, "jobs.concurrency=1", "cache.stages=false"]).await;
    let job = json!({"stop_at": "narration", "voice_name": "openai:alloy"});
    let load = Load::with_token(&json!({"input": short(&job)}), TOKENS[0].1);
    let url = world.base.join("v2/any").expect("a path");
    let jobs = ["--speaks", "runpod", "--concurrency", "3", "--jobs", "6"];
    let run = load.run(url.as_str(), &jobs).await;
    assert_eq!(run.samples.len(), 6);
    for sample in &run.samples {
        let parts = check_parts(sample);
        let told = |name: &str| sample.extra[name].as_f64().expect("a time") * 1e3;
        assert_eq!(sample.extra["times"], "told");
        assert_eq!(parts.queue_us, told("delayTime") as u64, "{sample:?}");
        let execution = stage_us(sample, "execution") as f64;
        assert!((execution - told("executionTime")).abs() <= 2_000.0, "{sample:?}");
    }
    // Three at a time and one place: they wait for one another.
    let longest = run.samples.iter().filter_map(|sample| sample.extra["delayTime"].as_u64()).max();
    assert!(longest.is_some_and(|ms| ms >= 300), "{longest:?}");
    let rtf = bench::Rtf::of(&run.samples);
    assert_eq!(rtf.map(|rtf| rtf.n()), Some(6), "the narration has a length");
    world.stop().await;
}
