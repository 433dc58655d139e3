//! A real redis-server for tests.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A Redis of the test's own, which ends with it.
pub struct Server {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

/// None: there is no redis-server here, and that is no failure. In CI it is one.
pub async fn server() -> Option<Server> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let mut server = Server::at(port);
    match server.start().await {
        Ok(()) => Some(server),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "in CI redis-server must be there: {error}");
            eprintln!("\n!!! NOT TESTED: redis-server is not in PATH !!!\n");
            None
        }
        Err(error) => panic!("redis-server: {error}"),
    }
}

impl Server {
    /// One that takes connections, if somebody listens on `port`, and is not ours.
    pub fn at(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { port, folder, process: None }
    }

    /// Starts it, again after a stop.
    pub async fn start(&mut self) -> std::io::Result<()> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(self.port.to_string()).arg("--dir").arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.kill_on_drop(true).spawn()?);
        for _ in 0..1_000 {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(std::io::Error::other("it does not listen"))
    }

    /// Kills it.
    pub async fn stop(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().await.expect("killed");
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// What `redis-cli` would say: of all its keys, in order, with how long they are good for in ms.
    pub async fn keys(&self) -> Vec<(String, i64)> {
        let client = redis::Client::open(("127.0.0.1", self.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("connected");
        let mut all: Vec<String> =
            redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("keys");
        all.sort();
        let mut found = Vec::new();
        for key in all {
            let left = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await;
            found.push((key, left.expect("a time")));
        }
        found
    }
}
