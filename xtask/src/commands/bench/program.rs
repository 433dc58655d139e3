//! Bench programs that write what they measured, a document a line (`bench::ways`).

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::Part;
use crate::cargo::cargo;
use crate::commands::{Context, fetch_models};
use crate::exit::Failure;
use crate::process;
use crate::services::Profile;
use crate::setup::{self, Goal};

/// What a program writes its documents to, in the folder of the bench.
const MEASURES: &str = "measures.jsonl";

/// A bench program.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    package: &'static str,
    name: &'static str,
    /// Whether it needs the real weights.
    has_models: bool,
}

/// The program of a part. None: it is measured otherwise.
pub const fn of(part: Part) -> Option<Program> {
    match part {
        Part::Fetch => Some(Program { package: "fetch", name: "streams", has_models: false }),
        Part::Render => Some(Program { package: "pipeline", name: "render", has_models: false }),
        Part::Selection => {
            Some(Program { package: "pipeline", name: "likeness", has_models: true })
        }
        Part::Criterion | Part::Image => None,
    }
}

impl Program {
    /// Builds and runs it; gives what it wrote.
    ///
    /// # Errors
    ///
    /// It does not build, or fails.
    pub async fn measure(
        self,
        build: Profile,
        rounds: u32,
        arguments: &[String],
        folder: &Path,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<String> {
        setup::ensure(Some(Goal::Demo), cx.ui, stop).await?;
        let measures = fs_err::canonicalize(folder)?.join(MEASURES);
        let mut command = bench(build, self.package, &[self.name], cx);
        command.args(arguments).arg(format!("rounds={rounds}"));
        command.arg(format!("measures={}", measures.display()));
        if self.has_models {
            fetch_models::ensure(cx, stop).await?;
            command.env("REELBENCH_MODELS", cx.paths.models());
        }
        shown(command, cx, stop).await?;
        Ok(fs_err::read_to_string(measures)?)
    }
}

/// The command that builds bench programs of a package and runs them with the arguments that follow.
pub fn bench(build: Profile, package: &str, names: &[&str], cx: &Context<'_>) -> Command {
    let mut command = cargo();
    command.current_dir(&cx.paths.root).arg("bench");
    match build {
        Profile::Release => command.args(["--package", package]),
        // Of the whole workspace: what the tests built serves.
        Profile::Dev => command.args(["--workspace", "--profile", "dev"]),
    };
    command.args(names.iter().flat_map(|name| ["--bench", name])).arg("--");
    command
}

/// Runs a command that the user sees; with `--json`, stdout is for the document alone.
///
/// # Errors
///
/// It fails.
pub async fn shown(
    command: Command,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let stdout = if cx.ui.wants_json() { std::io::stderr().into() } else { Stdio::inherit() };
    let status = process::visible(command, stdout, stop).await?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::environment(format!("the bench program ended with {status}")).into())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;
    use crate::paths::Paths;

    #[test]
    fn each_program_is_a_bench_of_its_package() {
        let root = Paths::from_env().expect("a checkout").root;
        let programs: Vec<Program> =
            Part::value_variants().iter().filter_map(|part| of(*part)).collect();
        assert_eq!(programs.len(), 3);
        for Program { package, name, .. } in programs {
            let folder = if package == "fetch" { "pipeline/fetch" } else { package };
            let manifest = fs_err::read_to_string(root.join(folder).join("Cargo.toml"));
            let bench = format!("[[bench]]\nname = \"{name}\"\n");
            assert!(manifest.expect("a manifest").contains(&bench), "{package}: {name}");
        }
    }
}
