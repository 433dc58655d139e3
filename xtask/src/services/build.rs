//! Builds the programs of a run.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::cargo::cargo;
use crate::commands::Context;
use crate::exit::Failure;
use crate::process;

/// How cargo is to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Optimised: what is measured.
    Release,
    /// Quick to build, also optimised where it counts; for tests.
    Dev,
}

impl Profile {
    const fn folder(self) -> &'static str {
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
    let progress = cx.ui.progress("building the pipeline and the fixtures");
    let built = process::captured(command, stop, |line| progress.message(line.trim())).await?;
    if built.status.success() {
        return Ok(Binaries::of(cx, profile));
    }
    let tail = built.tail.join("\n  ");
    Err(Failure::environment(format!("cargo build ended with {}:\n  {tail}", built.status)).into())
}
