//! A provider on loopback that answers as the test says, byte by byte, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sends this; the head is closed with `Connection: close`.
    Say(String),
    /// Resets the connection.
    Reset,
}

/// A server that gives its answers in order, and the last one again and again.
#[derive(Clone, Debug)]
pub struct TestServer {
    /// Where it listens.
    pub base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    pub async fn start(answers: Vec<Answer>) -> Self {
        // Another test may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("address"));
        let server = Self { base_url, asked: Arc::default() };
        let asked = Arc::clone(&server.asked);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.expect("a connection");
                let request = read(&mut connection).await;
                let n = {
                    let mut asked = asked.lock().expect("no test panics with it");
                    asked.push(request);
                    asked.len()
                };
                match &answers[n.min(answers.len()) - 1] {
                    Answer::Say(text) => {
                        // The client may leave in the middle.
                        let _ = connection.write_all(text.as_bytes()).await;
                    }
                    Answer::Reset => connection.set_zero_linger().expect("a socket"),
                }
            }
        });
        server
    }

    /// The requests, head and body.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics with it").clone()
    }
}

/// A client that goes to the server without a detour.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a TLS provider is installed")
}

/// An answer; `head` is further lines of it.
pub fn say(status: u16, head: &str, body: &str) -> Answer {
    let n = body.len();
    Answer::Say(format!(
        "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {n}\r\n{head}\r\n{body}"
    ))
}

async fn read(connection: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&request)) {
        if connection.read_buf(&mut request).await.expect("an open connection") == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    body.len() >= length.unwrap_or(0)
}
