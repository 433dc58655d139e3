//! What jobs of several runs are worth.

use super::student::student_quantile;

/// A run, of which a share was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Jobs that were counted.
    pub n_hits: u64,
    /// All jobs.
    pub n: u64,
}

/// How many independent jobs would say as much of a share as the jobs of these runs, for an interval of 95 %: as
/// many as have the variance that the runs show, fewer where few runs show it, and never more than there are
/// (the effective sample size of Korn and Graubard, *Survey Methodology* 24, 1998, with its correction of the
/// degrees of freedom). An exact interval of so many covers as promised where jobs of a run are alike. None:
/// fewer than two runs, which do not show how much runs differ.
pub fn worth(runs: &[Cluster]) -> Option<u64> {
    const UPPER: f64 = 0.975;
    let n: u64 = runs.iter().map(|run| run.n).sum();
    let n_hits: u64 = runs.iter().map(|run| run.n_hits).sum();
    if runs.len() < 2 || n < 2 {
        return None;
    }
    if n_hits == 0 || n_hits == n {
        return Some(n);
    }
    let share = n_hits as f64 / n as f64;
    let k = runs.len() as f64;
    // Of a ratio of two sums over runs (Cochran, *Sampling Techniques*, 3rd ed., section 9A.1).
    let square = |run: &Cluster| (run.n_hits as f64 - share * run.n as f64).powi(2);
    let variance = k / (k - 1.0) * runs.iter().map(square).sum::<f64>() / (n as f64).powi(2);
    let t = |freedom: usize| student_quantile(UPPER, freedom);
    let n_of_t = usize::try_from(n - 1).unwrap_or(usize::MAX);
    let fewer = (t(n_of_t) / t(runs.len() - 1)).powi(2);
    let worth = share * (1.0 - share) / variance * fewer;
    // Runs that are more alike than chance makes them have no variance.
    Some(worth.min(n as f64).max(1.0) as u64)
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;

    use super::*;
    use crate::comparison::interval_of_share;
    use crate::statistics::simulated::{generator, normal, uniform};

    #[track_caller]
    fn check(runs: &[(u64, u64)], expected: Option<u64>) {
        let runs: Vec<Cluster> = runs.iter().map(|&(n_hits, n)| Cluster { n_hits, n }).collect();
        assert_eq!(worth(&runs), expected, "{runs:?}");
    }

    #[test]
    fn runs_that_differ_are_worth_less_than_their_jobs() {
        check(&[], None);
        check(&[(3, 24)], None);
        check(&[(0, 24), (0, 24)], Some(48));
        check(&[(24, 24), (24, 24)], Some(48));
        // All alike: no less than independent jobs.
        check(&[(12, 24), (12, 24), (12, 24)], Some(72));
        // All of one run and none of the others: hardly more than a job each.
        check(&[(24, 24), (0, 24), (0, 24), (0, 24)], Some(1));
        // p = 1/16, variance 4/3 * 27 / 96^2: 15 independent jobs, and t of 95 and of 3 degrees.
        check(&[(6, 24), (0, 24), (0, 24), (0, 24)], Some(5));
        check(&[(3, 24), (0, 24), (2, 24), (1, 24), (3, 24), (0, 24), (2, 24), (1, 24)], Some(131));
    }

    /// Runs of 24 jobs, each of which fails; how often it does varies from run to run about `share`.
    fn runs(n: usize, share: f64, spread: f64, generator: &mut Xoshiro256PlusPlus) -> Vec<Cluster> {
        let run = |generator: &mut Xoshiro256PlusPlus| {
            let of_run =
                (share * (1.0 + spread * normal(generator).clamp(-1.5, 1.5))).clamp(0.0, 1.0);
            let n_hits = (0..24).filter(|_| uniform(generator) < of_run).count() as u64;
            Cluster { n_hits, n: 24 }
        };
        (0..n).map(|_| run(generator)).collect()
    }

    /// How often the interval holds the share, by the worth of the runs and by their jobs.
    fn covered(n_runs: usize, share: f64, spread: f64) -> [f64; 2] {
        const TRIES: usize = 2_000;
        let mut generator = generator(7);
        let mut n_covered = [0_usize; 2];
        for _ in 0..TRIES {
            let runs = runs(n_runs, share, spread, &mut generator);
            let n: u64 = runs.iter().map(|run| run.n).sum();
            let n_hits: u64 = runs.iter().map(|run| run.n_hits).sum();
            for (count, worth) in n_covered.iter_mut().zip([worth(&runs).expect("runs"), n]) {
                let [low, high] = interval_of_share(n_hits, n, worth).expect("jobs");
                *count += usize::from(low <= share && share <= high);
            }
        }
        n_covered.map(|n| n as f64 / TRIES as f64)
    }

    #[test]
    fn the_interval_covers_where_jobs_of_a_run_fail_together() {
        for n_runs in [5, 8, 12, 30] {
            for (share, spread) in [(0.05, 0.0), (0.05, 0.6), (0.3, 0.6), (0.5, 0.6)] {
                let [by_runs, by_jobs] = covered(n_runs, share, spread);
                assert!(by_runs >= 0.94, "{n_runs} runs, {share} +- {spread}: {by_runs} {by_jobs}");
            }
        }
        let [by_runs, by_jobs] = covered(12, 0.5, 0.6);
        assert!(by_jobs < 0.8 && by_runs > 0.94, "what it is for: {by_runs} {by_jobs}");
    }
}
