//! Every fault of the fixture servers ends in a retry that succeeds or in an error with a name, and
//! leaves no temporary file.

use protocol::{JobState, JobStatus, Stage};
use serde_json::{Value, json};

use super::{World, short};
use crate::services::PROVIDER_KEY;

/// One attempt a job, quick to see a stall: what is retried here is the request.
const SETTINGS: [&str; 2] = ["jobs.max_attempts=1", "downloads.stall_s=1.0"];

async fn run(behaviour: &str, changes: &Value, set: &[&str]) -> JobStatus {
    let set = [&SETTINGS[..], set].concat();
    let world = World::start(behaviour, &set).await;
    let status = world.run(short(changes)).await;
    assert_eq!(world.leftovers(), [""; 0], "{behaviour}");
    let told = serde_json::to_string(&status).expect("a document") + &world.log();
    assert!(!told.contains(PROVIDER_KEY), "{behaviour}: a key in {told}");
    world.stop().await;
    status
}

async fn check_survives(behaviour: &str, changes: Value) {
    let status = run(behaviour, &changes, &[]).await;
    assert_eq!(status.state, JobState::Succeeded, "{behaviour}: {:?}", status.error);
}

async fn check_named(behaviour: &str, changes: Value, stage: Stage, code: &str) {
    let status = run(behaviour, &changes, &[]).await;
    let error = status.error.unwrap_or_else(|| panic!("{behaviour}: {:?}", status.state));
    assert_eq!((error.stage, error.code.as_str()), (Some(stage), code), "{}", error.message);
    assert!(error.message.contains("http://127.0.0.1"), "no URL in {:?}", error.message);
}

/// Ends before the slow stages: these faults are the provider's.
fn asked() -> Value {
    json!({"video_script": "", "video_terms": null, "video_subject": "coffee", "stop_at": "terms"})
}

fn materials() -> Value {
    json!({"stop_at": "materials"})
}

fn spoken() -> Value {
    json!({"voice_name": "openai:alloy", "stop_at": "subtitles"})
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_faults_of_the_language_model() {
    let fault = |fault: &str| format!("[[chat.faults]]\n{fault}\n");
    check_survives(&fault("kind = 'status'\nstatus = 503\nfirst = 2"), asked()).await;
    check_survives(&fault("kind = 'status'\nstatus = 429\nretry_after_s = 1\nfirst = 1"), asked())
        .await;
    check_survives(&fault("kind = 'reset'\nafter_bytes = 20\nfirst = 1"), asked()).await;
    check_survives(&fault("kind = 'truncate'\nafter_bytes = 20\nfirst = 1"), asked()).await;
    let refused = fault("kind = 'status'\nstatus = 401\nevery = 1");
    check_named(&refused, asked(), Stage::Script, "llm_refused").await;
    let away = fault("kind = 'status'\nstatus = 500\nevery = 1");
    check_named(&away, asked(), Stage::Script, "llm_unavailable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_faults_of_the_stock_site() {
    let fault = |fault: &str| format!("[[pexels.faults]]\n{fault}\n[[pixabay.faults]]\n{fault}\n");
    check_survives(&fault("kind = 'status'\nstatus = 502\nfirst = 1"), materials()).await;
    let limited = fault("kind = 'status'\nstatus = 429\nretry_after_s = 1\nfirst = 1");
    check_survives(&limited, json!({"stop_at": "materials", "video_source": "pixabay"})).await;
    check_survives(&fault("kind = 'reset'\nafter_bytes = 10\nfirst = 1"), materials()).await;
    let away = fault("kind = 'status'\nstatus = 500\nevery = 1");
    check_named(&away, materials(), Stage::Materials, "stock_unavailable").await;
    let refused = fault("kind = 'status'\nstatus = 401\nevery = 1");
    check_named(&refused, materials(), Stage::Materials, "stock_refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_faults_of_the_file_host() {
    let fault = |fault: &str| format!("[[files.faults]]\n{fault}\n");
    check_survives(&fault("kind = 'reset'\nafter_bytes = 30000\nfirst = 2"), materials()).await;
    check_survives(&fault("kind = 'stall'\nafter_bytes = 30000\nfirst = 1"), materials()).await;
    check_survives(&fault("kind = 'truncate'\nafter_bytes = 30000\nfirst = 2"), materials()).await;
    check_survives(
        &fault("kind = 'status'\nstatus = 503\nretry_after_s = 1\nfirst = 2"),
        materials(),
    )
    .await;
    let gone = fault("kind = 'status'\nstatus = 404\nevery = 1");
    check_named(&gone, materials(), Stage::Materials, "clips_unusable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_clip_with_wrong_bytes_is_named_and_replaced() {
    // Byte 37 is in the name of the box with the index of an MP4: without it nothing can be played.
    let behaviour = "[[files.faults]]\nkind = 'corrupt'\noffset = 37\nfirst = 1\n";
    let status =
        run(behaviour, &json!({"stop_at": "materials"}), &["downloads.concurrency=1"]).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
    let outcome = status.outcome.expect("an outcome");
    assert_eq!(outcome.rejected.len(), 1, "{:?}", outcome.rejected);
    assert!(outcome.rejected[0].url.starts_with("http://127.0.0.1"));
    assert!(outcome.clips_available > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_faults_of_the_speech_server() {
    let fault = |fault: &str| format!("[[speech.faults]]\n{fault}\n");
    check_survives(&fault("kind = 'status'\nstatus = 429\nretry_after_s = 1\nfirst = 1"), spoken())
        .await;
    check_survives(&fault("kind = 'reset'\nafter_bytes = 5000\nfirst = 1"), spoken()).await;
    let away = fault("kind = 'status'\nstatus = 500\nevery = 1");
    check_named(&away, spoken(), Stage::Narration, "speech_unavailable").await;
    let refused = fault("kind = 'status'\nstatus = 401\nevery = 1");
    check_named(&refused, spoken(), Stage::Narration, "speech_refused").await;
}
