//! `cargo xtask setup`: find what is missing, and install it.

use serde::Serialize;

use crate::commands::Context;
use crate::exit::Exit;
use crate::interrupt;
use crate::setup::{self, Action, Goal, Need, needs};
use crate::ui::Table;

/// Find what is missing, and install it.
///
/// Looks for the programs, libraries and fonts that the commands need, and installs missing ones by
/// apt-get: as root, or through sudo where it asks for no password. Otherwise prints the one line to
/// run. Every other command does the part of this that it needs, so nobody has to type it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Prints a table of what is needed and whether it is there.

Examples:
  cargo xtask setup                       everything
  cargo xtask setup --for demo --dry-run  what would be installed for the demo

Exit codes: 0 all is there, 2 something is missing and cannot be installed")]
pub struct Args {
    /// Only what this needs
    #[arg(long = "for", value_name = "GOAL")]
    goal: Option<Goal>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Looks, decides, tells and does.
///
/// # Errors
///
/// Where something is missing and cannot be installed.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let missing = setup::missing(needs::of(args.goal));
    let action = setup::decide(&missing);
    cx.ui.data(table(args.goal, &missing));
    if args.dry_run {
        cx.ui.say(would_do(&action));
    } else {
        interrupt::block_on(async |stop| setup::carry_out(&action, args.goal, cx.ui, &stop).await)?;
    }
    cx.ui.json(&Report::new(args.goal, &missing, &action))?;
    Ok(Exit::Pass)
}

fn table(goal: Option<Goal>, missing: &[&Need]) -> Table {
    let mut table = Table::new(["need", "state", "package", "without it"]);
    for need in needs::of(goal) {
        let state = if is_among(need, missing) { "missing" } else { "found" };
        table.row([need.name, state, need.package, need.lost]);
    }
    table
}

fn is_among(need: &Need, missing: &[&Need]) -> bool {
    missing.iter().any(|other| other.name == need.name)
}

fn would_do(action: &Action) -> String {
    match action {
        Action::Nothing => "nothing to do".to_owned(),
        Action::Install { packages, sudo: false } => {
            format!("would install as root: {}", packages.join(" "))
        }
        Action::Install { packages, sudo: true } => {
            format!("would install through sudo: {}", packages.join(" "))
        }
        Action::Ask { packages } => {
            format!("would ask for root; this line installs it:\n{}", setup::line(packages))
        }
        Action::Name { things } => {
            format!("cannot install without apt-get: {}", things.join(", "))
        }
    }
}

/// The result for programs: the state that was found, before anything was installed.
#[derive(Debug, Serialize)]
struct Report {
    needs: Vec<NeedReport>,
    action: &'static str,
    packages: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct NeedReport {
    name: &'static str,
    found: bool,
    package: &'static str,
    lost: &'static str,
}

impl Report {
    fn new(goal: Option<Goal>, missing: &[&Need], action: &Action) -> Self {
        let needs = needs::of(goal)
            .map(|need| NeedReport {
                name: need.name,
                found: !is_among(need, missing),
                package: need.package,
                lost: need.lost,
            })
            .collect();
        let (action, packages) = match action {
            Action::Nothing => ("nothing", Vec::new()),
            Action::Install { packages, .. } => ("install", packages.clone()),
            Action::Ask { packages } => ("ask", packages.clone()),
            Action::Name { .. } => ("name", Vec::new()),
        };
        Self { needs, action, packages }
    }
}
