//! The client and a server that speaks as Replicate does.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::extract::{Path, State as Of};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tempfile::TempDir;

use super::super::test_world::{contents, limits, serve, transfer, wish};
use super::*;
use crate::providers::test_server::{Answer, TestServer, say};

/// Looks at a prediction until it has ended.
const LOOKS: u32 = 3;

#[derive(Debug, Default)]
struct Server {
    base_url: Mutex<String>,
    /// How each prediction ends.
    status: &'static str,
    /// What creates one answers so much later.
    lag: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Looks so far, by prediction, and what it was asked.
    predictions: BTreeMap<String, (u32, Value)>,
    created_at: Vec<String>,
    running: usize,
    most_running: usize,
    cancelled: Vec<String>,
    refusals_left: u32,
}

async fn create(
    Of(server): Of<Arc<Server>>,
    uri: Uri,
    headers: HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    assert_eq!(headers.get("authorization").expect("a token"), "Bearer r8-secret");
    let id = {
        let mut seen = server.seen.lock().expect("no panic");
        if seen.refusals_left > 0 {
            seen.refusals_left -= 1;
            let often = [("retry-after", "0")];
            return (StatusCode::TOO_MANY_REQUESTS, often, "often").into_response();
        }
        let id = format!("p{}", seen.predictions.len());
        seen.created_at.push(uri.path().to_owned());
        seen.predictions.insert(id.clone(), (0, request));
        seen.running += 1;
        seen.most_running = seen.most_running.max(seen.running);
        id
    };
    tokio::time::sleep(server.lag).await;
    (StatusCode::CREATED, Json(json!({"id": id, "status": "starting"}))).into_response()
}

async fn look(Of(server): Of<Arc<Server>>, Path(id): Path<String>) -> Json<Value> {
    let mut seen = server.seen.lock().expect("no panic");
    let (looks, _) = seen.predictions.get_mut(&id).expect("a prediction");
    *looks += 1;
    if *looks < LOOKS || server.status == "processing" {
        return Json(json!({"id": id, "status": "processing", "output": null}));
    }
    if server.status != "succeeded" {
        seen.running -= 1;
        return Json(json!({"id": id, "status": server.status, "error": "NSFW content"}));
    }
    let base_url = server.base_url.lock().expect("no panic");
    let output = json!([format!("{base_url}/files/{id}"), "data:image/png;base64,aW5saW5l"]);
    Json(json!({"id": id, "status": "succeeded", "output": output, "metrics": {}}))
}

async fn file(Of(server): Of<Arc<Server>>, Path(id): Path<String>) -> String {
    tokio::time::sleep(Duration::from_millis(30)).await;
    let mut seen = server.seen.lock().expect("no panic");
    seen.running -= 1; // until its file is there
    seen.predictions[&id].1["input"]["prompt"].as_str().expect("a prompt").to_owned()
}

async fn cancel(Of(server): Of<Arc<Server>>, Path(id): Path<String>) {
    server.seen.lock().expect("no panic").cancelled.push(id);
}

struct World {
    server: Arc<Server>,
    replicate: Replicate,
    transfer: Transfer,
    _folder: TempDir,
}

async fn world(status: &'static str, heavy: usize, settings: settings::Replicate) -> World {
    world_at(Server { status, ..Server::default() }, heavy, settings).await
}

async fn world_at(server: Server, heavy: usize, settings: settings::Replicate) -> World {
    let server = Arc::new(server);
    let router = Router::new()
        .route("/v1/predictions", post(create))
        .route("/v1/models/{owner}/{name}/predictions", post(create))
        .route("/v1/predictions/{id}", get(look))
        .route("/v1/predictions/{id}/cancel", post(cancel))
        .route("/files/{id}", get(file));
    let base_url = serve(router.with_state(Arc::clone(&server))).await;
    server.base_url.lock().expect("no panic").clone_from(&base_url);
    let model = settings.model.clone().or_else(|| Some("owner/name".to_owned()));
    let settings = settings::Replicate { base_url, poll_s: 0.02, model, ..settings };
    let mut replicate =
        Replicate::new(&settings, &limits(heavy)).expect("set up").expect("a model");
    let key = Key::read("REPLICATE_API_TOKEN", Some("r8-secret".as_ref()));
    replicate.api.key = key.expect("a token");
    let (folder, transfer) = transfer();
    World { server, replicate, transfer, _folder: folder }
}

fn set() -> settings::Replicate {
    settings::Replicate::default()
}

#[tokio::test]
async fn files_of_a_prediction_come_into_the_store() {
    let world = world("succeeded", 1, set()).await;
    world.server.seen.lock().expect("no panic").refusals_left = 2;
    let made = world.replicate.make(&wish("waves"), &world.transfer).await.expect("made");
    let expected = [("0", "waves"), ("1", "inline")];
    assert_eq!(contents(&made), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(made[0].id, "replicate:p0/0");
    let seen = world.server.seen.lock().expect("no panic");
    let asked = json!({"input": {"prompt": "waves", "seed": 7, "aspect_ratio": "9:16"}});
    assert_eq!(seen.predictions["p0"].1, asked);
    assert!(seen.cancelled.is_empty());
}

#[tokio::test]
async fn a_model_is_asked_where_it_is() {
    for (model, path, version) in [
        ("black-forest/flux", "/v1/models/black-forest/flux/predictions", json!(null)),
        ("owner/name:5c7d5dc6", "/v1/predictions", json!("5c7d5dc6")),
        ("5c7d5dc6", "/v1/predictions", json!("5c7d5dc6")),
    ] {
        let settings = settings::Replicate { model: Some(model.to_owned()), ..set() };
        let world = world("succeeded", 1, settings).await;
        world.replicate.make(&wish("waves"), &world.transfer).await.expect("made");
        let seen = world.server.seen.lock().expect("no panic");
        assert_eq!(seen.created_at, [path]);
        assert_eq!(seen.predictions["p0"].1["version"], version);
    }
    assert!(Replicate::new(&set(), &limits(1)).expect("no model is no error").is_none());
}

/// The most predictions that ran at once, of eight that were asked for at once.
async fn most_running(poll_inside_limiter: bool) -> usize {
    let settings = settings::Replicate { poll_inside_limiter, ..set() };
    let world = world("succeeded", 2, settings).await;
    let wish = wish("waves");
    let jobs = (0..8).map(|_| world.replicate.make(&wish, &world.transfer));
    for made in futures::future::join_all(jobs).await {
        assert_eq!(made.expect("made").len(), 2);
    }
    let seen = world.server.seen.lock().expect("no panic");
    assert_eq!(seen.running, 0);
    seen.most_running
}

#[tokio::test]
async fn the_limit_holds_until_the_files_are_here() {
    assert_eq!(most_running(true).await, 2);
    assert!(most_running(false).await > 4, "a limit around the creation alone bounds nothing");
}

#[tokio::test]
async fn each_class_has_its_model_or_the_one_of_all() {
    let models = settings::ClassModels { comic: Some("a/comic".to_owned()), ..Default::default() };
    let world = world("succeeded", 1, settings::Replicate { models, ..set() }).await;
    for class in Class::ALL {
        let wish = Wish { class, ..wish("waves") };
        world.replicate.make(&wish, &world.transfer).await.expect("made");
    }
    let paths = ["owner/name", "owner/name", "a/comic"];
    let paths = paths.map(|model| format!("/v1/models/{model}/predictions"));
    assert_eq!(world.server.seen.lock().expect("no panic").created_at, paths);

    let light = settings::ClassModels { light: Some("a/small".to_owned()), ..Default::default() };
    let settings = settings::Replicate { models: light, ..set() };
    let replicate = Replicate::new(&settings, &limits(1)).expect("set up").expect("a model");
    assert_eq!(Class::ALL.map(|class| replicate.makes(class)), [true, false, false]);
    let error = replicate.make(&wish("waves"), &world.transfer).await.expect_err("no model");
    assert!(error.to_string().ends_with("there is no model for heavy") && error.is_final());
}

/// A prediction that hangs has the only place of its class; those of another class go on.
#[tokio::test]
async fn who_stops_waiting_for_a_place_has_created_nothing() {
    let world = world("processing", 1, set()).await;
    let (heavy, light) = (wish("waves"), Wish { class: Class::Light, ..wish("waves") });
    let n_created = || world.server.seen.lock().expect("no panic").predictions.len();
    let first = world.replicate.make(&heavy, &world.transfer);
    let others = async {
        while n_created() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let short = Duration::from_millis(100);
        let second = world.replicate.make(&heavy, &world.transfer);
        tokio::time::timeout(short, second).await.expect_err("it waits");
        assert_eq!(n_created(), 1);
        let third = tokio::time::timeout(4 * short, world.replicate.make(&light, &world.transfer));
        third.await.expect_err("it hangs");
    };
    tokio::select! {
        _ = first => panic!("it hangs"),
        () = others => {}
    }
    assert_eq!(n_created(), 2);
}

/// 503 and a pause of half a second: meanwhile another one is made, where there is one place.
#[tokio::test]
async fn a_creation_that_is_tried_again_holds_no_place_meanwhile() {
    let world = world("succeeded", 1, set()).await;
    world.server.seen.lock().expect("no panic").refusals_left = 1;
    let (first, second) = (wish("first"), wish("second"));
    let ended = Mutex::new(Vec::new());
    let make = async |wish: &Wish| {
        world.replicate.make(wish, &world.transfer).await.expect("made");
        ended.lock().expect("no panic").push(wish.prompt.clone());
    };
    tokio::join!(make(&first), make(&second));
    assert_eq!(ended.into_inner().expect("no panic"), ["second", "first"]);
}

#[tokio::test]
async fn every_other_ending_is_told() {
    for status in ["failed", "canceled", "aborted", "mislaid"] {
        let world = world(status, 1, set()).await;
        let error = world.replicate.make(&wish("waves"), &world.transfer).await;
        let error = error.expect_err("no success");
        let expected = format!(
            "/v1/predictions/p0: p0: expected a run that succeeds, found {status}: NSFW content"
        );
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(!error.is_final());
    }
}

#[tokio::test]
async fn a_prediction_that_nobody_waits_for_is_cancelled() {
    for is_dropped in [true, false] {
        let settings = settings::Replicate { timeout_s: 0.3, ..set() };
        let world = world("processing", 1, settings).await;
        let wish = wish("waves");
        let make = world.replicate.make(&wish, &world.transfer);
        if is_dropped {
            let dropped = tokio::time::timeout(Duration::from_millis(150), make).await;
            assert!(dropped.is_err(), "it hangs");
        } else {
            let error = make.await.expect_err("it hangs").to_string();
            assert!(error.ends_with("p0: expected an end within 0.3 s, found none"), "{error}");
        }
        assert_eq!(cancelled(&world.server).await, ["p0"]);
    }
}

#[tokio::test]
async fn one_that_is_still_being_created_is_cancelled_too() {
    let server =
        Server { status: "processing", lag: Duration::from_millis(300), ..Server::default() };
    let world = world_at(server, 1, set()).await;
    let wish = wish("waves");
    let make = world.replicate.make(&wish, &world.transfer);
    let dropped = tokio::time::timeout(Duration::from_millis(150), make).await;
    assert!(dropped.is_err(), "there is no answer yet");
    assert_eq!(cancelled(&world.server).await, ["p0"]);
}

#[tokio::test]
async fn what_may_have_been_created_is_not_created_again() {
    for answer in [Answer::Reset, say(504, "", "late"), say(201, "", "{\"id\"")] {
        let server = TestServer::start(vec![answer]).await;
        let base_url = server.base_url.clone();
        let model = Some("owner/name".to_owned());
        let settings = settings::Replicate { base_url, model, ..set() };
        let replicate = Replicate::new(&settings, &limits(1)).expect("set up").expect("a model");
        let (_folder, transfer) = transfer();
        replicate.make(&wish("waves"), &transfer).await.expect_err("no answer");
        assert_eq!(server.asked().len(), 1);
    }
}

/// What was cancelled within some seconds.
async fn cancelled(server: &Server) -> Vec<String> {
    for _ in 0..500 {
        let cancelled = server.seen.lock().expect("no panic").cancelled.clone();
        if !cancelled.is_empty() {
            return cancelled;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Vec::new()
}
