//! What a child may take of the machine, and how one ends that wanted more.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::ProcessError;

/// More than any of ours needs.
const MEMORY: u64 = 4 << 30;
const FILE: u64 = 16 << 30;
/// How the C library, ffmpeg and x264 say that there is no more memory, or none for another thread.
const OUT_OF_MEMORY: [&str; 5] = [
    "Cannot allocate memory",
    "malloc of size",
    "get_buffer() failed",
    "bad_alloc",
    "Resource temporarily unavailable",
];
/// All that is said where x264 gets no thread: of everything else it says what it was.
const NO_THREAD: &str = "Error while opening encoder";

/// What a child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Until it is killed, with its group.
    pub time: Duration,
    /// Bytes of its own memory (`RLIMIT_DATA`: what is mapped and not shared, stacks of threads
    /// included). None: no bound, for what maps a card's memory beside its own.
    pub memory: Option<u64>,
    /// Bytes of each file that it writes. None: no bound.
    pub file: Option<u64>,
}

/// So long, and as much as nothing of ours needs.
impl From<Duration> for Bounds {
    fn from(time: Duration) -> Self {
        Self { time, memory: Some(MEMORY), file: Some(FILE) }
    }
}

impl Bounds {
    /// Makes the child of `command` keep the bounds of memory and files; nor does it leave a core.
    pub(crate) fn hold(self, command: &mut std::process::Command) {
        let bounds = [
            (Resource::Core, Some(0)),
            (Resource::Data, self.memory),
            (Resource::Fsize, self.file),
        ];
        // SAFETY: the closure makes system calls and allocates nothing, as is asked of code between
        // fork and exec.
        unsafe {
            command.pre_exec(move || {
                for (resource, bound) in bounds {
                    if let Some(bound) = bound {
                        lower(resource, bound)?;
                    }
                }
                Ok(())
            });
        }
    }

    /// What the end of a child that failed means: `stderr` is the last that it said.
    pub(super) fn failure(
        self,
        program: String,
        status: ExitStatus,
        stderr: String,
    ) -> ProcessError {
        let signal = status.signal().and_then(Signal::from_named_raw);
        let is_short = is_out_of_memory(&stderr);
        match (signal, self.memory, self.file) {
            (Some(Signal::XFSZ), _, Some(limit)) => ProcessError::File { program, limit },
            (Some(Signal::KILL), ..) => ProcessError::Killed { program },
            (_, Some(limit), _) if is_short => ProcessError::Memory { program, limit },
            _ => ProcessError::Failed { program, status, stderr },
        }
    }
}

fn is_out_of_memory(stderr: &str) -> bool {
    let is_alone = stderr.trim().lines().count() == 1;
    OUT_OF_MEMORY.iter().any(|words| stderr.contains(words))
        || (is_alone && stderr.contains(NO_THREAD))
}

/// Sets a limit, unless there is a lower one.
fn lower(resource: Resource, bound: u64) -> io::Result<()> {
    let least = getrlimit(resource).maximum.map_or(bound, |maximum| maximum.min(bound));
    setrlimit(resource, Rlimit { current: Some(least), maximum: Some(least) })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;
    use crate::process::output;

    const LONG: Duration = Duration::from_secs(20);

    async fn ends_with(script: &str, bounds: Bounds) -> String {
        let mut command = Command::new("python3");
        command.args(["-c", script]);
        output(command, b"", bounds).await.expect_err("beyond a bound").to_string()
    }

    #[tokio::test]
    async fn who_wants_more_than_there_is_for_it_is_told_of_the_bound() {
        let bounds = Bounds { memory: Some(256 << 20), ..LONG.into() };
        let script = "import sys\n\
                      try: b = bytearray(1 << 29)\n\
                      except MemoryError: sys.exit('Cannot allocate memory')";
        let expected = "`python3` needed more than the 268435456 bytes of memory that it may have";
        assert_eq!(ends_with(script, bounds).await, expected);

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("long");
        let bounds = Bounds { file: Some(1 << 20), ..LONG.into() };
        // Python takes no notice of the signal unless it is told to.
        let script = format!(
            "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n\
             open({:?}, 'wb').write(bytes(1 << 21))",
            file.display().to_string()
        );
        let expected = "`python3` wrote more than the 1048576 bytes that a file of its may have";
        assert_eq!(ends_with(&script, bounds).await, expected);
        assert_eq!(fs_err::metadata(&file).expect("what was written").len(), 1 << 20);
    }

    #[test]
    fn words_of_other_failures_are_not_taken_for_it() {
        let opening = "Error initializing output stream 0:0 -- Error while opening encoder for \
                       output stream #0:0 - maybe incorrect parameters such as bit_rate\n";
        for (stderr, expected) in [
            (opening.to_owned(), true),
            (format!("[libx264 @ 0x1] Error setting preset/tune hasty/(null).\n{opening}"), false),
            (format!("x264 [error]: malloc of size 7 failed\n{opening}"), true),
            ("a.mp4: No space left on device\n".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_out_of_memory(&stderr), expected, "{stderr}");
        }
    }

    #[tokio::test]
    async fn who_is_killed_from_outside_is_said_to_be() {
        let script = "import os; os.kill(os.getpid(), 9)";
        let expected =
            "`python3` was killed from outside, as the system does where memory is short";
        assert_eq!(ends_with(script, LONG.into()).await, expected);
    }

    #[tokio::test]
    async fn no_bound_is_none() {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -d; ulimit -f; ulimit -c"]);
        let bounds = Bounds { time: LONG, memory: None, file: None };
        let found = output(command, b"", bounds).await.expect("a shell");
        let ours = std::process::Command::new("sh").args(["-c", "ulimit -d; ulimit -f"]).output();
        let ours = String::from_utf8(ours.expect("a shell").stdout).expect("numbers");
        assert_eq!(String::from_utf8(found).expect("numbers"), format!("{ours}0\n"));
    }
}
