//! Media and models, made once and kept: the tests run on real files.

use anyhow::Result;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::commands::Context;
use crate::exit::Failure;
use crate::process;

/// Makes what the tests read: clips, stills and music by the `fixtures` program, which the build step
/// left in the target folder. What is there already is checked by its manifest and kept.
///
/// # Errors
///
/// Where the program fails; its last lines say why.
pub async fn prepare(cx: &Context<'_>, stop: &CancellationToken) -> Result<()> {
    let mut fixtures = Command::new(cx.paths.binary("debug", "fixtures"));
    fixtures.arg("make").arg("--out").arg(cx.paths.media());
    let progress = cx.ui.progress("making fixtures");
    let end = process::captured(fixtures, stop, |line| progress.message(line)).await?;
    if end.status.success() {
        Ok(())
    } else {
        let said = end.tail.join("\n");
        Err(Failure::check(format!("`fixtures make` ended with {}:\n{said}", end.status)).into())
    }
}

/// Tells the tests where media and models are.
pub fn tell(command: &mut Command, cx: &Context<'_>) {
    command.env("REELBENCH_MEDIA", cx.paths.media());
    command.env("REELBENCH_MODELS", cx.paths.models());
}
