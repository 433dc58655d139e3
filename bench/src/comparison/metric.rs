//! One figure of both runs, and what its interval says.

use serde::Serialize;

use super::interval::{Interval, Ratio};
use crate::{Distribution, Estimate, text};

/// Shorter times are taken for this: half of what the clock tells apart, in microseconds.
const LEAST_US: f64 = 0.5;

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Its name, such as `latency p50`.
    pub name: String,
    /// Where it stands on the page.
    pub section: Section,
    /// What it counts.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// What it was.
    pub before: Level,
    /// What it is.
    pub after: Level,
    /// After/before. None: it cannot be told.
    pub ratio: Option<Ratio>,
    /// What that means.
    pub word: Word,
    /// Why nothing can be said, and what it would take.
    pub reason: Option<String>,
}

/// Part of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The one that the verdict is about.
    Primary,
    /// Times of whole jobs.
    Job,
    /// Times of a stage.
    Stage,
    /// Of the whole run.
    Run,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Microseconds.
    #[serde(rename = "us")]
    Time,
    /// Jobs in an hour.
    #[serde(rename = "jobs/h")]
    Rate,
    /// Between 0 and 1.
    #[serde(rename = "share")]
    Share,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// How often something happened.
    #[serde(rename = "count")]
    Count,
}

impl Unit {
    /// As people read it.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Time => text::duration(value.round() as u64),
            Self::Rate => format!("{value:.0} an hour"),
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Bytes => format!("{:.0} MB", value / 1e6),
            Self::Nanoseconds if value < 1e3 => format!("{value:.1} ns"),
            Self::Nanoseconds if value < 1e6 => format!("{:.1} µs", value / 1e3),
            Self::Nanoseconds => text::duration((value / 1e3).round() as u64),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Less of it.
    Lower,
    /// More of it.
    Higher,
}

impl Better {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
        }
    }
}

/// What one run says of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A value with its 95 % interval.
    Known {
        /// What was found.
        value: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// A value, and nothing that says how sure it is.
    Single {
        /// What was found.
        value: f64,
    },
    /// The run has too few jobs for it.
    Bounded {
        /// What it is larger than, if anything.
        low: Option<f64>,
        /// Jobs there are.
        n: u64,
        /// Independent ones that say as much.
        worth: u64,
        /// Independent ones it would take.
        needs: u64,
    },
    /// The run does not have it.
    Absent,
}

impl Level {
    /// Quantile `q` of the times of jobs, as wide as those of the independent ones that they are worth.
    pub(super) fn of(times: &Distribution, q: f64) -> Self {
        let (n, worth) = (times.n(), times.worth());
        if n == 0 {
            return Self::Absent;
        }
        match times.quantile(q) {
            Estimate::Carried { value, low, high } => {
                Self::Known { value: value as f64, low: low as f64, high: high as f64 }
            }
            Estimate::Bounded { low, needs } => {
                Self::Bounded { low: low.map(|low| low as f64), n, worth, needs }
            }
        }
    }

    /// The median of values in the order in which they were measured.
    pub(crate) fn median(values: &[f64]) -> Self {
        let n = values.len() as u64;
        let mut ascending = values.to_vec();
        ascending.sort_unstable_by(f64::total_cmp);
        // Their places in it say as much of their dependence as they do.
        let place = |value: &f64| ascending.partition_point(|other| other < value) as u64;
        let worth = crate::dependence::worth(&values.iter().map(place).collect::<Vec<_>>());
        let at = |rank: u64| ascending[rank as usize - 1];
        match Estimate::of_dependent(0.5, n, worth, &|rank| rank) {
            Estimate::Carried { value, low, high } => {
                Self::Known { value: at(value), low: at(low), high: at(high) }
            }
            Estimate::Bounded { low, needs } => Self::Bounded { low: low.map(at), n, worth, needs },
        }
    }

    pub(super) const fn interval(self) -> Option<Interval> {
        match self {
            Self::Known { value, low, high } => Some(Interval { value, low, high }),
            _ => None,
        }
    }

    /// As people read it.
    pub fn shown(self, unit: Unit) -> String {
        match self {
            Self::Known { value, .. } | Self::Single { value } => unit.shown(value),
            Self::Bounded { low: Some(low), .. } => format!("> {}", unit.shown(low)),
            Self::Bounded { low: None, .. } => "unknown".to_owned(),
            Self::Absent => "none".to_owned(),
        }
    }
}

/// What an interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// All of it lies on the better side.
    Better,
    /// All of it lies on the worse side.
    Worse,
    /// It holds 1: there may be a difference, and these runs do not show one.
    NoDifferenceShown,
    /// There is no interval.
    NotJudged,
}

impl Word {
    /// As people read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no difference shown",
            Self::NotJudged => "not judged",
        }
    }

    pub(super) fn of(ratio: &Ratio, better: Better) -> Self {
        match (better, ratio.is_less(), ratio.is_more()) {
            (_, false, false) => Self::NoDifferenceShown,
            (Better::Lower, true, _) | (Better::Higher, _, true) => Self::Better,
            _ => Self::Worse,
        }
    }
}

impl Metric {
    /// A figure with what its levels say.
    pub(crate) fn judged(
        name: &str,
        section: Section,
        unit: Unit,
        better: Better,
        levels: [Level; 2],
    ) -> Self {
        let [before, after] = levels;
        let least = if unit == Unit::Time { LEAST_US } else { f64::MIN_POSITIVE };
        let intervals = before.interval().zip(after.interval());
        let ratio = intervals.map(|(before, after)| Ratio::of(before, after, least));
        Self {
            name: name.to_owned(),
            section,
            unit,
            better,
            before,
            after,
            ratio,
            word: ratio.as_ref().map_or(Word::NotJudged, |ratio| Word::of(ratio, better)),
            reason: if ratio.is_some() { None } else { Some(reason(before, after)) },
        }
    }

    /// `latency p50 18.4 s before, 11.2 s after, 0.609 of it (95 %: 0.575 to 0.648)`.
    pub(super) fn sentence(&self) -> String {
        let both = format!(
            "{} {} before, {} after",
            self.name,
            self.before.shown(self.unit),
            self.after.shown(self.unit)
        );
        match (&self.ratio, &self.reason) {
            (Some(ratio), _) => format!("{both}, ratio {}", ratio.shown()),
            (None, Some(reason)) => format!("{both} ({reason})"),
            (None, None) => both,
        }
    }
}

/// Why two levels have no ratio.
fn reason(before: Level, after: Level) -> String {
    let jobs = |n: u64, worth: u64| {
        if n == worth { n.to_string() } else { format!("{n} (worth {worth})") }
    };
    let one = |side: &str, level: Level| match level {
        Level::Known { .. } | Level::Single { .. } => None,
        Level::Bounded { n, worth, needs, .. } => {
            Some(format!("{side} {} jobs, needs {needs}", jobs(n, worth)))
        }
        Level::Absent => Some(format!("{side} none")),
    };
    match (before, after) {
        (Level::Bounded { n, worth, needs, .. }, Level::Bounded { n: m, worth: other, .. }) => {
            format!("{} and {} jobs, needs {needs}", jobs(n, worth), jobs(m, other))
        }
        (Level::Single { .. }, Level::Single { .. }) => "one value a run".to_owned(),
        (before, after) => {
            let reasons = one("before", before).into_iter().chain(one("after", after));
            reasons.collect::<Vec<_>>().join(", ")
        }
    }
}

impl Ratio {
    /// `0.609 (0.575 to 0.648)`.
    pub fn shown(&self) -> String {
        let digits = |value: f64| {
            if value < 9.9995 { format!("{value:.3}") } else { format!("{value:.1}") }
        };
        let ends = match self.high {
            Some(high) => format!("{} to {}", digits(self.low), digits(high)),
            None => format!("more than {}", digits(self.low)),
        };
        match self.value {
            Some(value) => format!("{} ({ends})", digits(value)),
            None => format!("({ends})"),
        }
    }
}
