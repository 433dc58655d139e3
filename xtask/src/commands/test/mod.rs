//! `cargo xtask test`: everything that must hold before a change is good.

mod plan;
mod prepare;

use std::env;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use self::plan::{Request, Step, Work, plan};
use crate::cargo::cargo;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::services::Postgres;
use crate::setup::{self, Goal};
use crate::ui::Table;
use crate::{interrupt, process};

/// How many cases a property is tried with under `--long`; proptest's own number is 256.
const LONG_CASES: &str = "4096";
/// How long the API is fuzzed, in seconds; without it, two minutes.
pub const FUZZ_SECONDS: &str = "REELBENCH_FUZZ_SECONDS";
/// The same under `--long`.
const LONG_FUZZ_SECONDS: &str = "1200";

/// Check everything: format, lints, tests, licences.
///
/// Installs what the tests need, checks the format, runs clippy, builds the whole workspace once, makes
/// the fixtures, runs all tests (by nextest where it is installed) and the doc tests, and checks
/// licences, bans and sources (where cargo-deny is installed). A failed step does not hide the others.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints what the programs say, and closes with a table of steps, results and times.

Examples:
  cargo xtask test               everything, as on the build server
  cargo xtask test percentile    only tests with `percentile` in their name
  cargo xtask test --no-e2e      without the tests that render videos

Exit codes: 0 all steps passed, 1 one failed, 2 something is missing, 130 interrupted"
)]
pub struct Args {
    /// Only tests whose name contains this, and no other checks
    filter: Option<String>,
    /// Try properties with more cases, fuzz the API for 20 minutes in place of 2, and build a commit for the gate
    #[arg(long)]
    long: bool,
    /// Leave out end-to-end tests (those with `e2e` in their name)
    #[arg(long)]
    no_e2e: bool,
}

/// Plans the steps, does them, tells.
///
/// # Errors
///
/// [`Failure::Check`] that names the failed steps.
pub fn run(args: &Args, cx: &Context<'_>) -> Result<Exit> {
    let request = Request {
        filter: args.filter.as_deref(),
        no_e2e: args.no_e2e,
        nextest: which::which("cargo-nextest").is_ok(),
        deny: which::which("cargo-deny").is_ok(),
        ci: env::var_os("CI").is_some(),
    };
    let reports = interrupt::block_on(async |stop| {
        let mut reports: Vec<Report> = Vec::new();
        for step in plan(request) {
            let built = reports.iter().all(|report| report.name != "build" || report.ended_well());
            reports.push(carry_out(&step, built, args, cx, &stop).await?);
        }
        Ok(reports)
    })?;
    cx.ui.data(table(&reports));
    cx.ui.json(&reports)?;
    verdict(&reports)
}

/// How a step went.
#[derive(Debug, Serialize)]
struct Report {
    name: &'static str,
    result: Outcome,
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Report {
    fn ended_well(&self) -> bool {
        self.result != Outcome::Failed
    }
}

/// Does one step. Without a build only the steps that need none are done.
async fn carry_out(
    step: &Step,
    built: bool,
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> Result<Report> {
    let start = Instant::now();
    let needs_build = matches!(step.name, "fixtures" | "tests" | "doc tests");
    let result = match &step.work {
        _ if needs_build && !built => skip(step, "the build failed", cx),
        Work::Skip(reason) => skip(step, reason, cx),
        Work::Setup => {
            setup::ensure(Some(Goal::Test), cx.ui, stop).await?;
            Outcome::Passed
        }
        Work::Prepare => match prepare::prepare(cx, stop).await {
            Ok(()) => Outcome::Passed,
            Err(error) if stop.is_cancelled() => return Err(error),
            Err(error) => {
                cx.ui.failure(&error);
                Outcome::Failed
            }
        },
        Work::Cargo(arguments) if step.name == "tests" => {
            with_postgres(arguments, args.long, cx, stop).await?
        }
        Work::Cargo(arguments) => run_cargo(command(arguments, args.long, cx), cx, stop).await?,
    };
    tell(step, result, start.elapsed(), cx);
    Ok(Report { name: step.name, result, seconds: start.elapsed().as_secs_f64() })
}

fn skip(step: &Step, reason: &str, cx: &Context<'_>) -> Outcome {
    cx.ui.warn(format!("{} left out: {reason}", step.name));
    Outcome::Skipped
}

/// Runs the tests beside a database server of theirs. Where there is none, the tests that want one say
/// so, and fail on a build server.
async fn with_postgres(
    arguments: &[String],
    long: bool,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> Result<Outcome> {
    let mut command = command(arguments, long, cx);
    let postgres = Postgres::start(&cx.paths.home.join("postgres.log")).await;
    let postgres = postgres.inspect_err(|error| cx.ui.warn(format!("{error:#}"))).ok();
    if let Some(postgres) = &postgres {
        command.env("REELBENCH_POSTGRES", &postgres.url);
    }
    let outcome = run_cargo(command, cx, stop).await;
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    outcome
}

fn command(arguments: &[String], long: bool, cx: &Context<'_>) -> Command {
    cx.ui.say(format!("\n$ cargo {}", arguments.join(" ")));
    let mut command = cargo();
    command.args(arguments).current_dir(&cx.paths.root);
    prepare::tell(&mut command, cx);
    // Beside what keeps the processors busy, one test of the engine (`.config/nextest.toml`).
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    command.env("NEXTEST_TEST_THREADS", (processors + 1).to_string());
    if long {
        command.env("REELBENCH_LONG", "1");
        command.env("PROPTEST_CASES", LONG_CASES);
        command.env(FUZZ_SECONDS, LONG_FUZZ_SECONDS);
    }
    command
}

async fn run_cargo(
    command: Command,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> Result<Outcome> {
    // With --json, stdout is for the document alone.
    let stdout = if cx.ui.wants_json() { std::io::stderr().into() } else { Stdio::inherit() };
    let status = process::visible(command, stdout, stop).await?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed })
}

fn tell(step: &Step, result: Outcome, took: Duration, cx: &Context<'_>) {
    let line = format!("{} ({:.1} s)", step.name, took.as_secs_f64());
    match result {
        Outcome::Passed => cx.ui.pass(line),
        Outcome::Failed => cx.ui.fail(line),
        Outcome::Skipped => {}
    }
}

fn table(reports: &[Report]) -> Table {
    let mut table = Table::new(["step", "result", "seconds"]);
    for report in reports {
        let result = match report.result {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "left out",
        };
        table.row([report.name, result, &format!("{:.1}", report.seconds)]);
    }
    table
}

fn verdict(reports: &[Report]) -> Result<Exit> {
    let failed: Vec<&str> =
        reports.iter().filter(|report| !report.ended_well()).map(|report| report.name).collect();
    if failed.is_empty() {
        return Ok(Exit::Pass);
    }
    Err(Failure::check(format!("failed: {}", failed.join(", ")))
        .with_hint("`cargo xtask test <part of a test's name>` runs matching tests alone")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &'static str, result: Outcome) -> Report {
        Report { name, result, seconds: 1.25 }
    }

    #[test]
    fn every_failed_step_is_named_and_a_step_left_out_is_no_failure() {
        let reports = [
            report("format", Outcome::Failed),
            report("tests", Outcome::Failed),
            report("licences", Outcome::Skipped),
        ];
        let error = verdict(&reports).expect_err("two steps failed");
        assert_eq!(
            (error.to_string().as_str(), Exit::of(&error)),
            ("failed: format, tests", Exit::Failed)
        );
        assert_eq!(verdict(&reports[2..]).ok(), Some(Exit::Pass));
        insta::assert_snapshot!(table(&reports).to_string());
    }
}
