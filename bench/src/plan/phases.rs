//! Which jobs count.

use serde::{Deserialize, Serialize};

use super::{Load, Plan, Until};

/// What a job is for. It is settled by when the job is due, never by how long it takes: leaving out the
/// jobs that happen to be slow at the end would make the rest look quick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It warms caches, models and connections.
    WarmUp,
    /// It counts.
    #[default]
    Measured,
    /// It keeps the load up while the measured jobs end.
    CoolDown,
}

impl Phase {
    /// Whether it counts; what is not written down does.
    pub fn is_measured(&self) -> bool {
        *self == Self::Measured
    }
}

/// Gives jobs their phase, in the order in which they are due.
#[derive(Clone, Debug)]
pub(crate) struct Phases {
    parts: [(Phase, Extent); 3],
    part: usize,
    n_taken: u32,
    began_us: u64,
}

#[derive(Clone, Copy, Debug)]
enum Extent {
    Nothing,
    Until(Until),
    Everything,
}

impl Phases {
    pub fn of(plan: &Plan) -> Self {
        let optional = |until: Option<Until>| until.map_or(Extent::Nothing, Extent::Until);
        let measured = match plan.load {
            Load::Closed { until, .. } => Extent::Until(until),
            Load::Open { until, .. } => until.map_or(Extent::Everything, Extent::Until),
        };
        let parts = [
            (Phase::WarmUp, optional(plan.warm_up)),
            (Phase::Measured, measured),
            (Phase::CoolDown, optional(plan.cool_down)),
        ];
        Self { parts, part: 0, n_taken: 0, began_us: 0 }
    }

    /// The phase of the next job, due at `at_us`. None: the plan has no further job.
    pub fn take(&mut self, at_us: u64) -> Option<Phase> {
        loop {
            let &(phase, extent) = self.parts.get(self.part)?;
            let next_began_us = match extent {
                Extent::Everything => return Some(phase),
                Extent::Until(Until::Jobs(jobs)) if self.n_taken < jobs.get() => {
                    self.n_taken += 1;
                    return Some(phase);
                }
                Extent::Until(Until::DurationUs(us)) if at_us < self.began_us + us.get() => {
                    return Some(phase);
                }
                Extent::Nothing => self.began_us,
                Extent::Until(Until::Jobs(_)) => at_us,
                Extent::Until(Until::DurationUs(us)) => self.began_us + us.get(),
            };
            (self.part, self.n_taken, self.began_us) = (self.part + 1, 0, next_began_us);
        }
    }
}
