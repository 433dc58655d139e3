use hdrhistogram::Histogram;

use crate::{Estimate, dependence};

/// Longest time that is told apart from longer ones.
const LONGEST_US: u64 = 24 * 60 * 60 * 1_000_000;

/// Significant digits: values within 0.1 %, far below any limit of a gate.
const DIGITS: u8 = 3;

/// A distribution of times, in microseconds. Two of them merge without loss; percentiles never are
/// averaged.
#[derive(Clone, Debug)]
pub struct Distribution {
    histogram: Histogram<u64>,
    min_us: u64,
    max_us: u64,
    sum_us: u128,
    /// So many independent times say as much. None: all of them are independent, as far as is known.
    worth: Option<u64>,
    /// Whether they are of jobs, which few of them cannot show to be independent.
    is_series: bool,
}

impl Default for Distribution {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants, and a test makes one")]
        let histogram =
            Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("the bounds are sound");
        Self { histogram, min_us: u64::MAX, max_us: 0, sum_us: 0, worth: None, is_series: false }
    }
}

impl Distribution {
    /// Adds a time.
    pub fn add(&mut self, us: u64) {
        self.histogram.saturating_record(us);
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        self.sum_us += u128::from(us);
    }

    /// The times of jobs in the order in which they were sent. Jobs that wait for one another are not
    /// independent, so they may be worth fewer than they are; fewer than a hundred cannot show that they are
    /// independent, and have bounds and no interval.
    pub fn of_series(times: &[u64]) -> Self {
        let worth = worth(times);
        let mut distribution: Self = times.iter().copied().collect();
        distribution.worth = (worth < times.len() as u64).then_some(worth);
        distribution.is_series = true;
        distribution
    }

    /// Adds everything of `other`, which has nothing to do with what is here.
    pub fn merge(&mut self, other: &Self) {
        let is_dependent = self.worth.is_some() || other.worth.is_some();
        self.worth = is_dependent.then(|| self.worth() + other.worth());
        self.is_series |= other.is_series;
        // Cannot fail: all of them have the same bounds.
        let merged = self.histogram.add(&other.histogram);
        debug_assert!(merged.is_ok(), "{merged:?}");
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.sum_us += other.sum_us;
    }

    /// How many times were added.
    pub fn n(&self) -> u64 {
        self.histogram.len()
    }

    /// How many independent times say as much as these.
    pub fn worth(&self) -> u64 {
        self.worth.unwrap_or(self.n())
    }

    /// The same times, worth no more than so many independent ones.
    #[must_use]
    pub(crate) fn worth_at_most(&self, worth: u64) -> Self {
        let worth = self.worth().min(worth);
        Self { worth: (worth < self.n()).then_some(worth), ..self.clone() }
    }

    /// The smallest, exact. None of an empty distribution.
    pub fn min_us(&self) -> Option<u64> {
        (self.n() > 0).then_some(self.min_us)
    }

    /// The largest, exact. None of an empty distribution.
    pub fn max_us(&self) -> Option<u64> {
        (self.n() > 0).then_some(self.max_us)
    }

    /// The mean, exact. None of an empty distribution.
    pub fn mean_us(&self) -> Option<f64> {
        (self.n() > 0).then(|| self.sum_us as f64 / self.n() as f64)
    }

    /// The counts, to be written down.
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// What is known about quantile `q`, between 0 and 1, given what the times are worth.
    pub fn quantile(&self, q: f64) -> Estimate {
        self.ranks().quantile(q)
    }

    /// Quantile `q` of the sample itself, where there would be enough times if they were independent.
    pub fn seen(&self, q: f64) -> Option<u64> {
        let ranks = self.ranks();
        match Estimate::of(q, self.n(), &|rank| ranks.at(rank)) {
            Estimate::Carried { value, .. } => Some(value),
            Estimate::Bounded { .. } => None,
        }
    }

    /// The values by their ranks, for more than one look at them.
    pub(crate) fn ranks(&self) -> Ranks {
        let mut n_below = 0;
        let steps = self.histogram.iter_recorded().map(|step| {
            n_below += step.count_since_last_iteration();
            // A bucket stands for its largest value; no value was beyond the extremes.
            (n_below, step.value_iterated_to().clamp(self.min_us, self.max_us))
        });
        let (n, worth, is_series) = (self.n(), self.worth(), self.is_series);
        Ranks { steps: steps.collect(), n, worth, is_series }
    }
}

/// The values of a distribution by their ranks: a look at one does not walk over the histogram.
#[derive(Clone, Debug)]
pub(crate) struct Ranks {
    /// How many values there are up to a bucket, and the value of the bucket.
    steps: Vec<(u64, u64)>,
    n: u64,
    worth: u64,
    is_series: bool,
}

impl Ranks {
    /// The value of rank `rank` (1 to n, ascending), within 0.1 %.
    pub(crate) fn at(&self, rank: u64) -> u64 {
        let index = self.steps.partition_point(|(n_below, _)| *n_below < rank);
        self.steps.get(index).or(self.steps.last()).map_or(0, |(_, value)| *value)
    }

    /// As [`Distribution::quantile`].
    pub(crate) fn quantile(&self, q: f64) -> Estimate {
        let worth = self.worth.clamp(self.n.min(1), self.n);
        let of = if self.is_series { Estimate::of_series } else { Estimate::of_dependent };
        of(q, self.n, worth, &|rank| self.at(rank))
    }
}

/// Longer series are looked at in two ways that are no more work however long they are.
const LONG: usize = 1 << 14;

/// [`dependence::worth`] of a series of any length.
///
/// How far a long one inflates the variance of a mean is the inflation between batches of neighbours times
/// that within a batch, and the latter is at most that of its first [`LONG`] values: so the product is too
/// large rather than too small, and the worth errs to the safe side. Batches are means of logarithms, so
/// that one very slow job does not hide the others.
fn worth(times: &[u64]) -> u64 {
    let n = times.len();
    if n <= LONG {
        return dependence::worth(times);
    }
    // The bits of a number are its logarithm to base 2, with straight lines between the powers of two.
    let logarithm = |us: &u64| (us.saturating_add(1) as f64).to_bits() >> 24;
    let mean = |batch: &[u64]| {
        let sum: u128 = batch.iter().map(|us| u128::from(logarithm(us))).sum();
        (sum / batch.len() as u128) as u64
    };
    let batches: Vec<u64> = times.chunks(n.div_ceil(LONG)).map(mean).collect();
    let share = |times: &[u64]| dependence::worth(times) as f64 / times.len() as f64;
    ((n as f64 * share(&batches) * share(&times[..LONG])) as u64).clamp(1, n as u64)
}

impl PartialEq for Distribution {
    fn eq(&self, other: &Self) -> bool {
        self.histogram == other.histogram
            && self.worth() == other.worth()
            && (self.min_us, self.max_us, self.sum_us) == (other.min_us, other.max_us, other.sum_us)
    }
}

impl Extend<u64> for Distribution {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, times: I) {
        times.into_iter().for_each(|us| self.add(us));
    }
}

impl FromIterator<u64> for Distribution {
    fn from_iter<I: IntoIterator<Item = u64>>(times: I) -> Self {
        let mut distribution = Self::default();
        distribution.extend(times);
        distribution
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_distribution_says_nothing() {
        let empty = Distribution::default();
        assert_eq!(
            (empty.n(), empty.min_us(), empty.max_us(), empty.mean_us()),
            (0, None, None, None)
        );
        assert_eq!(empty.quantile(0.5), Estimate::Bounded { low: None, needs: 6 });
    }

    #[test]
    fn a_percentile_that_eighty_jobs_cannot_carry_is_a_bound() {
        let eighty: Distribution = (1..=80).map(|n| n * 1000).collect();
        let Estimate::Carried { value, low, high } = eighty.quantile(0.95) else {
            panic!("80 values carry p95: {:?}", eighty.quantile(0.95));
        };
        assert!(low < value && value < high, "{low} {value} {high}");
        let Estimate::Bounded { low: Some(low), needs: 368 } = eighty.quantile(0.99) else {
            panic!("80 values do not carry p99: {:?}", eighty.quantile(0.99));
        };
        assert!((76_000..=78_100).contains(&low), "{low}");
    }

    #[test]
    fn a_rising_series_is_worth_less_than_it_has() {
        let rising: Vec<u64> = (1..=80).map(|n| n * 100_000).collect();
        let series = Distribution::of_series(&rising);
        assert_eq!(series.n(), 80);
        assert!(series.worth() < 10, "{}", series.worth());
        let p95 = series.quantile(0.95);
        assert!(matches!(p95, Estimate::Bounded { needs: 100, .. }), "{p95:?}");
        assert!(series.seen(0.95).is_some_and(|us| us.abs_diff(7_600_000) <= 7_600));
        assert_eq!(series.seen(0.99), None, "80 do not carry it however independent they are");

        let mut both = series.clone();
        both.merge(&(1..=20).map(|n| n * 1000).collect());
        assert_eq!((both.n(), both.worth()), (100, series.worth() + 20));
    }

    #[test]
    fn fewer_than_a_hundred_jobs_have_no_interval_however_independent_they_look() {
        let mut seed = 3;
        let mut random = || (crate::picture::sample_runs::random(&mut seed) * 1e6) as u64;
        for n in 0..100 {
            let few: Vec<u64> = (0..n).map(|_| random()).collect();
            let series = Distribution::of_series(&few);
            let p50 = series.quantile(0.5);
            assert!(matches!(p50, Estimate::Bounded { .. }), "{n}: {p50:?}");
        }
        let enough: Vec<u64> = (0..100).map(|_| random()).collect();
        let p50 = Distribution::of_series(&enough).quantile(0.5);
        assert!(matches!(p50, Estimate::Carried { .. }), "{p50:?}");
    }

    #[test]
    fn a_long_series_is_worth_what_its_correlation_leaves() {
        let mut seed = 5;
        let mut random = || crate::picture::sample_runs::random(&mut seed);
        let n = 100_000;
        let independent: Vec<u64> = (0..n).map(|_| (random() * 1e6) as u64).collect();
        let worth = Distribution::of_series(&independent).worth();
        assert!(worth > n * 9 / 10, "{worth}");
        // Each value is half of the one before: worth a third of what there are, or less.
        let mut level = 0.5;
        let halved: Vec<u64> = (0..n)
            .map(|_| {
                level = level * 0.5 + random() * 0.5;
                (level * 1e6) as u64
            })
            .collect();
        let worth = Distribution::of_series(&halved).worth();
        assert!((n / 8..n * 36 / 100).contains(&worth), "{worth}");
        // A drift over everything, which no stretch of it shows.
        let drift: Vec<u64> =
            (0..n).map(|i| 1_000_000 + i * 20 + (random() * 1e6) as u64).collect();
        let worth = Distribution::of_series(&drift).worth();
        assert!(worth < n / 20, "{worth}");
    }

    #[test]
    fn more_than_a_day_is_a_day_in_the_percentiles_and_itself_in_the_extremes() {
        let long: Distribution = std::iter::repeat_n(3 * LONGEST_US, 6).collect();
        assert_eq!(long.max_us(), Some(3 * LONGEST_US));
        assert_eq!(long.mean_us(), Some((3 * LONGEST_US) as f64));
    }

    proptest! {
        #[test]
        fn merging_is_adding_everything_to_one(
            a in vec(0..LONGEST_US, 0..200),
            b in vec(0..LONGEST_US, 0..200),
        ) {
            let mut merged: Distribution = a.iter().copied().collect();
            merged.merge(&b.iter().copied().collect());
            prop_assert_eq!(merged, a.into_iter().chain(b).collect());
        }

        #[test]
        fn a_rank_is_within_a_thousandth_of_the_sorted_value(
            mut times in vec(0..LONGEST_US, 1..300),
            pick in any::<proptest::sample::Index>(),
        ) {
            let distribution: Distribution = times.iter().copied().collect();
            times.sort_unstable();
            for index in [0, pick.index(times.len()), times.len() - 1] {
                let (found, exact) = (distribution.ranks().at(index as u64 + 1), times[index]);
                prop_assert!(found.abs_diff(exact) <= exact / 1000 + 1, "{} for {}", found, exact);
            }
        }

        #[test]
        fn quantiles_are_in_order_and_inside_their_intervals(
            times in vec(1..LONGEST_US, 368..500),
        ) {
            let distribution: Distribution = times.iter().copied().collect();
            let mut last = 0;
            for q in [0.5, 0.9, 0.95, 0.99] {
                let Estimate::Carried { value, low, high } = distribution.quantile(q) else {
                    return Err(TestCaseError::fail("368 values carry p99"));
                };
                prop_assert!(low <= value && value <= high && last <= value);
                prop_assert!(Some(low) >= distribution.min_us() && Some(high) <= distribution.max_us());
                last = value;
            }
        }
    }
}
