//! Whether a run is a measurement.
//!
//! A number that a driver, a clock or a target out of its depth has spoilt is worse than none: it is
//! believed. So validity comes before speed (MLPerf LoadGen), each doubt has its advice, and each detector
//! says how often it is wrong about a run that has nothing (`tests.rs` measures it).

mod figures;
mod in_flight;
mod trend;
mod windows;

use std::fmt;

use crate::text::duration;
use crate::{Ending, Outcome, Run, Sample, Summary};

pub use self::figures::{Figures, Own};
pub use self::in_flight::Little;
pub(crate) use self::in_flight::growth;
pub(crate) use self::trend::Confidence;
pub use self::trend::Slope;
pub use self::windows::Pace;

/// Share of a job's latency that its parts may miss.
const CLOSURE: f64 = 0.01;
/// Share of jobs whose parts may miss more than [`CLOSURE`].
const CLOSURE_JOBS: f64 = 0.001;
/// Share of the jobs in flight by which both sides of Little's law may differ.
const LITTLE: f64 = 0.02;
/// Share of the jobs that come which surely pile up in a service that is saturated.
const GROWTH: f64 = 0.02;
/// What latencies surely change by, as a share, in a run that drifts.
const DRIFT: f64 = 0.1;
/// How far the median of a tenth of the jobs is from that of all, as a share, in an uneven run.
const UNEVEN: f64 = 0.25;

/// Why a run is no measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// Whoever wrote the run file was ended before the run.
    Unfinished,
    /// What was driven died: jobs that had ended by then are the lucky ones.
    TargetDied(String),
    /// More jobs were in flight than the plan allows.
    Overwhelmed {
        /// So many were allowed.
        max_in_flight: u32,
    },
    /// Not every planned job has a sample.
    Missing {
        /// Measured jobs of the plan.
        planned: u64,
        /// Samples of such jobs.
        found: u64,
    },
    /// Instants are in the wrong order: clocks disagree.
    Disorder {
        /// Number of the first such job.
        job: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The parts of jobs do not add up to their latency.
    Closure {
        /// So many jobs.
        n_jobs: u64,
        /// The largest share that is missed.
        worst: f64,
    },
    /// Jobs in flight are not what rate and times make of them.
    Little(Little),
    /// The driver was late: what was measured is partly itself.
    Late(Own),
    /// Jobs came faster than they were done: the longer the run, the longer its latencies.
    Saturated(Slope),
    /// Times rose or fell all along.
    Drifting(Slope),
    /// The work took longer now than then.
    Uneven {
        /// How far a tenth of the run was from the whole, as a share.
        spread: f64,
    },
}

/// What must be known beside the numbers of a run that is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Ends were seen late. The service says when jobs ended, so latencies are right.
    SeenLate(Own),
    /// Nobody knows better than this when jobs ended.
    Coarse(Own),
}

impl Doubt {
    /// Everything that speaks against `run`, the worst first. None of it: the run is valid.
    ///
    /// A run that somebody cut short is no invalid one, nor is one that its plan aborted: what they have is
    /// complete and says how much it is.
    pub fn of(run: &Run, summary: &Summary) -> Vec<Self> {
        let mut doubts = Vec::new();
        match &run.ending {
            Ending::Unfinished => doubts.push(Self::Unfinished),
            Ending::TargetDied(reason) => doubts.push(Self::TargetDied(reason.clone())),
            Ending::Overwhelmed { max_in_flight } => {
                doubts.push(Self::Overwhelmed { max_in_flight: *max_in_flight });
            }
            Ending::Complete => doubts.extend(missing(run)),
            Ending::CutShort | Ending::Aborted(_) => {}
        }
        doubts.extend(disorder(&run.samples));
        doubts.extend(closure(run, summary));
        doubts.extend(of_figures(&Figures::of(run)));
        doubts
    }

    /// What can be done about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Unfinished => "run it again; `samples.jsonl` has what was finished",
            Self::TargetDied(_) => "its log is beside this report; mend it and run it again",
            Self::Overwhelmed { .. } => {
                "it does not keep up: a lower rate, or a sweep to find the rate that it holds"
            }
            Self::Missing { .. } => "this is a bug of the driver: please report it",
            Self::Disorder { .. } => "set the clocks of both machines by NTP",
            Self::Closure { .. } => {
                "set the clocks of both machines by NTP, or look for stages that overlap the job's own limits"
            }
            Self::Little(_) => {
                "the times that the service tells are not those that pass here: set the clocks of both machines \
                 by NTP, and look at jobs more often"
            }
            Self::Late(_) => {
                "the driver had too little CPU: less load on this machine, or another machine for it"
            }
            Self::Saturated(_) => {
                "latencies of a service that does not keep up grow with the run: a lower rate, or a sweep to \
                 find the rate that it holds"
            }
            Self::Drifting(_) => {
                "a warm-up if it gets quicker; if it gets slower, look for what fills: memory, a disk, a cache, \
                 a card that gets hot"
            }
            Self::Uneven { .. } => {
                "something else ran on the machine, or the service changed its pace: a warm-up, a quiet \
                 machine, a longer run"
            }
        }
    }
}

impl Warning {
    /// All that is to be known of a run with these figures.
    pub fn of(figures: &Figures) -> Vec<Self> {
        let beyond = |own: Option<Own>| own.filter(Own::is_beyond);
        let late = beyond(figures.observed).map(Self::SeenLate);
        late.into_iter().chain(beyond(figures.resolution).map(Self::Coarse)).collect()
    }

    /// What can be done about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::SeenLate(_) => {
                "latencies are right, but the next job of a worker waits for it: look more often near the \
                 expected end, or use a service that tells its events"
            }
            Self::Coarse(_) => {
                "look more often near the expected end, or let the service tell when it ended"
            }
        }
    }
}

fn of_figures(figures: &Figures) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let little = figures.little.filter(|little| little.discrepancy() > LITTLE);
    doubts.extend(little.map(Doubt::Little));
    doubts.extend(figures.lag.filter(Own::is_beyond).map(Doubt::Late));
    doubts.extend(figures.growth.filter(|growth| growth.low > GROWTH).map(Doubt::Saturated));
    let drifts = |drift: &Slope| drift.low > DRIFT || drift.high < -DRIFT;
    if doubts.iter().all(|doubt| !matches!(doubt, Doubt::Saturated(_))) {
        // Latencies of a saturated service drift, and that is no other fault.
        doubts.extend(figures.drift.filter(drifts).map(Doubt::Drifting));
    }
    if doubts.iter().all(|doubt| !matches!(doubt, Doubt::Drifting(_))) {
        let uneven = figures.pace.filter(|pace| pace.is_uneven && pace.spread > UNEVEN);
        doubts.extend(uneven.map(|pace| Doubt::Uneven { spread: pace.spread }));
    }
    doubts
}

fn missing(run: &Run) -> Option<Doubt> {
    let (planned, found) = (run.plan.n_measured()?, run.measured().count() as u64);
    (planned != found).then_some(Doubt::Missing { planned, found })
}

fn disorder(samples: &[Sample]) -> Option<Doubt> {
    samples
        .iter()
        .find_map(|sample| Some(Doubt::Disorder { job: sample.job, reason: sample.disorder()? }))
}

fn closure(run: &Run, summary: &Summary) -> Option<Doubt> {
    if summary.closure_error <= CLOSURE {
        return None; // the worst of them is not too far off
    }
    let is_open = |sample: &&Sample| {
        sample.outcome == Outcome::Ok && crate::Parts::of(sample).closure_error(sample) > CLOSURE
    };
    let n_jobs = run.measured().filter(is_open).count() as u64;
    let allowed = (summary.n_ok as f64 * CLOSURE_JOBS) as u64;
    (n_jobs > allowed).then_some(Doubt::Closure { n_jobs, worst: summary.closure_error })
}

fn percent(share: f64) -> f64 {
    share * 100.0
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("the run did not come to its end"),
            Self::TargetDied(reason) => write!(f, "the target died: {reason}"),
            Self::Overwhelmed { max_in_flight } => {
                write!(
                    f,
                    "a job was due while {max_in_flight} were in flight, which is the most allowed"
                )
            }
            Self::Missing { planned, found } => {
                write!(f, "expected {planned} samples, found {found}")
            }
            Self::Disorder { job, reason } => write!(f, "job {job}: {reason}"),
            Self::Closure { n_jobs, worst } => write!(
                f,
                "queue wait, stages and the rest miss the latency of {n_jobs} jobs by more than \
                 {:.0} %, at most by {:.1} %",
                percent(CLOSURE),
                percent(*worst)
            ),
            Self::Little(little) => write!(
                f,
                "Little's law is missed by {:.1} %, {:.0} % are allowed: {:.2} jobs were in flight, and \
                 {:.3} jobs a second of {:.3} s each make {:.2}",
                percent(little.discrepancy()),
                percent(LITTLE),
                little.in_flight,
                little.rate_s,
                little.time_s,
                little.rate_s * little.time_s
            ),
            Self::Late(own) => write!(
                f,
                "the driver sent jobs up to {} late (p99 of {} jobs), {} are allowed",
                duration(own.p99_us),
                own.n,
                duration(own.allowed_us)
            ),
            Self::Saturated(growth) => write!(
                f,
                "jobs pile up: {:.0} % of those that come stay (99.9 % interval {:.0} to {:.0} %)",
                percent(growth.value),
                percent(growth.low),
                percent(growth.high)
            ),
            Self::Drifting(drift) => write!(
                f,
                "times drift: {:+.0} % from the beginning to the end (99 % interval {:+.0} to {:+.0} %)",
                percent(drift.value),
                percent(drift.low),
                percent(drift.high)
            ),
            Self::Uneven { spread } => write!(
                f,
                "the service did not keep its pace: the median time of a tenth of the jobs is {:.0} % off that of all",
                percent(*spread)
            ),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeenLate(own) => write!(
                f,
                "ends were seen up to {} late (p99 of {} jobs)",
                duration(own.p99_us),
                own.n
            ),
            Self::Coarse(own) => write!(
                f,
                "ends are known within {} (p99 of {} jobs): latencies are too long by up to that",
                duration(own.p99_us),
                own.n
            ),
        }
    }
}

#[cfg(test)]
mod tests;
