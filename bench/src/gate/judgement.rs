//! What the gate says.

use std::fmt;

use serde::Serialize;

use super::{Count, Look, Metric, Noise};
use crate::comparison::Word;

/// Everything that pairs say under a rule. A report is a pure function of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Pairs that were judged: those of the last look that was reached, or all where none was.
    pub n_pairs: usize,
    /// The look, with the levels of the intervals. None: there are fewer pairs than the first look takes.
    pub look: Option<Look>,
    /// The primary metric.
    pub primary: Effect,
    /// The others, in their order.
    pub advisory: Vec<Effect>,
    /// The counters, in their order.
    pub counters: Vec<Count>,
    /// The primary metric of the base against itself, where there is a null arm.
    pub null: Option<Effect>,
}

/// What to do with the change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// It is not worse by as much as the tolerance, and no counter is.
    Pass,
    /// It is worse by more than the least effect, or a counter is worse.
    Regression {
        /// What is worse.
        reasons: Vec<Reason>,
    },
    /// It is worse, and that was wanted.
    Accepted {
        /// What is worse.
        reasons: Vec<Reason>,
        /// Why that is wanted.
        because: Vec<String>,
    },
    /// It may be either.
    Inconclusive {
        /// Why.
        reasons: Vec<Reason>,
        /// How many pairs in all the next look takes. None: the rule has no further look.
        next_look: Option<usize>,
        /// How many more pairs would bring a verdict in nine of ten cases. None: more than anybody would
        /// run, or not known yet.
        more_pairs: Option<usize>,
    },
    /// Nothing can be said.
    Invalid {
        /// Why.
        reasons: Vec<Reason>,
    },
}

/// Why a verdict is no pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The interval of the primary metric is wholly beyond the least effect.
    Worse {
        /// Its name.
        metric: String,
    },
    /// A counter is worse.
    CountWorse {
        /// Its name.
        metric: String,
    },
    /// A counter is not the same in all runs of the base, so nothing can be said of the candidate's.
    CountUnsteady {
        /// Its name.
        metric: String,
    },
    /// There are fewer pairs than the first look takes.
    TooFewPairs {
        /// Pairs there are.
        n: usize,
        /// Pairs it takes.
        needs: usize,
    },
    /// The interval of the primary metric holds values that would fail and values that would pass.
    Undecided {
        /// Its name.
        metric: String,
    },
    /// The interval of the primary metric is wholly beyond the least effect, and chance does as much more
    /// often than this look may spend on false alarms.
    MayBeChance {
        /// Its name.
        metric: String,
        /// How probable it is by chance.
        p: f64,
    },
    /// The base differs from itself by the rule that the candidate is judged by.
    NullDiffers {
        /// The primary metric.
        metric: String,
        /// Null/base.
        ratio: f64,
    },
}

/// What the pairs say of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// The metric.
    pub metric: Metric,
    /// Median of the runs of the base.
    pub base: f64,
    /// Median of the runs of the candidate.
    pub candidate: f64,
    /// Candidate/base: the Hodges-Lehmann estimate over the pairs.
    pub ratio: f64,
    /// Lower end of the interval of the ratio. The end on the worse side of which a regression begins has
    /// the level `fail` of the look, the other one `pass`. None: this look has no such end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// How probable such an effect beyond the least one, in either direction, is by chance; of an advisory
    /// metric among all of them (Holm).
    pub p: f64,
    /// What it says. Of an advisory metric at the level `advice`; it fails no run.
    pub word: Word,
    /// How noisy it is.
    #[serde(flatten)]
    pub noise: Noise,
}

impl Judgement {
    /// Everything in one line: `REGRESSION: latency p50 +9.99 % (+8.69 % to +11.3 %), 12 pairs`.
    pub fn line(&self) -> String {
        let verdict = self.verdict.as_str().to_uppercase();
        let effect = &self.primary;
        let reasons: String = self
            .verdict
            .reasons()
            .iter()
            .filter(|reason| !matches!(reason, Reason::Worse { .. }))
            .map(|reason| format!("; {reason}"))
            .collect();
        let more = match &self.verdict {
            Verdict::Inconclusive { more_pairs: Some(more), .. } if self.look.is_some() => {
                format!("; about {more} more pairs would tell")
            }
            Verdict::Accepted { because, .. } => format!("; {}", because.join("; ")),
            _ => String::new(),
        };
        format!(
            "{verdict}: {} {}, {} pairs{reasons}{more}",
            effect.metric.name,
            effect.shown(),
            self.n_pairs
        )
    }
}

impl Effect {
    /// `+9.99 % (+8.69 % to +11.3 %)`, or `+9.99 % (more than +8.69 %)`, or without an interval.
    pub fn shown(&self) -> String {
        let change = |ratio: f64| {
            let percent = (ratio - 1.0) * 100.0;
            let decimals = if percent.abs() < 9.995 { 2 } else { 1 };
            format!("{percent:+.decimals$} %")
        };
        let found = change(self.ratio);
        match (self.low.map(change), self.high.map(change)) {
            (Some(low), Some(high)) => format!("{found} ({low} to {high})"),
            (Some(low), None) => format!("{found} (more than {low})"),
            (None, Some(high)) => format!("{found} (less than {high})"),
            (None, None) => found,
        }
    }
}

impl Verdict {
    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Regression { .. } => "regression",
            Self::Accepted { .. } => "accepted",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Invalid { .. } => "invalid",
        }
    }

    /// Why it is no pass.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Pass => &[],
            Self::Regression { reasons }
            | Self::Accepted { reasons, .. }
            | Self::Inconclusive { reasons, .. }
            | Self::Invalid { reasons } => reasons,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worse { metric } => {
                write!(f, "{metric}: the whole interval is worse than the least effect")
            }
            Self::CountWorse { metric } => write!(f, "{metric}: a counter that is worse"),
            Self::CountUnsteady { metric } => write!(
                f,
                "{metric}: the base alone has several values, so nothing can be said of it"
            ),
            Self::TooFewPairs { needs, .. } => write!(f, "the first look takes {needs} pairs"),
            Self::Undecided { metric } => {
                write!(f, "{metric}: the interval holds values that fail and values that pass")
            }
            Self::MayBeChance { metric, p } => write!(
                f,
                "{metric}: worse, but chance does as much in {:.2} % of gates without a difference",
                p * 100.0
            ),
            Self::NullDiffers { metric, ratio } => write!(
                f,
                "{metric}: the base differs from itself by {:+.1} %, so this machine cannot judge now",
                (ratio - 1.0) * 100.0
            ),
        }
    }
}
