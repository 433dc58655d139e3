//! What is promised of a service, and whether it keeps it.
//!
//! An objective is kept or broken where the whole interval says so; it advises, for one figure decides.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::comparison::interval_of_share;
use crate::page::Block;
use crate::text::{self, duration};
use crate::{Distribution, Held, Outcome, Runs, Slo};

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
    latency: &'a Distribution,
    n_failed: u64,
    /// All jobs but those that were cancelled.
    n: u64,
}

impl<'a> Served<'a> {
    /// The candidate's jobs in `runs`; `latency` is that of all that ended well.
    pub(super) fn of(runs: &[Runs], latency: &'a Distribution) -> Self {
        let jobs = || runs.iter().flat_map(|pair| pair.candidate.measured());
        Self {
            latency,
            n_failed: jobs().filter(|job| matches!(job.outcome, Outcome::Failed(_))).count() as u64,
            n: jobs().filter(|job| job.outcome != Outcome::Cancelled).count() as u64,
        }
    }
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
                Objective {
                    promise: format!("latency {name} <= {}", duration(at_most_us.get())),
                    seen: text::estimate(served.latency, quantile),
                    is_kept: match slo.judge(served.latency) {
                        Held::Yes => Some(true),
                        Held::No(_) => Some(false),
                        Held::Unsure(_) => None,
                    },
                }
            }
            Self::Failed { at_most } => {
                let Served { n_failed, n, .. } = *served;
                let percent = |share: f64| format!("{:.1} %", share * 100.0);
                let ends = interval_of_share(n_failed, n);
                let seen = ends.map_or_else(
                    || "no job ended".to_owned(),
                    |[low, high]| {
                        let share = percent(n_failed as f64 / n as f64);
                        let (low, high) = (percent(low), percent(high));
                        format!("{share} ({low} to {high}; {n_failed} of {n} jobs)")
                    },
                );
                let is_kept = ends.and_then(|[low, high]| match (high <= at_most, low > at_most) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    (false, false) => None,
                });
                Objective { promise: format!("failed jobs <= {}", percent(at_most)), seen, is_kept }
            }
        }
    }
}

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
            "Of what there is now. Kept or broken is what the whole 95 % interval says. These advise: none of them \
             fails a gate.",
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

    #[test]
    fn a_latency_is_kept_where_the_whole_interval_is() {
        // 95.0 s (90.0 s to 100 s)
        let times: Distribution = (1..=100).map(|second| second * 1_000_000).collect();
        let served = Served { latency: &times, n_failed: 0, n: 100 };
        let seen = "95.0 s (90.0 s to 100 s)";
        check(latency(0.95, 101.0), &served, ("latency p95 <= 101 s", seen, Some(true)));
        check(latency(0.95, 99.0), &served, ("latency p95 <= 99.0 s", seen, None));
        check(latency(0.95, 91.0), &served, ("latency p95 <= 91.0 s", seen, None));
        check(latency(0.95, 89.0), &served, ("latency p95 <= 89.0 s", seen, Some(false)));
    }

    #[test]
    fn a_percentile_that_is_not_carried_can_be_broken_and_not_kept() {
        let times: Distribution = (1..=100).map(|second| second * 1_000_000).collect();
        let served = Served { latency: &times, n_failed: 0, n: 100 };
        let seen = "> 97.1 s (n = 100; needs 368)";
        check(latency(0.99, 1e6), &served, ("latency p99 <= 16666 min 40 s", seen, None));
        check(latency(0.99, 90.0), &served, ("latency p99 <= 90.0 s", seen, Some(false)));
        let none = Distribution::default();
        let served = Served { latency: &none, n_failed: 0, n: 0 };
        let seen = "unknown (n = 0; needs 6)";
        check(latency(0.5, 1.0), &served, ("latency p50 <= 1.00 s", seen, None));
    }

    #[test]
    fn failures_are_kept_where_the_exact_interval_is() {
        let times = Distribution::default();
        let of = |n_failed, n| Served { latency: &times, n_failed, n };
        let promise = Promise::Failed { at_most: 0.01 };
        let name = "failed jobs <= 1.0 %";
        // scipy.stats.binomtest(k, n).proportion_ci(method="exact")
        check(promise, &of(0, 100), (name, "0.0 % (0.0 % to 3.6 %; 0 of 100 jobs)", None));
        check(promise, &of(0, 368), (name, "0.0 % (0.0 % to 1.0 %; 0 of 368 jobs)", Some(true)));
        check(promise, &of(0, 367), (name, "0.0 % (0.0 % to 1.0 %; 0 of 367 jobs)", None));
        check(promise, &of(5, 100), (name, "5.0 % (1.6 % to 11.3 %; 5 of 100 jobs)", Some(false)));
        check(promise, &of(9, 9), (name, "100.0 % (66.4 % to 100.0 %; 9 of 9 jobs)", Some(false)));
        check(promise, &of(0, 0), (name, "no job ended", None));
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
