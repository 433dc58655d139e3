//! A PostgreSQL server for the tests: a fresh one in a folder of its own, gone with us.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::Command;

use super::Server;
use crate::exit::Failure;

/// Makes a cluster in `$2` with the programs in `$1`, serves it on port `$3`, and ends with its standard
/// input. What is in it is worth nothing: it need not survive a power failure.
const SCRIPT: &str = r#"
set -e
"$1/initdb" --pgdata="$2/data" --auth=trust --username=reelbench --encoding=UTF8 --no-sync >&2
"$1/postgres" -D "$2/data" -p "$3" -k "$2" -c listen_addresses=127.0.0.1 -c max_connections=300 \
    -c fsync=off -c full_page_writes=off >&2 </dev/null &
until "$1/pg_isready" -q -h 127.0.0.1 -p "$3"; do kill -0 $!; sleep 0.05; done
echo "\"postgres://reelbench@127.0.0.1:$3/postgres\""
cat >/dev/null
kill -INT $!
wait
"#;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    /// Its address.
    pub url: String,
    server: Server,
    _folder: TempDir,
}

impl Postgres {
    /// Starts a server on a free port of this machine; its log goes to `log`.
    ///
    /// # Errors
    ///
    /// It is not installed, or does not start.
    pub async fn start(log: &Path) -> anyhow::Result<Self> {
        let programs = programs().ok_or_else(|| {
            Failure::environment("PostgreSQL is not installed")
                .with_hint("`cargo xtask setup --for test` installs it")
        })?;
        let folder = tempfile::Builder::new().prefix("reelbench-postgres-").tempdir()?;
        // Its port is free now, and nobody else takes ports one after the other.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let is_root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if is_root { "setpriv" } else { "env" });
        if is_root {
            // PostgreSQL refuses to be root; its package brings a user.
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            let owner = Command::new("chown").arg("postgres").arg(folder.path()).status().await;
            let owner = owner.context("cannot start chown")?;
            anyhow::ensure!(owner.success(), "there is no user postgres");
        }
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(programs).arg(folder.path());
        command.arg(port.to_string()).current_dir(folder.path());
        let (server, url) = Server::start("PostgreSQL", command, log).await?;
        Ok(Self { url, server, _folder: folder })
    }

    /// Ends it.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// Where the programs of the server are: the newest that Debian's packages brought, or in `PATH`.
fn programs() -> Option<PathBuf> {
    let versions = fs_err::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin")).filter(|bin| has_server(bin));
    let newest = newest.max_by_key(|bin| version(bin));
    newest.or_else(|| Some(which::which("initdb").ok()?.parent()?.to_owned()))
}

fn has_server(bin: &Path) -> bool {
    ["initdb", "postgres", "pg_isready"].iter().all(|program| bin.join(program).is_file())
}

/// 15 of `/usr/lib/postgresql/15/bin`.
fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).unwrap_or_default();
    name.to_string_lossy().parse().unwrap_or(0)
}
