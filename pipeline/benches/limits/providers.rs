//! A language model and a generator that do nothing but wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

const TEXT: Duration = Duration::from_millis(50);
const PREDICTION: Duration = Duration::from_secs(1);

/// When each prediction began.
type Begun = Arc<Mutex<HashMap<String, Instant>>>;

/// Serves both on loopback: their address.
pub async fn serve() -> std::io::Result<String> {
    let router = Router::new()
        .route("/v1/chat/completions", post(text))
        .route("/v1/models/{owner}/{name}/predictions", post(create))
        .route("/v1/predictions/{id}", get(look))
        .route("/v1/predictions/{id}/cancel", post(async || ()))
        .with_state(Begun::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn text() -> Json<Value> {
    tokio::time::sleep(TEXT).await;
    Json(json!({"choices": [{"message": {"content": "Waves."}}]}))
}

async fn create(State(begun): State<Begun>) -> Json<Value> {
    let mut begun = begun.lock().expect("nobody panics with it");
    let id = format!("p{}", begun.len());
    begun.insert(id.clone(), Instant::now());
    Json(json!({"id": id, "status": "starting"}))
}

async fn look(State(begun): State<Begun>, Path(id): Path<String>) -> Json<Value> {
    let age = begun.lock().expect("nobody panics with it").get(&id).map(Instant::elapsed);
    if age.is_some_and(|age| age >= PREDICTION) {
        let output = "data:image/png;base64,aW5saW5l";
        return Json(json!({"id": id, "status": "succeeded", "output": output}));
    }
    Json(json!({"id": id, "status": "processing"}))
}
