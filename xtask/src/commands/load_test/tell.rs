//! What a person and a program are told of a load test.

use std::path::{Path, PathBuf};

use bench::{
    ColdStart, Distribution, Doubt, Ending, Estimate, Figures, Outcome, Rtf, Run, Summary, Warning,
    text,
};
use serde::Serialize;

use crate::commands::Context;
use crate::exit::Exit;
use crate::ui::Table;

/// What is known after a load test.
#[derive(Debug, Serialize)]
pub struct Tested {
    /// The folder with everything.
    pub folder: PathBuf,
    /// The Markdown in it.
    pub report: PathBuf,
    /// The run in one line.
    pub verdict: String,
    /// What speaks against it.
    pub doubts: Vec<String>,
    /// What must be known beside the numbers, with what can be done about it.
    pub warnings: Vec<(String, &'static str)>,
    /// Jobs that ended well.
    pub n_ok: u64,
    /// Jobs that failed.
    pub n_failed: u64,
    /// Jobs of the plan.
    pub planned: u64,
    /// Why jobs failed: the reason, how many, and what was said of the first of them.
    pub failures: Vec<(String, u64, String)>,
    /// Jobs that ended well in an hour.
    pub ok_per_hour: Option<f64>,
    /// Each time that was taken, in the order of the report; none of a run whose target died.
    pub times: Vec<Time>,
    /// All work by the length of all sound or film that was made, where that is known.
    pub real_time_factor: Option<f64>,
    /// Real-time factor and cold starts, a line each, where they are known.
    pub notes: Vec<String>,
    #[serde(skip)]
    advice: Option<&'static str>,
    #[serde(skip)]
    is_aborted: bool,
}

/// The percentiles of one time, microseconds.
#[derive(Debug, Serialize)]
pub struct Time {
    /// `latency`, `queue`, `service`, `transfer`, `lag` or `stage.<name>`.
    pub name: String,
    /// Jobs that have it.
    pub n: u64,
    /// So many independent jobs say as much.
    pub worth: u64,
    /// p50, p95 and p99 of the jobs themselves, where they would be enough if they were independent.
    pub seen_us: [Option<u64>; 3],
    /// The median.
    pub p50: Estimate,
    /// The 95th percentile.
    pub p95: Estimate,
    /// The 99th percentile.
    pub p99: Estimate,
    #[serde(skip)]
    shown: [String; 3],
}

impl Time {
    fn of(name: &str, times: &Distribution) -> Self {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|q| times.quantile(q));
        let shown = [0.5, 0.95, 0.99].map(|q| text::estimate(times, q));
        let seen_us = [0.5, 0.95, 0.99].map(|q| times.seen(q));
        let (n, worth) = (times.n(), times.worth());
        Self { name: name.to_owned(), n, worth, seen_us, p50, p95, p99, shown }
    }

    /// p50, p95 and p99 as people read them.
    pub const fn shown(&self) -> &[String; 3] {
        &self.shown
    }
}

impl Tested {
    /// Sums up a run that is in `folder`.
    pub fn new(run: &Run, folder: &Path, report: PathBuf) -> Self {
        let summary = Summary::of(&run.samples);
        let doubts = Doubt::of(run, &summary);
        let is_lucky = matches!(run.ending, Ending::TargetDied(_) | Ending::Unfinished);
        let rtf = Rtf::of(&run.samples).filter(|_| !is_lucky);
        let cold = ColdStart::of(&run.samples).filter(|_| !is_lucky);
        let lines =
            rtf.as_ref().map(Rtf::line).into_iter().chain(cold.as_ref().map(ColdStart::line));
        Self {
            notes: lines.collect(),
            real_time_factor: rtf.as_ref().map(Rtf::pooled),
            folder: folder.to_owned(),
            report,
            verdict: bench::report::verdict(run, &summary, &doubts),
            n_ok: summary.n_ok,
            n_failed: summary.n_failed(),
            planned: run.plan.n_measured().unwrap_or_else(|| run.measured().count() as u64),
            warnings: warnings(run),
            is_aborted: matches!(run.ending, Ending::Aborted(_)),
            failures: failures(run, &summary),
            ok_per_hour: summary.ok_per_hour().filter(|_| !is_lucky),
            times: if is_lucky { Vec::new() } else { times(run, &summary) },
            advice: doubts.first().map(Doubt::advice),
            doubts: doubts.iter().map(ToString::to_string).collect(),
        }
    }

    /// What the shell sees.
    pub const fn exit(&self) -> Exit {
        if !self.doubts.is_empty() {
            Exit::Invalid
        } else if self.is_aborted || self.n_ok < self.planned {
            Exit::Failed
        } else {
            Exit::Pass
        }
    }
}

fn warnings(run: &Run) -> Vec<(String, &'static str)> {
    let warnings = Warning::of(&Figures::of(run)).into_iter();
    warnings.map(|warning| (warning.to_string(), warning.advice())).collect()
}

fn failures(run: &Run, summary: &Summary) -> Vec<(String, u64, String)> {
    let said = |reason: &String| {
        let failed = Outcome::Failed(reason.clone());
        let first = run.samples.iter().find(|sample| sample.outcome == failed);
        let error = first.map(|sample| &sample.extra["error"]);
        let text = error.and_then(|error| error.as_str().or_else(|| error["message"].as_str()));
        text.unwrap_or_default().to_owned()
    };
    summary.failed.iter().map(|(reason, n)| (reason.clone(), *n, said(reason))).collect()
}

fn times(run: &Run, summary: &Summary) -> Vec<Time> {
    let mut times = vec![
        Time::of("latency", &summary.latency),
        Time::of("queue", &summary.queue),
        Time::of("service", &summary.service),
        Time::of("transfer", &summary.transfer),
    ];
    let stages = summary.stages.iter();
    if run.plan.is_open() {
        times.push(Time::of("lag", &summary.lag));
    }
    times.extend(stages.map(|stage| Time::of(&format!("stage.{}", stage.name), &stage.duration)));
    times.retain(|time| time.n > 0);
    times
}

/// Tells a person.
pub fn tell(tested: &Tested, cx: &Context<'_>) {
    let is_good = tested.exit() == Exit::Pass;
    if is_good {
        cx.ui.pass(&tested.verdict);
    } else {
        cx.ui.fail(&tested.verdict);
    }
    for (reason, n, said) in &tested.failures {
        cx.ui.fail(format!("{n} jobs: {reason}: {said}"));
    }
    for doubt in &tested.doubts {
        cx.ui.warn(doubt);
    }
    if let Some(advice) = tested.advice {
        cx.ui.hint(advice);
    }
    for (warning, advice) in &tested.warnings {
        cx.ui.warn(warning);
        cx.ui.hint(advice);
    }
    if !tested.times.is_empty() {
        cx.ui.data(table(tested));
    }
    for note in &tested.notes {
        cx.ui.data(note);
    }
    if let Some(rate) = tested.ok_per_hour {
        cx.ui.data(format!("throughput  {rate:.0} jobs an hour"));
    }
    cx.ui.data(format!("report      {}", cx.paths.shown(&tested.report).display()));
}

fn table(tested: &Tested) -> Table {
    let mut table = Table::new(["time", "n", "p50", "p95", "p99"]);
    for time in &tested.times {
        let [p50, p95, p99] = time.shown();
        table.row([&time.name, &time.n.to_string(), p50, p95, p99]);
    }
    table
}
