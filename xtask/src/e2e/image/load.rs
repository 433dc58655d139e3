//! The built image under a load, as `cargo xtask load-test --image` drives it.

use std::time::Duration;

use bench::{Ending, Outcome, Run};
use rustix::process::{Pid, Signal, kill_process};
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

fn load(world: &World, jobs: &str) -> Command {
    let scenario = world.folder.path().join("tiny.toml");
    fs_err::write(&scenario, TINY).expect("written");
    let mut command = Command::new(world.paths.binary("debug", "xtask"));
    command.arg("load-test").arg(scenario).args(["--build", "dev", "--no-build", "--json"]);
    command.args(["--concurrency", "2", "--jobs", jobs, "--image", &world.tag, "--out"]);
    command.arg(world.folder.path().join("out")).env("NO_COLOR", "1").kill_on_drop(true);
    command
}

fn run(world: &World) -> Run {
    let text = fs_err::read_to_string(world.folder.path().join("out/run.json"));
    Run::from_json(&text.expect("a run file")).expect("a run")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_is_driven_by_a_load_and_leaves_no_container() {
    with_engine("load", async |world| {
        let mut missing = load(world, "1");
        let output = missing.output().await.expect("xtask starts");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(&format!("has no {}", world.tag)), "{}", said(&output));

        world.built(&mut world.build(&["--base", "local"])).await;
        let output = load(world, "3").output().await.expect("xtask starts");
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let driven = run(world);
        assert_eq!((driven.ending.clone(), driven.samples.len()), (Ending::Complete, 3));
        assert_eq!(driven.target, format!("the image {}", world.tag));
        assert!(driven.environment["start_ms"].as_u64().is_some_and(|ms| ms > 0));
        for sample in &driven.samples {
            assert_eq!(
                (&sample.outcome, &sample.extra["cold"]),
                (&Outcome::Ok, &(sample.job == 0).into())
            );
        }
        assert_eq!(world.leftovers().await, [""; 0]);

        fs_err::remove_dir_all(world.folder.path().join("out")).expect("removed");
        let child = world.spawn(&mut load(world, "400"));
        let samples = world.folder.path().join("out/samples.jsonl");
        while fs_err::read_to_string(&samples).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("it runs");
        kill_process(pid, Signal::INT).expect("it is there");
        let output = child.wait_with_output().await.expect("an end");
        assert_eq!(output.status.code(), Some(130), "{}", said(&output));
        assert_eq!(run(world).ending, Ending::CutShort);
        assert_eq!(world.leftovers().await, [""; 0], "Ctrl-C leaves no container");
    })
    .await;
}
