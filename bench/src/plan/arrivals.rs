//! When the jobs of an open loop come.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

use super::{ARRIVALS, Plan, PlanError, Random, Until};

/// Jobs a second: more than none, and a number.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// Jobs a second.
    pub const fn per_s(self) -> f64 {
        self.0
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

/// No rate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("expected more than 0 and at most 1,000,000, found {0}")]
pub struct NoRate(f64);

impl TryFrom<f64> for Rate {
    type Error = NoRate;

    fn try_from(value: f64) -> Result<Self, NoRate> {
        if value > 0.0 && value <= 1e6 { Ok(Self(value)) } else { Err(NoRate(value)) }
    }
}

/// When jobs come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// One every `1 / rate` seconds.
    Constant {
        /// Jobs a second.
        rate: Rate,
    },
    /// Independently of one another, as those of many users: exponential gaps.
    Poisson {
        /// Jobs a second, on average.
        rate: Rate,
    },
    /// Gamma gaps: below a shape of 1 in clumps, above it more evenly than Poisson, which is shape 1.
    Gamma {
        /// Jobs a second, on average.
        rate: Rate,
        /// The variance of a gap is its squared mean by this.
        shape: Rate,
    },
    /// Evenly, at a rate that goes from one to the other over the measured time. A warm-up is at the
    /// first rate and a cool-down at the last.
    Ramp {
        /// Jobs a second at the beginning; 0 is allowed.
        from: f64,
        /// Jobs a second at the end; 0 is allowed.
        to: f64,
    },
    /// `size` jobs at once, again and again.
    Bursts {
        /// Jobs of a burst.
        size: NonZeroU32,
        /// From one burst to the next.
        every_us: NonZeroU64,
    },
    /// As they came before.
    Trace {
        /// Since the run began, in order.
        at_us: Vec<u64>,
    },
}

/// An iterator over instants, microseconds since the run began.
pub(super) type Instants<'a> = Box<dyn Iterator<Item = u64> + Send + 'a>;

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

impl Arrivals {
    /// All instants, in order: endless but for a trace, and for a ramp down to nothing.
    pub(super) fn instants(&self, plan: &Plan) -> Instants<'_> {
        let mut random = Random::new(plan.seed, ARRIVALS);
        match *self {
            Self::Constant { rate } => even(rate.per_s()),
            Self::Poisson { rate } => gaps(rate.per_s(), move || random.exponential()),
            Self::Gamma { rate, shape } => gaps(rate.per_s(), move || random.gamma(shape.per_s())),
            Self::Ramp { from, to } => ramp(from, to, plan),
            Self::Bursts { size, every_us } => {
                let size = u64::from(size.get());
                Box::new((0..).map(move |number: u64| number / size * every_us.get()))
            }
            Self::Trace { ref at_us } => Box::new(at_us.iter().copied()),
        }
    }

    /// Whether they can go on as far as the plan goes.
    pub(super) fn check(
        &self,
        until: Option<Until>,
        warm_up: Option<Until>,
        cool_down: Option<Until>,
    ) -> Result<(), PlanError> {
        match self {
            Self::Ramp { from, to } => check_ramp([*from, *to], until, warm_up, cool_down),
            Self::Trace { at_us } => {
                let back = at_us.windows(2).position(|pair| pair[0] > pair[1]);
                if let Some(index) = back {
                    return Err(PlanError::TraceBackwards { index: index + 1 });
                }
                if until.is_none() && cool_down.is_some() {
                    return Err(PlanError::NothingToCoolDown);
                }
                Ok(())
            }
            _ if until.is_none() => Err(PlanError::Endless(self.name())),
            _ => Ok(()),
        }
    }

    /// A word for it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Constant { .. } => "constant",
            Self::Poisson { .. } => "poisson",
            Self::Gamma { .. } => "gamma",
            Self::Ramp { .. } => "ramp",
            Self::Bursts { .. } => "bursts",
            Self::Trace { .. } => "trace",
        }
    }
}

/// One every `1 / rate` seconds, the first at once.
fn even(rate: f64) -> Instants<'static> {
    Box::new((0..).map(move |number: u64| micros(number as f64 / rate)))
}

/// Gaps of mean 1, drawn one after the other. The first job comes after a gap too, so that the number of
/// jobs in a time is what the process says.
fn gaps(rate: f64, mut gap: impl FnMut() -> f64 + Send + 'static) -> Instants<'static> {
    let mut at = 0.0;
    Box::new(std::iter::from_fn(move || {
        at += gap();
        Some(micros(at / rate))
    }))
}

/// A constant rate, then one that changes evenly over the measured time, then a constant one.
///
/// By time `t` of a ramp, `from * t + (to - from) / (2 * duration) * t^2` jobs have come; job number `m`
/// comes when that is `m`.
fn ramp(from: f64, to: f64, plan: &Plan) -> Instants<'static> {
    let seconds = |until: Option<Until>| match until {
        Some(Until::DurationUs(us)) => us.get() as f64 / 1e6,
        _ => 0.0,
    };
    // Rounding must not make one job more of a whole number of them.
    let (warm_up_s, before) = match plan.warm_up {
        Some(Until::Jobs(jobs)) => (f64::from(jobs.get()) / from, f64::from(jobs.get())),
        time => (seconds(time), (seconds(time) * from - 1e-9).ceil()),
    };
    let super::Load::Open { until, .. } = plan.load else { return Box::new(std::iter::empty()) };
    let ramp_s = seconds(until);
    let in_ramp = (from + to) / 2.0 * ramp_s;
    let slope = (to - from) / (2.0 * ramp_s);
    Box::new((0..).map_while(move |number: u64| {
        let number = number as f64;
        if number < before {
            return Some(micros(number / from));
        }
        let number = number - before;
        if number < in_ramp {
            let root = (from * from + 4.0 * slope * number).max(0.0).sqrt();
            // At the very start of a ramp from 0 both are 0.
            let at = if number > 0.0 { 2.0 * number / (from + root) } else { 0.0 };
            return Some(micros(warm_up_s + at));
        }
        (to > 0.0).then(|| micros(warm_up_s + ramp_s + (number - in_ramp) / to))
    }))
}

fn check_ramp(
    rates: [f64; 2],
    until: Option<Until>,
    warm_up: Option<Until>,
    cool_down: Option<Until>,
) -> Result<(), PlanError> {
    if !matches!(until, Some(Until::DurationUs(_))) {
        return Err(PlanError::RampWithoutDuration);
    }
    let is_rate = |rate: &f64| *rate >= 0.0 && *rate <= 1e6;
    if !rates.iter().all(is_rate) || rates == [0.0, 0.0] {
        return Err(PlanError::RampOfNothing);
    }
    if rates[0] == 0.0 && warm_up.is_some() {
        return Err(PlanError::RampWithoutRate("from 0", "warm-up"));
    }
    if rates[1] == 0.0 && cool_down.is_some() {
        return Err(PlanError::RampWithoutRate("to 0", "cool-down"));
    }
    Ok(())
}
