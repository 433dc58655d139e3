//! Installs Debian and Ubuntu packages.

use anyhow::Result;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::process::{self, Captured};
use crate::ui::Ui;

/// Installs `packages` by apt-get, as root or through `sudo`.
///
/// # Errors
///
/// Where apt-get fails; the error ends with the last lines of what it said.
pub async fn install(
    packages: &[&str],
    sudo: bool,
    ui: &Ui,
    stop: &CancellationToken,
) -> Result<()> {
    let progress = ui.progress(&format!("installing {}", packages.join(" ")));
    let update = apt_get(sudo, &["update"]);
    let update = process::captured(update, stop, |line| progress.message(line)).await?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    let install = apt_get(sudo, &arguments);
    let install = process::captured(install, stop, |line| progress.message(line)).await?;
    drop(progress);
    if !install.status.success() {
        return Err(failed("install", &install, &update).into());
    }
    // One broken source among many fails the update, and the packages may still be there.
    if !update.status.success() {
        ui.warn(format!("`apt-get update` ended with {}", update.status));
    }
    ui.pass(format!("installed {}", packages.join(" ")));
    Ok(())
}

fn apt_get(sudo: bool, arguments: &[&str]) -> Command {
    let mut command = Command::new(if sudo { "sudo" } else { "env" });
    if sudo {
        command.args(["-n", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]);
    command.args(arguments);
    command
}

fn failed(what: &str, end: &Captured, update: &Captured) -> Failure {
    let mut said = end.tail.clone();
    if !update.status.success() {
        said.splice(0..0, update.tail.iter().cloned());
    }
    Failure::environment(format!(
        "`apt-get {what}` ended with {}:\n{}",
        end.status,
        said.join("\n")
    ))
}
