//! An HTTP server that misbehaves as it is told: one fault a request, in turn, and then it is honest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// What one answer does wrong. Numbers of bytes are of the body of that answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// Status 200 and the whole file, whatever the range.
    IgnoresRange,
    /// The connection is closed after so many bytes.
    CutAfter(usize),
    /// It is reset after so many bytes.
    ResetAfter(usize),
    /// Nothing comes after so many bytes.
    StallAfter(usize),
    /// The lowest bit of this byte is flipped.
    Flip(usize),
    /// The server has another file from now on.
    Replaced(Vec<u8>),
    /// The same, and this answer is cut after so many bytes.
    ReplacedAfter(usize, Vec<u8>),
    /// This status line and these header lines, no body.
    Status(&'static str, &'static str),
    /// A page with status 200.
    Html,
    /// The range is one byte off.
    WrongRange,
    /// No length, and the connection is closed after so many bytes.
    NoLengthCutAfter(usize),
    /// A length of so many bytes, of which none comes.
    Promise(u64),
    /// So many bytes, then a pause, again and again.
    Slow(usize, Duration),
}

struct State {
    content: Vec<u8>,
    /// Whether answers have an `ETag`.
    marked: bool,
    faults: VecDeque<Fault>,
    requests: Vec<Seen>,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
}

pub(crate) struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
    _running: AbortOnDropHandle<()>,
}

impl Server {
    pub(crate) async fn start(content: &[u8], faults: impl IntoIterator<Item = Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let port = listener.local_addr().expect("address").port();
        let faults = faults.into_iter().collect();
        let (content, requests) = (content.to_owned(), Vec::new());
        let state = Arc::new(Mutex::new(State { content, marked: true, faults, requests }));
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { port, state, _running: AbortOnDropHandle::new(running) }
    }

    /// The same server without `ETag`.
    pub(crate) fn unmarked(self) -> Self {
        self.state.lock().expect("state").marked = false;
        self
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}/{path}", self.port).parse().expect("url")
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.state.lock().expect("state").requests.clone()
    }

    /// The ranges that were asked for.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        self.requests().into_iter().map(|seen| seen.range).collect()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("ASCII");
    let (fault, content, marked) = note(&head, &state);
    let range = range_of(&head).filter(|_| !matches!(fault, Fault::IgnoresRange));
    let (head, body) = answer(&fault, &content, range, marked);
    // The client may be gone: that is its right.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = send(&mut stream, &fault, &body).await;
}

/// Takes the request down and gives the fault that is due with the file there is now.
fn note(head: &str, state: &Mutex<State>) -> (Fault, Vec<u8>, bool) {
    let mut state = state.lock().expect("state");
    let path = head.split_whitespace().nth(1).expect("path").trim_start_matches('/').to_owned();
    state.requests.push(Seen { path, range: header(head, "range").map(str::to_owned) });
    let fault = state.faults.pop_front().unwrap_or(Fault::None);
    if let Fault::Replaced(content) | Fault::ReplacedAfter(_, content) = &fault {
        let old = std::mem::replace(&mut state.content, content.clone());
        if matches!(fault, Fault::ReplacedAfter(..)) {
            return (fault, old, state.marked);
        }
    }
    (fault, state.content.clone(), state.marked)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn range_of(head: &str) -> Option<usize> {
    header(head, "range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn answer(fault: &Fault, content: &[u8], range: Option<usize>, marked: bool) -> (String, Vec<u8>) {
    let (from, total) = (range.unwrap_or(0), content.len());
    match fault {
        Fault::Status(line, headers) => {
            return (format!("HTTP/1.1 {line}\r\n{headers}content-length: 0\r\n\r\n"), Vec::new());
        }
        Fault::Promise(n) => {
            return (format!("HTTP/1.1 200 OK\r\ncontent-length: {n}\r\n\r\n"), Vec::new());
        }
        Fault::Html => {
            let page = b"<html>please log in</html>".to_vec();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
                page.len()
            );
            return (head, page);
        }
        _ if from > 0 && from >= total => {
            let head = "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n";
            return (format!("{head}content-range: bytes */{total}\r\n\r\n"), Vec::new());
        }
        _ => {}
    }
    let mut body = content[from..].to_owned();
    let mut head =
        if range.is_some() { "HTTP/1.1 206 Partial Content\r\n" } else { "HTTP/1.1 200 OK\r\n" }
            .to_owned();
    if range.is_some() {
        let first = if matches!(fault, Fault::WrongRange) { from + 1 } else { from };
        head += &format!("content-range: bytes {first}-{}/{total}\r\n", total - 1);
    }
    if let Fault::Flip(index) = fault {
        body[*index] ^= 1;
    }
    if !matches!(fault, Fault::NoLengthCutAfter(_)) {
        head += &format!("content-length: {}\r\n", body.len());
    }
    if marked {
        head += &format!("etag: \"{}\"\r\n", fetch::Digest::of(content));
    }
    (head + "connection: close\r\n\r\n", body)
}

async fn send(stream: &mut TcpStream, fault: &Fault, body: &[u8]) -> std::io::Result<()> {
    match fault {
        Fault::CutAfter(n) | Fault::ReplacedAfter(n, _) | Fault::NoLengthCutAfter(n) => {
            stream.write_all(&body[..(*n).min(body.len())]).await?;
        }
        Fault::ResetAfter(n) => {
            stream.write_all(&body[..(*n).min(body.len())]).await?;
            // A reset throws away what the client did not read yet.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return stream.set_zero_linger();
        }
        Fault::StallAfter(n) => {
            stream.write_all(&body[..(*n).min(body.len())]).await?;
            let _ = stream.read_u8().await; // until the client goes
        }
        Fault::Slow(n, pause) => {
            for piece in body.chunks(*n) {
                stream.write_all(piece).await?;
                tokio::time::sleep(*pause).await;
            }
        }
        _ => stream.write_all(body).await?,
    }
    stream.shutdown().await
}
