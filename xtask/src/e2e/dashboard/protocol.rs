//! Questions and answers of the DevTools protocol over one WebSocket, and the events between them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::SinkExt as _;
use futures::stream::{SplitSink, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What was heard: answers that are waited for, by number, and events.
#[derive(Default)]
struct Heard {
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    events: Vec<Value>,
}

/// An open connection to a page.
pub struct Connection {
    sender: tokio::sync::Mutex<SplitSink<Socket, Message>>,
    heard: Arc<Mutex<Heard>>,
    last: AtomicU64,
}

impl Connection {
    /// Connects, and listens until the browser is gone.
    pub async fn open(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
        let (sender, mut receiver) = socket.split();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let listens = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(Ok(message)) = receiver.next().await {
                let Ok(text) = message.to_text() else { continue };
                let Ok(said) = serde_json::from_str::<Value>(text) else { continue };
                let mut heard = listens.lock().expect("no panic");
                match said["id"].as_u64().and_then(|id| heard.waiting.remove(&id)) {
                    Some(waiting) => drop(waiting.send(said)),
                    None => heard.events.push(said),
                }
            }
        });
        Self { sender: sender.into(), heard, last: AtomicU64::new(0) }
    }

    /// Asks, and gives the result; an error of the protocol is one of the test.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The value of an expression. None: it threw, or the page went away under it.
    pub async fn try_eval(&self, expression: &str) -> Option<Value> {
        let question =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.ask("Runtime.evaluate", question).await;
        answer.pointer_mut("/result/result/value").map(Value::take)
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = oneshot::channel();
        self.heard().waiting.insert(id, sender);
        let question = json!({"id": id, "method": method, "params": params}).to_string();
        self.sender.lock().await.send(Message::text(question)).await.expect("it listens");
        answer.await.unwrap_or_else(|_| panic!("{method}: the browser is gone"))
    }

    /// What happened so far.
    pub fn events(&self) -> Vec<Value> {
        self.heard().events.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic")
    }
}
