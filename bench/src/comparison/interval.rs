//! Intervals, and the interval of a ratio.

use serde::Serialize;

use crate::quantile::binomial;
use crate::statistics::student_quantile;

/// A figure of one run with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// After/before with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// What was found. None: before there was none.
    pub value: Option<f64>,
    /// Lower end.
    pub low: f64,
    /// Upper end. None: there is no upper bound.
    pub high: Option<f64>,
}

impl Ratio {
    /// The ratio of two figures, each with an interval of its own.
    ///
    /// The variances of the logarithms are recovered from the ends of the intervals (MOVER; Zou and
    /// Donner, *Statistics in Medicine* 27, 2008): nothing is drawn at random, no distribution is assumed
    /// beyond what the intervals assume, and swapped runs give the inverse. What is smaller than
    /// `least` is taken for it: zero has no logarithm.
    pub(super) fn of(before: Interval, after: Interval, least: f64) -> Self {
        let logarithms = |interval: Interval| {
            [interval.value, interval.low, interval.high].map(|end| end.max(least).ln())
        };
        let [before, before_low, before_high] = logarithms(before);
        let [after, after_low, after_high] = logarithms(after);
        let change = after - before;
        Self {
            value: Some(change.exp()),
            low: (change - (after - after_low).hypot(before_high - before)).exp(),
            high: Some((change + (after_high - after).hypot(before - before_low)).exp()),
        }
    }

    /// The ratio of two shares: `before` and `after` are what happened and out of how many. None: it
    /// never happened.
    ///
    /// Given that it happened `k` times in both together, how often of these it was in the second one is
    /// binomial; its exact interval (Clopper and Pearson) is turned into one of the ratio.
    pub(super) fn of_shares(before: (u64, u64), after: (u64, u64)) -> Option<Self> {
        let together = before.0 + after.0;
        if together == 0 || before.1 == 0 || after.1 == 0 {
            return None;
        }
        let scale = before.1 as f64 / after.1 as f64;
        let ratio = |share: f64| share / (1.0 - share) * scale;
        Some(Self {
            value: (before.0 > 0).then(|| after.0 as f64 / before.0 as f64 * scale),
            low: if after.0 == 0 { 0.0 } else { ratio(least_share(after.0, together)) },
            high: (before.0 > 0).then(|| ratio(1.0 - least_share(before.0, together))),
        })
    }

    /// Whether all of it is below 1.
    pub(super) fn is_less(&self) -> bool {
        self.high.is_some_and(|high| high < 1.0)
    }

    /// Whether all of it is above 1.
    pub(super) fn is_more(&self) -> bool {
        self.low > 1.0
    }
}

/// Half of what an interval of 95 % leaves out.
const TAIL: f64 = 0.025;

/// The exact 95 % interval of a share of which `n_hits` of `n` were seen (Clopper and Pearson, *Biometrika*
/// 26, 1934), where the `n` are worth `worth` independent ones. None: there are none.
pub(crate) fn interval_of_share(n_hits: u64, n: u64, worth: u64) -> Option<[f64; 2]> {
    // So many of those that they are worth, and no more: the interval gets wider, and never narrower.
    let low = |n_hits: u64| match (u128::from(n_hits) * u128::from(worth) / u128::from(n)) as u64 {
        0 => 0.0,
        n_hits => least_share(n_hits, worth),
    };
    (n > 0 && worth > 0).then(|| [low(n_hits), 1.0 - low(n - n_hits)])
}

/// The smallest share with which `n_hits` of `n` or more are at least [`TAIL`] likely.
fn least_share(n_hits: u64, n: u64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let share = f64::midpoint(low, high);
        let (first, cumulated) = binomial(share, n);
        // P(B <= n_hits - 1): what is before the first count is nothing, what is after the last is all.
        let fewer = match (n_hits - 1).checked_sub(first) {
            None => 0.0,
            Some(index) => cumulated.get(index as usize).copied().unwrap_or(1.0),
        };
        if 1.0 - fewer < TAIL {
            low = share;
        } else {
            high = share;
        }
    }
    low
}

/// Batches of [`mean`].
const BATCHES: usize = 10;
/// The least number of values of which a mean has an interval: two a batch.
pub(super) const MEAN_NEEDS: u64 = 2 * BATCHES as u64;

/// The mean of values that come one after the other, with its 95 % interval. None: there are fewer than
/// [`MEAN_NEEDS`].
///
/// Neighbours are not independent; means of batches of neighbours nearly are, and it is their spread that
/// makes the interval (batch means; Law, *Simulation Modeling and Analysis*, 5th ed., section 9.5.3).
pub(super) fn mean(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if n < MEAN_NEEDS as usize {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let batch = |index: usize| mean(&values[index * n / BATCHES..(index + 1) * n / BATCHES]);
    let batches: Vec<f64> = (0..BATCHES).map(batch).collect();
    let centre = mean(&batches);
    let squares: f64 = batches.iter().map(|batch| (batch - centre).powi(2)).sum();
    let t = student_quantile(1.0 - TAIL, BATCHES - 1);
    let reach = t * (squares / (BATCHES * (BATCHES - 1)) as f64).sqrt();
    let value = mean(values);
    Some(Interval { value, low: value - reach, high: value + reach })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::scipy_tests;

    #[test]
    fn shares_agree_with_clopper_and_pearson_of_scipy() {
        #[derive(serde::Deserialize)]
        struct Cases {
            clopper_pearson: Vec<Case>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            hits: u64,
            n: u64,
            low: f64,
            high: f64,
        }
        for Case { hits, n, low, high } in scipy_tests::cases::<Cases>().clopper_pearson {
            scipy_tests::assert_near(least_share(hits, n), low);
            let most = if hits == n { 1.0 } else { 1.0 - least_share(n - hits, n) };
            scipy_tests::assert_near(most, high);
        }
    }

    fn interval(value: f64, low: f64, high: f64) -> Interval {
        Interval { value, low, high }
    }

    #[track_caller]
    fn check(found: Option<Ratio>, expected: Option<[f64; 3]>) {
        let found =
            found.map(|found| [found.value.unwrap_or(-1.0), found.low, found.high.unwrap_or(-1.0)]);
        let is_near = match (found, expected) {
            (Some(found), Some(expected)) => {
                found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 5e-4)
            }
            (found, expected) => found == expected,
        };
        assert!(is_near, "expected {expected:?}, found {found:?}");
    }

    #[test]
    fn a_ratio_is_as_sure_as_its_sides() {
        let sure = interval(10.0, 10.0, 10.0);
        check(Some(Ratio::of(sure, interval(5.0, 4.0, 6.0), 0.1)), Some([0.5, 0.4, 0.6]));
        check(Some(Ratio::of(interval(5.0, 4.0, 6.0), sure, 0.1)), Some([2.0, 10.0 / 6.0, 2.5]));
        // exp(-+ hypot(ln 1.25, ln 1.2)) and exp(hypot(ln 1.2, ln 1.25)).
        let wide = interval(5.0, 4.0, 6.0);
        check(Some(Ratio::of(wide, wide, 0.1)), Some([1.0, 0.7496, 1.3340]));
        let nothing = interval(0.0, 0.0, 0.0);
        check(Some(Ratio::of(nothing, nothing, 0.5)), Some([1.0, 1.0, 1.0]));
    }

    #[test]
    fn shares_have_the_intervals_of_clopper_and_pearson() {
        check(Ratio::of_shares((0, 80), (0, 80)), None);
        check(Ratio::of_shares((3, 0), (0, 80)), None);
        // 3 of 3 in the second: p from 0.025^(1/3) = 0.2924 up, so from 0.4132.
        check(Ratio::of_shares((0, 80), (3, 80)), Some([-1.0, 0.4132, -1.0]));
        check(Ratio::of_shares((3, 80), (0, 80)), Some([0.0, 0.0, 2.4200]));
        // 6 of 6: p from 0.025^(1/6) = 0.5407 up: that the second is worse is sure.
        check(Ratio::of_shares((0, 80), (6, 80)), Some([-1.0, 1.1774, -1.0]));
        // 8 of 10: p from 0.4439 to 0.9748.
        check(Ratio::of_shares((2, 100), (8, 200)), Some([2.0, 0.3991, 19.3328]));
    }

    #[test]
    fn a_mean_needs_two_values_a_batch() {
        assert_eq!(mean(&[1.0; 19]), None);
        assert_eq!(mean(&[3.0; 20]), Some(interval(3.0, 3.0, 3.0)));
        // Batches of mean 0 to 9: the standard error is sqrt(55/6 / 10).
        let rising: Vec<f64> = (0..20).map(|n| f64::from(n / 2)).collect();
        let found = mean(&rising).expect("20 values");
        assert!(
            (found.high - found.value - 2.262_157_162_740_992 * (55.0_f64 / 60.0).sqrt()).abs()
                < 1e-9
        );
    }

    proptest! {
        #[test]
        fn swapped_sides_give_the_inverse(ends in proptest::collection::vec(0.1..1e6_f64, 6)) {
            let side = |ends: &[f64]| {
                let mut ends = ends.to_vec();
                ends.sort_unstable_by(f64::total_cmp);
                interval(ends[1], ends[0], ends[2])
            };
            let (before, after) = (side(&ends[..3]), side(&ends[3..]));
            let (ratio, inverse) = (Ratio::of(before, after, 1e-3), Ratio::of(after, before, 1e-3));
            prop_assert!((ratio.low * inverse.high.expect("bounded") - 1.0).abs() < 1e-9);
            prop_assert!(ratio.low <= ratio.value.expect("known") * (1.0 + 1e-9));
            prop_assert_eq!(ratio.is_less(), inverse.is_more());
        }

        #[test]
        fn swapped_shares_give_the_inverse(before in (1_u64..40, 40_u64..90), after in (1_u64..40, 40_u64..90)) {
            let ratio = Ratio::of_shares(before, after).expect("it happened");
            let inverse = Ratio::of_shares(after, before).expect("it happened");
            prop_assert!((ratio.low * inverse.high.expect("bounded") - 1.0).abs() < 1e-6);
            prop_assert!((ratio.value.expect("known") * inverse.value.expect("known") - 1.0).abs() < 1e-9);
        }
    }
}
