//! What is promised of a service, and whether it keeps it.
//!
//! An objective is kept or broken where the whole interval says so; it advises, for one figure decides.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::comparison::interval_of_share;
use crate::page::Block;
use crate::quantile::rank;
use crate::statistics::{self, Cluster};
use crate::text::{self, duration};
use crate::{Distribution, Held, Outcome, Run, Runs, Sample, Slo};

/// What is promised, as an entry of `slos` in `reports/policy.toml` has it:
///
/// ```toml
/// slos = [
///     { latency = { quantile = 0.95, at_most_s = 60 } },
///     { failed = { at_most = 0.01 } },
/// ]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Promise {
    /// A quantile of the latency of jobs that end well.
    Latency {
        /// Which, between 0 and 1.
        quantile: f64,
        /// What it is at most, seconds.
        at_most_s: f64,
    },
    /// Jobs that fail.
    Failed {
        /// The share of all that ended, 0 to 1.
        at_most: f64,
    },
}

/// Why nothing can be promised like that.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("expected {name} {range}, found {value}")]
pub struct PromiseError {
    name: &'static str,
    range: &'static str,
    value: f64,
}

/// What was promised of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The promise, such as `latency p95 <= 60.0 s`.
    pub promise: String,
    /// What was seen, as people read it.
    pub seen: String,
    /// Whether it is kept. None: the sample does not tell.
    pub is_kept: Option<bool>,
}

/// What came of the jobs of all runs of what there is now.
pub(super) struct Served<'a> {
    runs: Vec<Of>,
    /// The latencies of all of them that ended well.
    latency: &'a Distribution,
}

/// What came of the jobs of a run.
struct Of {
    /// Latencies of those that ended well, microseconds.
    times: Vec<u64>,
    /// How many failed, of all but those that were cancelled.
    failed: Cluster,
}

impl<'a> Served<'a> {
    /// The candidate's jobs in `runs`; `latency` is that of all that ended well.
    pub(super) fn of(runs: &[Runs], latency: &'a Distribution) -> Self {
        let of = |run: &Run| {
            let jobs = || run.measured();
            let well = jobs().filter(|job| job.outcome == Outcome::Ok);
            let n_failed = jobs().filter(|job| matches!(job.outcome, Outcome::Failed(_))).count();
            let n = jobs().filter(|job| job.outcome != Outcome::Cancelled).count();
            Of {
                times: well.map(Sample::latency_us).collect(),
                failed: Cluster { n_hits: n_failed as u64, n: n as u64 },
            }
        };
        Self { runs: runs.iter().map(|pair| of(&pair.candidate)).collect(), latency }
    }

    /// The latencies, worth as much about quantile `q` as their runs make them. None: of fewer than two runs
    /// nobody knows.
    fn latency(&self, q: f64) -> Option<Distribution> {
        let n = self.latency.n();
        if n == 0 {
            return Some(self.latency.clone());
        }
        let quantile = self.latency.ranks().at(rank(q, n));
        let beyond = |of: &Of| Cluster {
            n_hits: of.times.iter().filter(|&&us| us >= quantile).count() as u64,
            n: of.times.len() as u64,
        };
        let beyond: Vec<Cluster> = self.runs.iter().map(beyond).collect();
        Some(self.latency.worth_at_most(statistics::worth(&beyond)?))
    }

    fn failed(&self) -> Option<Share> {
        let runs: Vec<Cluster> = self.runs.iter().map(|of| of.failed).collect();
        let [n_hits, n] = runs.iter().fold([0, 0], |[hits, n], run| [hits + run.n_hits, n + run.n]);
        let ends = interval_of_share(n_hits, n, statistics::worth(&runs)?)?;
        Some(Share { n_hits, n, ends })
    }
}

/// A share of jobs, with its 95 % interval.
struct Share {
    n_hits: u64,
    n: u64,
    ends: [f64; 2],
}

impl Promise {
    /// Whether it can be kept at all.
    ///
    /// # Errors
    ///
    /// [`PromiseError`]: a number that is none of its kind.
    pub fn check(&self) -> Result<(), PromiseError> {
        const SHARE: &str = "above 0 and below 1";
        match *self {
            Self::Latency { quantile, .. } if !(quantile > 0.0 && quantile < 1.0) => {
                Err(PromiseError { name: "quantile", range: SHARE, value: quantile })
            }
            Self::Latency { at_most_s, .. } if !(1e-6..=1e9).contains(&at_most_s) => {
                let range = "of a microsecond at least and 1e9 at most";
                Err(PromiseError { name: "at_most_s", range, value: at_most_s })
            }
            Self::Failed { at_most } if !(0.0..1.0).contains(&at_most) => {
                let range = "from 0 to below 1";
                Err(PromiseError { name: "at_most", range, value: at_most })
            }
            Self::Latency { .. } | Self::Failed { .. } => Ok(()),
        }
    }

    /// What `served` says of it.
    pub(super) fn objective(&self, served: &Served<'_>) -> Objective {
        match *self {
            Self::Latency { quantile, at_most_s } => {
                let at_most_us = NonZeroU64::new((at_most_s * 1e6).round() as u64);
                let at_most_us = at_most_us.unwrap_or(NonZeroU64::MIN);
                let slo = Slo { quantile, at_most_us };
                let name = text::percentile(quantile);
                let latency = served.latency(quantile);
                Objective {
                    promise: format!("latency {name} <= {}", duration(at_most_us.get())),
                    seen: latency.as_ref().map_or_else(
                        || TOO_FEW.to_owned(),
                        |latency| text::estimate(latency, quantile),
                    ),
                    is_kept: match latency.map(|latency| slo.judge(&latency)) {
                        Some(Held::Yes) => Some(true),
                        Some(Held::No(_)) => Some(false),
                        Some(Held::Unsure(_)) | None => None,
                    },
                }
            }
            Self::Failed { at_most } => {
                let percent = |share: f64| format!("{:.1} %", share * 100.0);
                let promise = format!("failed jobs <= {}", percent(at_most));
                let Some(Share { n_hits, n, ends: [low, high] }) = served.failed() else {
                    return Objective { promise, seen: TOO_FEW.to_owned(), is_kept: None };
                };
                let share = percent(n_hits as f64 / n as f64);
                let (from, to) = (percent(low), percent(high));
                let n_runs = served.runs.len();
                let seen =
                    format!("{share} ({from} to {to}; {n_hits} of {n} jobs in {n_runs} runs)");
                let is_kept = match (high <= at_most, low > at_most) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    (false, false) => None,
                };
                Objective { promise, seen, is_kept }
            }
        }
    }
}

/// Of which nothing is known.
const TOO_FEW: &str = "nothing: fewer than two runs with jobs";

/// The table; nothing where nothing is promised.
pub(super) fn blocks(objectives: &[Objective]) -> Vec<Block> {
    if objectives.is_empty() {
        return Vec::new();
    }
    let rows = objectives.iter().map(|Objective { promise, seen, is_kept }| {
        let word = match is_kept {
            Some(true) => "kept",
            Some(false) => "BROKEN",
            None => "not known",
        };
        [promise.clone(), seen.clone(), word.to_owned()]
    });
    vec![
        Block::heading("Service level objectives"),
        Block::table(["objective", "seen", "reads"], rows),
        Block::text(
            "Of what there is now. Kept or broken is what the whole 95 % interval says, which is as wide as the runs \
             differ, for jobs of a run share its minute; of what happened in fewer than five runs each run counts as one \
             job. These advise: none of them fails a gate.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(promise: Promise, served: &Served<'_>, expected: (&str, &str, Option<bool>)) {
        let Objective { promise, seen, is_kept } = promise.objective(served);
        assert_eq!((promise.as_str(), seen.as_str(), is_kept), expected);
    }

    fn latency(quantile: f64, at_most_s: f64) -> Promise {
        Promise::Latency { quantile, at_most_s }
    }

    /// Runs with these latencies in seconds, and so many failures in each.
    fn check_runs(promise: Promise, runs: &[(&[u64], u64)], expected: (&str, &str, Option<bool>)) {
        let of = |&(seconds, n_hits): &(&[u64], u64)| Of {
            times: seconds.iter().map(|second| second * 1_000_000).collect(),
            failed: Cluster { n_hits, n: seconds.len() as u64 + n_hits },
        };
        let runs: Vec<Of> = runs.iter().map(of).collect();
        let latency: Distribution = runs.iter().flat_map(|of| of.times.iter().copied()).collect();
        check(promise, &Served { runs, latency: &latency }, expected);
    }

    /// 1 to 100 seconds, dealt to four runs so that each has all kinds.
    fn alike() -> Vec<Vec<u64>> {
        (1..=4).map(|run| (run..=100).step_by(4).collect()).collect()
    }

    /// The same seconds, each run slower than the one before.
    fn apart() -> Vec<Vec<u64>> {
        (0..4).map(|run| (run * 25 + 1..=run * 25 + 25).collect()).collect()
    }

    #[track_caller]
    fn check_latency(
        runs: &[Vec<u64>],
        quantile: f64,
        at_most_s: f64,
        expected: (&str, &str, Option<bool>),
    ) {
        let runs: Vec<(&[u64], u64)> = runs.iter().map(|run| (run.as_slice(), 0)).collect();
        check_runs(latency(quantile, at_most_s), &runs, expected);
    }

    #[test]
    fn a_latency_is_kept_where_the_whole_interval_is() {
        let seen = "50.0 s (34.0 s to 69.0 s)";
        check_latency(&alike(), 0.5, 70.0, ("latency p50 <= 70.0 s", seen, Some(true)));
        check_latency(&alike(), 0.5, 55.0, ("latency p50 <= 55.0 s", seen, None));
        check_latency(&alike(), 0.5, 33.0, ("latency p50 <= 33.0 s", seen, Some(false)));
    }

    #[test]
    fn jobs_of_runs_that_differ_say_little_however_many_they_are() {
        // By its jobs alone it would be kept; two runs of four are wholly beyond the median.
        let seen = "50.0 s seen, unknown (n = 100, worth 4; needs 6)";
        check_latency(&apart(), 0.5, 62.0, ("latency p50 <= 62.0 s", seen, None));
        let one = &apart()[..1];
        check_latency(one, 0.5, 62.0, ("latency p50 <= 62.0 s", TOO_FEW, None));
    }

    #[test]
    fn a_percentile_that_is_not_carried_can_be_broken_and_not_kept() {
        let seen = "> 75.0 s (n = 100, worth 4; needs 368)";
        check_latency(&alike(), 0.99, 1e6, ("latency p99 <= 16666 min 40 s", seen, None));
        check_latency(&alike(), 0.99, 70.0, ("latency p99 <= 70.0 s", seen, Some(false)));
        let seen = "unknown (n = 0; needs 6)";
        check_latency(&[Vec::new(), Vec::new()], 0.5, 1.0, ("latency p50 <= 1.00 s", seen, None));
    }

    #[test]
    fn failures_are_kept_where_the_interval_of_runs_is() {
        let of = |n_failed: u64, n: usize| (vec![1; n - n_failed as usize], n_failed);
        let promise = Promise::Failed { at_most: 0.01 };
        let check = |runs: &[(u64, usize)], seen: &str, is_kept: Option<bool>| {
            let runs: Vec<(Vec<u64>, u64)> = runs.iter().map(|&(hits, n)| of(hits, n)).collect();
            let runs: Vec<(&[u64], u64)> =
                runs.iter().map(|(times, hits)| (times.as_slice(), *hits)).collect();
            check_runs(promise, &runs, ("failed jobs <= 1.0 %", seen, is_kept));
        };
        // scipy.stats.binomtest(k, n).proportion_ci(method="exact"); where none fails, of runs.
        check(&[(0, 50), (0, 50)], "0.0 % (0.0 % to 84.2 %; 0 of 100 jobs in 2 runs)", None);
        check(&[(0, 1); 367], "0.0 % (0.0 % to 1.0 %; 0 of 367 jobs in 367 runs)", None);
        check(&[(0, 1); 368], "0.0 % (0.0 % to 1.0 %; 0 of 368 jobs in 368 runs)", Some(true));
        check(&[(5, 25); 12], "20.0 % (14.8 % to 25.7 %; 60 of 300 jobs in 12 runs)", Some(false));
        // All of one run: the next one may be like it, or like the others.
        check(
            &[(20, 25), (0, 25), (0, 25), (0, 25)],
            "20.0 % (0.0 % to 80.6 %; 20 of 100 jobs in 4 runs)",
            None,
        );
        check(&[(9, 9)], TOO_FEW, None);
        check(&[(0, 0), (0, 0)], TOO_FEW, None);
    }

    #[test]
    fn what_is_no_promise_is_named() {
        for (promise, expected) in [
            (latency(1.0, 1.0), "expected quantile above 0 and below 1, found 1"),
            (latency(95.0, 1.0), "expected quantile above 0 and below 1, found 95"),
            (latency(f64::NAN, 1.0), "expected quantile above 0 and below 1, found NaN"),
            (latency(0.5, 0.0), "of a microsecond at least and 1e9 at most, found 0"),
            (latency(0.5, f64::INFINITY), "1e9 at most, found inf"),
            (Promise::Failed { at_most: 1.0 }, "expected at_most from 0 to below 1, found 1"),
            (Promise::Failed { at_most: -0.1 }, "from 0 to below 1, found -0.1"),
        ] {
            let error = promise.check().expect_err("refused").to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        assert_eq!(latency(0.95, 60.0).check(), Ok(()));
        assert_eq!(Promise::Failed { at_most: 0.0 }.check(), Ok(()));
    }

    #[test]
    fn a_document_says_one_thing_and_nothing_unknown() {
        let read = |text: &str| serde_json::from_str::<Promise>(text);
        let found = read(r#"{ "latency": { "quantile": 0.95, "at_most_s": 60 } }"#);
        assert_eq!(found.expect("a promise"), latency(0.95, 60.0));
        let found = read(r#"{ "failed": { "at_most": 0.01 } }"#);
        assert_eq!(found.expect("a promise"), Promise::Failed { at_most: 0.01 });
        for (text, reason) in [
            (r#"{ "latency": { "quantile": 0.95 } }"#, "missing field `at_most_s`"),
            (
                r#"{ "latency": { "quantile": 0.95, "at_most_s": 6, "unit": 1 } }"#,
                "unknown field `unit`",
            ),
            (r#"{ "throughput": { "at_least": 5 } }"#, "unknown variant `throughput`"),
        ] {
            let error = read(text).expect_err("refused").to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
