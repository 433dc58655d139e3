//! The HTTP API as a client meets it.

use std::time::{Duration, Instant};

use protocol::{JobState, Problem, Stage};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{PATIENCE, World, runs, short};

struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

async fn ask(world: &World, method: Method, path: &str, body: &str, range: Option<&str>) -> Answer {
    let mut request = reqwest::Client::new()
        .request(method, world.base.join(path).expect("a path"))
        .body(body.to_owned());
    if let Some(range) = range {
        request = request.header("Range", range);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.expect("a body").to_vec() }
}

/// The answer once there is one: the models are loaded behind the open port.
async fn ready(world: &World, path: &str) -> Answer {
    loop {
        let answer = ask(world, Method::GET, path, "", None).await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn check_refused(
    world: &World,
    method: Method,
    path: &str,
    body: &str,
    expected: (u16, &str),
) {
    let answer = ask(world, method.clone(), path, body, None).await;
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap_or_else(|error| {
        panic!("{method} {path}: {error}: {}", String::from_utf8_lossy(&answer.body))
    });
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(
        (answer.status.as_u16(), problem.status, problem.kind.as_str()),
        (expected.0, expected.0, expected.1),
        "{method} {path}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_what_cannot_be_done_is_refused_before_any_work() {
    let world = World::start("", &[]).await;
    let (post, get, delete) = (Method::POST, Method::GET, Method::DELETE);
    let jobs = "/api/v1/jobs";
    check_refused(&world, post.clone(), jobs, "{", (400, "/problems/invalid-json")).await;
    let wrong = r#"{"video_subject": "sea", "voice_rate": 9, "colour": 1}"#;
    check_refused(&world, post.clone(), jobs, wrong, (422, "/problems/invalid-fields")).await;
    let huge = format!(r#"{{"video_subject": "{}"}}"#, "a".repeat(2 << 20));
    check_refused(&world, post.clone(), jobs, &huge, (413, "/problems/too-large")).await;
    check_refused(&world, get.clone(), "/api/v1/jobs/nobody", "", (404, "/problems/not-found"))
        .await;
    check_refused(&world, delete, "/api/v1/jobs/nobody", "", (404, "/problems/not-found")).await;
    // 2^63 is no 64-bit integer.
    for wrong in ["before=-1", "before=9223372036854775808", "limit=0", "limit=101", "page=1"] {
        let list = format!("{jobs}?{wrong}");
        check_refused(&world, get.clone(), &list, "", (400, "/problems/bad-request")).await;
    }
    check_refused(&world, get, "/api/v2/jobs", "", (404, "/problems/not-found")).await;
    check_refused(&world, post, "/healthz", "", (405, "/problems/method-not-allowed")).await;

    let counts = world.client.job_counts().await.expect("metrics");
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 0, "{counts:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_goes_from_202_to_a_video_with_range() {
    let world = World::start("", &[]).await;
    for (path, expected) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = tokio::time::timeout(PATIENCE, ready(&world, path)).await;
        let answer = answer.unwrap_or_else(|_| panic!("{path} is not ready: {}", world.log()));
        assert_eq!((answer.status, answer.body), (StatusCode::OK, expected.as_bytes().to_vec()));
    }

    let body = short(&json!({})).to_string();
    let accepted = ask(&world, Method::POST, "/api/v1/jobs", &body, None).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    let job: protocol::Accepted = serde_json::from_slice(&accepted.body).expect("a document");
    assert_eq!(accepted.headers["location"], job.status_url.as_str());

    let result = format!("{}/result", job.status_url);
    check_refused(&world, Method::GET, &result, "", (409, "/problems/no-result")).await;
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}\n{}", status.error, world.log());
    let ended: Vec<Stage> = status.stages.iter().map(|time| time.stage).collect();
    assert!(Stage::ALL.iter().all(|stage| ended.contains(stage)), "{ended:?}");
    assert!(status.stages.iter().all(|time| time.finished_us >= Some(time.started_us)));

    let video = status.outcome.expect("an outcome").video.expect("a video");
    let whole = ask(&world, Method::GET, &result, "", None).await;
    assert_eq!((whole.status.as_u16(), whole.body.len() as u64), (200, video.bytes));
    let part = ask(&world, Method::GET, &result, "", Some("bytes=4-7")).await;
    assert_eq!((part.status.as_u16(), part.body.as_slice()), (206, &whole.body[4..8]));
    assert_eq!(&whole.body[4..8], b"ftyp");
    let hidden = format!("{}/files/..%2f..%2fjobs.sqlite", job.status_url);
    check_refused(&world, Method::GET, &hidden, "", (404, "/problems/not-found")).await;
    check_refused(&world, Method::DELETE, &job.status_url, "", (409, "/problems/already-ended"))
        .await;
    assert_eq!(world.leftovers(), [""; 0]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_running_job_is_cancelled_within_two_seconds_and_leaves_nothing() {
    let world = World::start("", &["jobs.concurrency=1", "jobs.max_queued=1"]).await;
    let long = "The river runs to the sea. ".repeat(40);
    let job = short(&json!({"video_script": long, "video_size": "1080x1920"}));
    let running = world.submit(job.clone()).await;
    world.seen(&running, |status| runs(status, Stage::Render)).await;
    let waiting = world.submit(job.clone()).await;
    let full = ask(&world, Method::POST, "/api/v1/jobs", &job.to_string(), None).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(full.headers.contains_key("retry-after"));

    world.client.cancel(&waiting).await.expect("cancelled");
    let asked = Instant::now();
    world.client.cancel(&running).await.expect("cancelled");
    assert_eq!(world.ended(&running).await.state, JobState::Cancelled);
    assert!(asked.elapsed().as_secs_f64() < 2.0, "took {:?}", asked.elapsed());
    assert_eq!(world.ended(&waiting).await.state, JobState::Cancelled);
    assert_eq!(world.leftovers(), [""; 0]);
    // The folder of the job is in ffmpeg's working directory: nobody works there any more.
    let jobs = world.data_dir().join("jobs");
    let busy = || processes_in(&jobs);
    for _ in 0..100 {
        if busy().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(busy(), [""; 0]);
    world.stop().await;
}

/// Processes whose working directory is below `folder`.
fn processes_in(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").expect("/proc").flatten() {
        let cwd = fs_err::read_link(entry.path().join("cwd")).unwrap_or_default();
        if cwd.starts_with(folder) {
            let command = fs_err::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            found.push(command.replace('\0', " "));
        }
    }
    found
}
