//! `pipeline make`: one job without HTTP.

use std::process::{Output, Stdio};

use protocol::{JobState, JobStatus};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::{World, short};
use crate::paths::Paths;
use crate::services::PROVIDER_KEY;

fn make(data: &tempfile::TempDir, set: &[&str]) -> Child {
    let paths = Paths::from_env().expect("a checkout");
    let mut command = Command::new(paths.binary("debug", "pipeline"));
    command.arg("make").arg("--set").arg(format!("data_dir={}", data.path().display()));
    for setting in set {
        command.args(["--set", setting]);
    }
    command.current_dir(data.path()).env("PEXELS_API_KEY", PROVIDER_KEY);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().expect("the pipeline is built by `cargo xtask test`")
}

async fn feed(mut child: Child, document: &str) -> Output {
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that refuses its settings reads nothing.
    let _ = stdin.write_all(document.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.expect("an end")
}

async fn check_refused(set: &[&str], document: &str, reason: &str) {
    let data = tempfile::tempdir().expect("temporary folder");
    let output = feed(make(&data, set), document).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(reason), "{said}");
    assert!(output.stdout.is_empty());
    let left = fs_err::read_dir(data.path()).expect("the folder").count();
    assert_eq!(left, 0, "refused before any work");
}

#[tokio::test]
async fn e2e_make_refuses_what_is_wrong_before_any_work() {
    check_refused(&[], "{", "error: the job is no job").await;
    let wrong = r#"{"video_subject": "sea", "voice_rate": 9}"#;
    check_refused(&[], wrong, "voice_rate: expected 0.5 to 2, found 9").await;
    check_refused(&["downloads.speed=1"], "{}", "unknown field `speed`").await;
}

#[tokio::test]
async fn e2e_make_prints_the_status_of_a_job_that_ended() {
    let data = tempfile::tempdir().expect("temporary folder");
    let job = short(&json!({ "stop_at": "subtitles" })).to_string();
    let output = feed(make(&data, &[]), &job).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(status.state, JobState::Succeeded);

    // Nobody listens on port 9 of loopback: the provider is away.
    let away = "stock.pexels={base_url='http://127.0.0.1:9', api_key_env='X'}";
    let job = short(&json!({ "stop_at": "materials" })).to_string();
    let output = feed(make(&data, &[away, "jobs.max_attempts=1"]), &job).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    let error = status.error.expect("an error");
    assert_eq!(error.code, "stock_unavailable");
    assert!(error.message.contains("http://127.0.0.1:9/videos/search"), "{}", error.message);
}

#[tokio::test]
async fn e2e_make_takes_a_job_field_by_field() {
    let data = tempfile::tempdir().expect("temporary folder");
    let paths = Paths::from_env().expect("a checkout");
    let make = async |flags: &[&str]| {
        let mut command = Command::new(paths.binary("debug", "pipeline"));
        command.arg("make").arg("--set").arg(format!("data_dir={}", data.path().display()));
        // Standard input is open and empty: nobody waits for it.
        command.args(flags).stdin(Stdio::piped()).kill_on_drop(true);
        command.output().await.expect("the pipeline is built by `cargo xtask test`")
    };
    let said = ["--video-script", "A quiet cup of coffee.", "--stop-at", "subtitle"];
    let output = make(&[&said[..], &["--video-language=en", "--voice-rate", "1.5"]].concat()).await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    let outcome = status.outcome.expect("an outcome");
    assert_eq!(outcome.narration.expect("spoken").engine, "espeak:en-us");
    assert!(outcome.video.is_none(), "it stopped at the subtitles");

    let output = make(&["--video-subject=sea", "--video-aspect=4:3", "--n-threads=0"]).await;
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("video_aspect: expected one of `9:16`, `16:9`, `1:1`, found"), "{log}");
    assert!(log.contains("n_threads: expected 1 to 64, found 0"), "{log}");

    for (wrong, named) in [
        ("--voice-name=espeak:xx-klingon", "voice_name: expected a voice of espeak-ng"),
        ("--video-language=tlh", "video_language: expected a language with a voice"),
    ] {
        let output = make(&["--video-subject=sea", "--stop-at=script", wrong]).await;
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(named), "{log}");
    }
}

/// No language model, no stock site: nobody is asked for what nobody reads.
#[tokio::test]
async fn e2e_make_shows_the_users_own_clips_without_a_language_model() {
    let data = tempfile::tempdir().expect("temporary folder");
    let paths = Paths::from_env().expect("a checkout");
    let mut clip = None;
    super::walk(&paths.media().join("clips"), &mut |path| {
        if path.extension().is_some_and(|ending| ending == "mp4") {
            clip = Some(path.to_owned());
        }
    });
    fs_err::copy(clip.expect("made by `cargo xtask test`"), data.path().join("a.mp4"))
        .expect("copied");
    let mut command = Command::new(paths.binary("debug", "pipeline"));
    command.arg("make");
    for setting in [
        &format!("data_dir={}", data.path().join("data").display()),
        &format!("local.dir={}", data.path().display()),
        "llm.base_url='http://127.0.0.1:9/v1'",
        "jobs.max_attempts=1",
    ] {
        command.args(["--set", setting]);
    }
    command.args(["--video-script", "A quiet cup of coffee.", "--video-language", "en"]);
    command.args(["--video-source", "local", "--video-materials", "a.mp4"]);
    command.args(["--stop-at", "selection"]).stdin(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await.expect("the pipeline is built by `cargo xtask test`");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    let outcome = status.outcome.expect("an outcome");
    assert_eq!(outcome.terms, [""; 0]);
    assert!(outcome.clips.iter().all(|clip| clip.id == "local:a.mp4"), "{:?}", outcome.clips);
    assert!(!outcome.clips.is_empty());
}

#[tokio::test]
async fn e2e_make_that_is_interrupted_leaves_nothing_unfinished() {
    let data = tempfile::tempdir().expect("temporary folder");
    // Waits for a provider that is away, again and again.
    let away = "stock.pexels={base_url='http://127.0.0.1:9', api_key_env='X'}";
    let mut child = make(&data, &[away, "jobs.max_attempts=50"]);
    let mut stdin = child.stdin.take().expect("a pipe");
    let job = short(&json!({ "stop_at": "materials" })).to_string();
    stdin.write_all(job.as_bytes()).await.expect("written");
    drop(stdin);
    let jobs = data.path().join("jobs");
    while !jobs.is_dir() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a process");
    kill_process(pid, Signal::INT).expect("it is there");
    let output = child.wait_with_output().await.expect("an end");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_make_renders_in_a_relative_folder() {
    let world = World::start("", &[]).await;
    let data = tempfile::tempdir().expect("temporary folder");
    let stock = format!(
        "stock.pexels={{base_url='{}', api_key_env='PEXELS_API_KEY'}}",
        world.providers.pexels
    );
    let output =
        feed(make(&data, &["data_dir='rel'", &stock]), &short(&json!({})).to_string()).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    let video = data.path().join("rel/jobs").join(&status.id).join("video.mp4");
    assert!(video.is_file(), "{}", video.display());
    world.stop().await;
}

#[tokio::test]
async fn e2e_make_refuses_a_font_that_is_not_installed() {
    let data = tempfile::tempdir().expect("temporary folder");
    let job = short(&json!({ "font_name": "Open Sanss" })).to_string();
    let output = feed(make(&data, &[]), &job).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("font_name: expected an installed family"), "{said}");
    assert!(!data.path().join("jobs").exists(), "refused before any work");
}
