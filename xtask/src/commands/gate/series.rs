//! Runs in the order of the schedule, until the rule has its answer; each is on disk before the next begins.

use std::path::Path;

use bench::gate::{self, Accepted, Arm as Side, Judgement, Order, Schedule, Slot, Verdict};
use bench::{Doubt, PairError, Run, Runs, Unfit};
use tokio_util::sync::CancellationToken;

use super::policy::Policy;
use crate::commands::Context;
use crate::record::RunFolder;

/// The folder with the runs, in that of a gate.
pub const RUNS: &str = "runs";

/// So many runs of a gate are made again where the driver was late: what else this machine did has nothing to do
/// with what is compared. Where it happens more often, the machine is not fit.
const MOST_AGAIN: usize = 3;

/// What a run is called there; `pair` is from 1.
pub fn folder_name(pair: usize, side: Side) -> String {
    format!("{pair:02}-{}", side.as_str())
}

/// What measures one run of an arm into a folder.
pub trait Measure {
    /// Makes the run.
    ///
    /// # Errors
    ///
    /// The environment. A run that ended badly is no error: it says so.
    async fn measure(&mut self, side: Side, folder: &RunFolder) -> anyhow::Result<Run>;
}

/// Runs, as far as they were made.
#[derive(Debug)]
pub struct Series {
    /// Whole pairs, in order.
    pub pairs: Vec<Runs>,
    /// Runs of a pair that is not whole: which pair, from 0, and which arm.
    pub rest: Vec<(usize, Side, Run)>,
    /// How it ended.
    pub ended: Ended,
    /// Runs that were made again, for the driver was late in them.
    pub n_again: usize,
}

/// How a series of runs ended.
#[derive(Debug)]
pub enum Ended {
    /// All that was asked for is there.
    Whole,
    /// The user stopped it.
    Stopped,
    /// A run cannot be judged, so no pair can.
    Unfit(PairError),
    /// A run could not be made.
    Failed(anyhow::Error),
}

/// Runs, and what the rule says of them.
#[derive(Debug)]
pub struct Judged {
    /// The runs.
    pub series: Series,
    /// What is said of the whole pairs. None: they are no measurement, or there are none.
    pub judgement: Option<Judgement>,
}

impl Series {
    /// Pairs that were made before.
    pub const fn kept(pairs: Vec<Runs>) -> Self {
        Self { pairs, rest: Vec::new(), ended: Ended::Whole, n_again: 0 }
    }

    /// Every run, in the order in which they were made: of which pair, from 0, and which arm.
    pub fn in_order(&self) -> Vec<(usize, Side, &Run)> {
        let rest = self.rest.iter().map(|(pair, side, run)| (*pair, *side, run));
        let mut runs: Vec<_> = bench::all_runs(&self.pairs).chain(rest).collect();
        runs.sort_by_key(|(_, _, run)| run.began_unix_us);
        runs
    }

    /// What the rule of `policy` says of the whole pairs.
    ///
    /// # Errors
    ///
    /// The rule, where a figure is none.
    pub fn judged(mut self, policy: &Policy) -> anyhow::Result<Judged> {
        if self.pairs.is_empty() || !matches!(self.ended, Ended::Whole | Ended::Stopped) {
            return Ok(Judged { series: self, judgement: None });
        }
        let judgement = match bench::paired(&self.pairs, &policy.run.primary) {
            Ok((metrics, pairs)) => {
                Some(gate::judge(&policy.run.judged(metrics), &pairs, &policy.gate)?)
            }
            Err(error) => {
                self.ended = Ended::Unfit(error);
                None
            }
        };
        Ok(Judged { series: self, judgement })
    }
}

impl Judged {
    /// The same where what is worse was wanted of this scenario.
    pub fn accepting(self, accepted: &[Accepted]) -> Self {
        let scenario = self.series.pairs.first().map(|pair| pair.base.scenario.name.as_str());
        let of_it = |it: &&Accepted| Some(it.scenario.as_str()) == scenario;
        let accepted: Vec<Accepted> = accepted.iter().filter(of_it).cloned().collect();
        Self { judgement: self.judgement.map(|judged| judged.accepting(&accepted)), ..self }
    }

    fn is_undecided(&self) -> bool {
        let verdict = self.judgement.as_ref().map(|judged| &judged.verdict);
        matches!(verdict, Some(Verdict::Inconclusive { next_look: Some(_), .. }))
    }
}

/// Measures pairs until the rule has its answer, or has no further look.
///
/// # Errors
///
/// The folder of a run cannot be written; and the rule, where a figure is none. A run that cannot be made ends
/// the series.
pub async fn measured(
    mut arms: impl Measure,
    policy: &Policy,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Judged> {
    let schedule = Schedule { seed: policy.run.seed, has_null: policy.run.null };
    let mut made = Made::default();
    let mut n_pairs = 0;
    loop {
        let Some(next) = policy.gate.next_look(n_pairs) else {
            return made.series(Ended::Whole).judged(policy);
        };
        let ended = made.make(&schedule.slots(next), &mut arms, folder, cx, stop).await?;
        if !matches!(ended, Ended::Whole) {
            return made.series(ended).judged(policy);
        }
        n_pairs = next;
        let judged = made.series(ended).judged(policy)?;
        if !judged.is_undecided() {
            return Ok(judged);
        }
        cx.ui.say(format!("{n_pairs} pairs do not say it: going on"));
    }
}

/// So many pairs, without a look at them.
///
/// # Errors
///
/// The folder of a run cannot be written. A run that cannot be made ends the series.
pub async fn pairs(
    mut arms: impl Measure,
    schedule: Schedule,
    n_pairs: usize,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Series> {
    let mut made = Made::default();
    let ended = made.make(&schedule.slots(n_pairs), &mut arms, folder, cx, stop).await?;
    Ok(made.series(ended))
}

/// Runs as they come, in the order in which they were made.
#[derive(Debug, Default)]
struct Made {
    runs: Vec<(Slot, Run)>,
    /// Runs that were made again.
    n_again: usize,
}

impl Made {
    /// Makes the runs of `slots` that are not there yet, as far as each of them can be judged.
    async fn make(
        &mut self,
        slots: &[Slot],
        arms: &mut impl Measure,
        folder: &Path,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        while let Some(slot) = slots.get(self.runs.len()) {
            let (pair, arm) = (slot.pair + 1, slot.arm.as_str());
            let number = self.runs.len() + 1;
            cx.ui.say(format!("run {number} of {}: pair {pair}, {arm}", slots.len()));
            let at = folder.join(RUNS).join(folder_name(pair, slot.arm));
            let run_folder = RunFolder::create(Some(&at), &cx.paths, "gate")?;
            let run = match arms.measure(slot.arm, &run_folder).await {
                Ok(run) => run,
                Err(_) if stop.is_cancelled() => return Ok(Ended::Stopped),
                Err(error) => {
                    return Ok(Ended::Failed(error.context(format!("pair {pair}, {arm}"))));
                }
            };
            run_folder.save(&run)?;
            let first = self.runs.first().map_or(&run, |(_, first)| first);
            let unfit = Unfit::of(first, &run).filter(|_| !stop.is_cancelled());
            let is_late = matches!(unfit, Some(Unfit::Doubtful(Doubt::Late(_))));
            if is_late && self.n_again < MOST_AGAIN {
                self.n_again += 1;
                cx.ui.warn(format!(
                    "pair {pair}, {arm}: the driver was late: the run is made again"
                ));
                let kept = at.with_file_name(format!("{pair:02}-{arm}-late-{}", self.n_again));
                fs_err::rename(&at, kept)?;
                continue;
            }
            self.runs.push((*slot, run));
            if stop.is_cancelled() {
                return Ok(Ended::Stopped);
            }
            // No later run mends it: whatever else was measured would be for nothing.
            if let Some(unfit) = unfit {
                let (pair, arm) = (slot.pair, slot.arm);
                return Ok(Ended::Unfit(PairError::Unfit { pair, arm, unfit }));
            }
        }
        Ok(Ended::Whole)
    }

    /// What is there, in pairs: those of which every run is there and came to its end.
    fn series(&self, ended: Ended) -> Series {
        let has_null = self.runs.iter().any(|(slot, _)| slot.arm == Side::Null);
        let n_pairs = self.runs.iter().map(|(slot, _)| slot.pair + 1).max().unwrap_or(0);
        let (mut pairs, mut rest) = (Vec::new(), Vec::new());
        for pair in 0..n_pairs {
            let of = |side: Side| {
                let is_it = |(slot, run): &&(Slot, Run)| {
                    (slot.pair, slot.arm) == (pair, side) && run.ending == bench::Ending::Complete
                };
                self.runs.iter().find(is_it).map(|(_, run)| run.clone())
            };
            match (of(Side::Base), of(Side::Candidate), of(Side::Null)) {
                (Some(base), Some(candidate), null) if null.is_some() == has_null => {
                    let order = order(&base, &candidate);
                    pairs.push(Runs { order, base, candidate, null });
                }
                _ => rest.extend(
                    self.runs
                        .iter()
                        .filter(|(slot, _)| slot.pair == pair)
                        .map(|(slot, run)| (pair, slot.arm, run.clone())),
                ),
            }
        }
        Series { pairs, rest, ended, n_again: self.n_again }
    }
}

/// Which of both began first.
pub fn order(base: &Run, candidate: &Run) -> Order {
    if base.began_unix_us <= candidate.began_unix_us {
        Order::BaseFirst
    } else {
        Order::CandidateFirst
    }
}

#[cfg(test)]
mod tests;
