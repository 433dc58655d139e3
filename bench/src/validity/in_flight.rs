//! Jobs in flight over time: whether they pile up, and whether Little's law holds.

use crate::sample::CLOCKS_US;
use crate::{Outcome, Sample};

use super::trend::{Confidence, Slope, WINDOWS};

/// Jobs from which on a growth is looked for: two a window.
const FEWEST: usize = 2 * WINDOWS;

/// Whether jobs pile up, as a share of those that come: 0.1 where one of ten stays.
///
/// This is GuideLLM's test of over-saturation, the slope of the jobs in flight, with two differences. It is
/// taken through the fewest in flight in each of ten windows: a service that keeps up falls back to few again
/// and again however high chance drives it in between, and one that does not never does. And it is by the
/// jobs that came in place of jobs a second, so that a limit means the same at every rate. A service that was
/// empty fills until its first jobs end, which is no growth: that time is left out. None: too few jobs come
/// after it.
pub fn growth(samples: &[Sample], confidence: Confidence) -> Option<Slope> {
    let measured = || samples.iter().filter(|sample| sample.phase.is_measured());
    let begin = measured().map(|sample| sample.planned_us).min()?.max(filled_us(samples)?);
    let last = measured().map(|sample| sample.planned_us).max()?;
    let window_us = last.saturating_sub(begin) / WINDOWS as u64;
    let came = samples.iter().filter(|sample| (begin..=last).contains(&sample.planned_us)).count();
    if window_us == 0 || came < FEWEST {
        return None;
    }
    let fewest = fewest(samples, begin, window_us);
    Some(Slope::of(&fewest, confidence).times(WINDOWS as f64 / came as f64))
}

/// The fewest jobs in flight in each window.
fn fewest(samples: &[Sample], begin: u64, window_us: u64) -> [f64; WINDOWS] {
    let mut changes: Vec<(u64, i64)> = samples
        .iter()
        .flat_map(|sample| [(sample.planned_us, 1), (sample.finished_us, -1)])
        .collect();
    // At the same instant one job ends before another one comes.
    changes.sort_unstable();
    let mut changes = changes.into_iter().peekable();
    let mut in_flight = 0;
    let mut pass = |until: u64| {
        let mut fewest = in_flight;
        while let Some((_, change)) = changes.next_if(|&(at, _)| at < until) {
            in_flight += change;
            fewest = in_flight.min(fewest);
        }
        fewest as f64
    };
    pass(begin);
    std::array::from_fn(|index| pass(begin + (index as u64 + 1) * window_us))
}

/// When the first tenth of the jobs had had the time to end: they met an empty service.
fn filled_us(samples: &[Sample]) -> Option<u64> {
    let mut in_turn: Vec<&Sample> = samples.iter().collect();
    in_turn.sort_by_key(|sample| (sample.planned_us, sample.job));
    let first = in_turn.first()?.planned_us;
    let tenth = &in_turn[..samples.len().div_ceil(10)];
    Some(first + tenth.iter().map(|sample| sample.latency_us()).max()?)
}

/// Little's law, `L = λ W` (Little, "A proof for the queuing formula", *Operations Research* 9, 1961): the
/// jobs in flight, as the driver's own clock counts them, against what the times that are reported make
/// of the rate. From an empty system to an empty one it holds exactly, however jobs come and are served, so
/// whatever is missing is an error of a clock or of the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Little {
    /// Jobs in flight on average, from sent to seen to have ended.
    pub in_flight: f64,
    /// Jobs a second.
    pub rate_s: f64,
    /// Seconds a job takes from sent to finished, as is reported.
    pub time_s: f64,
    /// What jobs in flight may be more than `rate_s * time_s` because the driver looks only now and then.
    pub unseen: f64,
}

impl Little {
    /// Over all jobs that came to their own end. None: there is no such job, or no time.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let (mut first, mut last, mut n) = (u64::MAX, 0, 0_u64);
        let (mut driven, mut reported, mut unseen) = (0.0, 0.0, 0.0);
        for sample in samples.iter().filter(|sample| sample.outcome != Outcome::Cancelled) {
            let Some(seen) = sample.observed_us else { continue };
            (first, last) = (first.min(sample.sent_us), last.max(seen.max(sample.finished_us)));
            n += 1;
            driven += seconds(seen.saturating_sub(sample.sent_us));
            reported += seconds(sample.finished_us.saturating_sub(sample.sent_us));
            unseen += seconds(match sample.running_us {
                Some(running) => seen.saturating_sub(running),
                None if seen == sample.finished_us => 0,
                None => CLOCKS_US,
            });
        }
        let (span_s, n) = (seconds(last.saturating_sub(first)), n as f64);
        if span_s == 0.0 {
            return None; // also where there is no such job
        }
        Some(Self {
            in_flight: driven / span_s,
            rate_s: n / span_s,
            time_s: reported / n,
            unseen: unseen / span_s,
        })
    }

    /// How far both sides are apart, as a share of the jobs in flight; what may have been overlooked
    /// between two looks is not held against the clocks.
    pub fn discrepancy(&self) -> f64 {
        let excess = self.in_flight - self.rate_s * self.time_s;
        let unexplained = if excess > 0.0 { (excess - self.unseen).max(0.0) } else { -excess };
        if unexplained == 0.0 { 0.0 } else { unexplained / self.in_flight.max(f64::MIN_POSITIVE) }
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
