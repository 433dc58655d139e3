//! The page of a judgement.

use std::collections::BTreeMap;

use super::objectives::{Promise, Served};
use super::pooled::Latencies;
use super::{Counter, Effect, Gate, Null, Ruling, Slot, StageEffect, warnings};
use crate::comparison::{Better, Section, Unit};
use crate::gate::{self, Judgement, Order, Reason, Rule, Verdict};
use crate::picture::Pair;
use crate::report::Side;
use crate::{COUNTERS, Comparison, Figure, Outcome, Run, Runs, Sample, figures};

/// What is known of a gate beside its runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What was typed.
    pub command: String,
    /// Seeds and digests by name.
    pub facts: Vec<(String, String)>,
    /// Raw files, and what stands in each.
    pub files: Vec<(String, String)>,
    /// What is promised of what there is now.
    pub promises: Vec<Promise>,
    /// Where the drawing of pairs for the intervals of pooled percentiles begins.
    pub seed: u64,
}

impl Gate {
    /// The page of what `rule` said of `runs`. None: there are no runs.
    pub fn of(judged: &Judgement, rule: &Rule, runs: &[Runs], told: Told) -> Option<Self> {
        let first = runs.first()?;
        let warnings = warnings::of(judged, rule, runs);
        // What came after the last look was not judged.
        let runs = &runs[..judged.n_pairs.min(runs.len())];
        let known = Known::of(&first.base);
        let comparison = Comparison::of(&first.base, &first.candidate);
        let primary = known.effect(&judged.primary);
        let times = Latencies::of(runs);
        let latencies = times.merged();
        let served = Served::of(runs, &latencies[1]);
        let stages = known.stages(judged, runs);
        let is_stage = |effect: &Effect| known.section(&effect.name) == Some(Section::Stage);
        let others = judged.advisory.iter().map(|effect| known.effect(effect));
        Some(Self {
            scenario: first.base.scenario.name.clone(),
            ruling: ruling(judged, rule),
            limit: match primary.better {
                Better::Lower => rule.least_effect,
                Better::Higher => -rule.least_effect,
            },
            confidence: judged.look.map_or(0.0, |look| 1.0 - look.fail - look.pass),
            pairs: pairs(runs, &primary.name),
            n_jobs: [n_ok(runs, |pair| &pair.base), n_ok(runs, |pair| &pair.candidate)],
            least_seen: judged.primary.noise.least_visible,
            null: judged.null.as_ref().and_then(|null| self::null(null, judged)),
            slot: judged.primary.noise.slot.map(|slot| Slot {
                change: slot.ratio - 1.0,
                p: slot.p,
                is_there: slot.is_significant(),
            }),
            others: others.filter(|effect| !is_stage(effect)).collect(),
            stages,
            counters: judged.counters.iter().filter(has_some).map(counter).collect(),
            objectives: told.promises.iter().map(|it| it.objective(&served)).collect(),
            warnings,
            differences: comparison.differences,
            environment: environment(&first.base),
            sides: [side("before", &first.base), side("after", &first.candidate)],
            command: told.command,
            facts: told.facts,
            files: told.files,
            pooled: times.pooled(&latencies, told.seed),
            latencies: Some(latencies),
            primary,
        })
    }
}

/// What the figures of a run are, by their names.
struct Known(BTreeMap<String, Figure>);

impl Known {
    fn of(run: &Run) -> Self {
        Self(figures(run).into_iter().map(|figure| (figure.name.clone(), figure)).collect())
    }

    fn section(&self, name: &str) -> Option<Section> {
        self.0.get(name).map(|figure| figure.section)
    }

    fn effect(&self, effect: &gate::Effect) -> Effect {
        let ends = ends(effect);
        Effect {
            name: effect.metric.name.clone(),
            unit: self.0.get(&effect.metric.name).map_or(Unit::Count, |figure| figure.unit),
            better: effect.metric.better,
            before: Some(effect.base),
            after: Some(effect.candidate),
            change: ends.map(|[low, high]| [effect.ratio - 1.0, low, high]),
        }
    }

    /// The medians of the stages, with the share that each has of all latency.
    fn stages(&self, judged: &Judgement, runs: &[Runs]) -> Vec<StageEffect> {
        let jobs: Vec<&Sample> = runs.iter().flat_map(|pair| well(&pair.candidate)).collect();
        let all: u64 = jobs.iter().map(|job| job.latency_us()).sum();
        let share = |name: &str| {
            let spans = jobs.iter().flat_map(|job| &job.stages).filter(|span| span.name == name);
            let of_it: u64 = spans.map(|span| span.end_us.saturating_sub(span.start_us)).sum();
            of_it as f64 / all.max(1) as f64
        };
        let of_stages = judged
            .advisory
            .iter()
            .filter(|effect| self.section(&effect.metric.name) == Some(Section::Stage));
        let stage = |effect: &gate::Effect| {
            let stage = effect.metric.name.strip_suffix(" p50")?.to_owned();
            let share = share(&stage);
            Some(StageEffect { effect: Effect { name: stage, ..self.effect(effect) }, share })
        };
        of_stages.filter_map(stage).collect()
    }
}

fn ruling(judged: &Judgement, rule: &Rule) -> Ruling {
    match &judged.verdict {
        Verdict::Pass => Ruling::Pass,
        Verdict::Regression { .. } => Ruling::Regression,
        Verdict::Accepted { because, .. } => Ruling::Accepted { because: because.join("; ") },
        Verdict::Inconclusive { more_pairs, .. } => {
            let pairs = more_pairs.map(|more| judged.n_pairs + more);
            let last = rule.last_look().map(|look| look.pairs);
            Ruling::Inconclusive {
                more_pairs: more_pairs.and_then(|n| u32::try_from(n).ok()),
                has_look: pairs <= last,
            }
        }
        Verdict::Invalid { reasons } => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            Ruling::Invalid { reason: reasons.join("; ") }
        }
    }
}

/// The ends of the interval as changes. A look at which nothing fails, or nothing passes, has one of them: then
/// the other is infinite.
fn ends(effect: &gate::Effect) -> Option<[f64; 2]> {
    let or = |end: Option<f64>, none: f64| end.map_or(none, |ratio| ratio - 1.0);
    let is_known = effect.low.is_some() || effect.high.is_some();
    is_known.then(|| [or(effect.low, f64::NEG_INFINITY), or(effect.high, f64::INFINITY)])
}

fn null(null: &gate::Effect, judged: &Judgement) -> Option<Null> {
    let differs = |reason: &Reason| matches!(reason, Reason::NullDiffers { .. });
    let [low, high] = ends(null)?;
    Some(Null {
        n_pairs: judged.n_pairs,
        change: [null.ratio - 1.0, low, high],
        is_quiet: !judged.verdict.reasons().iter().any(differs),
    })
}

/// Whether there was any: a provider that neither side asked is not worth a line.
fn has_some(count: &&gate::Count) -> bool {
    [count.base, count.candidate].iter().any(|&range| range != [0.0, 0.0])
}

fn counter(count: &gate::Count) -> Counter {
    Counter {
        name: count.metric.name.clone(),
        before: count.base.map(|n| n as u64),
        after: count.candidate.map(|n| n as u64),
    }
}

/// The change of the primary figure in each pair.
fn pairs(runs: &[Runs], name: &str) -> Vec<Pair> {
    let value = |run: &Run| figures(run).into_iter().find(|figure| figure.name == name);
    let pair = |pair: &Runs| {
        let change = value(&pair.candidate)?.value / value(&pair.base)?.value - 1.0;
        Some(Pair { change, is_before_first: pair.order == Order::BaseFirst })
    };
    runs.iter().filter_map(pair).collect()
}

fn well(run: &Run) -> impl Iterator<Item = &Sample> {
    run.measured().filter(|sample| sample.outcome == Outcome::Ok)
}

fn n_ok(runs: &[Runs], of: fn(&Runs) -> &Run) -> u64 {
    runs.iter().map(|pair| well(of(pair)).count() as u64).sum()
}

fn environment(run: &Run) -> BTreeMap<String, String> {
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // What was counted has a table of its own.
    let known = run.environment.iter().filter(|(name, _)| *name != COUNTERS);
    known.map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn side(name: &'static str, run: &Run) -> Side {
    let text = |name: &str| Some(run.environment.get(name)?.as_str()?.to_owned());
    // All of it is typed once.
    Side { name: Some(name), revision: text("revision"), command: Some(String::new()) }
}
