//! Helper processes that stay: `espeak-words --serve`, a line for a line.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

use super::SpeechError;
use crate::process::{Group, ProcessError};

/// A process that answers one question after the other; killed when dropped.
#[derive(Debug)]
pub(super) struct Helper {
    _group: Group,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// The answer to a question that the engine refuses.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Helper {
    fn start(program: &Path) -> Result<Self, ProcessError> {
        let name = || program.display().to_string();
        let mut command = Command::new(program);
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut group = Group::spawn(command)
            .map_err(|source| ProcessError::Start { program: name(), source })?;
        let missing = || ProcessError::Pipe {
            program: name(),
            source: std::io::Error::other("pipe is missing"),
        };
        let stdin = group.child.stdin.take().ok_or_else(missing)?;
        let stdout = group.child.stdout.take().ok_or_else(missing)?;
        Ok(Self { _group: group, stdin, stdout: BufReader::new(stdout) })
    }

    async fn ask(&mut self, question: &[u8]) -> std::io::Result<Vec<u8>> {
        self.stdin.write_all(question).await?;
        self.stdin.write_all(b"\n").await?;
        self.stdin.flush().await?;
        let mut line = Vec::new();
        self.stdout.read_until(b'\n', &mut line).await?;
        if line.pop() == Some(b'\n') {
            return Ok(line);
        }
        Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it ended without an answer"))
    }
}

/// Asks the helper in `place`, starting one where there is none. It stays there when it has answered; who
/// gives up in the middle takes it along, and it is killed.
pub(super) async fn ask(
    place: &mut Option<Helper>,
    program: &Path,
    question: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, SpeechError> {
    let name = || program.display().to_string();
    let pipe_error = |source| ProcessError::Pipe { program: name(), source };
    let work = async {
        // One that has waited here may be dead: a new one is asked then.
        if let Some(mut old) = place.take() {
            match old.ask(question).await {
                Ok(answer) => return Ok((old, answer)),
                Err(error) => tracing::warn!(%error, "the speech helper is gone, starting another"),
            }
        }
        let mut new = Helper::start(program)?;
        let answer = new.ask(question).await.map_err(pipe_error)?;
        Ok::<_, ProcessError>((new, answer))
    };
    let (helper, answer) = tokio::time::timeout(limit, work)
        .await
        .map_err(|_| ProcessError::Timeout { program: name(), limit })??;
    *place = Some(helper);
    match serde_json::from_slice::<Refusal>(&answer) {
        Ok(Refusal { error }) => Err(SpeechError::Engine { program: name(), reason: error }),
        Err(_) => Ok(answer),
    }
}

/// So many helpers at most; they are started when they are needed.
#[derive(Debug)]
pub(super) struct Pool {
    turns: Semaphore,
    idle: Mutex<Vec<Helper>>,
}

impl Pool {
    pub(super) fn new(instances: usize) -> Self {
        Self { turns: Semaphore::new(instances.max(1)), idle: Mutex::default() }
    }

    /// As [`ask`], of an idle helper; first come, first served.
    pub(super) async fn ask(
        &self,
        program: &Path,
        question: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, SpeechError> {
        // Nobody closes it: to go on without a turn would be too many helpers, no wrong answer.
        let _turn = self.turns.acquire().await;
        let mut place = self.idle().pop();
        let answer = ask(&mut place, program, question, limit).await;
        self.idle().extend(place);
        answer
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Helper>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
