//! Builds the programs of a run.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cargo::cargo;
use crate::commands::Context;
use crate::exit::Failure;
use crate::process;

/// How often a word is said of a build that nobody sees a bar of.
const WORD: Duration = Duration::from_secs(30);

/// The program beside the pipeline that counts what work for a job allocates. Older commits do not have it.
pub const COUNT_ALLOCATIONS: &str = "count-allocations";

/// How cargo is to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Optimised: what is measured.
    Release,
    /// Quick to build, also optimised where it counts; for tests.
    Dev,
}

impl Profile {
    /// Where cargo leaves what it builds so, below its target folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The measured program.
    pub pipeline: PathBuf,
    /// Media and provider servers.
    pub fixtures: PathBuf,
}

impl Binaries {
    /// Where cargo leaves them.
    pub fn of(cx: &Context<'_>, profile: Profile) -> Self {
        let binary = |name| cx.paths.binary(profile.folder(), name);
        Self { pipeline: binary("pipeline"), fixtures: binary("fixtures") }
    }
}

/// Builds `pipeline` and `fixtures`; does nothing where both are up to date.
///
/// # Errors
///
/// The build failed; the error has its last lines.
pub async fn build(
    cx: &Context<'_>,
    profile: Profile,
    stop: &CancellationToken,
) -> anyhow::Result<Binaries> {
    let mut command = cargo();
    command.current_dir(&cx.paths.root);
    command.args(["build", "--locked", "--package", "pipeline", "--package", "fixtures", "--bins"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    compile(cx, command, "building the pipeline and the fixtures", stop).await?;
    Ok(Binaries::of(cx, profile))
}

/// Runs cargo's `command` under `title`: shows its last line, says a word now and then where no bar is
/// seen, and puts its last lines into the error.
///
/// # Errors
///
/// The build failed.
pub async fn compile(
    cx: &Context<'_>,
    command: Command,
    title: &str,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let progress = cx.ui.progress(title);
    let last_line = RefCell::new(String::new());
    let build = process::captured(command, stop, |line| {
        progress.message(line.trim());
        line.trim().clone_into(&mut last_line.borrow_mut());
    });
    let word = || {
        if !std::io::stderr().is_terminal() {
            cx.ui.say(format!("still building: {}", last_line.borrow()));
        }
    };
    let built = with_words(build, WORD, word).await?;
    if built.status.success() {
        return Ok(());
    }
    let tail = built.tail.join("\n  ");
    Err(Failure::environment(format!("cargo build ended with {}:\n  {tail}", built.status)).into())
}

/// Does `work`, and says a `word` each time that `every` has passed.
async fn with_words<T>(work: impl Future<Output = T>, every: Duration, word: impl Fn()) -> T {
    let mut work = std::pin::pin!(work);
    let mut due = tokio::time::interval_at(Instant::now() + every, every);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = due.tick() => word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn long_work_is_accompanied_and_short_work_is_not() {
        let n_words = Cell::new(0);
        let word = || n_words.set(n_words.get() + 1);
        let every = Duration::from_millis(20);
        assert_eq!(with_words(async { 7 }, every, word).await, 7);
        assert_eq!(n_words.get(), 0);
        let long = async {
            while n_words.get() < 3 {
                tokio::task::yield_now().await;
            }
        };
        with_words(long, every, word).await;
        assert_eq!(n_words.get(), 3);
    }
}
