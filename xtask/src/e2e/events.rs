//! A job as it is told: server-sent events and a WebSocket.

use futures::StreamExt as _;
use protocol::{Accepted, JobState, Stage};
use serde_json::{Value, json};

use super::{PATIENCE, World, runs, short};

/// Events of a stream, to its end: number, kind, document.
async fn events(world: &World, job: &Accepted, seen: Option<&str>) -> Vec<(Option<u64>, Value)> {
    let url = world.base.join(&format!("{}/events", job.status_url)).expect("a path");
    let mut request = reqwest::Client::new().get(url);
    if let Some(seen) = seen {
        request = request.header("Last-Event-ID", seen);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = tokio::time::timeout(PATIENCE, answer.text()).await.expect("it ends with the job");
    let text = text.expect("UTF-8");
    let blocks = text.split("\n\n").filter(|block| block.contains("data:"));
    let read = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let document: Value = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
        assert_eq!(document["event"], field("event: ").expect("a kind"), "{block}");
        (field("id: ").map(|id| id.parse().expect("a number")), document)
    };
    blocks.map(read).collect()
}

/// The same from a WebSocket.
async fn frames(world: &World, job: &Accepted, seen: u64) -> Vec<(Option<u64>, Value)> {
    let mut url = world.base.join(&format!("{}/ws", job.status_url)).expect("a path");
    url.set_scheme("ws").expect("a scheme");
    url.set_query(Some(&format!("last_event_id={seen}")));
    let (mut socket, _) = tokio_tungstenite::connect_async(url.as_str()).await.expect("a socket");
    let mut found = Vec::new();
    let read = async {
        while let Some(Ok(message)) = socket.next().await {
            let Ok(text) = message.to_text() else { continue };
            let Ok(mut frame) = serde_json::from_str::<Value>(text) else { continue };
            let id = frame.as_object_mut().and_then(|frame| frame.remove("id"));
            found.push((id.and_then(|id| id.as_u64()), frame));
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("it ends with the job");
    found
}

fn numbered(events: Vec<(Option<u64>, Value)>) -> Vec<(u64, Value)> {
    events.into_iter().filter_map(|(number, event)| Some((number?, event))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_job_tells_each_event_once_and_in_order() {
    let world = World::start("", &[]).await;
    let job = world.submit(short(&json!({"video_size": "540x960"}))).await;
    // Both while it runs.
    let (told, framed) = tokio::join!(events(&world, &job, None), frames(&world, &job, 0));
    let status = world.ended(&job).await;
    assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);

    let n_progress = told.iter().filter(|(_, event)| event["event"] == "progress").count();
    assert!(n_progress > 0, "{told:?}");
    let (told, framed) = (numbered(told), numbered(framed));
    let expected: Vec<(u64, Value)> = (1..)
        .zip(status.events().iter().map(|event| serde_json::to_value(event).expect("a document")))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(framed, expected);
    let kind = |event: &(u64, Value)| event.1["event"].as_str().unwrap_or_default().to_owned();
    assert_eq!(kind(&expected[0]), "queued");
    assert_eq!(kind(&expected[expected.len() - 1]), "ended");
    assert!(expected.len() >= 3 + 2 * Stage::ALL.len(), "{expected:?}");

    // Who comes back goes on behind what was seen.
    assert_eq!(numbered(events(&world, &job, Some("5")).await), expected[5..]);
    assert_eq!(numbered(frames(&world, &job, 5).await), expected[5..]);
    assert_eq!(numbered(events(&world, &job, Some("none")).await), expected);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_reader_of_events_hears_of_the_end_of_a_cancelled_job() {
    let world = World::start("", &["jobs.concurrency=1"]).await;
    let long = short(&json!({"video_script": "The sea is calm. ".repeat(60)}));
    let (running, waiting) = (world.submit(long.clone()).await, world.submit(long).await);
    world.seen(&running, |status| runs(status, Stage::Render)).await;
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        world.client.cancel(&waiting).await.expect("cancelled");
        world.client.cancel(&running).await.expect("cancelled");
    };
    let (first, second, ()) =
        tokio::join!(events(&world, &running, None), events(&world, &waiting, None), cancel);
    for told in [first, second] {
        let (_, last) = told.last().expect("events");
        assert_eq!((&last["event"], &last["state"]), (&json!("ended"), &json!("cancelled")));
    }
    world.stop().await;
}
