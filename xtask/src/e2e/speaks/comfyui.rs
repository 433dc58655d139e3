//! `comfyui`: the fixtures' ComfyUI server, which runs one workflow at a time.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Load, check_code, check_parts, servers, stage_us};

/// Steps of the sampler, two milliseconds each.
const STEPS: u64 = 60;

fn workflow(prompt: &str, steps: u64) -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": steps, "cfg": 7.0,
              "model": ["4", 0], "positive": ["6", 0], "negative": ["6", 0], "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "fixture.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        "9": {"class_type": "CreateVideo", "inputs": {"images": ["8", 0], "fps": 24}},
        "10": {"class_type": "SaveVideo", "inputs": {"video": ["9", 0], "filename_prefix": "film"}},
    })
}

async fn got(url: String) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(url).send().await.expect("an answer").json().await.expect("a document")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_comfyui() {
    let load = Load::new(&workflow("a calm sea", STEPS));
    let (fixtures, addresses) = servers(&load, "").await;
    let jobs = ["--speaks", "comfyui", "--concurrency", "2", "--jobs", "6"];
    let run = load.run(&addresses.comfyui, &jobs).await;
    assert_eq!(run.samples.len(), 6);
    for sample in &run.samples {
        check_parts(sample);
        assert!(stage_us(sample, "KSampler") >= STEPS * 2_000, "{sample:?}");
        let names: Vec<&str> = sample.stages.iter().map(|stage| stage.name.as_str()).collect();
        assert_eq!((names.len(), names.last()), (7, Some(&"SaveVideo")), "{names:?}");
        assert!(sample.transfer_us().is_some_and(|us| us > 0), "{sample:?}");
        assert_eq!(
            (&sample.extra["output_files"], &sample.extra["cached_nodes"]),
            (&json!(1), &json!(0))
        );
        assert!(sample.extra["output_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000));
        assert!(sample.extra["media_ms"].as_u64().is_some_and(|ms| ms > 500), "{sample:?}");
    }
    // Two at a time, and one worker: one of them waits for the other.
    let summary = bench::Summary::of(&run.samples);
    let waited = summary.queue.max_us().expect("waits");
    assert!(waited >= STEPS * 2_000 / 2, "{waited} us");
    assert!(bench::Rtf::of(&run.samples).is_some_and(|rtf| rtf.n() == 6));
    assert!(load.report().contains("| transfer (after the end"), "{}", load.report());

    let history = got(format!("{}/history", addresses.comfyui)).await;
    let runs = history.as_object().expect("runs");
    let mut seeds: Vec<u64> =
        runs.values().filter_map(|run| run["prompt"][2]["3"]["inputs"]["seed"].as_u64()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [7, 8, 9, 10, 11, 12], "no run is answered from memory");
    fixtures.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_comfyui_to_a_workflow_that_fails() {
    let load = Load::new(&workflow("out of memory", STEPS));
    let (fixtures, addresses) = servers(&load, "").await;
    let jobs = ["--speaks", "comfyui", "--concurrency", "1", "--jobs", "2"];
    let (code, said) = load.said(&addresses.comfyui, &jobs).await;
    check_code(code, &said, 1);
    assert!(said.contains("node 3 (KSampler): Allocation on device 0"), "{said}");
    let failed = bench::Outcome::Failed("OutOfMemoryError".to_owned());
    assert!(load.run_file().samples.iter().all(|sample| sample.outcome == failed), "{said}");

    let wrong =
        workflow("sea", STEPS).to_string().replace("fixture.safetensors", "sdxl.safetensors");
    fs_err::write(load.folder.path().join("body.json"), wrong).expect("written");
    let (code, said) = load.said(&addresses.comfyui, &jobs).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the service refuses the job"), "{said}");
    assert!(said.contains("node 4 (CheckpointLoaderSimple): Value not in list"), "{said}");
    fixtures.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_comfyui_and_takes_its_jobs_back_when_it_is_stopped() {
    let load = Load::new(&workflow("a calm sea", 60_000));
    let (fixtures, addresses) = servers(&load, "").await;
    let jobs = ["--speaks", "comfyui", "--concurrency", "3", "--jobs", "5"];
    let child = load.command(&addresses.comfyui, &jobs);
    let child =
        { child }.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn();
    let child = child.expect("xtask is built");
    let queue = || got(format!("{}/queue", addresses.comfyui));
    let n_of = |queue: &Value, key: &str| queue[key].as_array().map_or(0, Vec::len);
    while n_of(&queue().await, "queue_pending") < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("it runs");
    kill_process(pid, Signal::INT).expect("it is there");
    let output = child.wait_with_output().await.expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let run = load.run_file();
    assert_eq!(run.samples.len(), 3, "those in flight");
    assert!(run.samples.iter().all(|sample| sample.outcome == bench::Outcome::Cancelled));
    let ended = async {
        loop {
            let queue = queue().await;
            if n_of(&queue, "queue_pending") + n_of(&queue, "queue_running") == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // A run that goes on takes two minutes.
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("nothing is left to do");
    fixtures.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_comfyui_only_in_the_format_of_its_api() {
    let load =
        Load::new(&json!({"nodes": [{"id": 3, "type": "KSampler"}], "links": [], "version": 0.4}));
    let (code, said) =
        load.said("http://127.0.0.1:9", &["--speaks", "comfyui", "--jobs", "1"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("body.json: the body is a ComfyUI workflow in the format of its page"),
        "{said}"
    );
    assert!(said.contains("hint: ") && said.contains("Save (API format)"), "{said}");
    load.check_nothing_begun();
}
