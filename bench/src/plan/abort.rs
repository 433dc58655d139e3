//! What ends a run early: a target that fails all the same costs time and money.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use super::PlanError;
use crate::text::duration;
use crate::{Outcome, Sample};

/// More than a share of the last jobs were bad: they failed or, where a time is given, took longer.
///
/// This guards a run and says nothing of the target that a statistician would sign: it is looked at after
/// every job, so by chance alone it comes sooner or later where the true share is near the limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// The largest share of bad jobs, between 0 and 1. With `slower_than_us` and 0.05 it holds the 95th
    /// percentile of the last jobs.
    pub max_share: f64,
    /// Of so many jobs that ended last; before there are so many, nothing is judged.
    pub of_last: NonZeroU32,
    /// A latency beyond this is bad too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower_than_us: Option<NonZeroU64>,
}

impl Abort {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let is_share = self.max_share > 0.0 && self.max_share < 1.0;
        if is_share { Ok(()) } else { Err(PlanError::Share(self.max_share.to_string())) }
    }

    fn is_bad(&self, sample: &Sample) -> bool {
        let is_slow = self.slower_than_us.is_some_and(|limit| sample.latency_us() > limit.get());
        is_slow || matches!(sample.outcome, Outcome::Failed(_))
    }
}

impl std::fmt::Display for Abort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { max_share, of_last, .. } = self;
        write!(f, "more than {} % of the last {of_last} jobs failed", percent(*max_share))?;
        match self.slower_than_us {
            Some(limit) => write!(f, " or took longer than {}", duration(limit.get())),
            None => Ok(()),
        }
    }
}

/// Without digits that say nothing.
fn percent(share: f64) -> String {
    format!("{}", (share * 1e4).round() / 100.0)
}

/// The jobs that ended last, as one [`Abort`] sees them.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    abort: Abort,
    bad: VecDeque<bool>,
    n_bad: u32,
}

impl Window {
    pub fn new(abort: Abort) -> Self {
        Self { abort, bad: VecDeque::new(), n_bad: 0 }
    }

    /// Takes one more job; the reason when it is one too many.
    pub fn add(&mut self, sample: &Sample) -> Option<String> {
        if !sample.phase.is_measured() || sample.outcome == Outcome::Cancelled {
            return None;
        }
        let is_bad = self.abort.is_bad(sample);
        self.bad.push_back(is_bad);
        self.n_bad += u32::from(is_bad);
        let n = self.abort.of_last.get();
        if self.bad.len() > n as usize {
            self.n_bad -= u32::from(self.bad.pop_front().unwrap_or(false));
        }
        let is_full = self.bad.len() == n as usize;
        let is_too_many = f64::from(self.n_bad) > self.abort.max_share * f64::from(n);
        (is_full && is_too_many).then(|| format!("{} ({} of {n})", self.abort, self.n_bad))
    }
}
