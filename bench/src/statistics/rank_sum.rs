//! The rank-sum test of Mann, Whitney and Wilcoxon for two samples, exact.

/// The distribution of U, the number of pairs in which the value of the first sample is the larger one,
/// where both samples are of one distribution.
#[derive(Clone, Debug)]
pub struct RankSum {
    /// P(U <= u) of `u` from 0 to n m.
    cumulated: Vec<f64>,
}

impl RankSum {
    /// Counted by the recurrence of Mann and Whitney (*Annals of Mathematical Statistics* 18, 1947): the
    /// largest of all values is of the first sample, and exceeds all `m` of the second, or it is not.
    pub fn of(n: usize, m: usize) -> Self {
        // One row for each number of values of the first sample, with the values of the second so far.
        let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
        for second in 1..=m {
            for first in 1..=n {
                let mut row = vec![0.0; first * second + 1];
                let all = (first + second) as f64;
                for (u, p) in rows[first].iter().enumerate() {
                    row[u] += p * second as f64 / all;
                }
                for (u, p) in rows[first - 1].iter().enumerate() {
                    row[u + second] += p * first as f64 / all;
                }
                rows[first] = row;
            }
        }
        let mut cumulated = rows.swap_remove(n);
        let mut total = 0.0;
        for p in &mut cumulated {
            total += *p;
            *p = total;
        }
        Self { cumulated }
    }

    /// How probable a difference as large as that of `one` and `other`, in either direction, is by
    /// chance. Equal values count against a difference.
    pub fn p_two_sided(&self, one: &[f64], other: &[f64]) -> f64 {
        let count = |is: fn(&f64, &f64) -> bool| {
            one.iter().map(|a| other.iter().filter(|b| is(a, b)).count()).sum::<usize>()
        };
        let cdf = |u: usize| self.cumulated.get(u).copied().unwrap_or(1.0);
        (2.0 * cdf(count(|a, b| a <= b)).min(cdf(count(|a, b| a >= b)))).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &[f64], other: &[f64], expected: f64) {
        let p = RankSum::of(one.len(), other.len()).p_two_sided(one, other);
        assert!((p - expected).abs() < 1e-15, "{p} for {expected}");
    }

    #[test]
    fn all_of_one_below_all_of_the_other_is_one_of_all_ways_to_choose() {
        check(&[1.0, 2.0], &[3.0, 4.0, 5.0], 2.0 / 10.0);
        check(&[3.0, 4.0, 5.0], &[1.0, 2.0], 2.0 / 10.0);
        check(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0], 2.0 / 252.0);
        check(&[1.0, 3.0], &[2.0, 4.0], 2.0 / 3.0);
        check(&[1.0; 4], &[1.0; 4], 1.0);
        check(&[], &[1.0], 1.0);
    }
}
