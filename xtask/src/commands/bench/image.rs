//! The image: everything anew, and once more where nothing changed.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::commands::Context;
use crate::exit::Failure;
use crate::image::engine::{Engine, EngineError};
use crate::process;

/// Name of the image while it is measured.
const TAG: &str = "reelbench-bench:cpu";

/// Builds it in rounds; gives what was measured, a document a line. The image is gone afterwards.
///
/// Each round has a store of its own, which is empty at its beginning: its first build is the one in which
/// everything is anew. What the models' packages and the base come from is on the network of this machine.
///
/// # Errors
///
/// No engine; it does not build.
pub async fn measure(
    rounds: u32,
    arguments: &[String],
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<String> {
    fs_err::create_dir_all(&cx.paths.home)?;
    let engine = Engine::connect().await?;
    let in_rounds = async {
        let mut lines = String::new();
        for round in 0..rounds {
            let home = tempfile::Builder::new().prefix("bench-").tempdir_in(&cx.paths.home)?;
            // Only the second one can find nothing changed: these two have no other order.
            for way in ["everything anew", "nothing changed"] {
                cx.ui.say(format!("round {} of {rounds}: {way}", round + 1));
                let begun = Instant::now();
                let built = build(arguments, home.path(), cx, stop).await?;
                let mut values = json!({ "wall_us": begun.elapsed().as_secs_f64() * 1e6 });
                if let Some(sent) = built["bytes_sent"].as_u64().filter(|&sent| sent > 0) {
                    values["sent_to_the_engine_bytes"] = sent.into();
                }
                let line = json!({ "way": way, "round": round, "values": values });
                lines.push_str(&format!("{line}\n"));
                fs_err::write(folder.join("measures.jsonl"), &lines)?;
            }
        }
        anyhow::Ok(lines)
    };
    let measured = in_rounds.await;
    // Whatever happened: it was made to be measured. Why it failed is told before why it could not be removed.
    let removed = engine.remove_image(TAG, true).await.map_err(EngineError::told);
    let lines = measured?;
    removed?;
    Ok(lines)
}

/// As a user types it; gives its document.
async fn build(
    arguments: &[String],
    home: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.current_dir(&cx.paths.root).env("REELBENCH_HOME", home);
    command.args(["--json", "build-image", "--variant", "cpu", "--tag", TAG]).args(arguments);
    // The document alone: what it says meanwhile comes by stderr, whenever it likes.
    let document = home.join("built.json");
    let stdout = fs_err::File::create(&document)?.into_parts().0.into();
    let ended = process::redirected(command, stdout, stop, |_| ()).await?;
    if !ended.status.success() {
        let tail = ended.tail.join("\n  ");
        return Err(Failure::environment(format!("build-image: {}\n  {tail}", ended.status)).into());
    }
    let text = fs_err::read_to_string(document)?;
    serde_json::from_str(&text).context("build-image: expected a document")
}
