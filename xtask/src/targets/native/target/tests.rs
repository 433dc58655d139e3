use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::targets::test_load;
use protocol::{JobError, Priority, Stage, StageTime};

/// An answer that takes no time, at the instant at which the job of [`status`] was taken.
const AT_ONCE: Exchange = Exchange { sent_us: 0, answered_us: 0 };

fn status(state: JobState) -> JobStatus {
    JobStatus {
        id: "a".to_owned(),
        subject: String::new(),
        state,
        priority: Priority::Normal,
        attempt: 1,
        max_attempts: 3,
        progress: 0.5,
        submitted_us: 1_000,
        started_us: Some(1_200),
        finished_us: Some(9_000),
        times: protocol::Times::default(),
        batch: None,
        files_gone: false,
        stages: vec![
            StageTime {
                stage: Stage::Script,
                started_us: 1_300,
                finished_us: Some(1_400),
                attempt: 1,
            },
            StageTime { stage: Stage::Terms, started_us: 1_400, finished_us: None, attempt: 1 },
        ],
        error: None,
        outcome: None,
    }
}

#[test]
fn a_priority_goes_into_the_body_of_the_request() {
    for (payload, priority, expected) in [
        (json!({"video_subject": "sea"}), None, json!({"video_subject": "sea"})),
        (json!({"a": 1}), Some("HIGH"), json!({"a": 1, "priority": "HIGH"})),
        (json!({"priority": "LOW"}), Some("HIGH"), json!({"priority": "HIGH"})),
        (json!({"priority": "LOW"}), None, json!({"priority": "LOW"})),
        (json!([1]), Some("HIGH"), json!([1])),
    ] {
        assert_eq!(*body(&payload, priority), expected, "{payload} {priority:?}");
    }
}

#[test]
fn instants_are_brought_to_the_clock_of_the_run() {
    let seen = driven(&status(JobState::Succeeded), 1_000, AT_ONCE);
    assert_eq!(
        (seen.accepted_us, seen.started_us, seen.finished_us),
        (Some(0), Some(200), Some(8_000))
    );
    let script = StageSpan { name: "script".to_owned(), start_us: 300, end_us: 400 };
    assert_eq!(seen.stages, [script], "a stage that did not end has no length");
    assert_eq!(seen.outcome, Outcome::Ok);
}

#[test]
fn a_service_whose_clock_is_an_hour_ahead_is_brought_back() {
    let hour = 3_600_000_000;
    let mut ahead = status(JobState::Succeeded);
    ahead.submitted_us += hour;
    ahead.started_us = ahead.started_us.map(|us| us + hour);
    ahead.finished_us = ahead.finished_us.map(|us| us + hour);
    ahead.stages.clear();
    // Sent at 40 and answered at 60 of the run: it took the job at about 50.
    let seen = driven(&ahead, 1_000, Exchange { sent_us: 40, answered_us: 60 });
    assert_eq!(
        (seen.accepted_us, seen.started_us, seen.finished_us),
        (Some(50), Some(250), Some(8_050))
    );
}

#[test]
fn the_parts_of_a_job_add_up_after_a_retry_and_after_a_hand_back() {
    let stage = |stage, started_us, finished_us, attempt| StageTime {
        stage,
        started_us,
        finished_us: Some(finished_us),
        attempt,
    };
    let mut retried = status(JobState::Succeeded);
    (retried.attempt, retried.started_us) = (2, Some(5_000));
    retried.stages = vec![
        stage(Stage::Script, 1_300, 3_000, 1),
        // Of this attempt too, but before a hand-back, which does not count as one.
        stage(Stage::Terms, 3_500, 4_500, 2),
        stage(Stage::Narration, 5_500, 8_500, 2),
    ];
    let seen = driven(&retried, 1_000, AT_ONCE);
    let names: Vec<&str> = seen.stages.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["narration"]);

    let sample = bench::Sample {
        accepted_us: seen.accepted_us,
        started_us: seen.started_us,
        stages: seen.stages,
        outcome: seen.outcome,
        extra: seen.extra,
        ..bench::Sample::new(0, 0, seen.finished_us.expect("it ended"))
    };
    let parts = bench::Parts::of(&sample);
    assert_eq!((parts.queue_us, parts.stages_us, parts.rest_us), (4_000, 3_000, 1_000));
    assert!(parts.closure_error(&sample) <= 0.01, "{parts:?}");
    assert_eq!(sample.extra["stages"].as_array().map(Vec::len), Some(3), "nothing is lost");
}

#[test]
fn a_job_that_was_cut_off_keeps_what_was_seen_of_it() {
    let accepted = NativeClient::job("a");
    let exchange = Exchange { sent_us: 0, answered_us: 20 };
    let running = JobStatus { finished_us: None, ..status(JobState::Running) };
    let seen = cut_off(&accepted, Some(&running), 1_000, exchange);
    assert_eq!((seen.accepted_us, seen.started_us), (Some(0), Some(200)));
    assert_eq!((&seen.outcome, seen.stages.len()), (&Outcome::Cancelled, 1));
    assert_eq!(seen.extra["id"], "a");
    let seen = cut_off(&accepted, None, 1_000, exchange);
    assert_eq!((seen.accepted_us, &seen.extra["id"]), (Some(20), &"a".into()));
}

#[test]
fn a_failed_job_is_counted_by_its_code() {
    let mut failed = status(JobState::Failed);
    failed.error = Some(JobError {
        code: "no_clips".to_owned(),
        stage: Some(Stage::Materials),
        message: String::new(),
    });
    assert_eq!(driven(&failed, 0, AT_ONCE).outcome, Outcome::Failed("no_clips".to_owned()));
    let theirs = driven(&status(JobState::Cancelled), 0, AT_ONCE).outcome;
    assert_eq!(theirs, Outcome::Failed("cancelled".to_owned()), "it was not us");
}

/// A service with one job, which ends when its events were asked for, or with the third look where it has
/// none. Gives what was seen of the job by who looks every `poll`.
async fn seen(has_events: bool, poll: Duration) -> bench::Sample {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let has_ended = Arc::new(AtomicBool::new(false));
    let (ends, looks) = (Arc::clone(&has_ended), Arc::new(AtomicUsize::new(0)));
    let look = async move || {
        let n = looks.fetch_add(1, Ordering::SeqCst) + 1;
        let is_over = has_ended.load(Ordering::SeqCst) || (!has_events && n == 3);
        axum::Json(if is_over {
            status(JobState::Succeeded)
        } else {
            JobStatus { finished_us: None, ..status(JobState::Running) }
        })
    };
    let submit = async || (axum::http::StatusCode::ACCEPTED, axum::Json(NativeClient::job("a")));
    let mut router = axum::Router::new()
        .route("/api/v1/jobs", axum::routing::post(submit))
        .route("/api/v1/jobs/a", axum::routing::get(look));
    if has_events {
        let events = async move || {
            tokio::time::sleep(Duration::from_millis(50)).await;
            ends.store(true, Ordering::SeqCst);
            "event: ended\ndata: {}\n\n"
        };
        router = router.route("/api/v1/jobs/a/events", axum::routing::get(events));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = NativeClient::new(base.parse().expect("a URL")).expect("a client");
    let (target, _refusals) = NativeTarget::new(client.with_poll(poll));
    let samples = test_load::load(target, [1, 1], json!({}), std::future::pending()).await;
    samples.into_iter().next().expect("a sample")
}

#[tokio::test]
async fn an_end_is_seen_when_events_tell_of_it_and_else_by_looking() {
    // Nobody looks again for a day.
    assert_eq!(seen(true, Duration::from_secs(86_400)).await.outcome, Outcome::Ok);
    assert_eq!(seen(false, Duration::from_millis(10)).await.outcome, Outcome::Ok);
}

/// Jobs that take so long, by a service that tells no events.
const WORK: Duration = Duration::from_millis(600);

/// How often each job of such a service was looked at, and what was seen of it.
async fn looked_at(n_jobs: u32) -> (Vec<usize>, Vec<bench::Sample>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let jobs: Arc<Mutex<Vec<(u64, usize)>>> = Arc::default();
    let (taken, looked) = (Arc::clone(&jobs), Arc::clone(&jobs));
    let submit = async move || {
        let mut jobs = taken.lock().expect("not poisoned");
        jobs.push((unix_us(), 0));
        let job = NativeClient::job(&(jobs.len() - 1).to_string());
        (axum::http::StatusCode::ACCEPTED, axum::Json(job))
    };
    let look = async move |axum::extract::Path(id): axum::extract::Path<usize>| {
        let mut jobs = looked.lock().expect("not poisoned");
        jobs[id].1 += 1;
        let submitted_us = jobs[id].0;
        let finished_us = submitted_us + WORK.as_micros() as u64;
        let is_over = unix_us() >= finished_us;
        let state = if is_over { JobState::Succeeded } else { JobState::Running };
        axum::Json(JobStatus {
            submitted_us,
            started_us: Some(submitted_us),
            finished_us: is_over.then_some(finished_us),
            stages: Vec::new(),
            ..status(state)
        })
    };
    let router = axum::Router::new()
        .route("/api/v1/jobs", axum::routing::post(submit))
        .route("/api/v1/jobs/{id}", axum::routing::get(look));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = NativeClient::new(base.parse().expect("a URL")).expect("a client");
    let (target, _refusals) = NativeTarget::new(client);
    let samples = test_load::load(target, [2, n_jobs], json!({}), std::future::pending()).await;
    let n_looks = jobs.lock().expect("not poisoned").iter().map(|(_, looks)| *looks).collect();
    (n_looks, samples)
}

#[tokio::test]
async fn where_there_are_no_events_the_end_is_foretold_from_the_jobs_before() {
    let (n_looks, mut samples) = looked_at(18).await;
    samples.sort_by_key(|sample| sample.sent_us);
    // Two at a time: when the ninth was sent, seven had ended.
    let (first, later): (usize, usize) = (n_looks[..4].iter().sum(), n_looks[8..].iter().sum());
    assert!(later * 4 < first * 10 * 2 / 3, "a third fewer a job: {n_looks:?}");
    let mut late_us: Vec<u64> = samples[8..]
        .iter()
        .map(|sample| sample.observed_us.expect("it was seen").saturating_sub(sample.finished_us))
        .collect();
    late_us.sort_unstable();
    // With so few looks at even distances it would be some 100 ms.
    assert!(late_us[5] < 60_000, "{late_us:?} after {n_looks:?}");
}
