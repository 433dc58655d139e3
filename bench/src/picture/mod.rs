//! Pictures of a run: SVG documents as strings, the same bytes for the same run.
//!
//! They stand alone: no script, nothing from outside, a white ground (a page may be dark), a name and a
//! description for those who do not see them. No meaning is carried by colour alone. Axes and shapes are
//! drawn by `plotters`; what it writes is put into a document of a fixed width by [`canvas`].
//!
//! They know nothing of files, and nothing of what a stage is.

mod axes;
mod canvas;
mod comparison;
mod curves;
mod legend;
mod percentiles;
mod stages;
mod theme;
mod timeline;

pub use self::comparison::comparison;
pub use self::percentiles::percentiles;
pub use self::stages::stages;
pub use self::timeline::timeline;

use self::canvas::{Head, picture};
use self::theme::{MARGIN, NORMAL, SOFT, words};
use crate::report::is_of_lucky_jobs;
use crate::{Ending, Load, Outcome, Run, Sample, Summary};

/// What was run, and how it ended, in a line.
fn caption(run: &Run) -> String {
    let summary = Summary::of(&run.samples);
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
/// not end well. A stage has the same colour in every picture.
fn stage_names(run: &Run) -> Vec<String> {
    let of = |samples: &[Sample]| -> Vec<String> {
        Summary::of(samples).stages.into_iter().map(|stage| stage.name).collect()
    };
    let as_ok = |sample: &Sample| Sample { outcome: Outcome::Ok, ..sample.clone() };
    let mut names = of(&run.samples);
    let all = of(&run.samples.iter().map(as_ok).collect::<Vec<_>>());
    names.extend(all.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
    names
}

#[cfg(test)]
pub(crate) mod sample_runs;
#[cfg(test)]
pub(crate) mod tests;
