//! The signed-rank test of Wilcoxon, exact, with the estimate and the limits that belong to it.
//!
//! What is judged is the centre of differences that are symmetric about it, whatever their
//! distribution: one run that stalled moves a rank and not the result. (Hollander, Wolfe and Chicken,
//! *Nonparametric Statistical Methods*, 3rd ed., sections 3.1 to 3.3.)
//!
//! Everything is said with Walsh averages, the means of each two differences and of each with itself:
//! the statistic is how many of them exceed the centre that is tested, the estimate of Hodges and Lehmann
//! is their median, and the limits are two of them. So test and limit cannot disagree: the lower
//! limit is above a value exactly where the test against it is significant.
//!
//! Ties and zeros: an average that equals the centre that is tested counts against what is to be shown.
//! Levels then are at most what they say (Pratt and Gibbons, *Concepts of Nonparametric Theory*, section
//! 3.7), and no correction is needed.

/// The distribution of the statistic where the centre is that which is tested, for `n` differences.
#[derive(Clone, Debug)]
pub struct SignedRank {
    n: usize,
    /// P(T <= t) of `t` from 0 to n (n + 1) / 2.
    cumulated: Vec<f64>,
}

impl SignedRank {
    /// Counted by dynamic programming: rank `k` belongs to a positive difference in half of the cases.
    pub fn of(n: usize) -> Self {
        let mut weights = vec![0.0; n * (n + 1) / 2 + 1];
        weights[0] = 1.0;
        for rank in 1..=n {
            for sum in (0..weights.len()).rev() {
                let without = if sum >= rank { weights[sum - rank] } else { 0.0 };
                weights[sum] = 0.5 * (weights[sum] + without);
            }
        }
        let mut total = 0.0;
        for weight in &mut weights {
            total += *weight;
            *weight = total;
        }
        Self { n, cumulated: weights }
    }

    /// The probability that the statistic is at most `sum`.
    pub fn cdf(&self, sum: usize) -> f64 {
        self.cumulated.get(sum).copied().unwrap_or(1.0)
    }

    /// How probable it is that so many or fewer of the `walsh` averages are at most `centre`, if that is
    /// the centre: small where the true one is larger.
    pub fn p_greater(&self, walsh: &[f64], centre: f64) -> f64 {
        self.cdf(walsh.iter().filter(|&&average| average <= centre).count())
    }

    /// The same the other way round: small where the true centre is smaller.
    pub fn p_less(&self, walsh: &[f64], centre: f64) -> f64 {
        self.cdf(walsh.iter().filter(|&&average| average >= centre).count())
    }

    /// Twice the smaller of both.
    pub fn p_two_sided(&self, walsh: &[f64], centre: f64) -> f64 {
        (2.0 * self.p_greater(walsh, centre).min(self.p_less(walsh, centre))).min(1.0)
    }

    /// What the true centre is at least, wrong in a share `level` of all cases at most. `walsh` is
    /// ascending. None: [`least_n`] differences are needed.
    pub fn lower(&self, walsh: &[f64], level: f64) -> Option<f64> {
        Some(walsh[self.n_left_out(level)?])
    }

    /// What the true centre is at most.
    pub fn upper(&self, walsh: &[f64], level: f64) -> Option<f64> {
        Some(walsh[walsh.len() - 1 - self.n_left_out(level)?])
    }

    /// The most averages that may lie on the wrong side of a limit.
    fn n_left_out(&self, level: f64) -> Option<usize> {
        self.cumulated[..self.cumulated.len() - 1]
            .partition_point(|&p| p <= level)
            .checked_sub(1)
            .filter(|_| self.n > 0)
    }
}

/// The least number of differences with which a one-sided test at `level` can find anything: even where
/// all point the same way, that happens by chance once in `2^n` cases.
pub fn least_n(level: f64) -> usize {
    let mut by_chance = 1.0;
    (0..).take_while(|_| (by_chance > level, by_chance *= 0.5).0).count()
}

/// The means of each two of `values` and of each with itself, ascending.
pub fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let mut averages: Vec<f64> = values
        .iter()
        .enumerate()
        .flat_map(|(index, one)| values[index..].iter().map(|other| f64::midpoint(*one, *other)))
        .collect();
    averages.sort_by(f64::total_cmp);
    averages
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_level_has_a_least_number_of_differences() {
        // The tool must know it: six pairs never are significant at 1 %.
        for (level, expected) in [(0.5, 1), (0.05, 5), (0.01, 7), (0.002, 9), (0.001, 10)] {
            assert_eq!(least_n(level), expected, "{level}");
            let alike = vec![1.0; expected];
            let limit = |n: usize| SignedRank::of(n).lower(&walsh_averages(&alike[..n]), level);
            assert_eq!((limit(expected - 1), limit(expected)), (None, Some(1.0)), "{level}");
        }
    }

    #[test]
    fn zeros_and_ties_count_against_what_is_to_be_shown() {
        let test = SignedRank::of(3);
        let p = |values: &[f64]| test.p_greater(&walsh_averages(values), 0.0);
        assert_eq!(p(&[1.0, 2.0, 3.0]), 0.125);
        assert_eq!(p(&[0.0, 2.0, 3.0]), 0.25, "zero is not positive");
        assert_eq!(p(&[-2.0, 2.0, 3.0]), 0.375, "-2 and the mean of -2 and 2");
        assert_eq!(p(&[0.0, 0.0, 0.0]), 1.0);
        assert_eq!(SignedRank::of(0).lower(&[], 0.5), None);
        assert_eq!(SignedRank::of(0).cdf(0), 1.0);
    }

    proptest! {
        #[test]
        fn a_limit_is_beyond_a_value_where_the_test_against_it_is_significant(
            values in vec(-5_i32..6, 1..25),
            centre in -5_i32..6,
            level in 0.0005..0.4_f64,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (walsh, centre) = (walsh_averages(&values), f64::from(centre));
            let test = SignedRank::of(values.len());
            let is_above = test.lower(&walsh, level).is_some_and(|lower| lower > centre);
            prop_assert_eq!(is_above, test.p_greater(&walsh, centre) <= level);
            let is_below = test.upper(&walsh, level).is_some_and(|upper| upper < centre);
            prop_assert_eq!(is_below, test.p_less(&walsh, centre) <= level);
        }
    }
}
