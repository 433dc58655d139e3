//! Eight files from a server that limits each connection, as stores of models and clips do: one after the other, and
//! all at once. Every byte is hashed on its way in both.
//!
//! ```text
//! cargo bench -p fetch --bench streams -- [rounds=6] [measures=FILE]
//! ```
//!
//! A document a way and round (`bench::ways`); `cargo xtask bench fetch` reads them.

#![expect(clippy::print_stdout, reason = "the documents are what it is run for")]

use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fetch::{Digest, Fetcher, Policy, Progress, Request, Silent, Store};
use futures::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const N_FILES: usize = 8;
const N_BYTES: usize = 1 << 20;
/// Bytes that a connection is sent at once, and how often: 4 MiB a second.
const PIECE: usize = 64 * 1024;
const BETWEEN: Duration = Duration::from_millis(16);

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let argument = |name: &str| {
        std::env::args().find_map(|argument| argument.strip_prefix(name).map(str::to_owned))
    };
    let rounds = argument("rounds=").map_or(Ok(6), |n| n.parse::<usize>())?;
    let lines = tokio::runtime::Runtime::new()?.block_on(measured(rounds))?;
    print!("{lines}");
    if let Some(file) = argument("measures=") {
        fs_err::write(file, lines)?;
    }
    Ok(())
}

async fn measured(rounds: usize) -> Done<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection));
        }
    });
    let mut lines = String::new();
    for round in 0..rounds {
        let mut ways = [("one at a time", 1), ("all at once", N_FILES)];
        if round % 2 == 1 {
            ways.reverse();
        }
        for (way, at_once) in ways {
            let folder = tempfile::tempdir()?;
            let begun = Instant::now();
            download(server, Store::open(folder.path())?, at_once).await?;
            let values = json!({ "wall_us": begun.elapsed().as_secs_f64() * 1e6 });
            let line = json!({ "way": way, "round": round, "values": values });
            lines.push_str(&format!("{line}\n"));
        }
    }
    Ok(lines)
}

/// Brings all files into an empty store, so many at once.
async fn download(server: SocketAddr, store: Store, at_once: usize) -> Done<()> {
    let policy = Policy::default();
    let fetcher = Fetcher::new(policy.client()?, store, policy);
    let mut requests = Vec::new();
    for number in 0..N_FILES {
        let url = format!("http://{server}/{number}").parse()?;
        let sha256 = Some(Digest::of(&content(number)));
        requests.push(Request { sha256, ..Request::new(url, format!("{number}.bin")) });
    }
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let at_once = NonZeroUsize::new(at_once).unwrap_or(NonZeroUsize::MIN);
    let mut brought = fetcher.fetch_all(requests, at_once, &progress);
    while let Some((_, blob)) = brought.next().await {
        blob?;
    }
    Ok(())
}

/// No two files are alike: the store would have the second one already.
fn content(number: usize) -> Vec<u8> {
    (0..N_BYTES).map(|i| ((i + number) * 31 % 251) as u8).collect()
}

/// Answers requests for files, piece by piece.
async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let mut head = vec![0; 4096];
    loop {
        let n_bytes = connection.read(&mut head).await?;
        if n_bytes == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&head[..n_bytes]);
        let path = text.split(' ').nth(1).unwrap_or_default();
        let body = content(path.trim_start_matches('/').parse().unwrap_or_default());
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all(head.as_bytes()).await?;
        for piece in body.chunks(PIECE) {
            connection.write_all(piece).await?;
            tokio::time::sleep(BETWEEN).await;
        }
    }
}
