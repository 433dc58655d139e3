//! A child that the calling thread waits for.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::process::{self, ProcessError};

/// A child that another thread can kill.
#[derive(Debug, Default)]
pub(super) struct Child(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    NotStarted,
    /// Not waited for: its number is its own.
    Running(Pid),
    Ended,
    Killed,
}

/// Kills the child of a call that is given up.
pub(super) struct KillOnDrop(pub(super) Arc<Child>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Child {
    /// Runs `program` to its end within `limit`, feeding it `input`, and gives what it wrote to stdout.
    /// The thread does nothing else meanwhile.
    pub(super) fn output(
        &self,
        program: &Path,
        input: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, ProcessError> {
        let name = program.display().to_string();
        let pipe_error = |source| ProcessError::Pipe { program: name.clone(), source };
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        process::isolate(&mut command);
        let mut child = self
            .start(&mut command)
            .map_err(|source| ProcessError::Start { program: name.clone(), source })?;

        let (ended, until_ended) = mpsc::channel::<()>();
        let (read, timed_out) = std::thread::scope(|scope| {
            let watch = scope.spawn(move || {
                let out_of_time =
                    until_ended.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
                if out_of_time {
                    self.kill();
                }
                out_of_time
            });
            let read = self.converse(&mut child, input);
            drop(ended);
            (read, watch.join().unwrap_or(false))
        });
        if timed_out {
            return Err(ProcessError::Timeout { program: name, limit });
        }
        let (status, stdout, stderr) = read.map_err(pipe_error)?;
        if status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Err(ProcessError::Failed { program: name, status, stderr })
    }

    fn start(&self, command: &mut Command) -> io::Result<std::process::Child> {
        let mut state = self.lock();
        if matches!(*state, State::Killed) {
            return Err(io::Error::other("the call was given up"));
        }
        let child = command.spawn()?;
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            *state = State::Running(pid);
        }
        Ok(child)
    }

    /// Feeds the child, which reads all of it before it writes, and waits for its end.
    fn converse(
        &self,
        child: &mut std::process::Child,
        input: &[u8],
    ) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ends without reading closes the pipe: its status tells why.
            let _ = stdin.write_all(input);
        }
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let read_out = child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut stdout));
        let read_err = child.stderr.take().map(|mut pipe| pipe.read_to_end(&mut stderr));
        let status = self.wait(child)?;
        read_out.transpose()?;
        read_err.transpose()?;
        Ok((status, stdout, stderr))
    }

    /// Waits without letting go of the child's number, then lets go of it under the lock: nobody can kill
    /// a stranger that was given the same one.
    fn wait(&self, child: &mut std::process::Child) -> io::Result<ExitStatus> {
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
        }
        let mut state = self.lock();
        if matches!(*state, State::Running(_)) {
            *state = State::Ended;
        }
        child.wait()
    }

    /// Kills the child with all it has started; one that has not started never will.
    fn kill(&self) {
        let mut state = self.lock();
        match *state {
            State::NotStarted => *state = State::Killed,
            State::Running(pid) => {
                let _ = kill_process_group(pid, Signal::KILL);
                *state = State::Killed;
            }
            State::Ended | State::Killed => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
