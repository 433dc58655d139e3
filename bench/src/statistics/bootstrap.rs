//! The ratio of two pooled quantiles with runs as clusters.
//!
//! Jobs of one run share its machine, its caches and its neighbours: a thousand jobs of ten runs are ten
//! observations, not a thousand. So whole pairs of runs are drawn with replacement, and each draw pools
//! all jobs of the runs it drew (Davison and Hinkley, *Bootstrap Methods and their Application*, section
//! 3.8). Percentiles are pooled, never averaged.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::student::{normal_cdf, student_quantile};
use crate::quantile::rank;

/// How the runs are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// Where the drawing begins: the same seed draws the same runs, on every machine.
    pub seed: u64,
    /// So many times. With 2,000 the ends of an interval of 95 % move by about a thirtieth of its width
    /// from seed to seed.
    pub n_draws: usize,
    /// How sure the interval is to hold the true ratio, such as 0.95.
    pub confidence: f64,
}

/// After/before of a quantile of all jobs of several runs, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PooledRatio {
    /// What was found.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Bootstrap {
    /// The ratio of quantile `q` of all jobs of the second runs to that of the first ones; `pairs` are
    /// the times of the jobs of both runs of each pair. None: fewer than two pairs, a run without jobs, or
    /// a quantile that is not a positive number.
    pub fn ratio(&self, pairs: &[[&[f64]; 2]], q: f64) -> Option<PooledRatio> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let draws = std::iter::repeat_with(move || {
            (0..pairs.len()).map(|_| generator.random_range(0..pairs.len())).collect()
        });
        self.ratio_of(pairs, q, draws.take(self.n_draws))
    }

    /// The same of given draws: each is as many indices of pairs as there are pairs.
    fn ratio_of(
        &self,
        pairs: &[[&[f64]; 2]],
        q: f64,
        draws: impl Iterator<Item = Vec<usize>>,
    ) -> Option<PooledRatio> {
        if pairs.len() < 2 || pairs.iter().flatten().any(|run| run.is_empty()) {
            return None;
        }
        let arms = [0, 1].map(|arm| Pool::of(pairs.iter().map(|pair| pair[arm])));
        let all: Vec<usize> = (0..pairs.len()).collect();
        let logarithm = |draw: &[usize]| {
            let mut times_drawn = vec![0; pairs.len()];
            draw.iter().for_each(|&pair| times_drawn[pair] += 1);
            let [before, after] = arms.each_ref().map(|arm| arm.quantile(q, &times_drawn));
            (after / before).ln()
        };
        let value = logarithm(&all);
        let mut drawn: Vec<f64> = draws.map(|draw| logarithm(&draw)).collect();
        if !value.is_finite() || drawn.is_empty() || drawn.iter().any(|ratio| !ratio.is_finite()) {
            return None;
        }
        drawn.sort_by(f64::total_cmp);
        let tail = self.tail(pairs.len());
        let end = |share| interpolated(&drawn, share).exp();
        Some(PooledRatio { value: value.exp(), low: end(tail), high: end(1.0 - tail) })
    }

    /// The share of the draws beyond each end. With few clusters the spread of the draws is too small by
    /// `sqrt((n - 1) / n)` and a normal tail is too light; both are made good by going further out
    /// (the expanded percentile interval; Hesterberg, *The American Statistician* 69, 2015, section 4).
    fn tail(&self, n: usize) -> f64 {
        let t = student_quantile(f64::midpoint(1.0, self.confidence), n - 1);
        normal_cdf(-t * (n as f64 / (n - 1) as f64).sqrt())
    }
}

/// All times of an arm, ascending, each with its run.
struct Pool {
    times: Vec<(f64, usize)>,
    n_jobs: Vec<usize>,
}

impl Pool {
    fn of<'a>(runs: impl Iterator<Item = &'a [f64]>) -> Self {
        let (mut times, mut n_jobs) = (Vec::new(), Vec::new());
        for (run, jobs) in runs.enumerate() {
            times.extend(jobs.iter().map(|time| (*time, run)));
            n_jobs.push(jobs.len());
        }
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self { times, n_jobs }
    }

    /// Quantile `q` where each run is there so many times: walked from the nearer end, nothing is sorted
    /// again.
    fn quantile(&self, q: f64, times_drawn: &[usize]) -> f64 {
        let n: usize = self.n_jobs.iter().zip(times_drawn).map(|(jobs, times)| jobs * times).sum();
        let rank = rank(q, n as u64) as usize;
        let (mut ascending, mut descending);
        let (walk, mut left): (&mut dyn Iterator<Item = &(f64, usize)>, usize) = if q < 0.5 {
            ascending = self.times.iter();
            (&mut ascending, rank)
        } else {
            descending = self.times.iter().rev();
            (&mut descending, n + 1 - rank)
        };
        for (time, run) in walk {
            match left.checked_sub(times_drawn[*run]) {
                Some(still) if still > 0 => left = still,
                _ => return *time,
            }
        }
        f64::NAN
    }
}

/// The value at `share` of the way through ascending values, between two neighbours where it falls
/// between them.
fn interpolated(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(ascending.len() - 1);
    let (low, high) = (ascending[below], ascending[above]);
    low + (high - low) * (place - place.floor())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::statistics::simulated::normal;

    /// As [`Bootstrap::ratio`], of given draws.
    pub(in crate::statistics) fn ratio_of_draws(
        pairs: &[[&[f64]; 2]],
        q: f64,
        confidence: f64,
        draws: &[Vec<usize>],
    ) -> Option<PooledRatio> {
        let bootstrap = Bootstrap { seed: 0, n_draws: 0, confidence };
        bootstrap.ratio_of(pairs, q, draws.iter().cloned())
    }

    /// Runs of 40 jobs: neighbours in a run are alike, by a factor of its own.
    fn runs(n: usize, slower: f64, generator: &mut Xoshiro256PlusPlus) -> Vec<[Vec<f64>; 2]> {
        let run = |factor: f64, generator: &mut Xoshiro256PlusPlus| -> Vec<f64> {
            let shared = (0.05 * normal(generator)).exp() * factor;
            (0..40).map(|_| shared * (0.25 * normal(generator)).exp()).collect()
        };
        (0..n).map(|_| [run(1.0, generator), run(slower, generator)]).collect()
    }

    fn ratio(runs: &[[Vec<f64>; 2]], q: f64, seed: u64) -> Option<PooledRatio> {
        let pairs: Vec<[&[f64]; 2]> = runs.iter().map(|[a, b]| [a.as_slice(), b]).collect();
        Bootstrap { seed, n_draws: 400, confidence: 0.95 }.ratio(&pairs, q)
    }

    #[test]
    fn the_interval_covers_the_truth_where_jobs_of_a_run_are_alike() {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
        let n_runs = 200;
        let n_covered = (0..n_runs)
            .filter(|&seed| {
                let found = ratio(&runs(10, 1.1, &mut generator), 0.9, seed).expect("a ratio");
                found.low <= 1.1 && 1.1 <= found.high
            })
            .count();
        // 95 % promised; jobs taken for independent would reach about 80 %.
        assert!(n_covered >= 184, "{n_covered} of {n_runs}");
    }

    #[test]
    fn the_same_seed_draws_the_same_runs() {
        let runs = runs(8, 1.05, &mut Xoshiro256PlusPlus::seed_from_u64(2));
        let found = ratio(&runs, 0.95, 7);
        assert_eq!(found, ratio(&runs, 0.95, 7));
        assert_ne!(found, ratio(&runs, 0.95, 8));
        // The generator is xoshiro256++ on every machine and in every version.
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(0);
        let drawn: Vec<usize> = (0..8).map(|_| generator.random_range(0..10)).collect();
        assert_eq!(drawn, [3, 3, 3, 0, 4, 0, 8, 8]);
    }

    #[test]
    fn what_has_no_ratio_has_none() {
        let run = [1.0, 2.0];
        let zero = [0.0, 0.0];
        let bootstrap = Bootstrap { seed: 0, n_draws: 10, confidence: 0.95 };
        assert_eq!(bootstrap.ratio(&[[&run, &run]], 0.5), None, "one pair");
        assert_eq!(bootstrap.ratio(&[[&run, &run], [&run, &[]]], 0.5), None, "a run without jobs");
        assert_eq!(bootstrap.ratio(&[[&zero, &run], [&zero, &run]], 0.5), None, "a zero");
        let same = bootstrap.ratio(&[[&run, &run], [&run, &run]], 0.5);
        assert_eq!(same, Some(PooledRatio { value: 1.0, low: 1.0, high: 1.0 }));
    }
}
