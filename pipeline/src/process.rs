//! Child processes that never outlive their job.
//!
//! Each child leads a process group of its own. The group is killed when the future is dropped (the
//! job was cancelled), when the time is up, and by the kernel when this program dies (`kill -9`).
//! `bounds` says what it may take.

mod bounds;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

pub use self::bounds::Bounds;
use crate::elsewhere;

/// How much of what a child says on stderr is kept for the error message, from its end.
const STDERR_TAIL: usize = 4 * 1024;
/// More than an hour of samples, as they are asked for here.
const MAX_OUTPUT: u64 = 512 << 20;

/// Why a child did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Its pipes broke.
    #[error("cannot talk to `{program}`: {source}")]
    Pipe {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`{program}` ended with {status}: {}", last_lines(stderr))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        stderr: String,
    },
    /// There was no more memory for it.
    #[error("`{program}` needed more than the {limit} bytes of memory that it may have")]
    Memory {
        /// The program.
        program: String,
        /// Bytes that it had.
        limit: u64,
    },
    /// A file of its became too large.
    #[error("`{program}` wrote more than the {limit} bytes that a file of its may have")]
    File {
        /// The program.
        program: String,
        /// Bytes that it could have written.
        limit: u64,
    },
    /// Somebody else ended it.
    #[error("`{program}` was killed from outside, as the system does where memory is short")]
    Killed {
        /// The program.
        program: String,
    },
    /// It took too long and was killed.
    #[error("`{program}` did not end within {} s and was killed", limit.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// The time it had.
        limit: Duration,
    },
}

/// The last three lines that are not empty, joined: ffmpeg says the reason there.
fn last_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

/// Runs `command` to its end within `bounds`, feeding it `input`, and gives what it wrote to stdout.
///
/// # Errors
///
/// [`ProcessError`]: not started, broken pipe, exit status other than 0, or out of time or memory.
pub async fn output(
    command: Command,
    input: &[u8],
    bounds: impl Into<Bounds>,
) -> Result<Vec<u8>, ProcessError> {
    let mut stdout = Vec::new();
    let read = async |pipe: ChildStdout| {
        if pipe.take(MAX_OUTPUT).read_to_end(&mut stdout).await? as u64 == MAX_OUTPUT {
            return Err(io::Error::other(format!("it says more than {MAX_OUTPUT} bytes")));
        }
        Ok(())
    };
    run(command, input, bounds.into(), read).await?;
    Ok(stdout)
}

/// Runs `command` to its end within `bounds` and hands each line of its stdout to `on_line`.
///
/// # Errors
///
/// As [`output`].
pub async fn lines(
    command: Command,
    bounds: impl Into<Bounds>,
    mut on_line: impl FnMut(&str),
) -> Result<(), ProcessError> {
    run(command, &[], bounds.into(), async |pipe| {
        let mut lines = BufReader::new(pipe).lines();
        while let Some(line) = lines.next_line().await? {
            on_line(&line);
        }
        Ok(())
    })
    .await
}

async fn run(
    mut command: Command,
    input: &[u8],
    bounds: Bounds,
    read_stdout: impl AsyncFnOnce(ChildStdout) -> io::Result<()>,
) -> Result<(), ProcessError> {
    let _at_work = elsewhere::enter();
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    bounds.hold(command.as_std_mut());
    let mut group = Group::spawn(command)
        .map_err(|source| ProcessError::Start { program: program.clone(), source })?;
    let pipe_error = |source| ProcessError::Pipe { program: program.clone(), source };
    let missing = || pipe_error(io::Error::other("pipe is missing"));

    let mut stdin = group.child.stdin.take().ok_or_else(missing)?;
    let stdout = group.child.stdout.take().ok_or_else(missing)?;
    let stderr = group.child.stderr.take().ok_or_else(missing)?;
    let feed = async {
        // A child that ends without reading everything closes the pipe: its status tells why.
        let written = stdin.write_all(input).await;
        drop(stdin);
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    };
    let work = async {
        let ((), (), tail) = tokio::try_join!(feed, read_stdout(stdout), tail(stderr))?;
        Ok((group.child.wait().await?, tail))
    };
    let limit = bounds.time;
    let (status, stderr) = tokio::time::timeout(limit, work)
        .await
        .map_err(|_| ProcessError::Timeout { program: program.clone(), limit })?
        .map_err(pipe_error)?;
    if status.success() { Ok(()) } else { Err(bounds.failure(program, status, stderr)) }
}

/// Reads to the end and keeps the last [`STDERR_TAIL`] bytes.
async fn tail(mut pipe: impl AsyncRead + Unpin) -> io::Result<String> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    loop {
        let n_bytes = pipe.read(&mut chunk).await?;
        if n_bytes == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        kept.extend_from_slice(&chunk[..n_bytes]);
        let surplus = kept.len().saturating_sub(STDERR_TAIL);
        kept.drain(..surplus);
    }
}

/// A child and whatever it starts; killed together when dropped before its end.
#[derive(Debug)]
pub(crate) struct Group {
    /// The child; the pipes that were asked for are its.
    pub(crate) child: Child,
}

impl Group {
    /// Starts `command` in a group of its own.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn spawn(mut command: Command) -> io::Result<Self> {
        command.kill_on_drop(true);
        isolate(command.as_std_mut());
        Ok(Self { child: command.spawn()? })
    }
}

/// Makes the child of `command` the head of a group, which the kernel kills with the thread that starts
/// it.
pub(crate) fn isolate(command: &mut std::process::Command) {
    command.process_group(0);
    // SAFETY: the closure makes one system call and allocates nothing, as is asked of code between
    // fork and exec.
    #[cfg(target_os = "linux")]
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(io::Error::from)
        });
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // `id` is None once the child was waited for: then its group may belong to somebody else.
        let group = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
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

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let big = vec![b'x'; 300_000]; // more than a pipe holds
        assert_eq!(output(sh("cat"), &big, LONG).await.expect("cat"), big);
    }

    #[tokio::test]
    async fn a_failure_names_the_program_and_its_last_words() {
        let error = output(sh("echo one >&2; echo two >&2; exit 3"), b"unread", LONG).await;
        let message = error.expect_err("exit 3").to_string();
        assert_eq!(message, "`sh` ended with exit status: 3: one | two");
        let error = output(Command::new("no-such-program"), b"", LONG).await;
        let message = error.expect_err("not there").to_string();
        assert!(message.starts_with("cannot start `no-such-program`"), "{message}");
    }

    /// Waits until no process has `mark` in its command line.
    async fn check_gone(mark: &str) {
        for _ in 0..100 {
            let found =
                std::process::Command::new("pgrep").args(["-f", mark]).output().expect("pgrep");
            if !found.status.success() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a process with {mark} in its command line is still there");
    }

    #[tokio::test]
    async fn a_grandchild_dies_with_the_time_limit_and_with_the_future() {
        let timed_out = output(sh("sleep 61.25 & wait"), b"", Duration::from_millis(200)).await;
        assert!(matches!(timed_out, Err(ProcessError::Timeout { .. })), "{timed_out:?}");
        check_gone("sleep 61.25").await;

        let dropped = tokio::time::timeout(
            Duration::from_millis(200),
            output(sh("sleep 62.25 & wait"), b"", LONG),
        );
        assert!(dropped.await.is_err());
        check_gone("sleep 62.25").await;
    }

    #[tokio::test]
    async fn lines_arrive_one_by_one() {
        let mut seen = Vec::new();
        lines(sh("printf 'a\\nb\\n'"), LONG, |line| seen.push(line.to_owned()))
            .await
            .expect("printf");
        assert_eq!(seen, ["a", "b"]);
    }
}
