//! `cargo xtask doctor`: what is there, and what each missing thing costs.

use serde::Serialize;

use crate::commands::Context;
use crate::exit::Exit;
use crate::ui::Table;

/// Say what is installed, and what each missing thing costs.
///
/// Nothing is changed. Prints a table, or with `--json` one object.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  cargo xtask doctor --json | jq .cores

Exit codes: 0 always, 2 where the checkout cannot be read")]
pub struct Args {}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    cores: usize,
}

/// Looks around and tells.
///
/// # Errors
///
/// Where the report cannot be written as JSON.
pub fn run(_: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let report = Report { cores: std::thread::available_parallelism().map_or(1, usize::from) };
    let mut table = Table::new(["what", "found"]);
    table.row(["cores", &report.cores.to_string()]);
    cx.ui.data(table);
    cx.ui.json(&report)?;
    Ok(Exit::Pass)
}
