//! Runs in the order of the schedule, until the rule has its answer; each is on disk before the next begins.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bench::gate::{self, Accepted, Arm as Side, Judgement, Order, Schedule, Slot, Verdict};
use bench::{PairError, Run, Runs};
use tokio_util::sync::CancellationToken;

use super::policy::Policy;
use crate::commands::Context;
use crate::exit::Failure;
use crate::record::{RUN, RunFolder};

/// What measures one run of an arm into a folder.
pub trait Measure {
    /// Makes the run.
    ///
    /// # Errors
    ///
    /// The environment. A run that ended badly is no error: it says so.
    async fn measure(&mut self, side: Side, folder: &RunFolder) -> anyhow::Result<Run>;
}

/// Runs, as far as they were made, and what they say.
#[derive(Debug)]
pub struct Series {
    /// Whole pairs, in order.
    pub runs: Vec<Runs>,
    /// What the rule says of them. An error: they are no measurement.
    pub judged: Result<Judgement, PairError>,
    /// Whether the user stopped it.
    pub is_cut_short: bool,
}

impl Series {
    /// The same where what is worse was wanted of this scenario.
    pub fn accepting(self, accepted: &[Accepted]) -> Self {
        let scenario = self.runs.first().map(|pair| pair.base.scenario.name.as_str());
        let of_it = |it: &&Accepted| Some(it.scenario.as_str()) == scenario;
        let accepted: Vec<Accepted> = accepted.iter().filter(of_it).cloned().collect();
        Self { judged: self.judged.map(|judged| judged.accepting(&accepted)), ..self }
    }
}

/// Measures pairs until the rule has its answer, or has no further look.
///
/// # Errors
///
/// As [`Measure::measure`]; and the rule, where a figure is none.
pub async fn measured(
    mut arms: impl Measure,
    policy: &Policy,
    seed: u64,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Series> {
    let schedule = Schedule { seed, has_null: policy.run.null };
    let mut runs = Made::default();
    let mut n_pairs = 0;
    while let Some(next) = policy.gate.next_look(n_pairs) {
        if !runs.make(&schedule.slots(next), &mut arms, folder, cx, stop).await? {
            return series(runs.pairs(), policy, true);
        }
        n_pairs = next;
        let series = series(runs.pairs(), policy, false)?;
        let is_undecided = matches!(
            &series.judged,
            Ok(Judgement { verdict: Verdict::Inconclusive { next_look: Some(_), .. }, .. })
        );
        if !is_undecided {
            return Ok(series);
        }
        cx.ui.say(format!("{n_pairs} pairs do not say it: going on"));
    }
    series(runs.pairs(), policy, false)
}

/// So many pairs, without a look at them. None: the user stopped it.
///
/// # Errors
///
/// As [`Measure::measure`].
pub async fn pairs(
    mut arms: impl Measure,
    schedule: Schedule,
    n_pairs: usize,
    folder: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Vec<Runs>>> {
    let mut runs = Made::default();
    let is_whole = runs.make(&schedule.slots(n_pairs), &mut arms, folder, cx, stop).await?;
    Ok(is_whole.then(|| runs.pairs()))
}

/// What runs say that were made before.
///
/// # Errors
///
/// The rule, where a figure is none.
pub fn series(runs: Vec<Runs>, policy: &Policy, is_cut_short: bool) -> anyhow::Result<Series> {
    let judged = match bench::paired(&runs, &policy.run.primary) {
        Ok((metrics, pairs)) => Ok(gate::judge(&policy.run.judged(metrics), &pairs, &policy.gate)?),
        Err(error) => Err(error),
    };
    Ok(Series { runs, judged, is_cut_short })
}

/// Runs as they come.
#[derive(Debug, Default)]
struct Made {
    in_order: Vec<Slot>,
    runs: HashMap<(usize, Side), Run>,
}

impl Made {
    /// Makes the runs of `slots` that are not there yet. False: the user stopped it.
    async fn make(
        &mut self,
        slots: &[Slot],
        arms: &mut impl Measure,
        folder: &Path,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        for (number, slot) in slots.iter().enumerate().skip(self.in_order.len()) {
            let (pair, arm) = (slot.pair + 1, slot.arm.as_str());
            cx.ui.say(format!("run {} of {}: pair {pair}, {arm}", number + 1, slots.len()));
            let at = folder.join("runs").join(format!("{pair:02}-{arm}"));
            let run_folder = RunFolder::create(Some(&at), &cx.paths, "gate")?;
            let run = arms.measure(slot.arm, &run_folder).await?;
            run_folder.save(&run)?;
            if stop.is_cancelled() {
                return Ok(false);
            }
            self.add(*slot, run);
        }
        Ok(true)
    }

    fn add(&mut self, slot: Slot, run: Run) {
        self.in_order.push(slot);
        self.runs.insert((slot.pair, slot.arm), run);
    }

    /// The pairs of which every run is there.
    fn pairs(&self) -> Vec<Runs> {
        let n_pairs = self.in_order.iter().map(|slot| slot.pair + 1).max().unwrap_or(0);
        let has_null = self.in_order.iter().any(|slot| slot.arm == Side::Null);
        let of = |pair: usize, side: Side| self.runs.get(&(pair, side)).cloned();
        (0..n_pairs)
            .filter_map(|pair| {
                let null = of(pair, Side::Null);
                if has_null && null.is_none() {
                    return None;
                }
                let (base, candidate) = (of(pair, Side::Base)?, of(pair, Side::Candidate)?);
                Some(Runs { order: order(&base, &candidate), base, candidate, null })
            })
            .collect()
    }
}

/// Which of both began first.
fn order(base: &Run, candidate: &Run) -> Order {
    if base.began_unix_us <= candidate.began_unix_us {
        Order::BaseFirst
    } else {
        Order::CandidateFirst
    }
}

/// Runs that were kept: those of the folder `before` with those of `after`, in the order of their names.
///
/// # Errors
///
/// A folder without runs, a run that cannot be read, another number of runs on either side: usage.
pub fn kept(before: &Path, after: &Path) -> anyhow::Result<Vec<Runs>> {
    let (bases, candidates) = (read_all(before)?, read_all(after)?);
    if bases.len() != candidates.len() {
        let message = format!(
            "expected as many runs on either side, found {} in {} and {} in {}",
            bases.len(),
            before.display(),
            candidates.len(),
            after.display()
        );
        return Err(Failure::usage(message).into());
    }
    let pairs = bases.into_iter().zip(candidates);
    Ok(pairs
        .map(|(base, candidate)| Runs {
            order: order(&base, &candidate),
            base,
            candidate,
            null: None,
        })
        .collect())
}

/// Every run below a folder, one level deep.
fn read_all(folder: &Path) -> anyhow::Result<Vec<Run>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let run = if path.is_dir() { path.join(RUN) } else { path };
        if run.is_file() && run.extension().is_some_and(|kind| kind == "json") {
            files.push(run);
        }
    }
    files.sort_unstable();
    if files.is_empty() {
        let message = format!("{}: expected folders of runs, found none", folder.display());
        return Err(Failure::usage(message)
            .with_hint("`cargo xtask load-test --out` makes one")
            .into());
    }
    let read = |path: &PathBuf| {
        let text = fs_err::read_to_string(path)?;
        let run = Run::from_json(&text);
        run.map_err(|error| Failure::usage(format!("{}: {error}", path.display())).into())
    };
    files.iter().map(read).collect()
}
