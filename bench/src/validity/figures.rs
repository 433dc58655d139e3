//! The figures by which a run is believed or not.

use crate::{Outcome, Run, Sample};

use super::in_flight::{Little, growth};
use super::trend::{Confidence, Slope};
use super::windows::{Pace, drift, pace};

/// How late the driver may be in any case.
const LAG_US: u64 = 10_000;
/// How late an end may be seen in any case.
const OBSERVED_US: u64 = 25_000;
/// What may be added to a job's time, as a share of the median job: a quarter of the least effect that the
/// gate looks for.
const SHARE: f64 = 0.005;

/// A time of the driver's own, against what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Jobs in which it was taken.
    pub n: u64,
    /// The 99th percentile of these jobs (nearest rank: below 100 jobs the largest).
    pub p99_us: u64,
    /// What it may be.
    pub allowed_us: u64,
}

impl Own {
    fn of(mut times: Vec<u64>, allowed_us: u64) -> Option<Self> {
        let n = times.len() as u64;
        let index = (times.len() * 99).div_ceil(100).checked_sub(1)?;
        let (_, &mut p99_us, _) = times.select_nth_unstable(index);
        Some(Self { n, p99_us, allowed_us })
    }

    /// How late the driver sent the jobs of `run`.
    pub fn lag(run: &Run) -> Option<Self> {
        let latencies = well(run).map(Sample::latency_us).collect();
        Self::of(run.measured().map(lag_us).collect(), allowed(median(latencies), LAG_US))
    }

    /// Whether it is beyond.
    pub const fn is_beyond(&self) -> bool {
        self.p99_us > self.allowed_us
    }
}

/// What the driver did to the numbers, and whether the run was steady. None: the run cannot say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// From planned to sent.
    pub lag: Option<Own>,
    /// From the end by the service's clock to the moment at which it was seen.
    pub observed: Option<Own>,
    /// From the last look that saw a job unfinished to the one that saw its end, where the service does not
    /// say when it ended: the latency is longer than the truth by up to this.
    pub resolution: Option<Own>,
    /// Little's law.
    pub little: Option<Little>,
    /// The share of the jobs of an open loop that piles up, with its 99.9 % interval.
    pub growth: Option<Slope>,
    /// What a job takes at the end by what it takes at the beginning, less 1, with its 99 % interval. In an
    /// open loop it is the work alone: queues grow and shrink by chance in the steadiest of services.
    pub drift: Option<Slope>,
    /// Whether the service kept its pace.
    pub pace: Option<Pace>,
}

impl Figures {
    /// Of the measured jobs of `run`.
    pub fn of(run: &Run) -> Self {
        let mut own = Times::default();
        run.measured().for_each(|sample| own.add(sample));
        let median = median(own.latencies);
        let in_turn = settled(run);
        let work = work_us(run, &in_turn);
        let drift = if run.plan.is_open() {
            drift(&work)
        } else {
            drift(&in_turn.iter().map(|sample| sample.latency_us()).collect::<Vec<_>>())
        };
        Self {
            lag: Own::of(own.lags, allowed(median, LAG_US)),
            observed: Own::of(own.unseen, allowed(median, OBSERVED_US)),
            resolution: Own::of(own.resolutions, allowed(median, OBSERVED_US)),
            little: Little::of(&run.samples),
            growth: if run.plan.is_open() {
                growth(&run.samples, Confidence::Highest)
            } else {
                None
            },
            drift,
            pace: pace(&work),
        }
    }
}

/// Times of the measured jobs, of which one look at each is enough.
#[derive(Default)]
struct Times {
    /// Of those that ended well.
    latencies: Vec<u64>,
    lags: Vec<u64>,
    unseen: Vec<u64>,
    resolutions: Vec<u64>,
}

impl Times {
    fn add(&mut self, sample: &Sample) {
        if sample.outcome == Outcome::Ok {
            self.latencies.push(sample.latency_us());
        }
        self.lags.push(lag_us(sample));
        self.unseen.extend(unseen_us(sample));
        self.resolutions.extend(resolution_us(sample));
    }
}

const fn lag_us(sample: &Sample) -> u64 {
    sample.sent_us.saturating_sub(sample.planned_us)
}

/// Where nobody else says when a job ended, it ended when that was seen.
fn unseen_us(sample: &Sample) -> Option<u64> {
    let observed = sample.observed_us.filter(|&seen| seen != sample.finished_us)?;
    Some(observed.saturating_sub(sample.finished_us))
}

fn resolution_us(sample: &Sample) -> Option<u64> {
    let observed = sample.observed_us.filter(|&seen| seen == sample.finished_us)?;
    Some(observed.saturating_sub(sample.running_us?))
}

fn well(run: &Run) -> impl Iterator<Item = &Sample> {
    run.measured().filter(|sample| sample.outcome == Outcome::Ok)
}

/// The lower one of the two in the middle; 0 of none.
fn median(mut times: Vec<u64>) -> u64 {
    let middle = times.len().saturating_sub(1) / 2;
    if times.is_empty() { 0 } else { *times.select_nth_unstable(middle).1 }
}

/// At least `least`, or so much as a share of the median job.
fn allowed(median_us: u64, least: u64) -> u64 {
    least.max((median_us as f64 * SHARE) as u64)
}

/// The jobs that ended well in the order in which they were due, without those that met a service that was
/// not full yet, where no warm-up came before.
fn settled(run: &Run) -> Vec<&Sample> {
    let mut jobs: Vec<&Sample> = well(run).collect();
    jobs.sort_by_key(|sample| (sample.planned_us, sample.job));
    let n_filling = match run.plan.workers() {
        _ if run.plan.warm_up.is_some() => 0,
        Some(workers) => 2 * workers.get() as usize,
        None => jobs.len() / 10,
    };
    jobs.drain(..n_filling.min(jobs.len()));
    jobs
}

/// What the work of `jobs` took; where the service does not say when it began, the latency of a closed loop.
fn work_us(run: &Run, jobs: &[&Sample]) -> Vec<u64> {
    let is_open = run.plan.is_open();
    let work = |sample: &&Sample| match sample.began_us() {
        Some(began) => Some(sample.finished_us.saturating_sub(began)),
        None if is_open => None,
        None => Some(sample.latency_us()),
    };
    jobs.iter().filter_map(work).collect()
}
