//! Many at once, over HTTP, against an endpoint that counts and answers what it was asked.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::*;

#[derive(Debug, Default)]
struct Endpoint {
    n_asked: AtomicUsize,
    n_running: AtomicUsize,
    most_running: AtomicUsize,
}

async fn chat(State(endpoint): State<Arc<Endpoint>>, Json(asked): Json<Value>) -> Json<Value> {
    endpoint.n_asked.fetch_add(1, Ordering::SeqCst);
    let n_running = endpoint.n_running.fetch_add(1, Ordering::SeqCst) + 1;
    endpoint.most_running.fetch_max(n_running, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(30)).await;
    endpoint.n_running.fetch_sub(1, Ordering::SeqCst);
    let content = format!("{} {}", asked["messages"][1]["content"], asked["seed"]);
    Json(json!({"choices": [{"message": {"content": content}}]}))
}

async fn world(folder: &Path, common: &Common) -> (Arc<Endpoint>, Llm) {
    // Another test may have installed it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let endpoint = Arc::<Endpoint>::default();
    let router = Router::new().route("/v1/chat/completions", post(chat));
    let router = router.with_state(Arc::clone(&endpoint));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = settings::Llm { base_url, ..settings::Llm::default() };
    (endpoint, Llm::new(&settings, folder, common).expect("a client"))
}

fn common() -> Common {
    Common::new(&settings::Settings::default()).expect("nothing is named")
}

fn question(user: &str, seed: u64) -> Question {
    Question { system: "s".to_owned(), user: user.to_owned(), schema: None, seed }
}

async fn ask(llm: Llm, question: Question) -> String {
    llm.ask(&question, |answer| Ok(answer.to_owned())).await.expect("an answer")
}

/// Claim 003-9, and the merge of identical requests of 003-14.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_bursts_of_a_hundred_identical_requests_are_one_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let (endpoint, llm) = world(folder.path(), &common()).await;
    for _ in 0..10 {
        let all = (0..100).map(|_| tokio::spawn(ask(llm.clone(), question("sea", 7))));
        for answer in futures::future::join_all(all).await {
            assert_eq!(answer.expect("no panic"), "\"sea\" 7");
        }
    }
    assert_eq!(endpoint.n_asked.load(Ordering::SeqCst), 1);
}

/// Two hundred questions that differ in a letter or in the seed, each five times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_distinct_requests_no_answer_crosses_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let common = common();
    let (endpoint, llm) = world(folder.path(), &common).await;
    let all = (0..1_000_u64).map(|number| {
        let (user, seed) = (format!("sea {}", number % 20), number % 200 / 20);
        let asked = tokio::spawn(ask(llm.clone(), question(&user, seed)));
        async move { (asked.await.expect("no panic"), format!("\"{user}\" {seed}")) }
    });
    for (found, expected) in futures::future::join_all(all).await {
        assert_eq!(found, expected);
    }
    assert_eq!(endpoint.n_asked.load(Ordering::SeqCst), 200);
    let most = endpoint.most_running.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at once, of 8 places");
    assert_eq!(common.limits.of(Class::Light).in_use(), 0);
}
