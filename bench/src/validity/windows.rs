//! Whether times are the same all along.

use super::trend::{Confidence, Slope, WINDOWS};
use crate::dependence;

/// Jobs from which on windows are compared: the median of fewer than ten says too little.
const FEWEST: usize = 10 * WINDOWS;

/// The chi-squared value with nine degrees of freedom that is exceeded by chance once in 1,000 times.
const CHI_SQUARED: f64 = 27.877;

/// What a time at the end is by that at the beginning, less 1, with its 99 % interval: from a line through the
/// medians of ten windows. `times` are in the order in which the jobs were due. None: too few.
pub fn drift(times: &[u64]) -> Option<Slope> {
    let medians = windows(times)?.map(median);
    let per_window = Slope::of(&medians.map(f64::ln), Confidence::High);
    let over_run = |slope: f64| ((WINDOWS - 1) as f64 * slope).exp_m1();
    Some(Slope {
        value: over_run(per_window.value),
        low: over_run(per_window.low),
        high: over_run(per_window.high),
    })
}

/// How far the pace of a service was from its usual one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// How far the median of a tenth of the jobs is from that of all, at most, as a share of it.
    pub spread: f64,
    /// Whether tenths differ more than the jobs within them explain: the test of Kruskal and Wallis, held
    /// back by what neighbouring jobs have in common.
    pub is_uneven: bool,
}

/// Of the times that the work takes, in the order in which the jobs were due.
pub fn pace(times: &[u64]) -> Option<Pace> {
    let windows = windows(times)?;
    let all = median(times);
    let off = |window: &[u64]| (median(window) / all - 1.0).abs();
    Some(Pace {
        spread: windows.map(off).into_iter().fold(0.0, f64::max),
        is_uneven: kruskal_wallis(&windows, times) > CHI_SQUARED,
    })
}

fn windows(times: &[u64]) -> Option<[&[u64]; WINDOWS]> {
    let at = |index: usize| index * times.len() / WINDOWS;
    (times.len() >= FEWEST).then(|| std::array::from_fn(|index| &times[at(index)..at(index + 1)]))
}

/// The median, at least 1: logarithms are taken of it.
fn median(times: &[u64]) -> f64 {
    if times.is_empty() {
        return 1.0;
    }
    let (mut times, n) = (times.to_vec(), times.len());
    let (below, &mut upper, _) = times.select_nth_unstable(n / 2);
    // Of an even number there are two in the middle.
    let lower = below.iter().max().filter(|_| n.is_multiple_of(2)).copied().unwrap_or(upper);
    f64::midpoint(lower as f64, upper as f64).max(1.0)
}

/// Between-window sum of squared ranks by their variance, less what jobs within a window have in common.
fn kruskal_wallis(windows: &[&[u64]; WINDOWS], times: &[u64]) -> f64 {
    let ranks = dependence::ranks(times);
    let n = ranks.len() as f64;
    let variance = ranks.iter().map(|rank| rank * rank).sum::<f64>() / (n - 1.0);
    if variance == 0.0 {
        return 0.0; // all are equal
    }
    let mut residuals = Vec::with_capacity(ranks.len());
    let (mut between, mut at) = (0.0, 0);
    for window in windows {
        let of_window = &ranks[at..at + window.len()];
        let mean = of_window.iter().sum::<f64>() / window.len() as f64;
        between += window.len() as f64 * mean * mean;
        residuals.extend(of_window.iter().map(|rank| rank - mean));
        at += window.len();
    }
    between / variance / dependence::inflation(&residuals).max(1.0)
}
