//! What the service says of its resources, while it renders.

use protocol::{JobState, Stage};
use serde_json::{Value, json};

use super::{World, runs, short};

async fn look(world: &World) -> Value {
    let url = world.base.join("metrics.json").expect("a path");
    reqwest::get(url).await.expect("an answer").json().await.expect("a document")
}

fn number(document: &Value, path: &str) -> f64 {
    let found = document.pointer(path).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {path} in {document:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_metrics_tell_what_the_service_its_ffmpeg_and_the_machine_use() {
    let world = World::start("", &["limits.sample_s=0.2", "limits.memory_percent=99"]).await;
    let before = look(&world).await;
    let job = json!({"video_script": "The sea is calm. ".repeat(16), "video_size": "540x960"});
    let job = world.submit(short(&job)).await;
    world.seen(&job, |status| runs(status, Stage::Render)).await;
    let rendering = async {
        loop {
            let now = look(&world).await;
            // It is its largest once it has decoders and an encoder.
            if number(&now, "/resources/children/living") >= 1.0
                && number(&now, "/resources/children/memory_bytes") > 3e7
            {
                return now;
            }
        }
    };
    let now = tokio::time::timeout(super::PATIENCE, rendering).await.expect("ffmpeg is seen");
    for (path, least) in [
        ("/resources/process/cpu_s", 0.01),
        ("/resources/process/memory_bytes", 1e7),
        ("/resources/process/open_files", 3.0),
        ("/resources/process/threads", 2.0),
        ("/resources/process/started_at_s", 1.5e9),
        ("/resources/machine/cores", 1.0),
        ("/resources/machine/memory_percent", 0.1),
        ("/resources/disk/free_bytes", 1.0),
        ("/admission/admitted", 1.0),
        ("/queue/places/video", 1.0),
    ] {
        assert!(number(&now, path) >= least, "{path} is {}", number(&now, path));
    }
    assert_eq!(now["admission"]["open"], true);
    assert!((number(&now, "/admission/limits/memory_percent") - 99.0).abs() < 1e-9);
    assert_eq!(world.ended(&job).await.state, JobState::Succeeded);
    let after = look(&world).await;
    // What ffmpeg used is counted, also when it is gone.
    let cpu = "/resources/children/cpu_s";
    let used = number(&after, cpu) - number(&before, cpu);
    assert!(used > 0.2, "{used} s");

    let url = world.base.join("metrics").expect("a path");
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("a text");
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
        "process_threads",
        "reelbench_children_cpu_seconds_total",
        "reelbench_machine_cpu_percent",
        "reelbench_disk_free_bytes",
    ] {
        let is_there = text.lines().any(|line| line.starts_with(&format!("{name} ")));
        assert!(is_there, "no {name} in\n{text}");
    }
    // No card is not a card that does nothing.
    let n_cards = after["resources"]["gpus"].as_array().map_or(0, Vec::len);
    assert_eq!(n_cards == 0, !text.contains("reelbench_gpu_"), "{}", after["resources"]);
    world.stop().await;
}
