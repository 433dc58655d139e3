//! Programs that a command starts and waits for.
//!
//! Each leads a process group of its own, so that Ctrl-C ends it together with whatever it started:
//! first a request (SIGTERM), after [`GRACE`] the end.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;

/// How long a program has to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Lines kept of what a program says.
const TAIL: usize = 20;

/// How a program ended whose output was captured.
#[derive(Debug)]
pub struct Captured {
    /// Its exit status.
    pub status: ExitStatus,
    /// The last lines of stdout and stderr, in the order of their arrival.
    pub tail: Vec<String>,
}

/// Runs `command` to its end and hands each line of its stdout and stderr to `on_line`.
///
/// # Errors
///
/// Where it cannot be started, and [`Failure::Interrupted`] where `stop` came first.
pub async fn captured(
    command: Command,
    stop: &CancellationToken,
    on_line: impl FnMut(&str),
) -> anyhow::Result<Captured> {
    redirected(command, Stdio::piped(), stop, on_line).await
}

/// As [`captured`], with what it writes to stdout going to `stdout`.
///
/// # Errors
///
/// As [`captured`].
pub async fn redirected(
    command: Command,
    stdout: Stdio,
    stop: &CancellationToken,
    mut on_line: impl FnMut(&str),
) -> anyhow::Result<Captured> {
    let mut group = Group::spawn(command, stdout, Stdio::piped())?;
    let (sender, mut lines) = mpsc::channel(64);
    for pipe in group.pipes() {
        tokio::spawn(forward(pipe, sender.clone()));
    }
    drop(sender);
    let mut tail = VecDeque::with_capacity(TAIL);
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                on_line(&line);
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            }
            () = stop.cancelled() => return Err(group.interrupt().await),
        }
    }
    Ok(Captured { status: group.wait(stop).await?, tail: tail.into() })
}

/// Runs `command` to its end; what it says on stderr goes to ours, the rest to `stdout`.
///
/// # Errors
///
/// As [`captured`].
pub async fn visible(
    command: Command,
    stdout: Stdio,
    stop: &CancellationToken,
) -> anyhow::Result<ExitStatus> {
    Group::spawn(command, stdout, Stdio::inherit())?.wait(stop).await
}

type Pipe = Box<dyn AsyncRead + Send + Unpin>;

/// Sends each line of `pipe`; a line that is not UTF-8 is shown with replacement characters.
async fn forward(pipe: Pipe, lines: mpsc::Sender<String>) {
    let mut chunks = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = chunks.next_segment().await {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

/// Sends `signal` to the group that `child` leads; to nobody once it has ended.
pub fn signal_group(child: &Child, signal: Signal) {
    // `id` is None once the child was waited for: then its group may belong to somebody else.
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

/// A program and whatever it starts; killed together when dropped before its end.
struct Group {
    child: Child,
    program: String,
}

impl Group {
    fn spawn(mut command: Command, stdout: Stdio, stderr: Stdio) -> anyhow::Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
        Ok(Self { child, program })
    }

    fn pipes(&mut self) -> impl Iterator<Item = Pipe> + use<> {
        let stdout = self.child.stdout.take().map(|pipe| Box::new(pipe) as Pipe);
        let stderr = self.child.stderr.take().map(|pipe| Box::new(pipe) as Pipe);
        [stdout, stderr].into_iter().flatten()
    }

    async fn wait(&mut self, stop: &CancellationToken) -> anyhow::Result<ExitStatus> {
        tokio::select! {
            status = self.child.wait() => {
                status.with_context(|| format!("cannot wait for `{}`", self.program))
            }
            () = stop.cancelled() => Err(self.interrupt().await),
        }
    }

    /// Asks the group to end, and leaves the rest to `drop`.
    async fn interrupt(&mut self) -> anyhow::Error {
        self.signal(Signal::TERM);
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
        Failure::Interrupted.into()
    }

    fn signal(&self, signal: Signal) {
        signal_group(&self.child, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
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
    async fn lines_of_both_pipes_arrive_and_the_last_ones_are_kept() {
        let mut n_lines = 0;
        let script = "seq 1 100; echo last >&2; exit 3";
        let stop = CancellationToken::new();
        let end = captured(sh(script), &stop, |_| n_lines += 1).await.expect("sh");
        assert_eq!((n_lines, end.tail.len(), end.status.code()), (101, TAIL, Some(3)));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let stop = CancellationToken::new();
        let error = visible(Command::new("no-such-program"), Stdio::inherit(), &stop)
            .await
            .expect_err("missing");
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }

    #[tokio::test]
    async fn an_interrupt_ends_the_program_and_says_so() {
        let stop = CancellationToken::new();
        stop.cancel();
        let error = captured(sh("sleep 63.25"), &stop, |_| {}).await.expect_err("interrupted");
        assert!(matches!(error.downcast_ref(), Some(Failure::Interrupted)), "{error:#}");
    }
}
