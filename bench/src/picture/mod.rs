//! Pictures of a run: SVG documents as strings, the same bytes for the same run.
//!
//! They stand alone: no script, nothing from outside, a ground of their own, light or dark as the reader's
//! system is, a name and a description for those who do not see them. No meaning is carried by colour alone. Axes and shapes are
//! drawn by `plotters`; what it writes is put into a document of a fixed width by [`canvas`].
//!
//! They know nothing of files, and nothing of what a stage is.

mod axes;
mod canvas;
mod comparison;
mod curves;
mod knee;
mod legend;
mod pairs;
mod percentiles;
mod shares;
mod stages;
mod theme;
mod timeline;

pub use self::comparison::{comparison, percentiles_of_two};
pub use self::knee::{Probe, knee};
pub use self::pairs::{Pair, Pairs, pairs};
pub use self::percentiles::percentiles;
pub use self::shares::{shares, shares_of_two};
pub use self::stages::stages;
pub use self::timeline::timeline;

use std::collections::BTreeMap;

use self::canvas::{Head, picture};
use self::theme::{MARGIN, NORMAL, SOFT, words};
use crate::report::is_of_lucky_jobs;
use crate::{Ending, Load, Outcome, Run, Summary};

/// What was run, and how it ended, in a line.
fn caption(run: &Run, summary: &Summary) -> String {
    let shape = match &run.plan.load {
        Load::Closed { workers, until, .. } => {
            let plural = if workers.get() == 1 { "" } else { "s" };
            format!("{workers} worker{plural}, {until}")
        }
        open @ Load::Open { .. } => open.to_string(),
    };
    let (scenario, target) = (&run.scenario.name, &run.target);
    let mut line = format!("{scenario} on {target}, {shape}: {} ok", summary.n_ok);
    for (reason, n) in &summary.failed {
        line += &format!(", {n} failed ({reason})");
    }
    if summary.n_cancelled > 0 {
        line += &format!(", {} cancelled", summary.n_cancelled);
    }
    if let Some(weights) = run.environment.get("weights").and_then(|weights| weights.as_str()) {
        line += &format!("; weights: {weights}");
    }
    line
}

/// What must not be overlooked in any picture of the run.
fn warning(run: &Run) -> Option<String> {
    match &run.ending {
        Ending::Complete => None,
        Ending::Unfinished => {
            Some("Unfinished: whoever wrote this run was ended before it".to_owned())
        }
        Ending::CutShort => Some("Cut short: only what had ended by then is here".to_owned()),
        Ending::Aborted(reason) => Some(format!("Aborted: {reason}")),
        Ending::Overwhelmed { max_in_flight } => {
            Some(format!("More than {max_in_flight} jobs in flight: the target does not keep up"))
        }
        Ending::TargetDied(reason) => Some(format!("The target died: {reason}")),
    }
}

/// Why `n_ok` jobs that ended well give no times, if they do not.
fn says_nothing(run: &Run, n_ok: u64) -> Option<&'static str> {
    if n_ok == 0 {
        Some("No job ended well: there are no times to show.")
    } else if is_of_lucky_jobs(run) {
        Some("The jobs that had ended by then are the lucky ones: their times are not shown.")
    } else {
        None
    }
}

/// A picture that says why there is none.
fn nothing(head: &Head, reason: &str) -> String {
    let top = head.height();
    picture(head, top + 60.0, |canvas| {
        canvas.text((MARGIN, top + 20.0), reason, &words(NORMAL, SOFT))
    })
}

/// The names of all stages of `run`: in the order of the summary, then those that only jobs had which did
/// not end well, in the order of their mean start. A stage has the same colour in every picture.
fn stage_names(run: &Run, summary: &Summary) -> Vec<String> {
    let known = |name: &str| summary.stages.iter().any(|stage| stage.name == name);
    let mut others: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    for sample in run.samples.iter().filter(|sample| sample.outcome != Outcome::Ok) {
        for span in sample.stages.iter().filter(|span| !known(&span.name)) {
            let (starts_us, n) = others.entry(&span.name).or_default();
            *starts_us += u128::from(span.start_us.saturating_sub(sample.sent_us));
            *n += 1;
        }
    }
    let mut others: Vec<(&str, u128)> =
        others.into_iter().map(|(name, (starts_us, n))| (name, starts_us / n)).collect();
    others.sort_by_key(|(_, start_us)| *start_us);
    let names = summary.stages.iter().map(|stage| stage.name.clone());
    names.chain(others.into_iter().map(|(name, _)| name.to_owned())).collect()
}

#[cfg(test)]
pub(crate) mod sample_runs;
#[cfg(test)]
pub(crate) mod tests;
