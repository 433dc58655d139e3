//! The sections of the page of a gate.

use super::pooled;
use super::{Advice, Counter, Effect, Gate, Null, Ruling, Slot, StageEffect};
use crate::comparison::{Better, Difference};
use crate::page::Block;
use crate::picture::{self, Pairs};
use crate::text::{change, changes};
use crate::{Distribution, text};

/// `1 pair`, `12 pairs`.
pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `+1.2 % (-0.3 % to +2.7 %)`.
pub(super) fn interval([value, low, high]: [f64; 3]) -> String {
    format!("{} ({})", change(value), changes([low, high]))
}

pub(super) fn warnings(gate: &Gate) -> Option<Block> {
    let mut texts = Vec::new();
    if let Ruling::Invalid { reason } = &gate.ruling {
        texts.push(format!("**This is no measurement**: {reason}"));
    }
    let advice = gate.warnings.iter();
    texts.extend(advice.map(|Advice { warning, advice }| format!("{warning}. Hint: {advice}.")));
    (!texts.is_empty()).then_some(Block::Warnings { texts })
}

/// The card of the figure that decides, and its pairs.
pub(super) fn primary(gate: &Gate) -> Vec<Block> {
    let known = |value: Option<f64>| {
        value.map_or_else(|| "unknown".to_owned(), |it| gate.primary.unit.shown(it))
    };
    let row = |name: &str, value: String| [name.to_owned(), value];
    let unknown = || "unknown".to_owned();
    let null = gate.null.as_ref().map_or_else(
        || "not asked".to_owned(),
        |Null { n_pairs, change, is_quiet }| {
            let word = if *is_quiet { "no difference shown" } else { "DIFFERS" };
            format!("{word}: {}, {}", interval(*change), counted(*n_pairs, "pair"))
        },
    );
    let rows = [
        row("before", known(gate.primary.before)),
        row("after", known(gate.primary.after)),
        row("change", gate.primary.change.map_or_else(unknown, interval)),
        row("limit", change(gate.limit)),
        row("least change that would be seen", gate.least_seen.map_or_else(unknown, change)),
        row("pairs of runs", gate.pairs.len().to_string()),
        row("jobs, before and after", format!("{}, {}", gate.n_jobs[0], gate.n_jobs[1])),
        row("the same program against itself", null),
        row("second place in a pair", gate.slot.map_or_else(unknown, slot)),
    ];
    let shown = Pairs {
        metric: &gate.primary.name,
        pairs: &gate.pairs,
        shift: gate.primary.change,
        confidence: gate.confidence,
        limit: gate.limit,
    };
    vec![
        Block::heading(&format!("What decides: {}", gate.primary.name)),
        Block::table(["what", "value"], rows),
        Block::figure("pairs.svg", "Change in each pair of runs", picture::pairs(&shown)),
    ]
}

/// `+0.4 % (p = 0.210)`.
fn slot(slot: Slot) -> String {
    let there = if slot.is_there { ", more than chance: the interval is wider for it" } else { "" };
    format!("{} (p = {:.3}{there})", change(slot.change), slot.p)
}

/// What an interval of a change says.
pub(super) fn word(change: Option<[f64; 3]>, better: Better) -> String {
    let Some([_, low, high]) = change else { return "not judged".to_owned() };
    let is_less = match better {
        Better::Lower => "better",
        Better::Higher => "worse",
    };
    let is_more = if is_less == "better" { "worse" } else { "better" };
    match (low > 0.0, high < 0.0) {
        (true, _) => is_more.to_owned(),
        (_, true) => is_less.to_owned(),
        _ => "~".to_owned(),
    }
}

fn cells(effect: &Effect) -> [String; 4] {
    let known = |value: Option<f64>| value.map_or_else(String::new, |it| effect.unit.shown(it));
    let change = effect.change.map_or_else(String::new, interval);
    [known(effect.before), known(effect.after), change, word(effect.change, effect.better)]
}

pub(super) fn stages(gate: &Gate) -> Vec<Block> {
    if gate.stages.is_empty() {
        return Vec::new();
    }
    let rows = gate.stages.iter().map(|StageEffect { effect, share }| {
        let [before, after, change, word] = cells(effect);
        [effect.name.clone(), format!("{:.1} %", share * 100.0), before, after, change, word]
    });
    let header = ["stage", "share of latency", "before", "after", "change", "reads"];
    vec![Block::heading("Stages"), Block::table(header, rows)]
}

pub(super) fn counters(gate: &Gate) -> Vec<Block> {
    if gate.counters.is_empty() {
        return Vec::new();
    }
    let rows = gate.counters.iter().map(|Counter { name, before, after }| {
        let word = match (before, after) {
            ([least, most], _) if least < most => "UNSTEADY",
            _ if before == after => "same",
            _ => "CHANGED",
        };
        [name.clone(), range(*before), range(*after), word.to_owned()]
    });
    vec![
        Block::heading("Counted, and never noisy"),
        Block::table(["what", "before", "after", "reads"], rows),
    ]
}

/// `80`, or `79 to 81`.
fn range([least, most]: [u64; 2]) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

pub(super) fn latencies(gate: &Gate) -> Vec<Block> {
    let Some([before, after]) = &gate.latencies else { return Vec::new() };
    let caption = format!("{}: all jobs of all runs, merged", gate.scenario);
    let mut blocks = vec![Block::heading("Latency of all jobs")];
    blocks.extend(pooled::blocks(&gate.pooled));
    blocks.extend([
        Block::figure(
            "latency.svg",
            "Latency by percentile, before and after, with 95 % intervals",
            picture::percentiles_of_two(&caption, before, after),
        ),
        Block::figure(
            "ecdf.svg",
            "Share of the jobs that had ended after each time, before and after",
            picture::shares_of_two(&caption, before, after),
        ),
        Block::text(format!(
            "Largest: {} before, {} after. Jobs of a run share what drifts, so the intervals of the picture \
             take too much for independent; the verdict is of whole runs.",
            largest(before),
            largest(after)
        )),
    ]);
    blocks
}

fn largest(times: &Distribution) -> String {
    times.max_us().map_or_else(|| "none".to_owned(), text::duration)
}

pub(super) fn others(gate: &Gate) -> Vec<Block> {
    if gate.others.is_empty() {
        return Vec::new();
    }
    let rows = gate.others.iter().map(|effect| {
        let [before, after, change, word] = cells(effect);
        [effect.name.clone(), before, after, change, word]
    });
    let table = Block::table(["figure", "before", "after", "change", "reads"], rows);
    let note = "These advise: none of them fails a gate. `~`: the interval holds no change.";
    let title = counted(gate.others.len(), "other figure");
    vec![Block::Folded { title, blocks: vec![table, Block::text(note)] }]
}

pub(super) fn environment(gate: &Gate) -> Vec<Block> {
    let mut blocks = vec![Block::heading("What differs")];
    blocks.push(if gate.differences.is_empty() {
        Block::text("Nothing that is recorded: machine, weights, settings and plan are the same.")
    } else {
        Difference::table(&gate.differences)
    });
    if !gate.environment.is_empty() {
        let rows = gate.environment.iter().map(|(name, value)| [name.clone(), value.clone()]);
        let table = Block::table(["what", "value"], rows);
        let title = "Everything that is known of the machine and the settings".to_owned();
        blocks.push(Block::Folded { title, blocks: vec![table] });
    }
    blocks
}

/// Raw files, and what stands in each; nothing where there are none.
pub(super) fn files(files: &[(String, String)]) -> Vec<Block> {
    if files.is_empty() {
        return Vec::new();
    }
    let point = |(name, what): &(String, String)| format!("`{name}`: {what}");
    vec![Block::heading("Files"), Block::List { points: files.iter().map(point).collect() }]
}
