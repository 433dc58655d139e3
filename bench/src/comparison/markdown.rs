//! A comparison as Markdown that GitHub renders and a terminal shows well.

use std::fmt::Write;

use super::metric::{Metric, Section};
use super::{Arm, Comparison};
use crate::Run;
use crate::markdown::table;

/// Name of the Markdown of a comparison.
pub const PAGE: &str = "comparison.md";
/// Name of its picture, beside it.
const PICTURE: &str = "comparison.svg";

/// Every file of the comparison of two runs: its name, and what stands in it.
pub fn files(before: &Run, after: &Run) -> Vec<(&'static str, String)> {
    let comparison = Comparison::of(before, after);
    vec![
        (PAGE, page(&comparison, Some(PICTURE))),
        (PICTURE, crate::picture::comparison(before, after)),
    ]
}

/// The page: the verdict in one line, warnings, what differs, each figure, and how to do it again.
pub fn markdown(comparison: &Comparison) -> String {
    page(comparison, None)
}

fn page(comparison: &Comparison, picture: Option<&str>) -> String {
    let Comparison { before, after, .. } = comparison;
    let mut sections = vec![
        "# Before and after".to_owned(),
        format!("**{}**", comparison.verdict()),
        format!("Before: {}.\n\nAfter: {}.", about(before), about(after)),
    ];
    sections.extend(doubts(comparison));
    sections.extend(warnings(comparison));
    sections.push(differences(comparison));
    for (title, wanted) in [
        ("Jobs", [Section::Primary, Section::Job].as_slice()),
        ("Stages", &[Section::Stage]),
        ("The whole run", &[Section::Run]),
    ] {
        sections.extend(figures(title, wanted, &comparison.metrics));
        if title == "Jobs" {
            sections.extend(picture.map(|file| {
                format!("![Latency by percentile, before and after, with 95 % intervals]({file})")
            }));
        }
    }
    if !comparison.metrics.is_empty() {
        sections.push(method(&comparison.metrics));
    }
    sections.push(again(comparison));
    sections.join("\n\n") + "\n"
}

fn about(arm: &Arm) -> String {
    let revision = arm.revision.as_ref().map_or_else(String::new, |it| format!(", revision {it}"));
    let failed =
        if arm.n_failed > 0 { format!(", {} failed", arm.n_failed) } else { String::new() };
    let plural = if arm.n_ok == 1 { "" } else { "s" };
    format!("`{}` on {}, {} job{plural} ok{failed}{revision}", arm.scenario, arm.target, arm.n_ok)
}

/// Why there is no figure.
fn doubts(comparison: &Comparison) -> Option<String> {
    let of = |side: &str, arm: &Arm| -> Vec<String> {
        let doubts = arm.doubts.iter();
        doubts.map(|doubt| format!("**The run {side} is not valid**: {doubt}")).collect()
    };
    let mut doubts = of("before", &comparison.before);
    doubts.extend(of("after", &comparison.after));
    quoted(&doubts)
}

fn warnings(comparison: &Comparison) -> Option<String> {
    let warnings: Vec<String> =
        comparison.warnings.iter().map(|warning| format!("{warning}.")).collect();
    quoted(&warnings)
}

fn quoted(lines: &[String]) -> Option<String> {
    let lines: Vec<String> =
        lines.iter().map(|line| format!("> {}", line.replace('\n', "\n> "))).collect();
    (!lines.is_empty()).then(|| lines.join("\n>\n"))
}

fn differences(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        return "## What differs\n\nNothing that is recorded: scenario, plan, settings, weights, \
                revision and machine are the same."
            .to_owned();
    }
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".to_owned());
    let rows = comparison.differences.iter().map(|difference| {
        let breaks = difference.breaks.as_ref().map_or_else(String::new, |it| format!("no: {it}"));
        let name = difference.name.clone();
        [name, known(&difference.before), known(&difference.after), breaks]
    });
    let rows: Vec<[String; 4]> = rows.collect();
    format!("## What differs\n\n{}", table(["what", "before", "after", "like for like"], rows))
}

fn figures(title: &str, wanted: &[Section], metrics: &[Metric]) -> Option<String> {
    let rows: Vec<[String; 6]> =
        metrics.iter().filter(|metric| wanted.contains(&metric.section)).map(row).collect();
    let header = ["figure", "before", "after", "after/before (95 %)", "better is", "verdict"];
    (!rows.is_empty()).then(|| format!("## {title}\n\n{}", table(header, rows)))
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
fn method(metrics: &[Metric]) -> String {
    let n = metrics.iter().filter(|metric| metric.ratio.is_some()).count();
    let wrong = n as f64 * 0.05;
    format!(
        "A verdict is read from the interval of after/before: *better* and *worse* where all of it lies on \
         one side of 1, *no difference shown* where it holds 1. Intervals of percentiles come from order \
         statistics of both runs, as wide as those of the independent jobs that each run is worth; those of throughput and CPU time from ten batches of jobs in a row, that \
         of failed jobs is exact. Each of the {n} intervals may miss the truth in 1 of 20 cases by \
         itself, which makes about {wrong:.1} of them; the verdict above is about the first alone. A percentile that \
         a run has too few jobs for is not judged."
    )
}

fn again(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for (side, arm) in [("before", &comparison.before), ("after", &comparison.after)] {
        lines.push(format!("# {side}"));
        if let Some(revision) = &arm.revision {
            let (commit, changes) = revision.split_once(' ').unwrap_or((revision, ""));
            let changes =
                if changes.is_empty() { "" } else { "   # and changes that no commit has" };
            lines.push(format!("git checkout {commit}{changes}"));
        }
        let command = arm.command.as_deref().unwrap_or("# what was typed is not recorded");
        lines.extend(command.lines().map(str::to_owned));
    }
    lines.push("cargo xtask compare BEFORE AFTER".to_owned());
    // No line of a run may end the block.
    let block = lines.join("\n").replace("```", "` ` `");
    format!("## Again\n\n```sh\n{block}\n```")
}
