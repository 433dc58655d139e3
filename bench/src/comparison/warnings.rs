//! What the reader must know before the numbers.

use std::fmt;

use serde::Serialize;

use super::Difference;
use crate::{Ending, Run, Summary};

/// Which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Something that speaks against a figure without making it worthless.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    /// What was measured is not the same thing.
    Unlike {
        /// What is not the same: `scenario`, `plan`, `machine`, `weights`, `providers`.
        what: Vec<String>,
    },
    /// A run ended before its plan.
    CutShort {
        /// Which.
        side: Side,
    },
    /// Times are of jobs that ended well, and not all did.
    FailedJobs {
        /// Which run.
        side: Side,
        /// So many did not.
        n_failed: u64,
    },
    /// A job is slow because those before it were: fewer independent ones say as much.
    Dependent {
        /// Which run.
        side: Side,
        /// Jobs there are.
        n: u64,
        /// Independent jobs that would say as much.
        worth: u64,
    },
    /// The machine had other work.
    Busy {
        /// Which run.
        side: Side,
        /// Its load average when it began.
        load: f64,
        /// Its cores.
        cores: u64,
    },
    /// Runs made one after the other.
    NotInterleaved,
}

type Arm<'a> = (&'a Run, &'a Summary);

/// All that there is to say, what weighs most first.
pub(super) fn warnings(
    before: Arm<'_>,
    after: Arm<'_>,
    differences: &[Difference],
) -> Vec<Warning> {
    let mut what: Vec<String> =
        differences.iter().filter_map(|difference| difference.breaks.clone()).collect();
    what.dedup();
    let mut warnings = Vec::new();
    if !what.is_empty() {
        warnings.push(Warning::Unlike { what });
    }
    let about = |of: fn(Side, Arm<'_>) -> Option<Warning>| {
        [of(Side::Before, before), of(Side::After, after)].into_iter().flatten()
    };
    warnings.extend(about(cut_short));
    warnings.extend(about(failed_jobs));
    warnings.extend(about(dependent));
    warnings.extend(about(busy));
    warnings.push(Warning::NotInterleaved);
    warnings
}

fn cut_short(side: Side, (run, _): Arm<'_>) -> Option<Warning> {
    (run.ending == Ending::CutShort).then_some(Warning::CutShort { side })
}

fn failed_jobs(side: Side, (_, summary): Arm<'_>) -> Option<Warning> {
    let n_failed = summary.n_failed();
    (n_failed > 0).then_some(Warning::FailedJobs { side, n_failed })
}

fn dependent(side: Side, (_, summary): Arm<'_>) -> Option<Warning> {
    let (n, worth) = (summary.n_ok, summary.latency.worth());
    (worth < n).then_some(Warning::Dependent { side, n, worth })
}

fn busy(side: Side, (run, _): Arm<'_>) -> Option<Warning> {
    let load = run.environment.get("load before")?;
    let load: f64 = load.as_str().map_or_else(|| load.as_f64(), |text| text.parse().ok())?;
    let cores = run.environment.get("cores")?.as_u64()?;
    (load > 0.5 * cores as f64).then_some(Warning::Busy { side, load, cores })
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlike { what } => write!(
                f,
                "**Not like for like**: {} differ{}, so a difference of the figures need not come from \
                 what was changed",
                what.join(", "),
                if what.len() == 1 { "s" } else { "" }
            ),
            Self::CutShort { side } => write!(
                f,
                "**Cut short** ({}): somebody stopped the run; the jobs that had ended are the quicker \
                 ones",
                side.as_str()
            ),
            Self::FailedJobs { side, n_failed } => write!(
                f,
                "**Failed jobs** ({}): {n_failed}; times are those of the jobs that ended well",
                side.as_str()
            ),
            Self::Dependent { side, n, worth } => write!(
                f,
                "**Jobs depend on each other** ({}): a job waits for those before it, so {n} latencies \
                 say about as much as {worth} independent ones; the intervals are as wide as those of {worth}",
                side.as_str()
            ),
            Self::Busy { side, load, cores } => write!(
                f,
                "**The machine was busy** ({}): load {load:.2} on {cores} cores when the run began",
                side.as_str()
            ),
            Self::NotInterleaved => f.write_str(
                "**Two runs, not interleaved**: whatever drifted from one to the other (heat, caches, \
                 neighbours) is in the ratio too, and no interval knows of it. Several pairs in turn, \
                 `before-after`, are the stronger tool",
            ),
        }
    }
}
