//! A speech server on loopback, with the faults of real ones.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use pipeline::artefacts::Narration;
use pipeline::speech::{
    Dispatch, LocalEngine, OpenAiSpeech, SpeechError, SpeechRequest, SpeechSettings, Turns, Wav,
    speak, voice_for,
};
use serde_json::{Value, json};

const KEY: &str = "sk-very-secret";

/// What the server answers next, and what it was asked.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Response<Body>>,
    asked: Vec<(Value, HeaderMap)>,
}

impl Server {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().expect("no test panics with it")
    }

    async fn start(answers: impl IntoIterator<Item = Response<Body>>) -> (Self, SpeechSettings) {
        let server = Self::default();
        server.script().answers.extend(answers);
        let routes =
            Router::new().route("/v1/audio/speech", post(answer)).with_state(server.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}/v1/", listener.local_addr().expect("address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (server, settings(base_url))
    }

    fn asked(&self) -> Vec<Value> {
        self.script().asked.iter().map(|(body, _)| body.clone()).collect()
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: String) -> Response<Body> {
    let mut script = server.script();
    script.asked.push((serde_json::from_str(&body).expect("JSON"), headers));
    script.answers.pop_front().unwrap_or_else(|| status(500, "no answer is left"))
}

fn settings(base_url: String) -> SpeechSettings {
    // Another test may have installed it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().expect("client").into();
    let server =
        OpenAiSpeech { base_url, api_key: Some(KEY.into()), model: "kokoro".to_owned(), client };
    SpeechSettings {
        espeak: Arc::new(LocalEngine::new("no-such-helper".into(), Dispatch::Pool, 1)),
        openai: Some(server),
        timeout: Duration::from_secs(20),
        turns: Turns::new(1),
    }
}

fn request(text: &str, rate: f64) -> SpeechRequest {
    let voice = voice_for("openai:af_bella", "", text).expect("a voice");
    SpeechRequest { text: text.to_owned(), voice, rate }
}

fn sound(samples: &[i16]) -> Wav {
    Wav { sample_rate: 24000, samples: samples.to_vec() }
}

fn ok(samples: &[i16]) -> Response<Body> {
    Response::new(Body::from(sound(samples).to_bytes().expect("wav")))
}

fn status(status: u16, body: &str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(body.to_owned())).expect("response")
}

/// A connection that breaks after half of the sound.
fn broken() -> Response<Body> {
    let half = sound(&[1; 400]).to_bytes().expect("wav")[..100].to_vec();
    Response::builder().header("content-length", "844").body(Body::from(half)).expect("response")
}

/// Speaks into a folder of its own; nothing but the narration may be left there.
async fn spoken(
    settings: &SpeechSettings,
    request: &SpeechRequest,
) -> Result<(Narration, Wav), SpeechError> {
    let folder = tempfile::tempdir().expect("folder");
    let out = folder.path().join("narration.wav");
    let result = speak(settings, request, &out).await;
    let n_files = |folder: &Path| fs_err::read_dir(folder).expect("folder").count();
    assert_eq!(n_files(folder.path()), usize::from(result.is_ok()));
    let narration = result?;
    Ok((narration, Wav::read(&fs_err::read(&out).expect("file")).expect("wav")))
}

#[tokio::test]
async fn the_sound_of_the_server_is_the_narration() {
    let (server, settings) = Server::start([ok(&[7; 24000]), ok(&[7; 10])]).await;
    let (narration, wav) = spoken(&settings, &request("Xin chào.", 1.25)).await.expect("spoken");
    assert_eq!(wav, sound(&[7; 24000]));
    let expected = Narration {
        file: "narration.wav".to_owned(),
        duration_ms: 1000,
        engine: "openai:af_bella".to_owned(),
        words: None,
        timing: protocol::TimingSource::Engine,
    };
    assert_eq!(narration, expected);
    spoken(&settings, &request("Xin chào.", 1.0)).await.expect("spoken");

    let body = json!({"input": "Xin chào.", "model": "kokoro", "voice": "af_bella", "response_format": "wav"});
    let mut faster = body.clone();
    faster["speed"] = json!(1.25);
    assert_eq!(server.asked(), [faster, body]);
    let headers = server.script().asked[0].1.clone();
    assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
}

#[tokio::test]
async fn a_server_without_a_key_gets_none() {
    let (server, mut settings) = Server::start([ok(&[1])]).await;
    settings.openai.as_mut().expect("server").api_key = None;
    spoken(&settings, &request("a", 1.0)).await.expect("spoken");
    assert!(!server.script().asked[0].1.contains_key("authorization"));
}

#[tokio::test]
async fn the_length_of_a_streamed_wav_is_what_came() {
    let mut bytes = sound(&[3, 4, 5]).to_bytes().expect("wav");
    bytes[4..8].fill(0xFF);
    bytes[40..44].fill(0xFF);
    let (_, settings) = Server::start([Response::new(Body::from(bytes))]).await;
    let (_, wav) = spoken(&settings, &request("a", 1.0)).await.expect("spoken");
    assert_eq!(wav, sound(&[3, 4, 5]));
}

#[tokio::test]
async fn a_long_text_is_joined_to_the_sample() {
    let text = "The sea keeps 25 secrets. ".repeat(400);
    let (server, settings) = Server::start([ok(&[1, 2]), ok(&[3]), ok(&[4, 5])]).await;
    let (_, wav) = spoken(&settings, &request(&text, 1.0)).await.expect("spoken");
    assert_eq!(wav, sound(&[1, 2, 3, 4, 5]));
    let inputs: Vec<String> = server
        .asked()
        .iter()
        .map(|body| body["input"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(inputs.join(" "), text.trim());
    assert!(inputs.iter().all(|input| input.chars().count() <= 4096 && input.ends_with('.')));
}

/// A server that takes its time, and the most that it was asked at once. It says the number of the piece.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<(usize, usize)>>);

async fn answer_slowly(State(server): State<Slow>, body: String) -> Response<Body> {
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let piece = body["input"].as_str().and_then(|text| text.split(' ').next()?.parse().ok());
    let change = |by: isize| {
        let mut counts = server.0.lock().expect("no test panics with it");
        counts.0 = counts.0.saturating_add_signed(by);
        counts.1 = counts.1.max(counts.0);
    };
    change(1);
    tokio::time::sleep(Duration::from_millis(60)).await;
    change(-1);
    ok(&[piece.expect("a number")])
}

/// Two narrations of four pieces each, spoken together; the most pieces at once.
async fn most_at_once(turns: usize) -> usize {
    let server = Slow::default();
    let routes =
        Router::new().route("/v1/audio/speech", post(answer_slowly)).with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base_url = format!("http://{}/v1", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let settings = SpeechSettings { turns: Turns::new(turns), ..settings(base_url) };
    let piece = |number: usize| format!("{number} {}. ", "x".repeat(3000));
    let request = request(&(1..=4).map(piece).collect::<String>(), 1.0);
    let (first, second) = tokio::join!(spoken(&settings, &request), spoken(&settings, &request));
    for narration in [first, second] {
        assert_eq!(narration.expect("spoken").1, sound(&[1, 2, 3, 4]), "pieces out of order");
    }
    let counts = server.0.lock().expect("no test panics with it");
    assert_eq!(counts.0, 0);
    counts.1
}

#[tokio::test]
async fn pieces_of_all_jobs_take_turns() {
    assert_eq!(most_at_once(1).await, 1);
    assert_eq!(most_at_once(2).await, 2);
    assert_eq!(most_at_once(1024).await, 8);
}

/// A turn that nobody uses any more is another's.
#[tokio::test]
async fn a_narration_that_is_given_up_gives_its_turn_back() {
    let (server, settings) = Server::start([status(503, ""), ok(&[9])]).await;
    let first = request("a", 1.0);
    let given_up = spoken(&settings, &first);
    // It pauses before it asks again.
    assert!(tokio::time::timeout(Duration::from_millis(120), given_up).await.is_err());
    let (_, wav) = spoken(&settings, &request("b", 1.0)).await.expect("spoken");
    assert_eq!((wav, server.asked().len()), (sound(&[9]), 2));
}

#[tokio::test]
async fn what_may_be_gone_at_the_next_try_is_tried_again() {
    let mut limited = status(429, "slow down");
    limited.headers_mut().insert("retry-after", "1".parse().expect("header"));
    let (server, settings) = Server::start([limited, status(503, ""), broken(), ok(&[9])]).await;
    let began = Instant::now();
    let (_, wav) = spoken(&settings, &request("a", 1.0)).await.expect("spoken");
    assert_eq!((wav, server.asked().len()), (sound(&[9]), 4));
    assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After is not honoured");
}

/// The error after `answers`, and that it took no more than those to get to it.
async fn check_error(answers: Vec<Response<Body>>, expected: &str, transient: bool) {
    let n_answers = answers.len();
    let (server, settings) = Server::start(answers).await;
    let error = spoken(&settings, &request("a", 1.0)).await.expect_err("must fail");
    let message = format!("{error} {error:?}");
    assert!(message.contains(expected), "{message}");
    assert!(!message.contains(KEY), "the key is shown: {message}");
    assert_eq!(error.is_transient(), transient, "{message}");
    assert_eq!(server.asked().len(), n_answers, "{message}");
}

#[tokio::test]
async fn what_stays_wrong_is_told_at_once() {
    let detail = format!(r#"{{"detail": "invalid key {KEY}"}}"#);
    check_error(vec![status(401, &detail)], "does not accept the key: {\"detail\"", false).await;
    check_error(vec![status(400, "no such voice")], "answers 400: no such voice", false).await;
    let quota = r#"{"error": {"type": "insufficient_quota"}}"#;
    check_error(vec![status(429, quota)], "answers 429", false).await;
    let mp3 = Response::new(Body::from("ID3\u{4}\0\0"));
    check_error(vec![mp3], "unusable sound from http://127.0.0.1", false).await;
    let foreign = status(429, "insufficient_quota of voices: wait");
    check_error(vec![foreign, status(400, "no")], "answers 400: no", false).await;
    let mut long_wait = status(429, "come back tomorrow");
    long_wait.headers_mut().insert("retry-after", "86400".parse().expect("header"));
    check_error(vec![long_wait], "is asked too often: come back tomorrow", true).await;
}

#[tokio::test]
async fn tries_come_to_an_end() {
    let failing = (0..4).map(|_| status(500, "out of memory")).collect();
    check_error(failing, "answers 500: out of memory", true).await;
    let slow = (0..4).map(|_| status(408, "no request came")).collect();
    check_error(slow, "cannot reach http://127.0.0.1", true).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("address");
    drop(listener);
    let settings = settings(format!("http://{address}/v1"));
    let error = spoken(&settings, &request("a", 1.0)).await.expect_err("nobody listens");
    let message = error.to_string();
    assert!(
        message.starts_with(&format!("cannot reach http://{address}/v1/audio/speech: ")),
        "{message}"
    );
    assert!(message.contains("refused") && error.is_transient(), "{message}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("address");
    let settings = SpeechSettings {
        timeout: Duration::from_millis(300),
        ..settings(format!("http://{address}/v1"))
    };
    let error = spoken(&settings, &request("a", 1.0)).await.expect_err("nobody answers");
    assert!(matches!(error, SpeechError::Timeout { .. }) && error.is_transient(), "{error}");
}

#[test]
fn the_key_is_in_no_debug_output() {
    let shown = format!("{:?}", settings("http://localhost/v1".to_owned()));
    assert!(shown.contains("localhost") && !shown.contains(KEY), "{shown}");
}
