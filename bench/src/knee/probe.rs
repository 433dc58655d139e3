//! What a run at one rate shows.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::comparison::interval_of_share;
use crate::text::{duration, percentile};
use crate::validity::{Confidence, growth};
use crate::{
    Distribution, Doubt, Ending, Estimate, Outcome, Rate, Run, Sample, Summary, dependence,
};

/// What surely does not pile up, as a share of the jobs that come, in a service that keeps up.
const KEPT_UP: f64 = 0.04;
/// What surely piles up in one that does not.
const PILES_UP: f64 = 0.01;

/// A latency that is promised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Of which quantile, between 0 and 1.
    pub quantile: f64,
    /// What it is at most.
    pub at_most_us: NonZeroU64,
}

/// Whether a rate is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It surely is.
    Yes,
    /// It surely is not.
    No(String),
    /// The probe cannot tell.
    Unsure(String),
}

impl Held {
    /// Whether it was shown to be held.
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// The worse of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No(reason), _) | (_, Self::No(reason)) => Self::No(reason),
            (Self::Unsure(reason), _) | (_, Self::Unsure(reason)) => Self::Unsure(reason),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// A rate, and what is asked of a target at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe<'a> {
    /// Jobs a second.
    pub rate: Rate,
    /// What is promised.
    pub slos: &'a [Slo],
    /// The share of the jobs that may fail.
    pub max_failed: f64,
}

/// What a target made of a rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// Jobs a second that came.
    pub rate: Rate,
    /// Jobs a second that it did while they came.
    pub done_per_s: f64,
    /// Whether it surely kept up: jobs did not pile up. It may have broken an SLO all the same.
    pub keeps_up: bool,
    /// Whether it held.
    pub held: Held,
}

impl Probe<'_> {
    /// What `run`, an open loop at this rate, shows.
    pub fn judge(&self, run: &Run) -> Probed {
        let kept_up = kept_up(run);
        let keeps_up = kept_up.is_yes();
        let summary = Summary::of(&run.samples);
        let mut held = believed(run, &summary).and(kept_up).and(self.failed(run));
        for slo in self.slos {
            held = held.and(slo.judge(&summary.latency));
        }
        Probed { rate: self.rate, done_per_s: done_per_s(run), keeps_up, held }
    }

    fn failed(&self, run: &Run) -> Held {
        let n_failed =
            run.measured().filter(|job| matches!(job.outcome, Outcome::Failed(_))).count();
        let n = run.measured().filter(|job| job.outcome != Outcome::Cancelled).count();
        let said = || format!("{n_failed} of {n} jobs failed");
        // None may fail: that is of these jobs, for no number of them shows it of all.
        if self.max_failed <= 0.0 {
            return if n_failed == 0 { Held::Yes } else { Held::No(said()) };
        }
        // Jobs that fail do so together: as many are they worth as the failures in the order of sending.
        let mut jobs: Vec<&Sample> =
            run.measured().filter(|job| job.outcome != Outcome::Cancelled).collect();
        jobs.sort_by_key(|job| (job.sent_us, job.job));
        let is_failed = |job: &&Sample| u64::from(matches!(job.outcome, Outcome::Failed(_)));
        let worth = dependence::worth(&jobs.iter().map(is_failed).collect::<Vec<_>>());
        let Some([low, high]) = interval_of_share(n_failed as u64, n as u64, worth) else {
            return Held::Unsure("no job ended".to_owned());
        };
        if high <= self.max_failed {
            Held::Yes
        } else if low > self.max_failed {
            Held::No(said())
        } else {
            let [low, high] = [low, high].map(|share| share * 100.0);
            Held::Unsure(format!("{}: {low:.1} to {high:.1} %", said()))
        }
    }
}

impl Slo {
    /// What is promised: `p95 <= 30.0 s`.
    pub fn promise(&self) -> String {
        format!("{} <= {}", percentile(self.quantile), duration(self.at_most_us.get()))
    }

    /// Whether `latency` keeps it: surely where the whole interval of the quantile does.
    pub(crate) fn judge(&self, latency: &Distribution) -> Held {
        let name = percentile(self.quantile);
        let limit = self.at_most_us.get();
        let above = |low: u64| {
            let (low, limit) = (duration(low), duration(limit));
            Held::No(format!("{name} is above {low}, {limit} are allowed"))
        };
        match latency.quantile(self.quantile) {
            Estimate::Carried { high, .. } if high <= limit => Held::Yes,
            Estimate::Carried { low, .. } | Estimate::Bounded { low: Some(low), .. }
                if low > limit =>
            {
                above(low)
            }
            Estimate::Carried { low, high, .. } => Held::Unsure(format!(
                "{name} is between {} and {}, {} are allowed",
                duration(low),
                duration(high),
                duration(limit)
            )),
            Estimate::Bounded { needs, .. } => Held::Unsure(format!(
                "{name} takes {needs} jobs at least, the probe has {} that are worth {}",
                latency.n(),
                latency.worth()
            )),
        }
    }
}

/// A probe whose driver or clocks are at fault shows nothing.
fn believed(run: &Run, summary: &Summary) -> Held {
    match &run.ending {
        Ending::Overwhelmed { max_in_flight } => {
            return Held::No(format!("more than {max_in_flight} jobs were in flight"));
        }
        Ending::Aborted(reason) => return Held::No(reason.clone()),
        Ending::TargetDied(reason) => return Held::No(format!("the target died: {reason}")),
        Ending::Complete | Ending::CutShort | Ending::Unfinished => {}
    }
    // That it piles up, drifts or is uneven says something of the service, and is looked at on its own.
    let is_of_the_probe = |doubt: &Doubt| match doubt {
        Doubt::Unfinished
        | Doubt::Missing { .. }
        | Doubt::Disorder { .. }
        | Doubt::Closure { .. }
        | Doubt::Late(_) => true,
        Doubt::TargetDied(_)
        | Doubt::Overwhelmed { .. }
        | Doubt::Little(_)
        | Doubt::Saturated(_)
        | Doubt::Drifting(_)
        | Doubt::Uneven { .. } => false,
    };
    let doubts = Doubt::of(run, summary);
    let doubt = doubts.iter().find(|doubt| is_of_the_probe(doubt));
    doubt.map_or(Held::Yes, |doubt| Held::Unsure(doubt.to_string()))
}

fn kept_up(run: &Run) -> Held {
    let Some(growth) = growth(&run.samples, Confidence::Usual) else {
        return Held::Unsure("too few jobs to see whether they pile up".to_owned());
    };
    let percent = |share: f64| (share * 100.0).round();
    if growth.low > PILES_UP {
        Held::No(format!("{} % of the jobs pile up", percent(growth.value)))
    } else if growth.high < KEPT_UP {
        Held::Yes
    } else {
        let (low, high) = (percent(growth.low), percent(growth.high));
        Held::Unsure(format!("{low} to {high} % of the jobs pile up"))
    }
}

/// Jobs a second that ended while others came, without the time in which the service filled: half of the
/// time is enough to be past it.
fn done_per_s(run: &Run) -> f64 {
    let first = run.measured().map(|sample| sample.planned_us).min().unwrap_or(0);
    let last = run.measured().map(|sample| sample.planned_us).max().unwrap_or(0);
    let middle = first.midpoint(last);
    let n_done = run
        .samples
        .iter()
        .filter(|sample| sample.outcome != Outcome::Cancelled)
        .filter(|sample| (middle..last).contains(&sample.finished_us))
        .count();
    n_done as f64 * 1e6 / (last - middle).max(1) as f64
}
