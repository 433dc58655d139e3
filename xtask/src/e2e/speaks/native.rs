//! `native`: the pipeline itself, with tokens.

use serde_json::json;

use super::super::tokens::ALL;
use super::super::{World, short};
use super::{Load, check_ended_well, check_parts, said, stage_us};
use crate::services::TOKENS;

#[tokio::test(flavor = "multi_thread")]
async fn e2e_load_speaks_native() {
    let world = World::start("", &[ALL]).await;
    let body = short(&json!({}));
    let (code, refused) = Load::new(&body).said(world.base.as_str(), &["--jobs", "1"]).await;
    assert_eq!(code, Some(2), "{refused}");
    assert!(refused.contains("401 Unauthorized"), "known before any work: {refused}");

    let load = Load::with_token(&body, TOKENS[1].1);
    let jobs = ["--speaks", "native", "--concurrency", "2", "--jobs", "3"];
    let output = load.command(world.base.as_str(), &jobs).output().await.expect("xtask is built");
    check_ended_well(output.status.code(), &said(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert!(told["real_time_factor"].as_f64().is_some_and(|factor| factor > 0.0), "{told:#}");

    let run = load.run_file();
    assert_eq!((run.samples.len(), &run.environment["speaks"]), (3, &json!("native")));
    for sample in &run.samples {
        check_parts(sample);
        assert!(stage_us(sample, "render") > 0);
        assert_eq!(sample.extra["media_ms"], sample.extra["outcome"]["videos"][0]["duration_ms"]);
        assert!(sample.extra.get("cold").is_none(), "nobody knows whether it was warm");
    }
    assert!(load.report().contains("## Real-time factor"));
    world.stop().await;
}
