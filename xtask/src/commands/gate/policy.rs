//! What `reports/policy.toml` says: limits, looks, seeds, and how long a run is.

use std::num::NonZeroU32;
use std::path::Path;

use anyhow::Context as _;
use bench::gate::{Metric, Role, Rule};
use bench::report::gate::Promise;
use bench::{Plan, Until};
use serde::Deserialize;

use crate::exit::Failure;
use crate::paths::Paths;

/// The policy of this checkout.
pub const POLICY: &str = "reports/policy.toml";

/// How a gate is run and judged. What a file leaves out has its default; what is not known is refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Limits and looks.
    pub gate: Rule,
    /// One run.
    pub run: RunPolicy,
    /// What is promised of what there is now: told on the page, and nothing is decided by it.
    pub slos: Vec<Promise>,
}

/// How each run is made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunPolicy {
    /// What is asked for: a scenario of the fixtures, or a file.
    pub scenario: String,
    /// Jobs in flight.
    pub concurrency: u32,
    /// Jobs of each run.
    pub jobs: u32,
    /// Jobs of each run before those, which are not measured.
    pub warm_up: u32,
    /// The figure that decides.
    pub primary: String,
    /// Counters that decide nothing here.
    pub uncounted: Vec<String>,
    /// Whether each pair has a third run, of what there was before, to see whether the machine is fit.
    pub null: bool,
    /// The order of the runs begins here, and the drawing of pairs for intervals of pooled percentiles.
    pub seed: u64,
}

impl Default for RunPolicy {
    fn default() -> Self {
        Self {
            scenario: "short".to_owned(),
            concurrency: 4,
            jobs: 24,
            warm_up: 4,
            primary: bench::PRIMARY.to_owned(),
            uncounted: Vec::new(),
            null: true,
            seed: 1,
        }
    }
}

impl RunPolicy {
    /// When each job of a run is due.
    pub fn plan(&self) -> Plan {
        let some = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let warm_up = NonZeroU32::new(self.warm_up).map(Until::Jobs);
        Plan { warm_up, ..Plan::closed(some(self.concurrency), some(self.jobs)) }
    }

    /// # Errors
    ///
    /// A run that cannot be: usage.
    pub fn check(&self) -> Result<(), Failure> {
        let Self { concurrency, jobs, .. } = self;
        if (1..=64).contains(concurrency) && jobs >= concurrency {
            return Ok(());
        }
        let message = format!(
            "run: expected 1 to 64 jobs in flight, and as many jobs at least, found {concurrency} and {jobs}"
        );
        Err(Failure::usage(message))
    }

    /// Those of `metrics` that are judged.
    pub fn judged(&self, mut metrics: Vec<Metric>) -> Vec<Metric> {
        metrics.retain(|it| it.role != Role::Counter || !self.uncounted.contains(&it.name));
        metrics
    }
}

impl Policy {
    /// Reads the file, or that of the checkout. Without either the defaults hold.
    ///
    /// # Errors
    ///
    /// A file that is named and not there, or that says something else than a policy.
    pub fn read(given: Option<&Path>, paths: &Paths) -> anyhow::Result<Self> {
        let own = paths.root.join(POLICY);
        let path = match given {
            Some(path) => path,
            None if own.is_file() => &own,
            None => return Ok(Self::default()),
        };
        let text = fs_err::read_to_string(path)?;
        Self::parse(&text).with_context(|| format!("{}", paths.shown(path).display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let policy: Self =
            toml::from_str(text).map_err(|error| Failure::usage(error.to_string()))?;
        policy.gate.check().map_err(|error| Failure::usage(error.to_string()))?;
        for promise in &policy.slos {
            promise.check().map_err(|error| Failure::usage(format!("slos: {error}")))?;
        }
        policy.run.check()?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, reason: &str) {
        let error = format!("{:#}", Policy::parse(text).expect_err("refused"));
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_wrong_is_named() {
        assert_eq!(Policy::parse("").expect("defaults"), Policy::default());
        let set =
            Policy::parse("[run]\njobs = 9\n[gate]\nleast_effect = 0.01\n").expect("a policy");
        assert_eq!((set.run.jobs, set.gate.least_effect), (9, 0.01));
        check_refused(
            "[gate]\ntolerance = 0.01\n",
            "least_effect < tolerance, found 0.02 and 0.01",
        );
        check_refused("[run]\njobs = 3\n", "found 4 and 3");
        check_refused("[run]\nspeed = 3\n", "unknown field `speed`");
        check_refused("gate = 1", "invalid type");
    }

    #[test]
    fn a_run_warms_up_before_it_is_measured() {
        let n_jobs = |warm_up| {
            let plan = RunPolicy { warm_up, ..RunPolicy::default() }.plan();
            (plan.n_measured(), plan.n_jobs())
        };
        assert_eq!(n_jobs(4), (Some(24), Some(28)));
        assert_eq!(n_jobs(0), (Some(24), Some(24)));
    }

    #[test]
    fn a_counter_that_is_named_is_not_judged_and_a_figure_is() {
        let run = RunPolicy {
            uncounted: vec!["bytes from files".to_owned(), "latency p95".to_owned()],
            ..RunPolicy::default()
        };
        let metric = |name: &str, role| Metric {
            name: name.to_owned(),
            unit: String::new(),
            better: bench::Better::Lower,
            role,
        };
        let metrics = vec![
            metric("latency p50", Role::Primary),
            metric("latency p95", Role::Advisory),
            metric("bytes from files", Role::Counter),
            metric("encodes", Role::Counter),
        ];
        let judged = run.judged(metrics);
        let names: Vec<&str> = judged.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["latency p50", "latency p95", "encodes"]);
    }

    #[test]
    fn promises_are_read_and_what_cannot_be_promised_is_named() {
        let text = "slos = [{ latency = { quantile = 0.95, at_most_s = 60 } }, { failed = { at_most = 0.01 } }]";
        let expected = vec![
            Promise::Latency { quantile: 0.95, at_most_s: 60.0 },
            Promise::Failed { at_most: 0.01 },
        ];
        assert_eq!(Policy::parse(text).expect("a policy").slos, expected);
        let table = "[[slos]]\nlatency = { quantile = 0.95, at_most_s = 60.0 }\n[[slos]]\nfailed.at_most = 0.01\n";
        assert_eq!(Policy::parse(table).expect("a policy").slos, expected);
        check_refused(
            "slos = [{ failed = { at_most = 2 } }]",
            "slos: expected at_most from 0 to below 1",
        );
        check_refused("slos = [{ failed = { most = 2 } }]", "at_most");
        check_refused("slos = [{ rate = { at_least = 2 } }]", "unknown variant `rate`");
    }

    #[test]
    fn the_policy_of_this_checkout_says_the_defaults() {
        let paths = Paths::from_env().expect("a checkout");
        let text = fs_err::read_to_string(paths.root.join(POLICY)).expect("the policy");
        assert_eq!(Policy::parse(&text).expect("a policy"), Policy::default());
        // Each of its settings stands there with the reason.
        for name in [
            "least_effect",
            "tolerance",
            "looks",
            "advice",
            "calibration",
            "primary",
            "null",
            "slos",
        ] {
            assert!(text.contains(name), "{name} is not explained");
        }
    }
}
