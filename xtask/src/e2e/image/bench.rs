//! `cargo xtask bench image`, from what is typed to its page.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::world::{said, with_engine};

/// What the bench calls its image.
const TAG: &str = "reelbench-bench:cpu";

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_is_measured_anew_and_unchanged_and_goes_with_its_bench() {
    with_engine("bench", async |world| {
        let mut command = Command::new(world.paths.binary("debug", "xtask"));
        command.args(["--json", "bench", "image", "--rounds", "1", "--out", "out"]);
        command.args(["--", "--base", "local", "--programs"]).arg(world.paths.target.join("debug"));
        command.current_dir(world.folder.path()).env("NO_COLOR", "1");
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
        let output = output.expect("xtask starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let told: Value = serde_json::from_slice(&output.stdout).expect("one document");
        assert_eq!(told["ways"]["names"], json!(["everything anew", "nothing changed"]));
        let results = told["ways"]["results"].as_array().expect("results");
        let names: Vec<&str> = results.iter().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(names, ["sent_to_the_engine_bytes", "wall_us"].repeat(2));
        let page = fs_err::read_to_string(world.folder.path().join("out/bench.md"));
        let page = page.expect("a page");
        assert!(page.contains("nothing changed: wall time"), "{page}");
        assert!(world.engine.image(TAG).await.expect("an answer").is_none(), "it is left");
        assert_eq!(world.leftovers().await, [""; 0]);
    })
    .await;
}
