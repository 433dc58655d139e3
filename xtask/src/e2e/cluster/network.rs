//! Hosts of a test: network namespaces, each on a wire of its own to this one (iproute2). What leaves a
//! host crosses that wire, which can be cut; what it asks for is carried on from the wire's near end to
//! loopback, where the servers of the tests are, as late as its `delay` says.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Chunks that are on their way at once in one direction of a connection.
const IN_FLIGHT: usize = 1024;

/// A host. Dropped, it is gone.
pub struct Host {
    name: String,
    near: Ipv4Addr,
    far: Ipv4Addr,
    _carriers: JoinSet<()>,
}

impl Host {
    /// The `number`th host of this process; what it asks of `near()` at one of these `ports` comes to the
    /// same port of loopback, `delay` later in each direction. None: no hosts can be made here, and this is
    /// no build server.
    pub async fn make(number: u8, ports: &[u16], delay: Duration) -> Option<Self> {
        let name = format!("rb{}-{number}", std::process::id());
        // For benchmarks of networks (RFC 2544, appendix C.2.2): nobody else has them.
        let third = u8::try_from(std::process::id() % 64).expect("below 64") * 4 + number;
        let [near, far] = [1, 2].map(|last| Ipv4Addr::new(198, 18, third, last));
        let mut host = Self { name, near, far, _carriers: JoinSet::new() };
        if let Err(reason) = host.wire() {
            assert!(std::env::var_os("CI").is_none(), "no network namespace: {reason}");
            eprintln!("skipped: no network namespace can be made here: {reason}");
            return None;
        }
        for &port in ports {
            let listener =
                TcpListener::bind((near, port)).await.expect("a port of our own address");
            host._carriers.spawn(carry(listener, SocketAddr::from(([127, 0, 0, 1], port)), delay));
        }
        Some(host)
    }

    /// The address that it reaches us by.
    pub const fn near(&self) -> Ipv4Addr {
        self.near
    }

    /// Its own address.
    pub const fn far(&self) -> Ipv4Addr {
        self.far
    }

    /// The same command on this host.
    pub fn on_it(&self, command: &tokio::process::Command) -> tokio::process::Command {
        let command = command.as_std();
        let mut there = tokio::process::Command::new("ip");
        there.args(["netns", "exec", &self.name]).arg(command.get_program());
        there.args(command.get_args());
        there.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        there
    }

    /// Cuts the wire: nothing arrives, and nobody is told.
    pub fn cut(&self) {
        ip(&["link", "set", &self.name, "down"]).expect("cut");
    }

    /// Mends it.
    pub fn mend(&self) {
        ip(&["link", "set", &self.name, "up"]).expect("mended");
    }

    fn wire(&self) -> Result<(), String> {
        let (name, far_end) = (self.name.as_str(), format!("{}f", self.name));
        let address = |address| format!("{address}/30");
        ip(&["netns", "add", name])?;
        ip(&["link", "add", name, "type", "veth", "peer", "name", &far_end, "netns", name])?;
        ip(&["address", "add", &address(self.near), "dev", name])?;
        ip(&["link", "set", name, "up"])?;
        ip(&["-n", name, "address", "add", &address(self.far), "dev", &far_end])?;
        ip(&["-n", name, "link", "set", &far_end, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The wire goes with it.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("cannot start ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), reason.trim()))
}

async fn carry(listener: TcpListener, to: SocketAddr, delay: Duration) {
    let mut connections = JoinSet::new();
    while let Ok((there, _)) = listener.accept().await {
        connections.spawn(async move {
            let Ok(here) = TcpStream::connect(to).await else { return };
            // Many small messages: each goes at once, as it does without us.
            let _ = (there.set_nodelay(true), here.set_nodelay(true));
            let ((their_read, their_write), (our_read, our_write)) =
                (there.into_split(), here.into_split());
            tokio::join!(later(their_read, our_write, delay), later(our_read, their_write, delay));
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Hands on what is read, each chunk `delay` after it came: late, and not slower.
async fn later(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let read = async move {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n_bytes @ 1..) = from.read(&mut buffer).await {
            let chunk = buffer[..n_bytes].to_vec();
            if sender.send((Instant::now() + delay, chunk)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
