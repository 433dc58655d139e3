//! What a real engine seldom does: an answer that fails in its middle, in pieces, or not at all. A small
//! engine over a Unix socket that says what it is told to say.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use fetch::Digest;
use futures::{FutureExt, stream};
use serde_json::json;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::image::engine::{Build, Engine, EngineError, Inspected};
use crate::image::layer::{Entry, Layer};
use crate::image::pieces::Piece;
use crate::image::session::Session;
use crate::image::strata::{Assembly, Wanted, assemble};
use crate::paths::Paths;
use crate::ui::{Output, Ui};

/// What it answers to `/images/load` and `/build`.
#[derive(Clone)]
enum Answer {
    /// 200, and these lines.
    Lines(String),
    /// The same, in chunks of so many bytes.
    Chunks(String, usize),
    /// This status, and a message.
    Refused(u16, &'static str),
    /// These bytes, and then the connection breaks.
    Cut(&'static str),
}

struct Mock {
    load: Answer,
    /// What came with each request.
    sent: Mutex<HashMap<&'static str, usize>>,
    /// Images that are there once something was built.
    built: Mutex<bool>,
    /// What was to be removed.
    removed: Mutex<Vec<String>>,
}

async fn answer(answer: &Answer) -> Response {
    match answer {
        Answer::Lines(lines) => lines.clone().into_response(),
        Answer::Chunks(lines, size) => {
            let chunks: Vec<_> = lines
                .as_bytes()
                .chunks(*size)
                .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
                .collect();
            Body::from_stream(stream::iter(chunks)).into_response()
        }
        Answer::Refused(status, message) => {
            let status = StatusCode::from_u16(*status).expect("a status");
            (status, json!({ "message": message }).to_string()).into_response()
        }
        Answer::Cut(lines) => {
            let cut = std::io::Error::other("cut");
            Body::from_stream(stream::iter([Ok(Bytes::from_static(lines.as_bytes())), Err(cut)]))
                .into_response()
        }
    }
}

async fn load(State(mock): State<Arc<Mock>>, body: Bytes) -> Response {
    mock.sent.lock().expect("alone").insert("load", body.len());
    answer(&mock.load).await
}

async fn build(State(mock): State<Arc<Mock>>, body: Bytes) -> Response {
    mock.sent.lock().expect("alone").insert("build", body.len());
    *mock.built.lock().expect("alone") = true;
    "{\"stream\":\"Successfully built\"}\n".into_response()
}

async fn inspect(State(mock): State<Arc<Mock>>, Path(_): Path<String>) -> Response {
    if *mock.built.lock().expect("alone") {
        return json!({"Id": "sha256:made", "RepoTags": [], "Created": "1970-01-01T00:00:00Z"})
            .to_string()
            .into_response();
    }
    (StatusCode::NOT_FOUND, json!({"message": "no such image"}).to_string()).into_response()
}

async fn removed(State(mock): State<Arc<Mock>>, uri: Uri) -> &'static str {
    mock.removed.lock().expect("alone").push(uri.path().to_owned());
    "[]"
}

/// A mock that answers to `/images/load`, and a client of it.
async fn mock(folder: &tempfile::TempDir, load_answer: Answer) -> (Engine, Arc<Mock>) {
    let mock = Arc::new(Mock {
        load: load_answer,
        sent: Mutex::default(),
        built: Mutex::default(),
        removed: Mutex::default(),
    });
    let version = async || json!({"Version": "0.0", "ApiVersion": "1.41"}).to_string();
    let router = Router::new()
        .route("/version", get(version))
        .route("/images/json", get(async || "[]"))
        .route("/images/load", post(load))
        .route("/images/{name}/json", get(inspect))
        .route("/images/{name}/history", get(async || "[]"))
        .route("/build", post(build))
        .route("/containers/json", get(async || r#"[{"Id": "left"}]"#))
        .route("/containers/{id}", delete(removed))
        .route("/images/{name}", delete(removed))
        .with_state(Arc::clone(&mock));
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let engine = Engine::at(&format!("unix://{}", socket.display())).await.expect("it answers");
    (engine, mock)
}

async fn loaded(load_answer: Answer) -> Result<(), EngineError> {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = mock(&folder, load_answer).await;
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    let archive = vec![Piece::Inline(vec![7; 100_000].into())];
    engine.load("x", archive, ui.progress("loading").into()).await
}

const GOOD: &str = "{\"status\":\"Loading layer\",\"progressDetail\":{\"current\":1,\"total\":2}}\n\
                    {\"stream\":\"Loaded image: x\\n\"}\n";
const FULL: &str = "{\"status\":\"Loading layer\"}\n\
                    {\"errorDetail\":{\"message\":\"write /var/lib/x: no space left on device\"},\
                     \"error\":\"write /var/lib/x: no space left on device\"}\n";

#[tokio::test]
async fn answers_are_read_however_they_are_cut() {
    for size in 1..GOOD.len() {
        loaded(Answer::Chunks(GOOD.to_owned(), size)).await.expect("loaded");
    }
    for size in [1, 7, 50, FULL.len()] {
        let error = loaded(Answer::Chunks(FULL.to_owned(), size)).await.expect_err("full");
        assert!(error.is_full_disk(), "{error}");
    }
}

#[tokio::test]
async fn a_disk_that_gets_full_in_the_middle_is_the_environments() {
    let error = loaded(Answer::Lines(FULL.to_owned())).await.expect_err("full").told();
    assert_eq!(Exit::of(&error), Exit::Environment);
    let text = error.to_string();
    assert!(
        text.contains("cannot load x: the engine says: write /var/lib/x: no space left"),
        "{text}"
    );
    let hint = error.downcast_ref::<Failure>().and_then(Failure::hint).expect("advice");
    assert!(hint.contains("docker system df"), "{hint}");
}

#[tokio::test]
async fn a_refusal_and_an_engine_that_goes_away_are_told_apart() {
    let refused = loaded(Answer::Refused(500, "invalid tar header")).await.expect_err("refused");
    assert_eq!(refused.to_string(), "cannot load x: the engine says: invalid tar header");
    let away = loaded(Answer::Cut("{\"status\":\"Loading\"}\n")).await.expect_err("away");
    assert!(matches!(away, EngineError::Away { .. }), "{away}");
}

#[tokio::test]
async fn a_file_that_is_not_what_it_must_be_is_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, _) = mock(&folder, Answer::Lines(GOOD.to_owned())).await;
    let path = folder.path().join("w.bin");
    fs_err::write(&path, "the weightz").expect("written");
    let sha256 = Some(Digest::of(b"the weights"));
    let context = vec![Piece::File { path, bytes: 11, sha256 }];
    let build = Build { tag: "x", context, args: HashMap::new() };
    let error = engine.build(build, |_| ()).await.expect_err("damaged");
    assert!(matches!(error, EngineError::Ours { .. }), "{error}");
    assert!(error.to_string().contains("expected sha256"), "{error}");
}

/// What a stratum of one model of 100 kB becomes with an engine that answers so to an archive without
/// the layers below, and what was sent.
async fn assembled(load_answer: Answer) -> (Result<String, String>, HashMap<&'static str, usize>) {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, mock) = mock(&folder, load_answer).await;
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    let cx = Context { ui: &ui, paths: Paths::from_env().expect("a checkout") };
    let below = Inspected {
        id: "sha256:below".to_owned(),
        layers: vec![Digest::of(b"below")],
        ..Inspected::default()
    };
    let layer = Layer::default().with("models/m", Entry::Text("w".repeat(100_000)));
    let diff_id = layer.digest().expect("a digest");
    let assembly = Assembly {
        stratum: "models",
        below: &below,
        below_name: "below:1",
        layers: vec![Wanted { layer, diff_id, made_by: "model m".to_owned() }],
        env: vec!["A=1".to_owned()],
        labels: Vec::new(),
    };
    let made = assemble(&engine, &assembly, &cx).await;
    let sent = mock.sent.lock().expect("alone").clone();
    (made.map(|(image, _)| image.id).map_err(|error| format!("{error:#}")), sent)
}

#[tokio::test]
async fn an_engine_that_wants_all_layers_is_sent_them() {
    let missing =
        "{\"errorDetail\":{\"message\":\"Some layer tarfiles are missing in the tarball\"}}\n";
    let (made, sent) = assembled(Answer::Lines(missing.to_owned())).await;
    assert_eq!(made, Ok("sha256:made".to_owned()));
    assert!(sent["build"] > 100_000, "the model is in the context: {sent:?}");

    let (made, sent) = assembled(Answer::Lines(FULL.to_owned())).await;
    let error = made.expect_err("full");
    assert!(error.contains("no space left on device") && !sent.contains_key("build"), "{error}");
}

#[tokio::test]
async fn nothing_is_left_after_a_panic_an_error_and_an_interrupt() {
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    for ending in ["panic", "error", "interrupt", "success"] {
        let folder = tempfile::tempdir().expect("a folder");
        let (engine, mock) = mock(&folder, Answer::Lines(GOOD.to_owned())).await;
        let (session, stop) = (Session::new(), CancellationToken::new());
        if ending == "interrupt" {
            stop.cancel();
        }
        let work = async {
            match ending {
                "panic" => panic!("in the middle of it"),
                "error" => Err(anyhow::anyhow!("in the middle of it")),
                "interrupt" => std::future::pending().await,
                _ => Ok(()),
            }
        };
        let guarded = AssertUnwindSafe(session.guard(&engine, &ui, &stop, work)).catch_unwind();
        let ended = guarded.await;
        assert_eq!(ended.is_err(), ending == "panic", "a panic goes on");
        if let Ok(result) = ended {
            assert_eq!(result.is_ok(), ending == "success");
        }
        let removed = mock.removed.lock().expect("alone").clone();
        let candidate = format!("/images/{}", session.candidate());
        assert_eq!(removed, ["/containers/left".to_owned(), candidate], "{ending}");
    }
}
