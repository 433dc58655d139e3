//! One call of `build-image`: what it starts carries its name, and is gone when it ends, however it
//! ends.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use fetch::Digest;
use futures::FutureExt;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, SESSION};
use crate::exit::Failure;
use crate::ui::Ui;

/// What a candidate's name begins with; the name of the call follows.
pub const CANDIDATE: &str = "reelbench-candidate:";

/// The name of a call.
#[derive(Clone, Debug)]
pub struct Session {
    id: String,
}

impl Session {
    /// A name that no other call has.
    pub fn new() -> Self {
        Self::of(std::process::id())
    }

    /// A name of a call of `process`: when, by whom, where.
    pub fn of(process: u32) -> Self {
        let now = jiff::Timestamp::now().as_microsecond();
        Self { id: format!("{now:x}-{process:x}-{}", machine()) }
    }

    /// The name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The image that is tried before it gets the name that was asked for.
    pub fn candidate(&self) -> String {
        format!("{CANDIDATE}{}", self.id)
    }

    /// What its containers carry.
    pub fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(SESSION.to_owned(), self.id.clone())])
    }

    /// Does `work` and then, whether it succeeds, fails, panics or is interrupted, removes all
    /// containers of this call, and the candidate.
    ///
    /// # Errors
    ///
    /// What `work` met, or [`Failure::Interrupted`].
    pub async fn guard<T>(
        &self,
        engine: &Engine,
        ui: &Ui,
        stop: &CancellationToken,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let ended = self.tidied(engine, ui, stop.run_until_cancelled(work)).await;
        ended.unwrap_or_else(|| Err(Failure::Interrupted.into()))
    }

    /// The same for `work` that ends by itself when it is interrupted.
    pub async fn tidied<T>(&self, engine: &Engine, ui: &Ui, work: impl Future<Output = T>) -> T {
        let ended: Result<T, Box<dyn Any + Send>> = AssertUnwindSafe(work).catch_unwind().await;
        self.tidy(engine, ui).await;
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// What cannot be removed is told: the error that the user waits for is another.
    async fn tidy(&self, engine: &Engine, ui: &Ui) {
        let removed = engine.remove_containers(&format!("{SESSION}={}", self.id)).await;
        if let Err(error) = removed {
            ui.warn(format!("containers may be left: {error}"));
            ui.hint(format!(
                "docker rm --force --volumes $(docker ps -aq --filter label={SESSION}={})",
                self.id
            ));
        }
        if let Err(error) = engine.remove_image(&self.candidate(), true).await {
            ui.warn(format!("the image {} may be left: {error}", self.candidate()));
        }
    }
}

/// Where numbers of processes mean what they mean here: an engine may serve other machines, and
/// containers that see only their own processes.
pub fn machine() -> String {
    let host = fs_err::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let processes = fs_err::read_link("/proc/self/ns/pid").unwrap_or_default();
    let text = format!("{} {}", host.trim(), processes.display());
    Digest::of(text.as_bytes()).to_string()[..8].to_owned()
}

/// Whether the call `id` was made on `machine`, by a process that is gone. Of a name that is not one of
/// ours nothing is known.
pub fn is_left(id: &str, machine: &str, is_alive: impl Fn(i32) -> bool) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    let [begun, process, place] = parts[..] else { return false };
    let process = i32::from_str_radix(process, 16);
    place == machine
        && i64::from_str_radix(begun, 16).is_ok()
        && process.is_ok_and(|process| process > 0 && !is_alive(process))
}

/// Whether there is a process of that number, whosever it is: also one that we may neither see in
/// `/proc` nor signal.
pub fn is_alive(process: i32) -> bool {
    Pid::from_raw(process).is_none_or(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, expected: bool) {
        // Of all processes, 0x20 is there.
        assert_eq!(is_left(id, "here", |process| process == 0x20), expected, "{id}");
    }

    #[test]
    fn only_a_call_of_this_machine_whose_process_is_gone_is_left() {
        check("5f00-1f-here", true);
        check("5f00-20-here", false);
        check("5f00-1f-there", false);
        for id in ["", "here", "5f00-1f", "5f00-1f-here-x", "x-1f-here", "5f00-x-here"] {
            check(id, false);
        }
        for id in ["5f00-0-here", "5f00--1f-here", "5f00-ffffffff-here", "reelbench-test-a:1"] {
            check(id, false);
        }
    }

    #[test]
    fn a_process_is_there_until_it_was_waited_for() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let session = Session::of(child.id());
        let is_left = || is_left(session.id(), &machine(), is_alive);
        assert!(!is_left());
        child.kill().expect("it is there");
        child.wait().expect("it ends");
        assert!(is_left());
        assert!(is_alive(1), "also one that is not ours");
    }
}
