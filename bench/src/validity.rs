use std::fmt;

use crate::{Ending, Outcome, Plan, Run, Sample, Summary};

/// Share of a job's latency that its parts may miss.
const CLOSURE: f64 = 0.01;
/// Share of jobs whose parts may miss more than [`CLOSURE`].
const CLOSURE_JOBS: f64 = 0.001;
/// Share of all latency that the driver itself may be late.
const LAG: f64 = 0.01;

/// Why a run is no measurement.
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// Whoever wrote the run file was ended before the run.
    Unfinished,
    /// What was driven died: jobs that had ended by then are the lucky ones.
    TargetDied(String),
    /// Not every planned job has a sample.
    Missing {
        /// Jobs of the plan.
        planned: u64,
        /// Samples of the run.
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
    /// The driver was late: what was measured is partly itself.
    Late {
        /// Its lag as a share of all latency.
        share: f64,
    },
}

impl Doubt {
    /// Everything that speaks against `run`, the worst first. None of it: the run is valid.
    ///
    /// A run that somebody cut short is no invalid one: what it has is complete and says how much it is.
    pub fn of(run: &Run, summary: &Summary) -> Vec<Self> {
        let mut doubts = Vec::new();
        match &run.ending {
            Ending::Unfinished => doubts.push(Self::Unfinished),
            Ending::TargetDied(reason) => doubts.push(Self::TargetDied(reason.clone())),
            Ending::Complete => doubts.extend(missing(run)),
            Ending::CutShort => {}
        }
        doubts.extend(disorder(&run.samples));
        doubts.extend(closure(&run.samples, summary));
        doubts.extend(late(summary));
        doubts
    }

    /// What can be done about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Unfinished => "run it again; `samples.jsonl` has what was finished",
            Self::TargetDied(_) => "its log is beside this report; mend it and run it again",
            Self::Missing { .. } => "this is a bug of the driver: please report it",
            Self::Disorder { .. } => "set the clocks of both machines by NTP",
            Self::Closure { .. } => {
                "set the clocks of both machines by NTP, or look for stages that overlap the job's own limits"
            }
            Self::Late { .. } => {
                "the driver had too little CPU: fewer workers, or another machine for it"
            }
        }
    }
}

fn missing(run: &Run) -> Option<Doubt> {
    let Plan::Closed { jobs, .. } = run.plan;
    let (planned, found) = (u64::from(jobs.get()), run.samples.len() as u64);
    (planned != found).then_some(Doubt::Missing { planned, found })
}

fn disorder(samples: &[Sample]) -> Option<Doubt> {
    samples
        .iter()
        .find_map(|sample| Some(Doubt::Disorder { job: sample.job, reason: sample.disorder()? }))
}

fn closure(samples: &[Sample], summary: &Summary) -> Option<Doubt> {
    let is_open = |sample: &&Sample| {
        sample.outcome == Outcome::Ok && crate::Parts::of(sample).closure_error(sample) > CLOSURE
    };
    let n_jobs = samples.iter().filter(is_open).count() as u64;
    let allowed = (summary.n_ok as f64 * CLOSURE_JOBS) as u64;
    (n_jobs > allowed).then_some(Doubt::Closure { n_jobs, worst: summary.closure_error })
}

fn late(summary: &Summary) -> Option<Doubt> {
    let whole = summary.parts.total_us();
    let share = summary.parts.lag_us as f64 / whole.max(1) as f64;
    (share > LAG).then_some(Doubt::Late { share })
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("the run did not come to its end"),
            Self::TargetDied(reason) => write!(f, "the target died: {reason}"),
            Self::Missing { planned, found } => {
                write!(f, "expected {planned} samples, found {found}")
            }
            Self::Disorder { job, reason } => write!(f, "job {job}: {reason}"),
            Self::Closure { n_jobs, worst } => write!(
                f,
                "queue wait, stages and the rest miss the latency of {n_jobs} jobs by more than \
                 {:.0} %, at most by {:.1} %",
                CLOSURE * 100.0,
                worst * 100.0
            ),
            Self::Late { share } => write!(
                f,
                "the driver was late by {:.1} % of all latency, {:.0} % are allowed",
                share * 100.0,
                LAG * 100.0
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::Scenario;
    use crate::sample::tests::{sample, span};

    fn run(ending: Ending, samples: Vec<Sample>) -> Run {
        let jobs = NonZeroU32::new(2).expect("two");
        let scenario = Scenario {
            name: "s".to_owned(),
            title: String::new(),
            payload: serde_json::Value::Null,
        };
        let plan = Plan::Closed { workers: NonZeroU32::MIN, jobs };
        let mut run = Run::new(scenario, plan, "native", 0);
        (run.ending, run.samples) = (ending, samples);
        run
    }

    #[track_caller]
    fn check(ending: Ending, samples: Vec<Sample>, expected: &[&str]) {
        let run = run(ending, samples);
        let doubts: Vec<String> =
            Doubt::of(&run, &Summary::of(&run.samples)).iter().map(ToString::to_string).collect();
        assert_eq!(doubts, expected);
    }

    #[test]
    fn a_run_is_doubted_for_each_of_its_faults() {
        let good = || vec![sample(0, 1000), sample(0, 2000)];
        check(Ending::Unfinished, good(), &["the run did not come to its end"]);
        let died = Ending::TargetDied("killed".to_owned());
        check(died, vec![sample(0, 5)], &["the target died: killed"]);
        check(Ending::Complete, vec![sample(0, 5)], &["expected 2 samples, found 1"]);

        let backwards = Sample { job: 4, accepted_us: Some(2000), ..sample(0, 1000) };
        let found = [
            "job 4: accepted at 2000 us is after finished at 1000 us",
            "queue wait, stages and the rest miss the latency of 1 jobs by more than 1 %, at most by 100.0 %",
        ];
        check(Ending::Complete, vec![sample(0, 1000), backwards], &found);

        let open = Sample { stages: vec![span("render", 0, 1100)], ..sample(0, 1000) };
        let found = [
            "queue wait, stages and the rest miss the latency of 1 jobs by more than 1 %, at most by 10.0 %",
        ];
        check(Ending::Complete, vec![open, sample(0, 1000)], &found);

        let late = Sample { sent_us: 100, ..sample(0, 1000) };
        let found = ["the driver was late by 5.0 % of all latency, 1 % are allowed"];
        check(Ending::Complete, vec![late, sample(0, 1000)], &found);
    }

    #[test]
    fn a_whole_run_and_one_cut_short_are_believed() {
        check(Ending::Complete, vec![sample(0, 1000), sample(0, 2000)], &[]);
        check(Ending::CutShort, vec![sample(0, 1000)], &[]);
        let failed = Sample { outcome: Outcome::Failed("x".to_owned()), ..sample(0, 1000) };
        check(Ending::Complete, vec![sample(0, 1000), failed], &[]);
    }
}
