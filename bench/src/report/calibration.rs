//! The page of a calibration: what the same program against itself shows, and so how small a change can be seen
//! on this machine at all.

use std::collections::BTreeMap;

use super::again;
use super::gate::Told;
use crate::comparison::Unit;
use crate::gate::{Calibration, Effect, Noise, Refusal, Rule};
use crate::page::{Block, Page, Tone};
use crate::{Figure, Runs, figures};

/// Name of the Markdown in the folder of a calibration.
pub const PAGE: &str = "calibration.md";

/// Every file of the page: its name, and what stands in it.
pub fn files(page: &Page) -> [(&'static str, String); 3] {
    [(PAGE, page.markdown()), ("calibration.html", page.html()), ("calibration.json", page.json())]
}

/// The page of what `runs`, each with the same program on both sides, show by `rule`. None: there are no runs.
pub fn page(found: &Calibration, rule: &Rule, runs: &[Runs], told: &Told) -> Option<Page> {
    let first = &runs.first()?.base;
    let known: BTreeMap<String, Figure> =
        figures(first).into_iter().map(|figure| (figure.name.clone(), figure)).collect();
    let mut blocks = Vec::new();
    if !found.refusals.is_empty() {
        let texts = found.refusals.iter().map(|refusal| format!("{refusal}. {}", advice(refusal)));
        blocks.push(Block::Warnings { texts: texts.collect() });
    }
    blocks.push(Block::text(format!(
        "{} pairs of runs of one program with itself. What varies here is the machine: a gate sees no change that \
         is smaller than what is written in the last column, in nine of ten cases, after its last look at {} pairs.",
        found.n_pairs,
        rule.looks.last().map_or(0, |look| look.pairs)
    )));
    let header = [
        "figure",
        "median",
        "spread of a pair",
        "like the pair before",
        "second place",
        "least change seen",
    ];
    let rows = found.effects.iter().map(|effect| row(effect, known.get(&effect.metric.name)));
    blocks.push(Block::table(header, rows));
    blocks.push(Block::text(
        "Spread: standard deviation of the logarithm of second/first. Like the pair before: correlation of \
         neighbours; beyond 0.7 of eight pairs something lasts longer than a pair. Second place: what the second run \
         of a pair has over the first.",
    ));
    blocks.extend(again::known(&first.environment, &told.command, &told.facts));
    Some(Page {
        title: format!("Calibration: {}", first.scenario.name),
        verdict: verdict(found),
        tone: if found.may_gate() { Tone::Good } else { Tone::Bad },
        blocks,
    })
}

/// All of it in one line: `FIT: latency p50: a gate sees +4.6 % at least (spread 2.0 %, 8 pairs)`.
pub fn verdict(found: &Calibration) -> String {
    if let Some(refusal) = found.refusals.first() {
        return format!("NOT FIT: {refusal}");
    }
    let Some(primary) = found.effects.first() else { return "NOT FIT: no figure".to_owned() };
    let Noise { sd, least_visible, .. } = primary.noise;
    format!(
        "FIT: {}: a gate sees {} at least (spread {}, {} pairs)",
        primary.metric.name,
        percent(least_visible),
        percent(sd),
        found.n_pairs
    )
}

fn row(effect: &Effect, figure: Option<&Figure>) -> [String; 6] {
    let Noise { sd, lag_1, slot, least_visible } = effect.noise;
    let unit = figure.map_or(Unit::Count, |figure| figure.unit);
    [
        effect.metric.name.clone(),
        unit.shown(effect.base),
        percent(sd),
        lag_1.map_or_else(unknown, |lag| format!("{lag:.2}")),
        slot.map_or_else(unknown, |slot| {
            let there = if slot.is_significant() { ", more than chance" } else { "" };
            format!("{:+.1} % (p = {:.3}{there})", (slot.ratio - 1.0) * 100.0, slot.p)
        }),
        percent(least_visible),
    ]
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(unknown, |share| format!("{:.1} %", share * 100.0))
}

fn unknown() -> String {
    "unknown".to_owned()
}

const fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TooFewPairs { .. } => "Measure more pairs.",
        Refusal::TooNoisy { .. } => {
            "End what else runs on this machine, measure more jobs a run, or gate on another one; or say in the \
             policy that so little is enough (`least_visible`)."
        }
        Refusal::Differs { .. } => {
            "End what else runs on this machine, and let it rest between runs: something favours one side."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PRIMARY;
    use crate::gate::{Order, calibrate};
    use crate::picture::sample_runs::{Shape, run};

    fn pairs(n: u64, noise: f64) -> Vec<Runs> {
        let run = |seed: u64| {
            let slow = 1.0 + noise * (seed * 7 % 5) as f64;
            let mut run = run(Shape { jobs: 40, slow, seed, ..Shape::default() });
            run.ending = crate::Ending::Complete;
            run
        };
        let pair = |pair: u64| Runs {
            order: if pair % 4 < 2 { Order::BaseFirst } else { Order::CandidateFirst },
            base: run(2 * pair + 1),
            candidate: run(2 * pair + 2),
            null: None,
        };
        (0..n).map(pair).collect()
    }

    fn calibrated(runs: &[Runs]) -> Page {
        let rule = Rule::default();
        let (metrics, pairs) = crate::paired(runs, PRIMARY).expect("pairs");
        let found = calibrate(&metrics, &pairs, &rule).expect("calibrated");
        let told = Told { command: "cargo xtask gate --same".to_owned(), ..Told::default() };
        page(&found, &rule, runs, &told).expect("a page")
    }

    #[test]
    fn a_quiet_machine_is_fit_and_a_noisy_one_is_not() {
        let quiet = calibrated(&pairs(8, 0.0));
        assert_eq!(quiet.tone, Tone::Good);
        insta::assert_snapshot!(quiet.markdown());
        let noisy = calibrated(&pairs(8, 0.3));
        assert_eq!(noisy.tone, Tone::Bad);
        assert!(
            noisy.verdict.starts_with("NOT FIT: latency p50: the gate would see "),
            "{noisy:?}"
        );
        let few = calibrated(&pairs(4, 0.0));
        assert!(few.verdict.starts_with("NOT FIT: 4 pairs of the base with itself"), "{few:?}");
    }
}
