//! When each job is due.
//!
//! The shape of a load is data, so one driver does every shape and a run file says exactly what was done.
//! An open loop has its whole schedule before the first job is sent: it depends on the plan and its seed
//! alone, never on how quick the target is. It is not rescaled to end at `jobs / rate` either, as vLLM's
//! `bench serve` does: counts of a rescaled Poisson process are not Poisson any more.

mod abort;
mod arrivals;
mod error;
mod phases;
mod random;
mod words;

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

pub use self::abort::Abort;
pub(crate) use self::abort::Window;
pub use self::arrivals::{Arrivals, Rate};
pub use self::error::PlanError;
pub use self::phases::Phase;
pub(crate) use self::phases::Phases;
pub(crate) use self::random::Random;

/// Jobs of a schedule at most: a mistyped rate must not eat the memory.
const MOST_JOBS: u32 = 1_000_000;

/// What [`Random`] is used for; each use has numbers of its own.
pub(crate) const ARRIVALS: u64 = 1;
/// Which scenario a job is of.
pub(crate) const MIX: u64 = 2;
/// How long a user thinks.
const THINK: u64 = 3;

/// When each job is due, and what ends the run early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What makes a job due.
    pub load: Load,
    /// Of everything that is drawn: arrivals, think times, which scenario a job is of.
    #[serde(default)]
    pub seed: u64,
    /// Jobs of the same shapes that come first, are marked and say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Until>,
    /// Jobs that come last, are marked and say nothing: the measured ones end under full load. None is
    /// sent once the last measured job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<Until>,
    /// A job that has not ended this long after it was sent is cancelled and has failed with `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_us: Option<NonZeroU64>,
    /// What ends the run early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abort: Vec<Abort>,
    /// Jobs in all, at most: each may cost money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs: Option<NonZeroU32>,
}

/// What makes a job due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Load {
    /// Each of `workers` starts its next job when its last one ended. The rate is whatever the target
    /// can do, and a slow target is asked less: closed-loop latencies are those of a fixed number of
    /// patient users.
    Closed {
        /// Jobs in flight at most.
        workers: NonZeroU32,
        /// How many are measured, or for how long.
        until: Until,
        /// What passes between the end of a worker's job and its next one.
        #[serde(default, skip_serializing_if = "Think::is_none")]
        think: Think,
    },
    /// Jobs come when they come, however many are in flight.
    Open {
        /// When they come.
        arrivals: Arrivals,
        /// How many are measured, or for how long. None: all of a trace.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Until>,
        /// Jobs in flight at most; one more ends the run, which is then no measurement.
        max_in_flight: NonZeroU32,
    },
}

/// How far a part of a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// So many jobs.
    Jobs(NonZeroU32),
    /// Jobs that are due within this time.
    DurationUs(NonZeroU64),
}

/// What passes between two jobs of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Think {
    /// Nothing.
    #[default]
    None,
    /// Always the same time.
    ConstantUs(NonZeroU64),
    /// Exponential times of this mean, as people's are modelled (TPC-C, clause 5.2.5.4).
    ExponentialUs(NonZeroU64),
}

/// A job of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When it is due, microseconds since the run began.
    pub planned_us: u64,
    /// What it is for.
    pub phase: Phase,
}

impl Plan {
    /// `workers` workers, each with one job at a time, until `jobs` were started.
    pub const fn closed(workers: NonZeroU32, jobs: NonZeroU32) -> Self {
        Self::of(Load::Closed { workers, until: Until::Jobs(jobs), think: Think::None })
    }

    /// One job: what `run` does.
    pub const fn single() -> Self {
        Self::closed(NonZeroU32::MIN, NonZeroU32::MIN)
    }

    /// A plan with nothing but its load.
    pub const fn of(load: Load) -> Self {
        Self {
            load,
            seed: 0,
            warm_up: None,
            cool_down: None,
            timeout_us: None,
            abort: Vec::new(),
            max_jobs: None,
        }
    }

    /// Whether it can be followed with a mix of `shares` scenarios and priorities.
    ///
    /// # Errors
    ///
    /// [`PlanError`], before any job was sent.
    pub fn check(&self, shares: usize) -> Result<(), PlanError> {
        if let Some(Until::Jobs(jobs)) = self.warm_up
            && (jobs.get() as usize) < shares
        {
            return Err(PlanError::ColdShares { jobs: jobs.get(), shares });
        }
        for abort in &self.abort {
            abort.check()?;
        }
        if let Load::Open { arrivals, until, .. } = &self.load {
            arrivals.check(*until, self.warm_up, self.cool_down)?;
        }
        let most = self.max_jobs.map_or(MOST_JOBS, NonZeroU32::get);
        let jobs = match &self.load {
            Load::Open { .. } => self.dues().take(most as usize + 1).count() as u64,
            Load::Closed { .. } => self.n_jobs().unwrap_or(0),
        };
        if jobs > u64::from(most) {
            return Err(PlanError::TooMany { jobs, most });
        }
        self.check_measured()
    }

    fn check_measured(&self) -> Result<(), PlanError> {
        let Load::Open { arrivals, until, .. } = &self.load else { return Ok(()) };
        let measured = self.n_measured().unwrap_or(0);
        if measured == 0 {
            return Err(PlanError::Nothing);
        }
        if let (Arrivals::Trace { at_us }, Some(Until::Jobs(jobs))) = (arrivals, until)
            && measured < u64::from(jobs.get())
        {
            let found = at_us.len() as u64;
            let asked = found - measured + u64::from(jobs.get());
            return Err(PlanError::TraceTooShort { asked, found });
        }
        Ok(())
    }

    /// The schedule of an open loop, in order. Empty for a closed one, which has none: a job is due when
    /// the one before it ended.
    pub fn schedule(&self) -> Vec<Due> {
        let most = self.max_jobs.map_or(MOST_JOBS, NonZeroU32::get);
        self.dues().take(most as usize).collect()
    }

    fn dues(&self) -> impl Iterator<Item = Due> {
        let arrivals = match &self.load {
            Load::Open { arrivals, .. } => Some(arrivals.instants(self)),
            Load::Closed { .. } => None,
        };
        let mut phases = Phases::of(self);
        arrivals
            .into_iter()
            .flatten()
            .map_while(move |planned_us| Some(Due { planned_us, phase: phases.take(planned_us)? }))
    }

    /// How many jobs are measured. None: as many as the target can do in the time.
    pub fn n_measured(&self) -> Option<u64> {
        match &self.load {
            Load::Closed { until: Until::Jobs(jobs), .. } => Some(u64::from(jobs.get())),
            Load::Closed { until: Until::DurationUs(_), .. } => None,
            Load::Open { until: Some(Until::Jobs(jobs)), arrivals, .. }
                if !matches!(arrivals, Arrivals::Trace { .. }) =>
            {
                Some(u64::from(jobs.get()))
            }
            Load::Open { .. } => {
                let is_measured = |due: &Due| due.phase == Phase::Measured;
                Some(self.dues().take(MOST_JOBS as usize).filter(is_measured).count() as u64)
            }
        }
    }

    /// How many jobs are sent in all at most. None: as many as the target can do in the time.
    pub fn n_jobs(&self) -> Option<u64> {
        let of = |until: Option<Until>| match until {
            None => Some(0),
            Some(Until::Jobs(jobs)) => Some(u64::from(jobs.get())),
            Some(Until::DurationUs(_)) => None,
        };
        match &self.load {
            Load::Open { .. } => Some(self.dues().take(MOST_JOBS as usize).count() as u64),
            Load::Closed { until, .. } => {
                Some(of(self.warm_up)? + of(Some(*until))? + of(self.cool_down)?)
            }
        }
    }

    /// Whether jobs come however many are in flight.
    pub const fn is_open(&self) -> bool {
        matches!(self.load, Load::Open { .. })
    }

    /// How many measured jobs are in flight at most in a closed loop.
    pub const fn workers(&self) -> Option<NonZeroU32> {
        match self.load {
            Load::Closed { workers, .. } => Some(workers),
            Load::Open { .. } => None,
        }
    }

    /// How long `worker` thinks before its job number `turn`, from 0; nobody thinks before the first.
    pub(crate) fn think_us(&self, worker: u32, turn: u64) -> u64 {
        let Load::Closed { think, .. } = &self.load else { return 0 };
        match think {
            _ if turn == 0 => 0,
            Think::None => 0,
            Think::ConstantUs(us) => us.get(),
            Think::ExponentialUs(mean) => {
                let stream = (u64::from(worker) << 40) | turn;
                let mut random = Random::new(self.seed, THINK).stream(stream);
                (random.exponential() * mean.get() as f64).round() as u64
            }
        }
    }
}

impl Think {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[cfg(test)]
mod tests;
