//! What the pipeline says while it works, as lines of JSON.

use std::process::Stdio;

use protocol::{JobState, JobStatus};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::short;
use crate::paths::Paths;
use crate::services::PROVIDER_KEY;

/// The job that a line is about: of the event itself, or of a span around it.
fn job_of(line: &Value) -> Option<&str> {
    let spans = line["spans"].as_array().into_iter().flatten();
    let mut jobs = spans.map(|span| &span["job"]).chain([&line["fields"]["job"]]);
    jobs.find_map(Value::as_str)
}

#[tokio::test]
async fn e2e_every_line_about_a_job_names_it() {
    let data = tempfile::tempdir().expect("temporary folder");
    let paths = Paths::from_env().expect("a checkout");
    let mut command = Command::new(paths.binary("debug", "pipeline"));
    command
        .args(["make", "--log-json", "--set"])
        .arg(format!("data_dir={}", data.path().display()));
    // Nobody listens on port 9 of loopback: it is asked again, and again, and then the job is.
    let away = "stock.pexels={base_url='http://127.0.0.1:9', api_key_env='PEXELS_API_KEY'}";
    command.args([
        "--set",
        away,
        "--set",
        "jobs.max_attempts=2",
        "--set",
        "jobs.retry_after_s=0.05",
    ]);
    command.env("PEXELS_API_KEY", PROVIDER_KEY).env("RUST_LOG", "pipeline=trace,fetch=trace");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the pipeline is built by `cargo xtask test`");
    let job = short(&json!({"social_platforms": ["tiktok"]})).to_string();
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(job.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().await.expect("an end");
    let status: JobStatus = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!((status.state, status.attempt), (JobState::Failed, 2));

    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let lines: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let (of_jobs, others): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| job_of(line) == Some(status.id.as_str()));
    for needed in ["stage ended", "asking again", "trying again", "the job has ended"] {
        let is_there = of_jobs.iter().any(|line| line["fields"]["message"] == needed);
        assert!(is_there, "{needed:?} is said of the job:\n{said}");
    }
    // What is said before there is a job, and of the machine.
    let apart = ["pipeline::parts", "pipeline::ml", "pipeline::limits::admission"];
    for line in others {
        let target = line["target"].as_str().unwrap_or_default();
        assert!(apart.iter().any(|room| target.starts_with(room)), "of which job is {line}?");
    }
}
