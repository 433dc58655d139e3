//! ComfyUI's WebSocket, as one client of it.

use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::targets::service::Service;

/// Time for a connection to stand.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A run that says nothing for so long is looked up: its end may have been lost.
const SILENCE: Duration = Duration::from_secs(15);

/// An open socket, and the client that it belongs to: what is told of a run goes to the socket of the
/// client that sent it.
#[derive(Debug)]
pub struct Socket {
    /// The client.
    pub client_id: String,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// A message.
    Message(Value),
    /// Nothing, for a while.
    Silence,
    /// The end of the socket.
    Closed,
}

impl Socket {
    /// Opens one for `client_id`.
    ///
    /// # Errors
    ///
    /// The server has none, or is away.
    pub async fn open(service: &Service, client_id: &str) -> anyhow::Result<Self> {
        let mut url = service.url("ws")?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let _ = url.set_scheme(scheme); // cannot fail among these
        url.query_pairs_mut().append_pair("clientId", client_id);
        let mut request = url.as_str().into_client_request()?;
        if let Some(bearer) = service.bearer()? {
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let opened = timeout(OPEN_TIMEOUT, tokio_tungstenite::connect_async(request)).await;
        let (stream, _) = opened.context("no socket in time")??;
        Ok(Self { client_id: client_id.to_owned(), stream })
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Heard {
        loop {
            match timeout(SILENCE, self.stream.next()).await {
                Err(_) => return Heard::Silence,
                Ok(None | Some(Err(_) | Ok(Message::Close(_)))) => return Heard::Closed,
                Ok(Some(Ok(Message::Text(text)))) => {
                    return Heard::Message(serde_json::from_str(&text).unwrap_or_default());
                }
                Ok(Some(Ok(_))) => {} // previews
            }
        }
    }
}
