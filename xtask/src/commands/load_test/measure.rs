//! One run over a pipeline that is started for it, with what was counted in it: what a gate repeats.

use std::num::NonZeroU32;

use bench::{COUNTERS, Plan, Run};
use tokio_util::sync::CancellationToken;

use super::drive::Asked;
use super::{POLL, cold, loaded};
use crate::commands::Context;
use crate::commands::stand::{Flags, Prepared, Stand};
use crate::record::RunFolder;
use crate::targets::NativeClient;

/// A closed load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedLoad {
    /// Jobs in flight.
    pub concurrency: u32,
    /// Jobs in all.
    pub jobs: u32,
}

/// Starts the providers and the pipeline of `prepared` with `flags`, drives the load, and ends them.
///
/// # Errors
///
/// As the load test itself.
pub async fn measure(
    load: ClosedLoad,
    prepared: &Prepared,
    flags: &Flags,
    folder: &RunFolder,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Run> {
    let flags = cold(flags);
    let mut stand = Stand::start(prepared, &flags, folder.path(), cx).await?;
    let client = NativeClient::new(stand.base.clone())?.with_poll(POLL);
    let some = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let asked = Asked {
        scenario: prepared.asked()?,
        mix: Vec::new(),
        plan: Plan::closed(some(load.concurrency), some(load.jobs)),
        target: "the pipeline of this checkout".to_owned(),
        settings: flags.facts(),
        pid: stand.pid(),
    };
    let run = loaded(asked, client, &mut stand, folder, cx, stop).await;
    let counted = stand.counted().await;
    stand.stop().await;
    let mut run = run?;
    match counted {
        Ok(counted) => {
            run.environment.insert(COUNTERS.to_owned(), serde_json::to_value(counted)?);
        }
        // A run whose target died says so itself.
        Err(error) => cx.ui.warn(format!("nothing was counted: {error:#}")),
    }
    Ok(run)
}
