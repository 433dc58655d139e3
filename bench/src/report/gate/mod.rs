//! The page of a gate: what it decided, what that rests on, and how to do it again.
//!
//! Every number is computed before it comes here; nothing on this page is decided by it. What is read first
//! comes first (rustc-perf, benchstat and tachometer show one part of it each): the verdict with its effect,
//! interval, pairs and limit in one line, then the figure that decides, then what advises.

mod objectives;
mod of;
mod pooled;
mod sections;
mod void;
mod warnings;

use std::collections::BTreeMap;

pub use self::objectives::{Objective, Promise, PromiseError};
pub use self::of::Told;
pub use self::pooled::Pooled;
use self::sections::counted;
pub use self::void::Void;
use crate::Distribution;
use crate::comparison::{Better, Difference, Unit};
use crate::page::{Page, Tone};
use crate::picture::Pair;
use crate::report::{Side, again, github};
use crate::text;

/// Name of the Markdown in the folder of a gate.
pub const PAGE: &str = "gate.md";

/// What a gate decided, and what that rests on.
#[derive(Clone, Debug)]
pub struct Gate {
    /// What was run, such as `short`.
    pub scenario: String,
    /// What was decided.
    pub ruling: Ruling,
    /// The figure that decides.
    pub primary: Effect,
    /// The change of it that is one too many: 0.02, or -0.02 where more is better.
    pub limit: f64,
    /// How sure intervals are, such as 0.99.
    pub confidence: f64,
    /// Runs of both sides, in turn.
    pub pairs: Vec<Pair>,
    /// Jobs that ended well, before and after.
    pub n_jobs: [u64; 2],
    /// The least change that so many pairs of such a spread would have seen. None: not known.
    pub least_seen: Option<f64>,
    /// What the same program against itself showed. None: it was not asked.
    pub null: Option<Null>,
    /// What the second place in a pair costs. None: not known.
    pub slot: Option<Slot>,
    /// Figures that advise.
    pub others: Vec<Effect>,
    /// Each stage.
    pub stages: Vec<StageEffect>,
    /// What is counted and must not change at all.
    pub counters: Vec<Counter>,
    /// What was promised.
    pub objectives: Vec<Objective>,
    /// What speaks against a figure.
    pub warnings: Vec<Advice>,
    /// What differs between both sides, other than the times.
    pub differences: Vec<Difference>,
    /// Everything else that is known of the machine and the settings.
    pub environment: BTreeMap<String, String>,
    /// How each side is made again.
    pub sides: [Side; 2],
    /// What was typed for all of it.
    pub command: String,
    /// Seeds and digests by name.
    pub facts: Vec<(String, String)>,
    /// Raw files, and what stands in each.
    pub files: Vec<(String, String)>,
    /// The latencies of all runs of a side, merged. None: the gate is of something else.
    pub latencies: Option<[Distribution; 2]>,
    /// Their percentiles. Empty: the gate is of something else.
    pub pooled: Vec<Pooled>,
}

/// What a gate decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The change is not one too many.
    Pass,
    /// It is.
    Regression,
    /// It is, and that was wanted.
    Accepted {
        /// Why.
        because: String,
    },
    /// Nobody can tell yet.
    Inconclusive {
        /// About so many more pairs would tell. None: more of them would not.
        more_pairs: Option<u32>,
        /// Whether the policy still has a look at so many.
        has_look: bool,
    },
    /// What was measured is no measurement.
    Invalid {
        /// Why.
        reason: String,
    },
}

/// A figure before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its name, such as `latency p95`.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// What it was.
    pub before: Option<f64>,
    /// What it is.
    pub after: Option<f64>,
    /// After/before less 1, and the ends of its interval, of which one may be infinite. None: it has none.
    pub change: Option<[f64; 3]>,
}

/// What the second place in a pair costs, whichever side has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// Second/first less 1.
    pub change: f64,
    /// How probable such a difference is by chance.
    pub p: f64,
    /// Whether it is more than chance. It widens the interval and moves it nowhere.
    pub is_there: bool,
}

/// The same program against itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Null {
    /// Pairs of such runs.
    pub n_pairs: usize,
    /// What they showed, with the ends of the interval.
    pub change: [f64; 3],
    /// Whether that is nothing, as it must be.
    pub is_quiet: bool,
}

/// A stage before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct StageEffect {
    /// How its time changed.
    pub effect: Effect,
    /// Its share of all latency after, 0 to 1.
    pub share: f64,
}

/// What is counted, such as requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What.
    pub name: String,
    /// The least and the most of a run.
    pub before: [u64; 2],
    /// The least and the most of a run.
    pub after: [u64; 2],
}

/// Something that speaks against a figure, and what can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is wrong.
    pub warning: String,
    /// What can be done about it.
    pub advice: String,
}

/// Every file of the page: its name, and what stands in it. The last three are what GitHub is told.
pub fn files(gate: &Gate) -> Vec<(&'static str, String)> {
    files_of(&page(gate), &gate.scenario)
}

/// The same of a page of the gate of `scenario`.
fn files_of(page: &Page, scenario: &str) -> Vec<(&'static str, String)> {
    let mut files =
        vec![(PAGE, page.markdown()), ("gate.html", page.html()), ("gate.json", page.json())];
    files.extend(page.pictures());
    files.extend([
        ("summary.md", github::summary(page)),
        ("comment.md", github::comment(page, &format!("gate-{scenario}"))),
        ("annotations.txt", github::annotations(page)),
    ]);
    files
}

/// The page.
pub fn page(gate: &Gate) -> Page {
    let mut blocks = Vec::new();
    blocks.extend(sections::warnings(gate));
    blocks.extend(sections::primary(gate));
    blocks.extend(sections::stages(gate));
    blocks.extend(sections::counters(gate));
    blocks.extend(sections::latencies(gate));
    blocks.extend(objectives::blocks(&gate.objectives));
    blocks.extend(sections::others(gate));
    blocks.extend(sections::environment(gate));
    blocks.extend(again::blocks(&gate.sides, &gate.facts, Some(&gate.command)));
    blocks.extend(sections::files(&gate.files));
    let tone = match gate.ruling {
        Ruling::Pass | Ruling::Accepted { .. } => Tone::Good,
        Ruling::Regression => Tone::Bad,
        Ruling::Inconclusive { .. } | Ruling::Invalid { .. } => Tone::Unsure,
    };
    Page { title: format!("Gate: {}", gate.scenario), verdict: verdict(gate), tone, blocks }
}

/// Everything in one line: `REGRESSION: latency p95 +7.9 % (+5.1 % to +10.8 %, 99 % interval), 12 pairs,
/// limit +2.0 %`.
pub fn verdict(gate: &Gate) -> String {
    let Gate { primary, confidence, limit, .. } = gate;
    let change = match primary.change {
        Some([change, low, high]) => format!(
            "{} ({}, {} % interval)",
            text::change(change),
            text::changes([low, high]),
            text::confidence(*confidence)
        ),
        None => "without an interval".to_owned(),
    };
    let found = format!(
        "{} {change}, {}, limit {}",
        primary.name,
        counted(gate.pairs.len(), "pair"),
        text::change(*limit)
    );
    match &gate.ruling {
        Ruling::Pass => format!("PASS: {found}"),
        Ruling::Regression => format!("REGRESSION: {found}"),
        Ruling::Accepted { because } => format!("ACCEPTED: {found}; wanted: {because}"),
        Ruling::Inconclusive { more_pairs: Some(n), has_look } => {
            let beyond = if *has_look { "" } else { ", beyond the last look" };
            let more = counted(*n as usize, "more pair");
            format!("INCONCLUSIVE: {found}; about {more} would tell{beyond}")
        }
        Ruling::Inconclusive { more_pairs: None, .. } => {
            format!("INCONCLUSIVE: {found}; more pairs would not tell")
        }
        Ruling::Invalid { reason } => {
            format!("INVALID: {}", reason.lines().next().unwrap_or_default())
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
