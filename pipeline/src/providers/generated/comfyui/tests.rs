//! The client and a server that speaks as ComfyUI does, and misbehaves as the test says.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State as Of};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::super::test_world::{contents, limits, serve, transfer, wish};
use super::*;
use crate::providers::test_server::{Answer, TestServer};

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// Sockets that are closed at once.
    close_sockets: u32,
    /// A run never ends.
    hangs: bool,
    /// A node fails.
    fails: bool,
    /// The workflow is refused.
    refuses: bool,
    /// A run is there so much before it is answered.
    lag: Duration,
}

#[derive(Debug, Default)]
struct Server {
    manner: Manner,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    n_sockets: u32,
    n_histories: u32,
    sockets: BTreeMap<String, UnboundedSender<String>>,
    /// What each run was asked, by its id.
    prompts: BTreeMap<String, String>,
    client_ids: Vec<String>,
    history: BTreeMap<String, Value>,
    /// What was asked of queue and runs.
    told: Vec<String>,
}

async fn prompt(Of(server): Of<Arc<Server>>, Json(request): Json<Value>) -> Response {
    if server.manner.refuses {
        let errors = json!([{"message": "Value not in list", "details": "ckpt_name"}]);
        let body = json!({"error": {"message": "Prompt outputs failed validation"},
            "node_errors": {"4": {"class_type": "CheckpointLoaderSimple", "errors": errors}}});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let id = Uuid::new_v4().to_string();
    let client_id = request["client_id"].as_str().expect("a client id").to_owned();
    let text = request["prompt"]["6"]["inputs"]["text"].as_str().expect("a text").to_owned();
    {
        let mut seen = server.seen.lock().expect("no panic");
        seen.prompts.insert(id.clone(), text);
        seen.client_ids.push(client_id.clone());
    }
    tokio::time::sleep(server.manner.lag).await;
    if !server.manner.hangs {
        tokio::spawn(run(server, id.clone(), client_id));
    }
    Json(json!({"prompt_id": id, "number": 1, "node_errors": {}})).into_response()
}

async fn run(server: Arc<Server>, id: String, client_id: String) {
    tokio::time::sleep(Duration::from_millis(60)).await;
    let error = json!({"prompt_id": id, "node_id": "3", "node_type": "KSampler",
                       "exception_message": "no memory"});
    let outputs = json!({
        "9": {"images": [{"filename": "p.png", "type": "temp"}, {"filename": "a.png", "subfolder": id}]},
        "10": {"gifs": [{"filename": "b.mp4", "subfolder": id, "type": "output"}]}});
    let mut seen = server.seen.lock().expect("no panic");
    let mut messages = vec![json!({"type": "progress", "data": {"value": 1, "prompt_id": id}})];
    let entry = if server.manner.fails {
        messages.push(json!({"type": "execution_error", "data": error}));
        json!({"outputs": {}, "status": {"status_str": "error",
               "messages": [["execution_error", error]]}})
    } else {
        json!({"outputs": outputs, "status": {"status_str": "success", "messages": []}})
    };
    seen.history.insert(id.clone(), entry);
    messages.push(json!({"type": "executing", "data": {"node": null, "prompt_id": id}}));
    if let Some(socket) = seen.sockets.get(&client_id) {
        for message in messages {
            let _ = socket.send(message.to_string());
        }
    }
}

async fn ws(
    Of(server): Of<Arc<Server>>,
    Query(query): Query<BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let n = {
        let mut seen = server.seen.lock().expect("no panic");
        seen.n_sockets += 1;
        seen.n_sockets
    };
    if n <= server.manner.close_sockets {
        return upgrade.on_upgrade(async |socket| drop(socket));
    }
    let (sender, mut said) = unbounded_channel();
    server.seen.lock().expect("no panic").sockets.insert(query["clientId"].clone(), sender);
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        while let Some(message) = said.recv().await {
            if socket.send(Message::Text(message.into())).await.is_err() {
                break;
            }
        }
    })
}

async fn history(Of(server): Of<Arc<Server>>, Path(id): Path<String>) -> Json<Value> {
    let mut seen = server.seen.lock().expect("no panic");
    seen.n_histories += 1;
    Json(seen.history.get(&id).map_or(json!({}), |entry| json!({ id: entry })))
}

async fn view(
    Of(server): Of<Arc<Server>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> String {
    assert_eq!(query["type"], "output");
    server.seen.lock().expect("no panic").prompts[&query["subfolder"]].clone()
}

async fn queue(Of(server): Of<Arc<Server>>) -> Json<Value> {
    let seen = server.seen.lock().expect("no panic");
    let running: Vec<Value> = seen.prompts.keys().map(|id| json!([0, id])).collect();
    Json(json!({"queue_running": running, "queue_pending": []}))
}

async fn dequeue(Of(server): Of<Arc<Server>>, Json(body): Json<Value>) {
    server.seen.lock().expect("no panic").told.push(format!("queue {body}"));
}

async fn interrupt(Of(server): Of<Arc<Server>>, Json(body): Json<Value>) {
    server.seen.lock().expect("no panic").told.push(format!("interrupt {body}"));
}

struct World {
    server: Arc<Server>,
    comfyui: Comfyui,
    transfer: Transfer,
    workflow: PathBuf,
    _folder: TempDir,
}

async fn world(manner: Manner, heavy: usize, settings: settings::Comfyui) -> World {
    let server = Arc::new(Server { manner, seen: Mutex::default() });
    let router = Router::new()
        .route("/prompt", post(prompt))
        .route("/ws", get(ws))
        .route("/history/{id}", get(history))
        .route("/view", get(view))
        .route("/queue", get(queue).post(dequeue))
        .route("/interrupt", post(interrupt));
    let base_url = serve(router.with_state(Arc::clone(&server))).await;
    let (folder, transfer) = transfer();
    let workflow = folder.path().join("workflow.json");
    fs_err::write(&workflow, WORKFLOW).expect("written");
    let settings =
        settings::Comfyui { base_url, workflow: Some(workflow.clone()), poll_s: 0.02, ..settings };
    let comfyui = Comfyui::new(&settings, &limits(heavy)).expect("set up").expect("a workflow");
    World { server, comfyui, transfer, workflow, _folder: folder }
}

const WORKFLOW: &str =
    r#"{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a photo of {{prompt}}"}}}"#;

fn set() -> settings::Comfyui {
    settings::Comfyui::default()
}

fn files_of(prompt: &str) -> Vec<(String, String)> {
    let file = |name: &str| (name.to_owned(), format!("a photo of {prompt}"));
    vec![file("a.png"), file("b.mp4")]
}

#[tokio::test]
async fn pictures_and_videos_of_a_run_come_into_the_store() {
    let world = world(Manner::default(), 1, set()).await;
    let made = world.comfyui.make(&wish("waves"), &world.transfer).await.expect("made");
    assert_eq!(contents(&made), files_of("waves"));
    assert!(made[0].id.starts_with("comfyui:") && made[0].id.ends_with("/a.png"), "{}", made[0].id);
    let seen = world.server.seen.lock().expect("no panic");
    assert_eq!(seen.n_histories, 1, "the socket says when to look");
    assert_eq!(seen.told, [""; 0], "nothing is cancelled");
}

/// Claim 000-1.4: the socket of a client id belongs to who opened it last. One id for all is a bug, and
/// no setting.
#[tokio::test]
async fn ten_jobs_at_once_have_ten_client_ids_and_each_gets_its_own() {
    let world = world(Manner::default(), 10, set()).await;
    let names: Vec<String> = (0..10).map(|n| format!("wave {n}")).collect();
    let (comfyui, transfer) = (&world.comfyui, &world.transfer);
    let jobs = names.iter().map(async |name| comfyui.make(&wish(name), transfer).await);
    let all = futures::future::join_all(jobs);
    let all = tokio::time::timeout(Duration::from_secs(60), all).await.expect("an end");
    for (name, made) in names.iter().zip(all) {
        assert_eq!(contents(&made.expect("made")), files_of(name), "no crosstalk");
    }
    let mut ids = world.server.seen.lock().expect("no panic").client_ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10);
}

#[tokio::test]
async fn a_socket_that_breaks_is_opened_again_and_then_done_without() {
    for (close_sockets, expected) in [(2, 3), (99, 6)] {
        let world = world(Manner { close_sockets, ..Manner::default() }, 1, set()).await;
        let made = world.comfyui.make(&wish("waves"), &world.transfer).await.expect("made");
        assert_eq!(contents(&made), files_of("waves"));
        let seen = world.server.seen.lock().expect("no panic");
        // Once it has ended its history says so at the next look, whatever the socket does.
        assert!((2..=expected).contains(&seen.n_sockets), "{}", seen.n_sockets);
    }
}

#[tokio::test]
async fn a_failure_says_which_node_of_which_run() {
    for close_sockets in [0, 99] {
        let manner = Manner { fails: true, close_sockets, ..Manner::default() };
        let world = world(manner, 1, set()).await;
        let error = world.comfyui.make(&wish("waves"), &world.transfer).await.expect_err("fails");
        let ids: Vec<String> =
            world.server.seen.lock().expect("no panic").prompts.keys().cloned().collect();
        let expected = format!(": prompt {}: node 3 (KSampler): no memory", ids[0]);
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(!error.is_final(), "another prompt may do");
    }
    let world = world(Manner { refuses: true, ..Manner::default() }, 1, set()).await;
    let error = world.comfyui.make(&wish("waves"), &world.transfer).await.expect_err("refused");
    let expected = "/prompt: refused (400): Prompt outputs failed validation; \
                    node 4 (CheckpointLoaderSimple): Value not in list: ckpt_name";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert!(error.is_final());
}

/// What the server was told within some seconds.
async fn told(server: &Server, n: usize) -> Vec<String> {
    for _ in 0..500 {
        let told = server.seen.lock().expect("no panic").told.clone();
        if told.len() >= n {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.seen.lock().expect("no panic").told.clone()
}

#[tokio::test]
async fn a_run_that_nobody_waits_for_is_taken_out_of_the_queue() {
    for is_dropped in [true, false] {
        let settings = settings::Comfyui { timeout_s: 0.3, ..set() };
        let world = world(Manner { hangs: true, ..Manner::default() }, 1, settings).await;
        let wish = wish("waves");
        let make = world.comfyui.make(&wish, &world.transfer);
        if is_dropped {
            let dropped = tokio::time::timeout(Duration::from_millis(150), make).await;
            assert!(dropped.is_err(), "it hangs");
        } else {
            let error = make.await.expect_err("it hangs").to_string();
            assert!(error.ends_with("expected an end within 0.3 s, found none"), "{error}");
        }
        check_cancelled(&world.server).await;
    }
}

#[tokio::test]
async fn a_run_that_is_still_being_queued_is_taken_out_too() {
    let lag = Duration::from_millis(300);
    let world = world(Manner { hangs: true, lag, ..Manner::default() }, 1, set()).await;
    let wish = wish("waves");
    let make = world.comfyui.make(&wish, &world.transfer);
    let dropped = tokio::time::timeout(Duration::from_millis(150), make).await;
    assert!(dropped.is_err(), "there is no answer yet");
    check_cancelled(&world.server).await;
}

/// That the only run was taken out of the queue.
async fn check_cancelled(server: &Server) {
    let told = told(server, 2).await;
    let seen = server.seen.lock().expect("no panic");
    let id = seen.prompts.keys().next().expect("a run");
    let expected =
        [format!(r#"queue {{"delete":["{id}"]}}"#), format!(r#"interrupt {{"prompt_id":"{id}"}}"#)];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_may_have_been_queued_is_not_queued_again() {
    let server = TestServer::start(vec![Answer::Reset]).await;
    let (folder, transfer) = transfer();
    let workflow = folder.path().join("workflow.json");
    fs_err::write(&workflow, WORKFLOW).expect("written");
    let base_url = server.base_url.clone();
    let settings = settings::Comfyui { base_url, workflow: Some(workflow), ..set() };
    let comfyui = Comfyui::new(&settings, &limits(1)).expect("set up").expect("a workflow");
    comfyui.make(&wish("waves"), &transfer).await.expect_err("no answer");
    let n_queued = server.asked().iter().filter(|asked| asked.starts_with("POST")).count();
    assert_eq!(n_queued, 1);
}

#[tokio::test]
async fn a_workflow_is_read_at_start_or_for_each_run() {
    for parse_once in [true, false] {
        let settings = settings::Comfyui { parse_once, ..set() };
        let world = world(Manner::default(), 1, settings).await;
        let changed = WORKFLOW.replace("a photo", "an etching");
        fs_err::write(&world.workflow, changed).expect("written");
        let made = world.comfyui.make(&wish("waves"), &world.transfer).await.expect("made");
        let expected = if parse_once { "a photo of waves" } else { "an etching of waves" };
        assert_eq!(contents(&made)[0].1, expected);
    }
    let broken = settings::Comfyui { workflow: Some("no/such.json".into()), ..set() };
    let error = Comfyui::new(&broken, &limits(1)).expect_err("absent").to_string();
    assert!(error.contains("no/such.json"), "{error}");
    assert!(Comfyui::new(&set(), &limits(1)).expect("no workflow is no error").is_none());
}
