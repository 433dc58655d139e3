//! What there was against itself: how small a change this machine can show at all.

use std::path::Path;

use bench::gate::Schedule;
use bench::report::calibration as page;
use tokio_util::sync::CancellationToken;

use super::arms::Arms;
use super::policy::Policy;
use super::series;
use super::tell::{Gated, told};
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::record;

/// Measures as many pairs as the policy takes, and says whether a gate would see enough here.
///
/// # Errors
///
/// The environment; runs that are no measurement.
pub async fn calibrated(
    arms: Arms<'_>,
    policy: &Policy,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Gated> {
    // Both sides are the same already: a third run would say nothing more.
    let schedule = Schedule { seed: policy.run.seed, has_null: false };
    let n_pairs = policy.gate.calibration.pairs;
    let Some(runs) = series::pairs(arms, schedule, n_pairs, folder, cx, stop).await? else {
        return Err(Failure::Interrupted.into());
    };
    let (metrics, pairs) = match bench::paired(&runs, &policy.run.primary) {
        Ok(paired) => paired,
        Err(error) => {
            return Ok(Gated::without(folder, format!("INVALID: {error}"), Exit::Invalid));
        }
    };
    let found = bench::gate::calibrate(&metrics, &pairs, &policy.gate)?;
    let verdict = page::verdict(&found);
    let mut report = None;
    if let Some(page) = page::page(&found, &policy.gate, &runs, &told(policy)) {
        for (name, text) in page::files(&page) {
            record::replace(&folder.join(name), &text)?;
        }
        report = Some(folder.join(page::PAGE));
    }
    let exit = if found.may_gate() { Exit::Pass } else { Exit::Invalid };
    let n_pairs = found.n_pairs;
    let gated = Gated::without(folder, verdict, exit);
    Ok(Gated { report, n_pairs, calibration: Some(found), ..gated })
}
