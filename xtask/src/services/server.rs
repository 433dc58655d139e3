//! A server that is ready when it has printed one line of JSON, and ends when its standard input does:
//! whatever happens to us, it is not left behind.

use std::path::{Path, PathBuf};
#[cfg(test)]
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::exit::Failure;
use crate::process::signal_group;

/// Time to print the line: models are loaded behind it, not before it.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Time to end by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    /// Read no further, but open: a server that writes to a closed pipe dies of it.
    _stdout: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, with its log in `log`, and waits for its line.
    ///
    /// # Errors
    ///
    /// It cannot be started, ends, or prints something else; the error has the end of its log.
    pub async fn start<T: DeserializeOwned>(
        name: &'static str,
        mut command: Command,
        log: &Path,
    ) -> anyhow::Result<(Self, T)> {
        let file = fs_err::File::create(log)?.into_parts().0;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        // A group of its own: Ctrl-C comes to us, and we end it in order.
        command.process_group(0).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().with_context(|| format!("{name} has no output"))?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = tokio::time::timeout(START_TIMEOUT, stdout.read_line(&mut line)).await;
        let mut server = Self { name, child, stdin, _stdout: stdout, log: log.to_owned() };
        let ready = match read {
            Err(_) => Err(format!("it is not ready after {} s", START_TIMEOUT.as_secs())),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(0)) => Err("it ended".to_owned()),
            Ok(Ok(_)) => {
                serde_json::from_str(&line).map_err(|error| format!("{error} in {line:?}"))
            }
        };
        match ready {
            Ok(ready) => Ok((server, ready)),
            Err(reason) => {
                server.end().await;
                let message = format!("{name} does not start: {reason}{}", server.last_words());
                Err(Failure::environment(message)
                    .with_hint(format!("the whole log is {}", log.display()))
                    .into())
            }
        }
    }

    /// Its process id. None: it has ended and was waited for.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// How it ended, where it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        Some(format!("{} ended with {status}{}", self.name, self.last_words()))
    }

    /// Asks it to end, and ends it where it does not.
    pub async fn stop(mut self) {
        self.end().await;
    }

    /// Closes its input and gives how it ended. None: it did not, within `patience`.
    #[cfg(test)]
    pub async fn ends_by_itself(&mut self, patience: Duration) -> Option<ExitStatus> {
        drop(self.stdin.take());
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        ended.ok().map(|status| status.expect("it was waited for"))
    }

    /// Asks it to end as a service manager does. None: it did not end within `patience`.
    #[cfg(test)]
    pub async fn ends_by_sigterm(&mut self, patience: Duration) -> Option<ExitStatus> {
        let pid = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        rustix::process::kill_process(pid.expect("it runs"), Signal::TERM).expect("it is there");
        let ended = tokio::time::timeout(patience, self.child.wait()).await;
        ended.ok().map(|status| status.expect("it was waited for"))
    }

    /// Ends it as `kill -9` does.
    #[cfg(test)]
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("killed");
    }

    async fn end(&mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn last_words(&self) -> String {
        let log = fs_err::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(5)..];
        last.iter().map(|line| format!("\n  {line}")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        signal_group(&self.child, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_server_is_ready_with_its_line_and_ends_with_its_input() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("log");
        let script = sh("echo '{\"port\": 7}'; cat >/dev/null; echo bye >&2");
        let (server, ready): (_, serde_json::Value) =
            Server::start("sh", script, &log).await.expect("started");
        assert_eq!(ready["port"], 7);
        server.stop().await;
        assert_eq!(fs_err::read_to_string(&log).expect("log"), "bye\n");
    }

    #[tokio::test]
    async fn a_server_that_ignores_the_end_of_its_input_is_seen() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let script = sh("echo 7; exec sleep 61.25");
        let (mut server, _): (_, u32) =
            Server::start("sh", script, &folder.path().join("log")).await.expect("started");
        assert_eq!(server.ends_by_itself(Duration::from_millis(200)).await, None);
        let status = server.ends_by_sigterm(Duration::from_secs(10)).await.expect("it ended");
        assert!(!status.success(), "{status}");
    }

    #[tokio::test]
    async fn a_server_that_dies_takes_its_last_words_into_the_error() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("log");
        let script = sh("echo 'no such database' >&2; exit 3");
        let error = Server::start::<serde_json::Value>("sh", script, &log).await.expect_err("died");
        assert_eq!(error.to_string(), "sh does not start: it ended\n  no such database");
    }
}
