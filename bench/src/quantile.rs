use serde::Serialize;

use crate::dependence::ENOUGH;

/// How sure an interval is to hold the true quantile.
const CONFIDENCE: f64 = 0.95;

/// What a sample can say about a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Estimate {
    /// The sample carries it.
    Carried {
        /// The quantile of the sample.
        value: u64,
        /// Lower end of the 95 % interval of the true quantile.
        low: u64,
        /// Upper end of it.
        high: u64,
    },
    /// The sample is too small: nothing bounds the true quantile from above.
    Bounded {
        /// What it is larger than, as surely as above. None: nothing bounds it from below either.
        low: Option<u64>,
        /// How many values would carry it.
        needs: u64,
    },
}

impl Estimate {
    /// What `n` independent values say about quantile `q`, given the value at each rank (1 to `n`, ascending).
    pub(crate) fn of(q: f64, n: u64, at_rank: &dyn Fn(u64) -> u64) -> Self {
        Self::of_dependent(q, n, n, at_rank)
    }

    /// The same where the `n` values are worth only `worth` independent ones: the interval is as wide as
    /// that of so many, brought to the ranks of all. Of fewer than [`ENOUGH`] values that depend on each
    /// other nobody knows how many they are worth, so they have a bound and no interval.
    pub(crate) fn of_dependent(q: f64, n: u64, worth: u64, at_rank: &dyn Fn(u64) -> u64) -> Self {
        if worth < n && n < ENOUGH {
            return Self::of_few(q, n, worth, at_rank);
        }
        // Of a quantile near the largest value few independent ones would say less than all do.
        let lower = |low| at_rank(outwards(low, n, worth).min(limits(q, n).0.unwrap_or(1)));
        match limits(q, worth) {
            (Some(low), Some(high)) => Self::Carried {
                value: at_rank(rank(q, n)),
                low: lower(low),
                high: at_rank((high * n).div_ceil(worth)),
            },
            (low, _) => Self::Bounded { low: low.map(lower), needs: needs(q) },
        }
    }

    /// The same of jobs, which are taken for independent only where there are [`ENOUGH`] to show it.
    pub(crate) fn of_series(q: f64, n: u64, worth: u64, at_rank: &dyn Fn(u64) -> u64) -> Self {
        if n < ENOUGH {
            return Self::of_few(q, n, worth, at_rank);
        }
        Self::of_dependent(q, n, worth, at_rank)
    }

    /// A bound that holds whatever the values are worth between what was found, or a third, and all: a correlation of one half with the next one, which leaves a third, is not found in 55 % of
    /// series of 10 and in 27 % of 20 (simulated).
    fn of_few(q: f64, n: u64, worth: u64, at_rank: &dyn Fn(u64) -> u64) -> Self {
        let least = worth.min(n / 3).max(1);
        let lows = (least..=n).map(|worth| Some(outwards(limits(q, worth).0?, n, worth)));
        let low = lows.collect::<Option<Vec<u64>>>().and_then(|lows| lows.into_iter().min());
        Self::Bounded { low: low.map(at_rank), needs: needs(q).max(ENOUGH) }
    }
}

/// The rank among `n` values of the rank `low` among the `worth` that they are worth, rounded outwards.
fn outwards(low: u64, n: u64, worth: u64) -> u64 {
    (low * n / worth).max(1)
}

/// The rank of quantile `q` among `n` values: the smallest that at least a share `q` does not exceed.
pub(crate) fn rank(q: f64, n: u64) -> u64 {
    ((q * n as f64).ceil() as u64).clamp(1, n.max(1))
}

/// The least number of values with which both ends of the interval exist. For `q` from a half up the
/// upper one is harder: all `n` values lie below the true quantile with probability `q^n`.
fn needs(q: f64) -> u64 {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    (tail.ln() / q.max(1.0 - q).ln()).ceil() as u64
}

/// Ranks of the order statistics that enclose quantile `q`, free of any assumption on the distribution.
///
/// The number of values below the true quantile is binomial(n, q), so
/// `P(x(j) <= quantile < x(k)) = P(j <= B < k)`; each tail is given at most 2.5 %. None: no value of the
/// sample does it. (David and Nagaraja, *Order Statistics*, 3rd ed., section 7.1.)
fn limits(q: f64, n: u64) -> (Option<u64>, Option<u64>) {
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let (first, cumulated) = binomial(q, n);
    // The last count that is at most `tail` likely not to be exceeded, and the first that is almost
    // sure not to be.
    let n_unlikely = cumulated.partition_point(|&p| p <= tail) as u64;
    let n_not_sure = cumulated.partition_point(|&p| p < 1.0 - tail) as u64;
    let low = (first + n_unlikely).min(n);
    let high = first + n_not_sure + 1;
    ((low >= 1).then_some(low), (high <= n).then_some(high))
}

/// P(B <= i) of binomial(n, q) for `i` from the first that matters.
///
/// Weights are taken relative to the most likely count, outwards until they vanish: no logarithm, no
/// overflow, and some ten standard deviations of work however large `n` is.
pub(crate) fn binomial(q: f64, n: u64) -> (u64, Vec<f64>) {
    const VANISHED: f64 = 1e-20;
    let odds = q / (1.0 - q);
    let mode = (((n + 1) as f64 * q) as u64).min(n);
    let down = std::iter::successors(Some((mode, 1.0_f64)), |&(i, weight)| {
        (i > 0).then(|| (i - 1, weight * i as f64 / ((n - i + 1) as f64 * odds)))
    });
    let mut weights: Vec<f64> =
        down.map(|(_, weight)| weight).take_while(|&weight| weight > VANISHED).collect();
    let first = mode + 1 - weights.len() as u64;
    weights.reverse();
    let up = std::iter::successors(Some((mode, 1.0_f64)), |&(i, weight)| {
        (i < n).then(|| (i + 1, weight * odds * (n - i) as f64 / (i + 1) as f64))
    });
    weights.extend(up.skip(1).map(|(_, weight)| weight).take_while(|&weight| weight > VANISHED));
    let total: f64 = weights.iter().sum();
    let mut cumulated = 0.0;
    for weight in &mut weights {
        cumulated += *weight / total;
        *weight = cumulated;
    }
    (first, weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::scipy_tests;

    #[track_caller]
    fn check(n: u64, q: f64, expected: (Option<u64>, Option<u64>)) {
        assert_eq!(limits(q, n), expected, "n = {n}, q = {q}");
    }

    #[test]
    fn ranks_are_those_of_the_tables() {
        for q in [0.5, 0.9, 0.99] {
            check(0, q, (None, None));
        }
        check(1, 0.5, (None, None));
        check(1, 0.99, (Some(1), None)); // it is below p99 with a chance of 99 %
        check(10, 0.5, (Some(2), Some(9)));
        check(10, 0.9, (Some(7), None));
        check(10, 0.95, (Some(8), None));
        check(20, 0.5, (Some(6), Some(15)));
        check(20, 0.9, (Some(15), None));
        check(20, 0.99, (Some(19), None));
        check(50, 0.9, (Some(41), Some(50)));
        check(100, 0.5, (Some(40), Some(61)));
        check(100, 0.95, (Some(90), Some(100)));
        check(100, 0.99, (Some(97), None));
        check(200, 0.95, (Some(184), Some(197)));
        check(1000, 0.5, (Some(469), Some(532)));
        check(1000, 0.9, (Some(881), Some(919)));
        check(1000, 0.99, (Some(983), Some(997)));
    }

    #[test]
    fn ranks_and_binomials_agree_with_scipy() {
        #[derive(serde::Deserialize)]
        struct Cases {
            binomial: Vec<Case>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            n: u64,
            q: f64,
            low: Option<u64>,
            high: Option<u64>,
            cdf: Vec<(u64, f64)>,
        }
        for Case { n, q, low, high, cdf } in scipy_tests::cases::<Cases>().binomial {
            check(n, q, (low, high));
            let (first, cumulated) = binomial(q, n);
            for (i, expected) in cdf {
                let index = i.checked_sub(first).map(|index| index as usize);
                let found = index.map_or(0.0, |index| cumulated.get(index).copied().unwrap_or(1.0));
                scipy_tests::assert_near(found, expected);
            }
        }
    }

    #[test]
    fn one_value_less_than_needed_is_not_enough() {
        for (q, expected) in [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688)] {
            assert_eq!(needs(q), expected, "q = {q}");
            assert!(limits(q, expected).1.is_some(), "q = {q}");
            assert!(limits(q, expected - 1).1.is_none(), "q = {q}");
        }
    }

    #[test]
    fn dependent_values_have_the_interval_of_the_fewer_they_are_worth() {
        let estimate = |worth| Estimate::of_dependent(0.5, 100, worth, &|rank| rank);
        assert_eq!(estimate(100), Estimate::of(0.5, 100, &|rank| rank));
        // Fewer than a hundred that depend on each other: a bound, however much they seem to be worth.
        let few = Estimate::of_dependent(0.5, 99, 98, &|rank| rank);
        assert_eq!(few, Estimate::Bounded { low: Some(32), needs: 100 });
        let few = Estimate::of_dependent(0.99, 99, 98, &|rank| rank);
        assert!(matches!(few, Estimate::Bounded { needs: 368, .. }), "{few:?}");
        // Jobs: however independent they look.
        let few = Estimate::of_series(0.5, 99, 99, &|rank| rank);
        assert_eq!(few, Estimate::Bounded { low: Some(32), needs: 100 });
        let eight = Estimate::of_series(0.99, 8, 8, &|rank| rank);
        assert_eq!(
            eight,
            Estimate::Bounded { low: Some(5), needs: 368 },
            "three or more that are independent"
        );
        assert_eq!(Estimate::of_series(0.5, 100, 100, &|rank| rank), estimate(100));
        // x(6) and x(15) of 20.
        assert_eq!(estimate(20), Estimate::Carried { value: 50, low: 30, high: 75 });
        assert_eq!(estimate(5), Estimate::Bounded { low: None, needs: 6 });
        let p95 = Estimate::of_dependent(0.95, 100, 20, &|rank| rank);
        assert_eq!(p95, Estimate::Bounded { low: Some(85), needs: 72 });
    }

    #[test]
    fn a_million_values_are_no_more_work() {
        let (low, high) = limits(0.99, 1_000_000);
        // 990,000 +- 1.96 standard deviations of 99.5
        assert!(low.is_some_and(|rank| (989_804..=989_806).contains(&rank)), "{low:?}");
        assert!(high.is_some_and(|rank| (990_194..=990_197).contains(&rank)), "{high:?}");
        assert!(binomial(0.99, 1_000_000).1.len() < 3_000);
    }

    #[test]
    fn an_interval_covers_the_truth_as_often_as_it_says() {
        // P(low <= B < high), summed without the shortcut of `binomial`.
        for (n, q) in [(36, 0.9), (80, 0.95), (100, 0.5), (400, 0.99)] {
            let (Some(low), Some(high)) = limits(q, n) else { panic!("n = {n} carries q = {q}") };
            let mut weight = q.powf(n as f64);
            let mut covered = 0.0;
            for i in (0..=n).rev() {
                if (low..high).contains(&i) {
                    covered += weight;
                }
                weight *= i as f64 / (n - i + 1) as f64 * (1.0 - q) / q;
            }
            assert!((0.95..0.99).contains(&covered), "n = {n}, q = {q}: {covered}");
        }
    }
}
