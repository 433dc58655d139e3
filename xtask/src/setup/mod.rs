//! Makes sure that what a command needs is there, so that a user never has to.

mod find;
mod install;
pub mod needs;
mod plan;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

pub use self::find::missing;
pub use self::needs::{Goal, Need};
pub use self::plan::{Action, line};
use crate::exit::Failure;
use crate::ui::Ui;

/// Finds what `goal` needs and installs what is missing. Takes some 50 ms where all is there.
///
/// # Errors
///
/// Where something is missing and cannot be installed: the error says what, its hint how.
pub async fn ensure(goal: Option<Goal>, ui: &Ui, stop: &CancellationToken) -> Result<()> {
    let missing = missing(needs::of(goal));
    carry_out(&decide(&missing), goal, ui, stop).await
}

/// What is to be done about `missing` on this machine.
pub fn decide(missing: &[&'static Need]) -> Action {
    plan::plan(missing, find::powers)
}

/// Does it.
///
/// # Errors
///
/// As [`ensure`].
pub async fn carry_out(
    action: &Action,
    goal: Option<Goal>,
    ui: &Ui,
    stop: &CancellationToken,
) -> Result<()> {
    match action {
        Action::Nothing => Ok(()),
        Action::Install { packages, sudo } => {
            install::install(packages, *sudo, ui, stop).await?;
            check_installed(&missing(needs::of(goal)), packages)
        }
        Action::Ask { packages } => Err(Failure::environment(format!(
            "packages are missing and installing them needs root: {}",
            packages.join(", ")
        ))
        .with_hint(line(packages))
        .into()),
        Action::Name { things } => {
            Err(Failure::environment(format!("missing: {}", things.join(", ")))
                .with_hint("there is no apt-get here; install them with this system's packages")
                .into())
        }
    }
}

fn check_installed(still_missing: &[&Need], packages: &[&str]) -> Result<()> {
    if still_missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = still_missing.iter().map(|need| need.name).collect();
    Err(Failure::environment(format!(
        "still missing after installing {}: {}",
        packages.join(", "),
        names.join(", ")
    ))
    .into())
}
