use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::paths::Paths;
use crate::ui::{Output, Ui};

/// A service that answers every request with `status` and `body`, and nothing else.
async fn service(status: &'static str, body: String) -> url::Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
            let answer = format!("{head}connection: close\r\n\r\n{body}");
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                let _ = connection.read(&mut request).await;
                let _ = connection.write_all(answer.as_bytes()).await;
            });
        }
    });
    format!("http://{address}").parse().expect("a URL")
}

/// Drives a job there and gives the error with the run file.
async fn driven(base: url::Url, stop: &CancellationToken) -> (anyhow::Error, bench::Run) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    let cx = Context { ui: &ui, paths: Paths::from_env().expect("a checkout") };
    let scenario = Scenario {
        name: "sea".to_owned(),
        title: String::new(),
        description: String::new(),
        expect: crate::services::Expect::default(),
        job: protocol::JobSpec::default(),
    };
    let folder = tempfile::tempdir().expect("temporary folder");
    let client = NativeClient::new(base).expect("a client");
    let args = Args::of("sea");
    let path = folder.path();
    let record = RunFolder::create(Some(path), &cx.paths, "sea").expect("a folder");
    let error =
        drive(&client, &scenario, &args, &cx, path, &record, stop).await.expect_err("no video");
    let text = fs_err::read_to_string(path.join("run.json")).expect("a run file");
    let left = fs_err::read_dir(path).expect("the folder").count();
    assert_eq!(left, 1, "nothing but the run file");
    (error, bench::Run::from_json(&text).expect("a run"))
}

#[tokio::test]
async fn a_job_that_is_refused_leaves_its_sample() {
    let base = service("503 Service Unavailable", "full".to_owned()).await;
    let (error, run) = driven(base, &CancellationToken::new()).await;
    assert!(error.to_string().contains("503 Service Unavailable: full"), "{error:#}");
    let outcomes: Vec<_> = run.samples.into_iter().map(|sample| sample.outcome).collect();
    assert_eq!(outcomes, [bench::Outcome::Failed("not_accepted".to_owned())]);
}

#[tokio::test]
async fn a_run_that_is_interrupted_leaves_its_sample() {
    let status = JobStatus {
        id: "a".to_owned(),
        subject: String::new(),
        state: protocol::JobState::Running,
        priority: protocol::Priority::Normal,
        attempt: 1,
        max_attempts: 1,
        progress: 0.0,
        submitted_us: 0,
        started_us: None,
        finished_us: None,
        times: protocol::Times::default(),
        batch: None,
        files_gone: false,
        stages: Vec::new(),
        error: None,
        outcome: None,
    };
    // One document that is read as the answer to a new job and as its status: it never ends.
    let mut answer = serde_json::to_value(status).expect("a document");
    answer["status_url"] = "/api/v1/jobs/a".into();
    let base = service("200 OK", answer.to_string()).await;
    let stop = CancellationToken::new();
    let pressed = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        pressed.cancel();
    });
    let (error, run) = driven(base, &stop).await;
    assert!(matches!(error.downcast_ref(), Some(Failure::Interrupted)), "{error:#}");
    let outcomes: Vec<_> = run.samples.into_iter().map(|sample| sample.outcome).collect();
    assert_eq!(outcomes, [bench::Outcome::Cancelled]);
}
