//! Against a server that speaks as RunPod's cloud does: it tells times and workers, and can be cancelled.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bench::{Parts, Sample};

use super::*;
use crate::targets::test_load;

/// How long the worker waits before a job, and works on it.
const DELAY: Duration = Duration::from_millis(120);
const EXECUTION: Duration = Duration::from_millis(180);

/// The cloud: one worker after the other takes a job, two in all.
struct Cloud {
    execution: Duration,
    jobs: Vec<Instant>,
    /// How often each of them was looked at.
    n_looks: Vec<usize>,
    cancelled: Vec<String>,
}

type Shared = Arc<Mutex<Cloud>>;

impl Cloud {
    /// Takes a job; gives its number.
    fn take(&mut self) -> usize {
        self.jobs.push(Instant::now());
        self.n_looks.push(0);
        self.jobs.len() - 1
    }

    fn status(&self, number: usize) -> Value {
        status(self.jobs[number], number, self.execution)
    }
}

fn status(began: Instant, number: usize, execution: Duration) -> Value {
    let since = began.elapsed();
    let id = format!("job-{number}-u1");
    if since < DELAY {
        return json!({"id": id, "status": "IN_QUEUE"});
    }
    if since < DELAY + execution {
        return json!({"id": id, "status": "IN_PROGRESS", "delayTime": 120, "workerId": "w0"});
    }
    json!({"id": id, "status": "COMPLETED", "delayTime": DELAY.as_millis(),
           "executionTime": execution.as_millis(), "workerId": format!("w{}", number % 2),
           "output": {"video": {"duration_ms": 900}, "echo": "s3cret"}})
}

async fn run(State(cloud): State<Shared>) -> Json<Value> {
    let number = cloud.lock().expect("not poisoned").take();
    Json(json!({"id": format!("job-{number}-u1"), "status": "IN_QUEUE"}))
}

async fn runsync(State(cloud): State<Shared>) -> Json<Value> {
    let number = cloud.lock().expect("not poisoned").take();
    tokio::time::sleep(DELAY + EXECUTION).await;
    Json(cloud.lock().expect("not poisoned").status(number))
}

async fn look(State(cloud): State<Shared>, Path(id): Path<String>) -> Json<Value> {
    let number: usize =
        id.split('-').nth(1).and_then(|text| text.parse().ok()).expect("one of ours");
    let mut cloud = cloud.lock().expect("not poisoned");
    cloud.n_looks[number] += 1;
    Json(cloud.status(number))
}

async fn cancel(State(cloud): State<Shared>, Path(id): Path<String>) -> StatusCode {
    cloud.lock().expect("not poisoned").cancelled.push(id);
    StatusCode::OK
}

/// Starts it: its URL, and what it saw.
async fn cloud() -> (Url, Shared) {
    cloud_that_works(EXECUTION).await
}

async fn cloud_that_works(execution: Duration) -> (Url, Shared) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (jobs, n_looks, cancelled) = Default::default();
    let cloud = Arc::new(Mutex::new(Cloud { execution, jobs, n_looks, cancelled }));
    let router = Router::new()
        .route("/v2/e/run", post(run))
        .route("/v2/e/runsync", post(runsync))
        .route("/v2/e/status/{id}", get(look))
        .route("/v2/e/cancel/{id}", post(cancel))
        .with_state(Arc::clone(&cloud));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/v2/e/").parse().expect("a URL"), cloud)
}

async fn load(target: RunpodTarget, jobs: u32, stop: impl Future<Output = ()>) -> Vec<Sample> {
    test_load::load(target, [2, jobs], json!({"input": {"prompt": "sea"}}), stop).await
}

async fn check(is_sync: bool) {
    let (base, _) = cloud().await;
    let (target, _refusals) = RunpodTarget::new(base, Some("s3cret"), is_sync).expect("a target");
    let samples = load(target, 4, std::future::pending()).await;
    assert_eq!(samples.len(), 4);
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let parts = Parts::of(sample);
        assert_eq!(parts.queue_us, 120_000, "delayTime: {parts:?}");
        let execution = &sample.stages[0];
        let took_us = execution.end_us - execution.start_us;
        assert!((178_000..=180_000).contains(&took_us), "executionTime: {took_us}");
        assert!(parts.closure_error(sample) < 0.01, "{parts:?}");
        assert_eq!((sample.disorder(), sample.stages.len()), (None, 1));
        let (ended, downloaded) = (sample.observed_us, sample.downloaded_us);
        assert!(Some(sample.finished_us) <= ended && ended <= downloaded, "{sample:?}");
        assert_eq!(
            (&sample.extra["times"], &sample.extra[MEDIA_MS]),
            (&"told".into(), &900.into())
        );
        assert!(!sample.extra.to_string().contains("s3cret"), "the output is not kept");
    }
    let n_cold = samples.iter().filter(|sample| sample.extra[COLD] == true).count();
    assert_eq!(n_cold, 2, "the first of each worker: {samples:?}");
}

#[tokio::test]
async fn times_that_runpod_tells_are_told_apart() {
    check(false).await;
}

#[tokio::test]
async fn a_job_of_runsync_is_taken_apart_as_well() {
    check(true).await;
}

#[tokio::test]
async fn a_run_that_is_stopped_cancels_its_jobs_at_runpod() {
    let (base, cloud) = cloud().await;
    let (target, _refusals) = RunpodTarget::new(base, None, false).expect("a target");
    let samples = load(target, 50, tokio::time::sleep(Duration::from_millis(200))).await;
    assert_eq!(samples.len(), 2, "those in flight");
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Cancelled);
        assert!(sample.accepted_us.is_some() && sample.extra["id"].is_string(), "{sample:?}");
    }
    let mut cancelled = cloud.lock().expect("not poisoned").cancelled.clone();
    cancelled.sort();
    assert_eq!(cancelled, ["job-0-u1", "job-1-u1"]);
}

#[tokio::test]
async fn the_end_of_a_job_is_foretold_from_those_before() {
    let (base, cloud) = cloud_that_works(Duration::from_millis(600)).await;
    let (target, _refusals) = RunpodTarget::new(base, None, false).expect("a target");
    let mut samples = load(target, 20, std::future::pending()).await;
    samples.sort_by_key(|sample| sample.sent_us);
    let n_looks = cloud.lock().expect("not poisoned").n_looks.clone();
    // Two at a time: when the ninth was sent, seven had ended.
    let (first, later): (usize, usize) = (n_looks[..4].iter().sum(), n_looks[8..].iter().sum());
    assert!(later * 4 < first * 12 * 2 / 3, "a third fewer a job: {n_looks:?}");
    let mut late_us: Vec<u64> = samples[8..]
        .iter()
        .map(|sample| sample.observed_us.expect("it was seen") - sample.finished_us)
        .collect();
    late_us.sort_unstable();
    // With so few looks at even distances it would be some 100 ms.
    assert!(late_us[6] < 60_000, "{late_us:?} after {n_looks:?}");
    assert!(samples.iter().all(|sample| sample.running_us < Some(sample.finished_us)));
}
