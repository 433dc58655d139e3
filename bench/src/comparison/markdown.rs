//! A comparison as a page: Markdown that GitHub renders and a terminal shows well, HTML and JSON.

use std::fmt::Write;

use super::metric::{Metric, Section, Word};
use super::{Arm, Comparison, Difference};
use crate::page::{Block, Page, Tone};
use crate::report::{Side, again};
use crate::{Run, Summary, picture};

/// Name of the Markdown of a comparison.
pub const PAGE: &str = "comparison.md";
/// Name of its picture, beside it.
const PICTURE: &str = "comparison.svg";

/// Every file of the comparison of two runs: its name, and what stands in it.
pub fn files(before: &Run, after: &Run) -> Vec<(&'static str, String)> {
    let comparison = Comparison::of(before, after);
    let summaries = [before, after].map(|run| Summary::of(&run.samples));
    let svg = picture::comparison((before, &summaries[0]), (after, &summaries[1]));
    let page = with_picture(&comparison, Some(svg));
    let mut files = vec![(PAGE, page.markdown()), ("comparison.html", page.html())];
    files.extend(page.pictures());
    files
}

/// The page: the verdict in one line, warnings, what differs, each figure, and how to do it again.
pub fn markdown(comparison: &Comparison) -> String {
    page(comparison).markdown()
}

/// The same as a value.
pub fn page(comparison: &Comparison) -> Page {
    with_picture(comparison, None)
}

fn with_picture(comparison: &Comparison, svg: Option<String>) -> Page {
    let Comparison { before, after, .. } = comparison;
    let mut blocks = vec![
        Block::text(format!("Before: {}.", about(before))),
        Block::text(format!("After: {}.", about(after))),
    ];
    blocks.extend(warned(doubts(comparison)));
    blocks
        .extend(warned(comparison.warnings.iter().map(|warning| format!("{warning}.")).collect()));
    blocks.extend(differences(comparison));
    let alt = "Latency by percentile, before and after, with 95 % intervals";
    let mut figure = svg.map(|svg| Block::figure(PICTURE, alt, svg));
    for (title, wanted) in [
        ("Jobs", [Section::Primary, Section::Job].as_slice()),
        ("Stages", &[Section::Stage]),
        ("The whole run", &[Section::Run]),
    ] {
        blocks.extend(figures(title, wanted, &comparison.metrics));
        blocks.extend(figure.take());
    }
    if !comparison.metrics.is_empty() {
        blocks.push(method(&comparison.metrics));
    }
    blocks.extend(same_again(comparison));
    let title = "Before and after".to_owned();
    Page { title, verdict: comparison.verdict(), tone: tone(comparison), blocks }
}

fn tone(comparison: &Comparison) -> Tone {
    match comparison.metrics.first().map(|primary| primary.word) {
        Some(Word::Worse) => Tone::Bad,
        Some(Word::Better) if comparison.unlike().is_empty() => Tone::Good,
        _ => Tone::Unsure,
    }
}

fn about(arm: &Arm) -> String {
    let revision = arm.revision.as_ref().map_or_else(String::new, |it| format!(", revision {it}"));
    let failed =
        if arm.n_failed > 0 { format!(", {} failed", arm.n_failed) } else { String::new() };
    let plural = if arm.n_ok == 1 { "" } else { "s" };
    format!("`{}` on {}, {} job{plural} ok{failed}{revision}", arm.scenario, arm.target, arm.n_ok)
}

/// Why there is no figure.
fn doubts(comparison: &Comparison) -> Vec<String> {
    let of = |side: &str, arm: &Arm| -> Vec<String> {
        let doubts = arm.doubts.iter();
        doubts.map(|doubt| format!("**The run {side} is not valid**: {doubt}")).collect()
    };
    [of("before", &comparison.before), of("after", &comparison.after)].concat()
}

fn warned(texts: Vec<String>) -> Option<Block> {
    (!texts.is_empty()).then_some(Block::Warnings { texts })
}

fn differences(comparison: &Comparison) -> Vec<Block> {
    let heading = Block::heading("What differs");
    if comparison.differences.is_empty() {
        let same = "Nothing that is recorded: scenario, plan, settings, weights, revision and machine are \
                    the same.";
        return vec![heading, Block::text(same)];
    }
    vec![heading, Difference::table(&comparison.differences)]
}

impl Difference {
    /// One a row.
    pub(crate) fn table(differences: &[Self]) -> Block {
        let known =
            |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".to_owned());
        let rows = differences.iter().map(|difference| {
            let breaks =
                difference.breaks.as_ref().map_or_else(String::new, |it| format!("no: {it}"));
            let name = difference.name.clone();
            [name, known(&difference.before), known(&difference.after), breaks]
        });
        Block::table(["what", "before", "after", "like for like"], rows)
    }
}

fn figures(title: &str, wanted: &[Section], metrics: &[Metric]) -> Vec<Block> {
    let rows: Vec<[String; 6]> =
        metrics.iter().filter(|metric| wanted.contains(&metric.section)).map(row).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let header = ["figure", "before", "after", "after/before (95 %)", "better is", "verdict"];
    vec![Block::heading(title), Block::table(header, rows)]
}

fn row(metric: &Metric) -> [String; 6] {
    let ratio = metric.ratio.as_ref().map_or_else(String::new, super::Ratio::shown);
    let mut word = metric.word.as_str().to_owned();
    if let Some(reason) = &metric.reason {
        let _ = write!(word, ": {reason}");
    }
    [
        metric.name.clone(),
        metric.before.shown(metric.unit),
        metric.after.shown(metric.unit),
        ratio,
        metric.better.as_str().to_owned(),
        word,
    ]
}

/// How to read the figures, and how far to trust them.
fn method(metrics: &[Metric]) -> Block {
    let n = metrics.iter().filter(|metric| metric.ratio.is_some()).count();
    let wrong = n as f64 * 0.05;
    Block::text(format!(
        "A verdict is read from the interval of after/before: *better* and *worse* where all of it lies on \
         one side of 1, *no difference shown* where it holds 1. Intervals of percentiles come from order \
         statistics of both runs, as wide as those of the independent jobs that each run is worth; those of throughput and CPU time from ten batches of jobs in a row, that \
         of failed jobs is exact. Each of the {n} intervals may miss the truth in 1 of 20 cases by \
         itself, which makes about {wrong:.1} of them; the verdict above is about the first alone. A percentile that \
         a run has too few jobs for is not judged."
    ))
}

fn same_again(comparison: &Comparison) -> Vec<Block> {
    let side = |name, arm: &Arm| Side {
        name: Some(name),
        revision: arm.revision.clone(),
        command: arm.command.clone(),
    };
    let sides = [side("before", &comparison.before), side("after", &comparison.after)];
    again::blocks(&sides, &[], Some("cargo xtask compare BEFORE AFTER"))
}
