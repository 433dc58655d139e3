//! Against a server whose socket is not there, or breaks: what was not heard is looked up.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bench::{Parts, Sample};

use super::*;
use crate::targets::test_load;

/// How long a run takes.
const WORK: Duration = Duration::from_millis(250);

type Began = Arc<Mutex<Option<Instant>>>;

async fn prompt(State(began): State<Began>) -> Json<Value> {
    *began.lock().expect("not poisoned") = Some(Instant::now());
    Json(json!({"prompt_id": "ours", "number": 0, "node_errors": {}}))
}

async fn history(State(began): State<Began>, Path(id): Path<String>) -> Json<Value> {
    let began = began.lock().expect("not poisoned").expect("a run");
    if began.elapsed() < WORK {
        return Json(json!({}));
    }
    let file = json!({"filename": "a.png", "subfolder": "", "type": "output"});
    Json(json!({ id: {"outputs": {"9": {"images": [file]}}, "status": {"status_str": "success",
        "completed": true, "messages": [["execution_start", {"timestamp": 1_000}],
        ["execution_success", {"timestamp": 1_150}]]}}}))
}

/// A socket that says that the run began, and then no more.
async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let text = json!({"type": "execution_start", "data": {"prompt_id": "ours"}}).to_string();
        let _ = socket.send(Message::Text(text.into())).await;
    })
}

async fn driven(has_socket: bool) -> Sample {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut router = Router::new()
        .route("/prompt", post(prompt))
        .route("/history/{id}", get(history))
        .route("/view", get(async || b"picture".into_response()));
    if has_socket {
        router = router.route("/ws", get(socket));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router.with_state(Began::default())).await });
    let (target, _refusals) =
        ComfyuiTarget::new(base.parse().expect("a URL"), None).expect("a target");
    let payload = json!({"9": {"class_type": "SaveImage", "inputs": {}}});
    let samples = test_load::load(target, [1, 1], payload, std::future::pending()).await;
    samples.into_iter().next().expect("a sample")
}

async fn check(has_socket: bool) {
    let sample = driven(has_socket).await;
    assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
    assert!(Parts::of(&sample).closure_error(&sample) < 0.01, "{sample:?}");
    assert!(sample.latency_us() >= 250_000, "{sample:?}");
    assert_eq!(sample.stages, [], "no node was heard of");
    assert!(sample.transfer_us().is_some() && sample.downloaded_us > Some(sample.finished_us));
    assert_eq!(sample.extra["output_bytes"], 7);
    let (began, ended) = (sample.started_us.expect("a start"), sample.finished_us);
    if has_socket {
        assert!((50_000..200_000).contains(&began), "as it was heard: {sample:?}");
    } else {
        assert_eq!(ended - began, 150_000, "as long as the history says");
    }
}

#[tokio::test]
async fn a_server_without_a_socket_is_asked_for_its_history() {
    check(false).await;
}

#[tokio::test]
async fn a_socket_that_breaks_loses_no_run() {
    check(true).await;
}
