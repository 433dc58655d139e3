//! How many independent jobs a series of jobs is worth.
//!
//! Jobs that share a machine are not independent: in a closed loop of ten workers over a service that
//! works on three jobs at once, a job waits for those before it, so neighbours are slow together. Intervals
//! that take them for independent are too narrow. Simulated (10 workers, 80 jobs, 1,000 pairs of equal
//! runs): the interval of the ratio of two medians left out 1 in 11 % of the pairs with three jobs at once
//! and in 39 % with one, where it promises at most 5 %.
//!
//! From [`ENOUGH`] jobs on, [`worth`] says how many independent ones would know as much; the intervals of
//! so many hold the truth in 95 % and more (`coverage.rs`, `reports/gate`). With fewer jobs it may be
//! found that they depend on each other, and neither that they do not nor how much: jobs then have no interval at
//! all, and other values, such as rounds that were made in turn, have none where it is found.

/// Longest distance between two jobs that is looked at.
const FARTHEST: usize = 2_000;

/// Spread of what is found in series of independent values: with `n` of them it is beyond
/// `1 + SPREAD / sqrt(n)` in about 12 % of series.
const SPREAD: f64 = 5.0;

/// A sum over few distances misses some of the inflation, so what is found of `n` values is raised by
/// `1 + BIAS / sqrt(n)`. Without it 1 % of series of 100 values, each correlated with the next one by a
/// half, have an interval of p95, which holds the truth in 90 % of these; with it 0.1 % have one.
const BIAS: f64 = 2.5;

/// So many values can say how much they depend on each other.
pub(crate) const ENOUGH: u64 = 100;

/// Of fewer values the ratio of von Neumann is not near enough to normal.
const LEAST: usize = 10;

/// Of so many values the inflation alone finds a dependence that matters.
const MANY: usize = 200;

/// Standard deviations below which neighbours are too alike. With the inflation, 11 to 19 % of series of
/// independent values are taken for dependent ones, and of values correlated with the next one by a half
/// 44 % of series of 10, 75 % of 20, 97 % of 50 and all of 99 (simulated).
const ALIKE: f64 = -1.2816;

/// How many independent values say as much about a quantile as `times`, in the order in which the jobs
/// were sent: at most all of them, at least one. Of fewer than [`ENOUGH`], less than all says that there is
/// a dependence, and the number is a guess.
///
/// The variance of a mean of neighbours is inflated by `1 + 2 * (r(1) + r(2) + …)`, where `r(k)` is the
/// correlation over a distance of `k`. The sum goes as far as pairs of neighbouring correlations are
/// positive (Geyer's initial positive sequence, *Statistical Science* 7, 1992). It is taken over ranks, so
/// that one very slow job does not hide it.
pub(crate) fn worth(times: &[u64]) -> u64 {
    let n = times.len();
    let ranks = ranks(times);
    let inflation = inflation(&ranks);
    let root = (n as f64).sqrt();
    let is_inflated = inflation > 1.0 + SPREAD / root;
    let is_few = (LEAST..MANY).contains(&n);
    if !(is_inflated || is_few && alikeness(&ranks) < ALIKE) {
        return n as u64;
    }
    let inflation = inflation.max(1.0) * (1.0 + BIAS / root);
    ((n as f64 / inflation) as u64).clamp(1, n as u64 - 1)
}

/// How far the ratio of von Neumann of the ranks (squared differences of neighbours by squared differences
/// from the mean) is from what independent values have, in standard deviations (Bartels, *Journal of the
/// American Statistical Association* 77, 1982). Below zero: neighbours are alike.
fn alikeness(ranks: &[f64]) -> f64 {
    let n = ranks.len() as f64;
    let squares: f64 = ranks.iter().map(|rank| rank * rank).sum();
    if squares <= 0.0 {
        return 0.0; // all are equal
    }
    let steps: f64 = ranks.windows(2).map(|next| (next[1] - next[0]).powi(2)).sum();
    let variance =
        4.0 * (n - 2.0) * (5.0 * n * n - 2.0 * n - 9.0) / (5.0 * n * (n + 1.0) * (n - 1.0).powi(2));
    (steps / squares - 2.0) / variance.sqrt()
}

/// The rank of each time less the mean rank; equal times have the mean of their ranks.
pub(crate) fn ranks(times: &[u64]) -> Vec<f64> {
    let mut order: Vec<(u64, usize)> = times.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut ranks = vec![0.0; times.len()];
    let mut below = 0;
    for equal in order.chunk_by(|(one, _), (other, _)| one == other) {
        let rank = below as f64 + equal.len() as f64 / 2.0;
        equal.iter().for_each(|&(_, index)| ranks[index] = rank - times.len() as f64 / 2.0);
        below += equal.len();
    }
    ranks
}

pub(crate) fn inflation(ranks: &[f64]) -> f64 {
    let n = ranks.len();
    let products = |distance: usize| -> f64 {
        ranks.iter().zip(&ranks[distance..]).map(|(one, other)| one * other).sum()
    };
    let spread = products(0);
    if spread <= 0.0 {
        return 1.0; // all are equal
    }
    let mut inflation = -1.0;
    for distance in (0..(n / 2).min(FARTHEST)).step_by(2) {
        let pair = (products(distance) + products(distance + 1)) / spread;
        if pair <= 0.0 {
            break;
        }
        inflation += 2.0 * pair;
    }
    inflation
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::sample_runs::random;

    /// The mean worth, as a share of all values, of a hundred series of `n` independent values, each of
    /// them `times` times in a row; and how many of the series are worth all that they have.
    fn worth_of_series(n: usize, times: usize) -> (f64, u32) {
        let mut seed = 1;
        let mut series = || -> Vec<u64> {
            (0..n).flat_map(|_| [(random(&mut seed) * 1e6) as u64].repeat(times)).collect()
        };
        let worths: Vec<u64> = (0..100).map(|_| worth(&series())).collect();
        let all = (n * times) as u64;
        let n_whole = worths.iter().filter(|&&worth| worth == all).count() as u32;
        (worths.iter().sum::<u64>() as f64 / (100 * all) as f64, n_whole)
    }

    #[test]
    fn independent_values_are_worth_themselves() {
        for n in [20, 80, 1000] {
            let (share, n_whole) = worth_of_series(n, 1);
            assert!(n_whole >= 75 && share > 0.85, "n = {n}: {n_whole} of 100, {share:.2}");
        }
        for few in 0..6 {
            assert_eq!(worth(&vec![3; few]), few as u64);
        }
        assert_eq!(worth(&[7; 50]), 50, "equal times");
        let in_turn: Vec<u64> = (0..50).map(|n| n % 2).collect();
        assert_eq!(worth(&in_turn), 50, "a slow job after each quick one");
    }

    #[test]
    fn few_values_in_a_trend_are_found_to_depend_on_each_other() {
        for n in [10, 30, 80, 99] {
            let rising: Vec<u64> = (0..n).collect();
            assert!(worth(&rising) < n, "{n}");
        }
        let steps = [1, 1, 1, 1, 1, 9, 9, 9, 9, 9];
        assert!(worth(&steps) < 10, "a service that became slower");
    }

    #[test]
    fn each_value_ten_times_is_worth_a_tenth() {
        let (share, _) = worth_of_series(100, 10);
        assert!((0.08..0.13).contains(&share), "{share}");
        let rising: Vec<u64> = (0..1000).collect();
        assert!(worth(&rising) < 10, "a trend: {}", worth(&rising));
    }

    proptest! {
        #[test]
        fn it_is_between_one_and_all(times in proptest::collection::vec(0_u64..50, 1..300)) {
            let worth = worth(&times);
            prop_assert!(worth >= 1 && worth <= times.len() as u64);
            let backwards: Vec<u64> = times.iter().rev().copied().collect();
            prop_assert_eq!(super::worth(&backwards), worth);
        }
    }
}
