//! A run as a report: Markdown, HTML, JSON and their companions, a pure function of the run, byte for byte.

pub(crate) mod again;
pub mod calibration;
pub mod gate;
pub mod github;
mod sections;
pub mod sweep;
pub mod ways;

pub use self::again::Side;
use crate::beside::beside;
use crate::page::{Block, Page, Tone};
use crate::{Doubt, Ending, Record, Run, Summary, cold, hdr_log, hgrm, rtf, text};

/// Name of the Markdown in the folder of a run.
pub const REPORT: &str = "report.md";

/// Every name that [`files`] may give.
pub const NAMES: [&str; 9] = [
    REPORT,
    "report.html",
    "report.json",
    "timeline.svg",
    "times.hlog",
    "latency.hgrm",
    "latency.svg",
    "ecdf.svg",
    "stages.svg",
];

/// Every file of the report of `run`: its name, and what stands in it.
pub fn files(run: &Run) -> Vec<(&'static str, String)> {
    let (summary, record) = summed_up(run);
    let page = page_of(run, &summary, &record);
    let mut files =
        vec![(REPORT, page.markdown()), ("report.html", page.html()), ("report.json", page.json())];
    files.extend(page.pictures());
    if has_times(run, &summary) {
        files.push(("times.hlog", hdr_log(run, &record, summary.span_us)));
        files.push(("latency.hgrm", hgrm(summary.latency.histogram(), 1e6)));
    }
    files
}

/// Whether the times of `run` mean anything.
fn has_times(run: &Run, summary: &Summary) -> bool {
    summary.n_ok > 0 && !is_of_lucky_jobs(run)
}

/// The report as Markdown.
pub fn markdown(run: &Run) -> String {
    page(run).markdown()
}

/// The report: the verdict in one line, latency, where the time went, stages, pictures, failures, use
/// of the machine, environment, and how to do it again.
///
/// A run whose target died has no percentiles: the jobs that had ended by then are the lucky ones.
pub fn page(run: &Run) -> Page {
    let (summary, record) = summed_up(run);
    page_of(run, &summary, &record)
}

/// What the samples say, and their times: one beside the other, since both are as much work.
fn summed_up(run: &Run) -> (Summary, Record) {
    beside(|| Summary::of(&run.samples), || Record::of(&run.samples))
}

/// [`page`] of what is summed up and recorded already.
pub fn page_of(run: &Run, summary: &Summary, record: &Record) -> Page {
    let (timeline, doubts) =
        beside(|| sections::timeline(run, summary), || Doubt::of(run, summary));
    let mut blocks: Vec<Block> = vec![sections::asked(run)];
    blocks.extend(sections::warnings(run, summary, &doubts));
    if has_times(run, summary) {
        blocks.extend(sections::latency(run, summary));
        blocks.extend(sections::slices(record));
        blocks.extend(sections::parts(summary));
        blocks.extend(sections::stages(run, summary));
        blocks.extend(rtf::section(&run.samples));
        blocks.extend(cold::section(&run.samples));
    }
    blocks.extend(timeline);
    blocks.extend(sections::failures(summary));
    blocks.extend(sections::usage(run, summary));
    blocks.extend(sections::environment(run));
    blocks.extend(sections::again(run));
    blocks.extend(sections::files());
    let tone = match (doubts.is_empty(), &run.ending, summary.n_failed()) {
        (true, Ending::Complete, 0) => Tone::Good,
        (true, Ending::CutShort, 0) => Tone::Unsure,
        _ => Tone::Bad,
    };
    let title = format!("Load test: {}", run.scenario.name);
    Page { title, verdict: verdict(run, summary, &doubts), tone, blocks }
}

/// Whether what ended well says nothing of what would have.
pub(crate) fn is_of_lucky_jobs(run: &Run) -> bool {
    matches!(run.ending, Ending::TargetDied(_) | Ending::Unfinished)
}

/// The run in one line: `VALID: 80 of 80 jobs ended well; p50 6.10 s (…); …`.
pub fn verdict(run: &Run, summary: &Summary, doubts: &[Doubt]) -> String {
    let jobs = run.plan.n_measured().unwrap_or_else(|| run.measured().count() as u64);
    let counts = format!("{} of {jobs} jobs ended well", summary.n_ok);
    if let Some(doubt) = doubts.first() {
        // What a program said last stands below, on lines of its own.
        let doubt = doubt.to_string();
        let reason = doubt.lines().next().unwrap_or_default();
        return format!("INVALID: {reason}; {counts}");
    }
    let state = match (&run.ending, summary.n_failed()) {
        (Ending::CutShort, _) => "CUT SHORT",
        (Ending::Aborted(_), _) => "ABORTED",
        (_, 0) => "VALID",
        _ => "FAILED JOBS",
    };
    let percentiles = [0.5, 0.95, 0.99].map(|q| text::quantile(&summary.latency, q)).join("; ");
    format!("{state}: {counts}; {percentiles}")
}

#[cfg(test)]
mod tests;
