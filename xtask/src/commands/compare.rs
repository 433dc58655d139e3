//! `cargo xtask compare`: two runs, figure by figure.

pub mod microbench;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bench::{Comparison, Run, comparison};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::paths::Paths;
use crate::record::{self, RUN};

/// Runs that a hint names.
const NAMED: usize = 5;

/// Compare two runs: before, and after.
///
/// Says first what differs between them in scenario, plan, settings, weights, revision and machine, then
/// for latency, queue wait, service time, each stage, throughput, failed jobs, CPU time and memory: before,
/// after, the ratio with its 95 % interval, and what that shows: better, worse, or no difference shown. Two
/// runs made one after the other are not interleaved, and the page says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Prints the page as Markdown, its tables lined up.

Examples:
  cargo xtask compare 20261121-101500-short 20261121-103000-short      two of reports/runs
  cargo xtask compare before/run.json after/run.json --out reports/faster
  cargo xtask compare criterion-before target/criterion      two sets of criterion's results
  cargo xtask compare before after --json | jq '.metrics[] | select(.word == \"worse\") | .name'

Exit codes: 0 whatever the figures say (a regression does not fail here), 2 a run cannot be read, \
4 a run is no measurement (unfinished, its target died, clocks disagree)")]
pub struct Args {
    /// What there was: the folder of a run, its run.json, its name in reports/runs, or criterion's results
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// What there is now
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Write comparison.md, comparison.html and comparison.svg into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Reads, compares, tells.
///
/// # Errors
///
/// A run that cannot be read, or a folder that cannot be written.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    if let (Some(before), Some(after)) =
        (microbench::read(&args.before)?, microbench::read(&args.after)?)
    {
        let metrics = bench::criterion::metrics(&before, &after);
        cx.ui.data(bench::criterion::markdown(&metrics).trim_end());
        cx.ui.json(&metrics)?;
        return Ok(Exit::Pass);
    }
    let [before, after] = [read(&args.before, &cx.paths)?, read(&args.after, &cx.paths)?];
    if before == after {
        cx.ui.warn("before and after are the same run");
    } else if before.began_unix_us > after.began_unix_us {
        cx.ui.warn("the run before began after the other: are they the wrong way round?");
    }
    let compared = Comparison::of(&before, &after);
    if let Some(folder) = &args.out {
        fs_err::create_dir_all(folder)?;
        for (name, text) in comparison::files(&before, &after) {
            record::replace(&folder.join(name), &text)?;
        }
        let page = folder.join(comparison::PAGE);
        cx.ui.say(format!("wrote {}", cx.paths.shown(&page).display()));
    }
    cx.ui.data(comparison::markdown(&compared).trim_end());
    cx.ui.json(&compared)?;
    Ok(if compared.is_valid() { Exit::Pass } else { Exit::Invalid })
}

/// The run that `given` names.
fn read(given: &Path, paths: &Paths) -> anyhow::Result<Run> {
    let file = run_file(given, paths);
    let text = fs_err::read_to_string(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => not_there(given, &file, paths),
        _ => Failure::usage(format!("{error}")),
    })?;
    Run::from_json(&text).map_err(|error| {
        let message = format!("{}: {error}", file.display());
        Failure::usage(message).with_hint("expected a run.json that `cargo xtask` wrote").into()
    })
}

/// The run file of a folder, of a name in `reports/runs`, or the file itself.
fn run_file(given: &Path, paths: &Paths) -> PathBuf {
    let named = record::runs(paths).join(given);
    let path = if !given.exists() && named.is_dir() { named } else { given.to_owned() };
    if path.is_dir() { path.join(RUN) } else { path }
}

fn not_there(given: &Path, file: &Path, paths: &Paths) -> Failure {
    let found = if given == file {
        "found nothing".to_owned()
    } else {
        format!("found a folder without {RUN}")
    };
    let message =
        format!("{}: expected the folder of a run or its {RUN}, {found}", given.display());
    Failure::usage(message).with_hint(newest(paths))
}

/// The newest runs by name, for whoever mistyped one.
fn newest(paths: &Paths) -> String {
    let folder = record::runs(paths);
    let entries = fs_err::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(RUN).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    // They begin with the time.
    names.sort_unstable_by(|one, other| other.cmp(one));
    names.truncate(NAMED);
    if names.is_empty() {
        return format!(
            "there is no run in {}: `cargo xtask load-test` makes one",
            folder.display()
        );
    }
    format!("the newest runs in {}:\n  {}", paths.shown(&folder).display(), names.join("\n  "))
}
