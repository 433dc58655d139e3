//! A job as it goes on: server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>) and the same over a WebSocket.

pub mod watch;

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use axum::http::request;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{SinkExt as _, StreamExt as _};
use protocol::JobEvent;
use serde::{Deserialize, Serialize};

use self::watch::{Told, watch};
use super::extract::{Path, Query};
use super::problem::ApiProblem;
use super::{Api, jobs};

/// How often a stream on which nothing happens says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What happens to a job, as server-sent events: each has its number as id, and a reader that comes back
/// with `Last-Event-ID` goes on behind it. `progress` has no number. The stream ends with the job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/events",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "Name of the job"),
        ("Last-Event-ID" = Option<String>, Header, description = "Number of the last event that was seen"),
    ),
    responses(
        (status = 200, description = "Events; `data` is a JobEvent", content_type = "text/event-stream", body = JobEvent),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such job"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn events(
    State(api): State<Api>,
    Path(id): Path<String>,
    LastEventId(seen): LastEventId,
) -> Result<Response, ApiProblem> {
    jobs::find(&api, &id).await?;
    let events = watch(api, id, seen).map(|told| Ok::<_, Infallible>(sse(&told)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn sse(told: &Told) -> Event {
    // Names, numbers and texts: it can always be written, and JSON has no line breaks.
    let data = serde_json::to_string(&told.event).unwrap_or_default();
    let event = Event::default().event(told.event.name()).data(data);
    match told.number {
        Some(number) => event.id(number.to_string()),
        None => event,
    }
}

/// The same events as text frames of a WebSocket, each with its number as `id`. It is closed when the job
/// has ended.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}/ws",
    tag = "jobs",
    params(
        ("id" = String, Path, description = "Name of the job"),
        ("last_event_id" = Option<u64>, Query, description = "Number of the last event that was seen"),
    ),
    responses(
        (status = 101, description = "Events follow as frames of JSON"),
        (status = 400, description = "It is no request for a WebSocket"),
        (status = 404, description = "There is no such job"),
        (status = 426, description = "The connection cannot become a WebSocket"),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn socket(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(Since { last_event_id }): Query<Since>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiProblem> {
    let upgrade = upgrade.map_err(|rejection| ApiProblem::no_upgrade(rejection.body_text()))?;
    jobs::find(&api, &id).await?;
    let seen = last_event_id.unwrap_or(0);
    Ok(upgrade.on_upgrade(move |socket| tell(socket, api, id, seen)))
}

/// Where a reader of the WebSocket goes on.
#[derive(Deserialize)]
pub struct Since {
    last_event_id: Option<usize>,
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(flatten)]
    event: &'a JobEvent,
}

/// Sends until the job has ended or nobody listens any more.
async fn tell(socket: WebSocket, api: Api, id: String, seen: usize) {
    let (mut sender, mut receiver) = socket.split();
    let mut events = std::pin::pin!(watch(api, id, seen));
    loop {
        let told = tokio::select! {
            told = events.next() => told,
            // Nothing is asked here; but a client that goes away is heard of this way.
            heard = receiver.next() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let Some(Told { number, event }) = told else { break };
        let frame = Frame { id: number, event: &event };
        let text = serde_json::to_string(&frame).unwrap_or_default();
        if sender.send(Message::text(text)).await.is_err() {
            return;
        }
    }
    let _ = sender.send(Message::Close(None)).await;
}

/// How many events a reader has seen; what is no number is none.
pub struct LastEventId(usize);

impl<S: Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        Ok(Self(given.and_then(|text| text.trim().parse().ok()).unwrap_or(0)))
    }
}
