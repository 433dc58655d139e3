//! `cargo xtask baseline accept`: a change for the worse that is wanted, written down with its reason.

use std::path::{Path, PathBuf};

use bench::gate::Accepted;
use clap::Subcommand;

use crate::accepted::{self, FILE};
use crate::commands::Context;
use crate::commands::gate::{Found, JUDGED};
use crate::exit::{Exit, Failure};

/// Accept a change for the worse that is wanted.
///
/// Writes what a gate found, with the reason, to reports/baseline.toml of this checkout. Commit that with the
/// change: `cargo xtask gate --base COMMIT` lets through what is written there and is not in COMMIT's own file.
/// What is worse than was accepted fails all the same. Once the change is in the base, the entry is history.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:
  cargo xtask baseline accept reports/runs/20261122-101500-gate --reason \"two passes look better\"

Exit codes: 0 written, 2 there is nothing to accept, or the folder cannot be read"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write down that what a gate found is wanted
    Accept {
        /// The folder of a gate that failed
        #[arg(value_name = "RUN")]
        run: PathBuf,
        /// Why the change is wanted; it stands in every report that meets it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Accepts.
///
/// # Errors
///
/// Usage: no gate that failed is in the folder, no reason is given.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let What::Accept { run, reason } = &args.what;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Failure::usage("--reason: expected why the change is wanted").into());
    }
    let day = jiff::Zoned::now().date().to_string();
    let found = judged(run)?;
    let Found { scenario, verdict, found: Some(found) } = found else {
        let message = format!(
            "{}: expected a gate that found a regression, found {:?}",
            run.display(),
            found.verdict
        );
        return Err(Failure::usage(message).with_hint("there is nothing to accept").into());
    };
    let accepted = Accepted { reason: reason.to_owned(), day, scenario, ..found };
    let file = cx.paths.root.join(FILE);
    accepted::add(&file, &accepted)?;
    cx.ui.pass(format!("accepted: {verdict}"));
    cx.ui
        .data(format!("written to {}; commit it with the change", cx.paths.shown(&file).display()));
    cx.ui.json(&accepted)?;
    Ok(Exit::Pass)
}

fn judged(folder: &Path) -> anyhow::Result<Found> {
    let path = if folder.is_dir() { folder.join(JUDGED) } else { folder.to_owned() };
    if !path.is_file() {
        let message =
            format!("{}: expected the folder of a gate, with a {JUDGED}", folder.display());
        return Err(Failure::usage(message)
            .with_hint("`cargo xtask gate --out DIR` makes one")
            .into());
    }
    let text = fs_err::read_to_string(&path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())).into())
}
