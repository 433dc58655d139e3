//! RunPod's operations, as its clients use them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};

use super::{PATIENCE, World, short};

async fn ask(world: &World, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let url = world.base.join(path).expect("a path");
    let mut request = reqwest::Client::new().request(method.parse().expect("a method"), url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("a document"))
}

/// Asks for the status until it is one of `states`.
async fn until(world: &World, id: &str, states: &[&str]) -> Value {
    let begun = Instant::now();
    loop {
        let (_, document) = ask(world, "GET", &format!("/status/{id}"), None).await;
        if states.iter().any(|state| document["status"] == *state) {
            return document;
        }
        assert!(begun.elapsed() < PATIENCE, "{document}: {}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn id(document: &Value) -> String {
    document["id"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
}

/// A server that refuses the first webhook and keeps all.
async fn webhooks() -> (String, Arc<Mutex<Vec<Value>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heard);
    let router = axum::Router::new().route(
        "/done",
        post(async move |Json(document): Json<Value>| {
            let mut kept = kept.lock().expect("not poisoned");
            kept.push(document);
            if kept.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/done"), heard)
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_of_runpods_goes_from_the_queue_to_its_output() {
    let world = World::start("", &["webhooks.allow_private=true"]).await;
    let (webhook, heard) = webhooks().await;
    let request = json!({"input": short(&json!({})), "webhook": webhook});
    let (status, taken) = ask(&world, "POST", "/v2/any-name/run", Some(&request)).await;
    assert_eq!((status, &taken["status"]), (200, &json!("IN_QUEUE")), "{taken}");
    let job = id(&taken);
    let mut stream: Vec<Value> = Vec::new();
    loop {
        let (status, news) = ask(&world, "GET", &format!("/stream/{job}"), None).await;
        assert_eq!(status, 200, "{news}");
        let pieces = news["stream"].as_array().expect("a list").clone();
        let is_over = pieces.is_empty() && news["status"] == "COMPLETED";
        stream.extend(pieces.iter().map(|piece| piece["output"]["event"].clone()));
        if is_over {
            break;
        }
    }
    assert_eq!((&stream[0], &stream[stream.len() - 1]), (&json!("queued"), &json!("ended")));
    assert_eq!(stream.iter().filter(|&event| event == "started").count(), 1, "{stream:?}");
    let ended = until(&world, &job, &["COMPLETED"]).await;
    let times = (ended["delayTime"].as_u64(), ended["executionTime"].as_u64());
    assert!(times.0.is_some() && times.1.is_some_and(|ms| ms > 100), "{ended}");
    let video = ended["output"]["video"]["url"].as_str().expect("a video");
    let (whole, _) = (reqwest::get(world.base.join(video).expect("a path")).await, ());
    assert_eq!(whole.expect("an answer").status().as_u16(), 200);

    let (status, synced) = ask(
        &world,
        "POST",
        "/runsync?wait=200000",
        Some(&json!({"input": short(&json!({"stop_at": "script"}))})),
    )
    .await;
    assert_eq!((status, &synced["status"]), (200, &json!("COMPLETED")), "{synced}");
    let (_, health) = ask(&world, "GET", "/v2/x/health", None).await;
    let expected =
        json!({"completed": 2, "failed": 0, "inProgress": 0, "inQueue": 0, "retried": 0});
    assert_eq!(health["jobs"], expected);
    // Refused once, so sent again ten seconds later.
    let begun = Instant::now();
    while heard.lock().expect("not poisoned").len() < 2 {
        assert!(begun.elapsed() < PATIENCE, "{}", world.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(*heard.lock().expect("not poisoned"), [ended.clone(), ended]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_of_runpods_is_refused_timed_out_retried_cancelled_and_purged() {
    let world = World::start("", &["jobs.concurrency=1"]).await;
    let inside = json!({"input": short(&json!({})), "webhook": "http://127.0.0.1:1/done"});
    let (status, refused) = ask(&world, "POST", "/run", Some(&inside)).await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused.to_string().contains("outside of this network"), "{refused}");
    for (request, expected) in [
        (json!({}), "input: expected"),
        (json!({"input": {"video_subject": "sea", "voice_rate": 9}}), "voice_rate"),
        (json!({"input": short(&json!({})), "policy": {"ttl": 1}}), "policy.ttl"),
    ] {
        let (status, refused) = ask(&world, "POST", "/run", Some(&request)).await;
        let error = refused["error"].as_str().expect("an error");
        assert!(status == 400 && error.contains(expected), "{status} {refused}");
    }
    let long = json!({"video_script": "The sea is calm. ".repeat(200), "video_size": "1080x1920"});
    let policy = json!({"executionTimeout": 5000, "lowPriority": true});
    let request = json!({"input": short(&long), "policy": policy});
    let (_, taken) = ask(&world, "POST", "/run", Some(&request)).await;
    let slow = id(&taken);
    let (_, taken) = ask(&world, "POST", "/run", Some(&request)).await;
    let waiting = id(&taken);
    let (status, early) = ask(&world, "POST", &format!("/retry/{waiting}"), None).await;
    assert_eq!(status, 409, "{early}");
    until(&world, &slow, &["IN_PROGRESS"]).await;
    let (_, purged) = ask(&world, "POST", "/purge-queue", None).await;
    assert_eq!(purged, json!({"removed": 1, "status": "completed"}));
    until(&world, &waiting, &["CANCELLED"]).await;
    let ended = until(&world, &slow, &["TIMED_OUT"]).await;
    assert!((5_000..15_000).contains(&ended["executionTime"].as_u64().expect("a time")), "{ended}");
    let (status, again) = ask(&world, "POST", &format!("/retry/{slow}"), None).await;
    assert_eq!((status, &again["status"]), (200, &json!("IN_QUEUE")), "{again}");
    until(&world, &slow, &["IN_PROGRESS"]).await;
    let (status, _) = ask(&world, "POST", &format!("/cancel/{slow}"), None).await;
    assert_eq!(status, 200);
    until(&world, &slow, &["CANCELLED"]).await;
    let (status, _) = ask(&world, "POST", &format!("/cancel/{slow}"), None).await;
    assert_eq!(status, 409);
    let (status, unknown) = ask(&world, "GET", "/v2/x/status/nobody", None).await;
    assert_eq!((status, &unknown["error"]), (404, &json!("Not found: there is no job \"nobody\"")));
    world.stop().await;
}
