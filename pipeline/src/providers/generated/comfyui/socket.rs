//! ComfyUI's WebSocket (<https://docs.comfy.org/development/comfyui-server/comms_messages>).

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use uuid::Uuid;

use super::history::{self, Failure};

/// Time for a connection to stand.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A run that says nothing for so long is looked for in the history: its end may have been lost.
const SILENCE: Duration = Duration::from_secs(15);

/// An open socket.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What was heard of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Ended,
    Failed(Failure),
    Silence,
    Closed,
}

/// What one message means for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    Ended,
    Failed(Failure),
    /// It speaks of another run: with a client id of one's own that never happens.
    Foreign,
    Nothing,
}

impl Socket {
    /// A socket for `client_id`. None, and a line in the log, where it cannot be opened: the run can be
    /// followed without.
    pub(super) async fn open(base_url: &str, client_id: Uuid) -> Option<Self> {
        let address = address(base_url, client_id);
        match timeout(OPEN_TIMEOUT, tokio_tungstenite::connect_async(&address)).await {
            Ok(Ok((socket, _))) => Some(Self(socket)),
            Ok(Err(error)) => {
                tracing::warn!(address, %error, "no socket");
                None
            }
            Err(_) => {
                tracing::warn!(address, "no socket within {OPEN_TIMEOUT:?}");
                None
            }
        }
    }

    /// Listens until something is to be done about the run.
    pub(super) async fn listen(&mut self, prompt_id: &str) -> Heard {
        loop {
            let text = match timeout(SILENCE, self.0.next()).await {
                Err(_) => return Heard::Silence,
                Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return Heard::Closed,
                Ok(Some(Ok(Message::Text(text)))) => text,
                Ok(Some(Ok(_))) => continue, // previews
            };
            match meaning(&text, prompt_id) {
                Meaning::Ended => return Heard::Ended,
                Meaning::Failed(failure) => return Heard::Failed(failure),
                Meaning::Foreign => {
                    metrics::counter!("reelbench_comfyui_foreign_messages_total").increment(1);
                }
                Meaning::Nothing => {}
            }
        }
    }
}

fn address(base_url: &str, client_id: Uuid) -> String {
    // `http` is the beginning of `https` too.
    let base = base_url.replacen("http", "ws", 1);
    format!("{base}/ws?clientId={client_id}")
}

fn meaning(text: &str, prompt_id: &str) -> Meaning {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    let (kind, data) = (message["type"].as_str().unwrap_or_default(), &message["data"]);
    match data["prompt_id"].as_str() {
        None => return Meaning::Nothing, // the queue's length
        Some(other) if other != prompt_id => return Meaning::Foreign,
        Some(_) => {}
    }
    match (kind, history::failure(kind, data)) {
        (_, Some(failure)) => Meaning::Failed(failure),
        ("execution_success", None) => Meaning::Ended,
        ("executing", None) if data["node"].is_null() => Meaning::Ended,
        _ => Meaning::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a table reads better")]
    fn check(kind: &str, data: Value, expected: Meaning) {
        let text = json!({"type": kind, "data": data}).to_string();
        assert_eq!(meaning(&text, "ours"), expected, "{text}");
    }

    #[test]
    fn only_what_is_said_of_our_run_counts() {
        check("status", json!({"status": {"exec_info": {"queue_remaining": 1}}}), Meaning::Nothing);
        check("executing", json!({"node": "3", "prompt_id": "ours"}), Meaning::Nothing);
        check("executing", json!({"node": null, "prompt_id": "ours"}), Meaning::Ended);
        check("executing", json!({"node": null, "prompt_id": "theirs"}), Meaning::Foreign);
        check("executing", json!({"node": null}), Meaning::Nothing);
        check("execution_success", json!({"prompt_id": "ours"}), Meaning::Ended);
        check("progress", json!({"value": 1, "max": 20, "prompt_id": "ours"}), Meaning::Nothing);
        let error = json!({"prompt_id": "ours", "node_id": "3", "node_type": "KSampler",
                           "exception_message": "no memory"});
        let failure = Failure::Node {
            node: "3".to_owned(),
            class: "KSampler".to_owned(),
            message: "no memory".to_owned(),
        };
        check("execution_error", error, Meaning::Failed(failure));
        let stopped = json!({"prompt_id": "ours"});
        check("execution_interrupted", stopped, Meaning::Failed(Failure::Interrupted));
        assert_eq!(meaning("no json", "ours"), Meaning::Nothing);
    }

    #[test]
    fn the_address_follows_the_scheme() {
        let nil = Uuid::nil();
        let check = |base, start: &str| assert!(address(base, nil).starts_with(start));
        check("http://h:8188", "ws://h:8188/ws?clientId=00000000-");
        check("https://http.example/comfy", "wss://http.example/comfy/ws?clientId=");
    }
}
