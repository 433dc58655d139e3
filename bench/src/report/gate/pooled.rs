//! Percentiles of all jobs of all runs of a side, and what became of them.
//!
//! They are pooled, never averaged, and their intervals take a pair of runs for one observation, as it is:
//! jobs of one run share its machine, its caches and its neighbours.

use super::sections::{interval, word};
use crate::comparison::Better;
use crate::page::Block;
use crate::statistics::Bootstrap;
use crate::{Distribution, Estimate, Outcome, Run, Runs, Sample, text};

/// The percentiles of the page.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// How often pairs are drawn: the ends of an interval then move by about a thirtieth of its width from
/// seed to seed.
const N_DRAWS: usize = 2_000;

/// How sure the interval is.
const CONFIDENCE: f64 = 0.95;

/// A percentile of all jobs of all runs, before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Pooled {
    /// Its name, such as `latency p95`.
    pub name: String,
    /// What is known of it before and after, as people read it: a time, or a bound with the number of jobs
    /// that it takes.
    pub seen: [String; 2],
    /// After/before less 1, and the ends of its 95 % interval. None: a side does not carry it, or there are
    /// fewer than two pairs.
    pub change: Option<[f64; 3]>,
}

/// The latencies of the jobs that ended well in each run, microseconds, in the order in which they were
/// sent.
pub(super) struct Latencies {
    pairs: Vec<[Vec<u64>; 2]>,
}

impl Latencies {
    pub(super) fn of(runs: &[Runs]) -> Self {
        let pair = |pair: &Runs| [&pair.base, &pair.candidate].map(of_run);
        Self { pairs: runs.iter().map(pair).collect() }
    }

    /// All of them, before and after. Those of a run depend on each other, runs do not.
    pub(super) fn merged(&self) -> [Distribution; 2] {
        [0, 1].map(|side| {
            let mut all = Distribution::default();
            for pair in &self.pairs {
                all.merge(&Distribution::of_series(&pair[side]));
            }
            all
        })
    }

    /// The percentiles of `merged`, with the ratio of each that both sides carry. `seed` is where the drawing of
    /// pairs begins.
    pub(super) fn pooled(&self, merged: &[Distribution; 2], seed: u64) -> Vec<Pooled> {
        let bootstrap = Bootstrap { seed, n_draws: N_DRAWS, confidence: CONFIDENCE };
        let times: Vec<[Vec<f64>; 2]> = self
            .pairs
            .iter()
            .map(|pair| pair.each_ref().map(|times| times.iter().map(|&us| us as f64).collect()))
            .collect();
        let times: Vec<[&[f64]; 2]> =
            times.iter().map(|pair| pair.each_ref().map(Vec::as_slice)).collect();
        let one = |q: f64| {
            let estimates = merged.each_ref().map(|side| side.quantile(q));
            let is_carried = estimates.iter().all(|it| matches!(it, Estimate::Carried { .. }));
            let ratio = is_carried.then(|| bootstrap.ratio(&times, q)).flatten();
            Pooled {
                name: format!("latency {}", text::percentile(q)),
                seen: merged.each_ref().map(|side| seen(side, q)),
                change: ratio.map(|it| [it.value - 1.0, it.low - 1.0, it.high - 1.0]),
            }
        };
        QUANTILES.map(one).to_vec()
    }
}

fn of_run(run: &Run) -> Vec<u64> {
    let mut jobs: Vec<&Sample> =
        run.measured().filter(|sample| sample.outcome == Outcome::Ok).collect();
    jobs.sort_by_key(|job| (job.sent_us, job.job));
    jobs.into_iter().map(Sample::latency_us).collect()
}

/// The percentile alone: the interval that jobs have which are taken for independent is none of runs.
fn seen(times: &Distribution, q: f64) -> String {
    match times.quantile(q) {
        Estimate::Carried { value, .. } => text::duration(value),
        Estimate::Bounded { .. } => text::estimate(times, q),
    }
}

/// The table, and what it is; nothing of a gate without runs.
pub(super) fn blocks(pooled: &[Pooled]) -> Vec<Block> {
    if pooled.is_empty() {
        return Vec::new();
    }
    let rows = pooled.iter().map(|Pooled { name, seen, change }| {
        let [before, after] = seen.clone();
        let change_shown = change.map_or_else(String::new, interval);
        [name.clone(), before, after, change_shown, word(*change, Better::Lower)]
    });
    let note = format!(
        "Percentiles of all jobs of all runs together, with the {:.0} % interval of after/before from {N_DRAWS} draws of \
         whole pairs of runs (a bootstrap of clusters, with the seed of the order). These advise: the verdict is of \
         the figure above alone.",
        CONFIDENCE * 100.0
    );
    vec![Block::table(["all jobs", "before", "after", "change", "reads"], rows), Block::text(note)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample_runs::random;

    /// Pairs of runs of `n_jobs`; the second run takes `ratio` as long, and each pair differs from it by up to
    /// `spread`.
    fn latencies(n_pairs: usize, n_jobs: usize, ratio: f64, spread: f64) -> Latencies {
        let mut seed = 3;
        let mut pair = || {
            let before: Vec<u64> =
                (0..n_jobs).map(|_| (1e6 * (1.0 + random(&mut seed))) as u64).collect();
            let ratio = ratio * (1.0 + spread * (random(&mut seed) - 0.5));
            let after = before.iter().map(|&us| (us as f64 * ratio) as u64).collect();
            [before, after]
        };
        Latencies { pairs: (0..n_pairs).map(|_| pair()).collect() }
    }

    fn pooled(latencies: &Latencies, seed: u64) -> Vec<Pooled> {
        latencies.pooled(&latencies.merged(), seed)
    }

    #[test]
    fn what_both_sides_carry_has_a_ratio() {
        let found = pooled(&latencies(12, 40, 1.1, 0.0), 1);
        let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["latency p50", "latency p95", "latency p99"]);
        for Pooled { name, change, seen } in &found {
            let [value, low, high] = change.unwrap_or_else(|| panic!("{name}: {seen:?}"));
            assert!((value - 0.1).abs() < 1e-3, "{name} {value}");
            // Every pair says the same; only which jobs there are was drawn.
            assert!(low > 0.0 && low <= value && value <= high && high < 0.25, "{low} {high}");
        }
    }

    #[test]
    fn what_a_side_does_not_carry_is_a_bound_and_has_none() {
        let found = pooled(&latencies(10, 5, 1.1, 0.0), 1);
        for (percentile, needs) in [(1, 100), (2, 368)] {
            let Pooled { seen, change, .. } = &found[percentile];
            assert_eq!(*change, None);
            for seen in seen {
                let bound = format!("(n = 50; needs {needs})");
                assert!(seen.contains("> ") && seen.ends_with(&bound), "{seen}");
            }
        }
        // One pair carries a median, and says nothing of how much pairs differ.
        let one = &pooled(&latencies(1, 200, 1.1, 0.0), 1)[0];
        assert!(one.change.is_none() && !one.seen[0].contains("needs"), "{one:?}");
        assert_eq!(word(one.change, Better::Lower), "not judged");
    }

    #[test]
    fn pairs_that_differ_make_the_interval_wide_however_many_jobs_they_have() {
        let change = |n_jobs, spread, seed| {
            pooled(&latencies(8, n_jobs, 1.0, spread), seed)[0].change.expect("carried")
        };
        let width = |[_, low, high]: [f64; 3]| high - low;
        let [few, many] = [200, 2_000].map(|n_jobs| width(change(n_jobs, 0.4, 1)));
        assert!(many > 0.05 && many > few / 3.0, "{few} {many}");
        assert!(width(change(2_000, 0.0, 1)) < 0.05, "the same pairs, but that they are alike");
        assert_eq!(change(200, 0.4, 1), change(200, 0.4, 1), "the same seed");
        assert_ne!(change(200, 0.4, 1), change(200, 0.4, 2), "another seed");
    }
}
