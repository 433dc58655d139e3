//! Media and models, made once and kept: the tests run on real files.

use anyhow::Result;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::commands::{Context, fetch_models};
use crate::python;
use crate::services::Fixtures;

/// Makes and brings what the tests read: clips, stills and music by the `fixtures` program, which the
/// build step left in the target folder, MiniLM's weights, a Whisper model of random ones, what asks
/// the API, and RunPod's local server. What is there already is kept.
///
/// # Errors
///
/// Where the program fails (its last lines say why), and where a model cannot be had.
pub async fn prepare(cx: &Context<'_>, stop: &CancellationToken) -> Result<()> {
    let fixtures = Fixtures::new(cx.paths.binary("debug", "fixtures"));
    fixtures.make_media(cx, stop).await?;
    fixtures.make_whisper_model(cx, stop).await?;
    fixtures.make_clip_model(cx, stop).await?;
    fetch_models::ensure(cx, stop).await?;
    for program in python::ALL {
        program.bring(&cx.paths, cx.ui, stop).await?;
    }
    Ok(())
}

/// Tells the tests where media and models are.
pub fn tell(command: &mut Command, cx: &Context<'_>) {
    command.env("REELBENCH_MEDIA", cx.paths.media());
    command.env("REELBENCH_MODELS", cx.paths.models());
}
