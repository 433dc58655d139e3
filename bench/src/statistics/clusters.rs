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

/// In fewer runs than this what seldom happens does not show how much runs differ in it.
const SEEN: usize = 5;

/// How many independent jobs would say as much of a share as the jobs of these runs, for an interval of 95 %: as
/// many as have the variance that the runs show, fewer where few runs show it, and never more than there are
/// (the effective sample size of Korn and Graubard, *Survey Methodology* 24, 1998, with its correction of the
/// degrees of freedom). An exact interval of so many covers about as promised where jobs of a run are alike.
///
/// What happened in fewer than [`SEEN`] runs, or in all but as few, may be that of whole runs: then a run is worth one
/// job. None: fewer than two runs with jobs, which do not show how much runs differ.
pub fn worth(runs: &[Cluster]) -> Option<u64> {
    const UPPER: f64 = 0.975;
    let runs: Vec<&Cluster> = runs.iter().filter(|run| run.n > 0).collect();
    let n: u64 = runs.iter().map(|run| run.n).sum();
    let n_hits: u64 = runs.iter().map(|run| run.n_hits).sum();
    if runs.len() < 2 {
        return None;
    }
    let k = runs.len();
    let n_with = runs.iter().filter(|run| run.n_hits > 0).count();
    let n_without = runs.iter().filter(|run| run.n_hits < run.n).count();
    if n_with.min(n_without) < SEEN.min(k) {
        return Some(k as u64);
    }
    let share = n_hits as f64 / n as f64;
    // Of a ratio of two sums over runs (Cochran, *Sampling Techniques*, 3rd ed., section 9A.1).
    let square = |run: &&Cluster| (run.n_hits as f64 - share * run.n as f64).powi(2);
    let squares = runs.iter().map(square).sum::<f64>();
    let variance = k as f64 / (k - 1) as f64 * squares / (n as f64).powi(2);
    let t = |freedom: usize| student_quantile(UPPER, freedom);
    let n_of_t = usize::try_from(n - 1).unwrap_or(usize::MAX);
    let fewer = (t(n_of_t) / t(k - 1)).powi(2);
    // Runs that are by chance more alike than independent jobs are worth no more than those.
    let worth = (share * (1.0 - share) / variance).min(n as f64) * fewer;
    Some(worth.max(1.0) as u64)
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
        check(&[(3, 24), (0, 0)], None);
        // Nothing, all, or what happened in few runs: it may be whole runs that it happens to.
        check(&[(0, 24), (0, 24)], Some(2));
        check(&[(24, 24), (24, 24)], Some(2));
        check(&[(6, 24), (0, 24), (0, 24), (0, 24)], Some(4));
        check(&[(1, 24), (1, 24), (1, 24), (1, 24), (0, 24), (0, 24)], Some(6));
        // All alike: no more than independent jobs, and fewer for so few runs: t of 71 and of 2 degrees.
        check(&[(12, 24), (12, 24), (12, 24)], Some(15));
        // p = 1/16, variance 8/7 * 10 / 192^2: 189 independent jobs, and t of 191 and of 7 degrees.
        check(&[(3, 24), (1, 24), (2, 24), (1, 24), (3, 24), (0, 24), (1, 24), (1, 24)], Some(133));
    }

    /// How jobs of a run are alike.
    #[derive(Clone, Copy, Debug)]
    enum Alike {
        /// By a share that varies from run to run by so much of it.
        Spread(f64),
        /// All of them fail, or none.
        Wholly,
    }

    /// Runs of 24 jobs that fail with the chance `share`.
    fn runs(
        n: usize,
        share: f64,
        alike: Alike,
        generator: &mut Xoshiro256PlusPlus,
    ) -> Vec<Cluster> {
        let run = |generator: &mut Xoshiro256PlusPlus| {
            let of_run = match alike {
                Alike::Spread(spread) => {
                    share * (1.0 + spread * normal(generator).clamp(-1.5, 1.5))
                }
                Alike::Wholly => f64::from(u8::from(uniform(generator) < share)),
            };
            let n_hits = (0..24).filter(|_| uniform(generator) < of_run).count() as u64;
            Cluster { n_hits, n: 24 }
        };
        (0..n).map(|_| run(generator)).collect()
    }

    /// How often the interval holds the share, by the worth of the runs and by their jobs.
    fn covered(n_runs: usize, share: f64, alike: Alike) -> [f64; 2] {
        const TRIES: usize = 400;
        let mut generator = generator(7);
        let mut n_covered = [0_usize; 2];
        for _ in 0..TRIES {
            let runs = runs(n_runs, share, alike, &mut generator);
            let n: u64 = runs.iter().map(|run| run.n).sum();
            let n_hits: u64 = runs.iter().map(|run| run.n_hits).sum();
            for (count, worth) in n_covered.iter_mut().zip([worth(&runs).expect("runs"), n]) {
                let [low, high] = interval_of_share(n_hits, n, worth).expect("jobs");
                *count += usize::from(low <= share && share <= high);
            }
        }
        n_covered.map(|n| n as f64 / TRIES as f64)
    }

    /// What seldom strikes whole runs while single jobs fail too is not seen in thirty runs: at a share of 5 % of
    /// which half are of whole runs, 67 % of intervals hold the truth (by jobs alone 36 %).
    #[test]
    fn the_interval_covers_where_jobs_of_a_run_fail_together() {
        for n_runs in [2, 5, 12, 30] {
            for share in [0.05, 0.5] {
                for alike in [Alike::Spread(0.0), Alike::Spread(0.6), Alike::Wholly] {
                    let [by_runs, by_jobs] = covered(n_runs, share, alike);
                    // Three standard errors for the few of a quick simulation.
                    assert!(by_runs >= 0.917, "{n_runs}, {share}, {alike:?}: {by_runs} {by_jobs}");
                }
            }
        }
        let [by_runs, by_jobs] = covered(12, 0.5, Alike::Wholly);
        assert!(by_jobs < 0.4 && by_runs > 0.917, "what it is for: {by_runs} {by_jobs}");
    }
}
