//! A run as a report: Markdown and its companions, a pure function of the run, byte for byte.

mod sections;

use crate::{Doubt, Ending, Run, Summary, cold, hdr_log, picture, rtf, text};

/// Name of the Markdown in the folder of a run.
pub const REPORT: &str = "report.md";

/// Every name that [`files`] may give.
pub const NAMES: [&str; 5] = [REPORT, "timeline.svg", "times.hlog", "latency.svg", "stages.svg"];

/// Every file of the report of `run`: its name, and what stands in it.
pub fn files(run: &Run) -> Vec<(&'static str, String)> {
    let summary = Summary::of(&run.samples);
    let mut files = vec![(REPORT, markdown(run)), ("timeline.svg", picture::timeline(run))];
    if has_times(run, &summary) {
        files.push(("times.hlog", hdr_log(run, &summary)));
        files.push(("latency.svg", picture::percentiles(run)));
        files.push(("stages.svg", picture::stages(run)));
    }
    files
}

/// Whether the times of `run` mean anything.
fn has_times(run: &Run, summary: &Summary) -> bool {
    summary.n_ok > 0 && !is_of_lucky_jobs(run)
}

/// The report: the verdict in one line, latency, where the time went, stages, pictures, failures, use
/// of the machine, environment, and how to do it again.
///
/// A run whose target died has no percentiles: the jobs that had ended by then are the lucky ones.
pub fn markdown(run: &Run) -> String {
    let summary = Summary::of(&run.samples);
    let doubts = Doubt::of(run, &summary);
    let mut sections = vec![
        format!("# Load test: {}", run.scenario.name),
        format!("**{}**", verdict(run, &summary, &doubts)),
        sections::asked(run),
    ];
    sections.extend(sections::warnings(run, &summary, &doubts));
    if has_times(run, &summary) {
        sections.push(sections::latency(&summary));
        sections.push(sections::parts(&summary));
        sections.push(sections::stages(&summary));
        sections.extend(rtf::section(&run.samples));
        sections.extend(cold::section(&run.samples));
    }
    sections.push(sections::timeline());
    sections.extend(sections::failures(&summary));
    sections.extend(sections::usage(run, &summary));
    sections.push(sections::environment(run));
    sections.push(sections::files());
    sections.join("\n\n") + "\n"
}

/// Whether what ended well says nothing of what would have.
pub(crate) fn is_of_lucky_jobs(run: &Run) -> bool {
    matches!(run.ending, Ending::TargetDied(_) | Ending::Unfinished)
}

/// The run in one line: `VALID: 80 of 80 jobs ended well; p50 6.10 s (…); …`.
pub fn verdict(run: &Run, summary: &Summary, doubts: &[Doubt]) -> String {
    let crate::Plan::Closed { jobs, .. } = run.plan;
    let counts = format!("{} of {jobs} jobs ended well", summary.n_ok);
    if let Some(doubt) = doubts.first() {
        // What a program said last stands below, on lines of its own.
        let doubt = doubt.to_string();
        let reason = doubt.lines().next().unwrap_or_default();
        return format!("INVALID: {reason}; {counts}");
    }
    let state = match (&run.ending, summary.n_failed()) {
        (Ending::CutShort, _) => "CUT SHORT",
        (_, 0) => "VALID",
        _ => "FAILED JOBS",
    };
    let percentiles = [0.5, 0.95, 0.99].map(|q| text::quantile(&summary.latency, q)).join("; ");
    format!("{state}: {counts}; {percentiles}")
}

#[cfg(test)]
mod tests;
