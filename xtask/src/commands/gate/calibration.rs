//! What there was against itself: how small a change this machine can show at all.

use std::path::Path;

use bench::gate::Schedule;
use bench::page::Page;
use bench::report::calibration as page;
use bench::report::gate::Void;
use tokio_util::sync::CancellationToken;

use super::arms::Arms;
use super::policy::Policy;
use super::series::{self, Ended};
use super::tell::{Gated, told};
use crate::commands::Context;
use crate::exit::Exit;
use crate::record;

/// Measures as many pairs as the policy takes, and says whether a gate would see enough here.
///
/// # Errors
///
/// The environment; a run that cannot be made.
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
    let mut series = series::pairs(arms, schedule, n_pairs, folder, cx, stop).await?;
    let told = told(policy, &series);
    let void = |void: &Void<'_>| {
        let title = format!("Calibration: {}", void.scenario);
        page::files(&Page { title, ..void.page(&told) }).to_vec()
    };
    let is_stopped = matches!(series.ended, Ended::Stopped);
    if series.pairs.is_empty() || !(is_stopped || matches!(series.ended, Ended::Whole)) {
        return Gated::void(series, policy, folder, void);
    }
    let (metrics, pairs) = match bench::paired(&series.pairs, &policy.run.primary) {
        Ok(paired) => paired,
        Err(error) => {
            series.ended = Ended::Unfit(error);
            return Gated::void(series, policy, folder, void);
        }
    };
    let found = bench::gate::calibrate(&metrics, &pairs, &policy.gate)?;
    let page = page::page(&found, &policy.gate, &series.pairs, &told);
    for (name, text) in page.iter().flat_map(page::files) {
        record::replace(&folder.join(name), &text)?;
    }
    let exit = match (is_stopped, found.may_gate()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Pass,
        (false, false) => Exit::Invalid,
    };
    Ok(Gated {
        folder: folder.to_owned(),
        report: page.map(|_| folder.join(page::PAGE)),
        verdict: page::verdict(&found),
        hint: None,
        n_pairs: found.n_pairs,
        judgement: None,
        calibration: Some(found),
        exit,
    })
}
