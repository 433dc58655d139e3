//! Base against base, before anything is gated: how noisy is this machine, and what can be seen on it?

use std::fmt;

use serde::Serialize;

use super::input::columns;
use super::judge::Judge;
use super::{Effect, GateError, Metric, Pair, Role, Rule};
use crate::statistics::{SignedRank, walsh_averages};

/// What pairs of the base with itself show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Pairs there were.
    pub n_pairs: usize,
    /// Every metric that is no counter, with its noise; the primary one first.
    pub effects: Vec<Effect>,
    /// Why nothing may be gated here. Empty: it may.
    pub refusals: Vec<Refusal>,
}

/// Why nothing may be gated here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// There are fewer pairs than the policy takes.
    TooFewPairs {
        /// Pairs there are.
        n: usize,
        /// Pairs it takes.
        needs: usize,
    },
    /// The least effect that the gate would see is more than the policy allows.
    TooNoisy {
        /// The primary metric.
        metric: String,
        /// What it would see, as a share. None: nothing.
        least_visible: Option<f64>,
        /// What the policy allows.
        limit: f64,
    },
    /// The base differs from itself: the first arm of this machine is not like the second.
    Differs {
        /// The primary metric.
        metric: String,
        /// Second/first.
        ratio: f64,
        /// How probable that is by chance.
        p: f64,
    },
}

impl Calibration {
    /// Whether the gate may be run.
    pub fn may_gate(&self) -> bool {
        self.refusals.is_empty()
    }
}

/// Looks at pairs in which both arms are the base.
///
/// # Errors
///
/// [`GateError`], as [`judge`](super::judge()).
pub fn calibrate(
    metrics: &[Metric],
    pairs: &[Pair],
    rule: &Rule,
) -> Result<Calibration, GateError> {
    rule.check()?;
    let columns = columns(metrics, pairs)?;
    let judge = Judge::of(pairs, rule, None);
    let mut effects = Vec::new();
    let mut refusals = Vec::new();
    let needs = rule.calibration.pairs;
    if pairs.len() < needs {
        refusals.push(Refusal::TooFewPairs { n: pairs.len(), needs });
    }
    for column in columns.iter().filter(|column| column.metric.role != Role::Counter) {
        let worsening = column.worsening();
        let walsh = walsh_averages(&worsening);
        let p = SignedRank::of(pairs.len()).p_two_sided(&walsh, 0.0);
        let effect = judge.effect(column.metric, &column.base, &column.candidate, &worsening);
        if column.metric.role == Role::Primary {
            refusals.extend(too_noisy(&effect, rule));
            refusals.extend(differs(&effect, p, rule));
            effects.insert(0, Effect { p, ..effect });
        } else {
            effects.push(Effect { p, ..effect });
        }
    }
    Ok(Calibration { n_pairs: pairs.len(), effects, refusals })
}

fn too_noisy(effect: &Effect, rule: &Rule) -> Option<Refusal> {
    let limit = rule.calibration.least_visible;
    let least_visible = effect.noise.least_visible;
    let is_seen = least_visible.is_some_and(|least| least <= limit);
    let metric = effect.metric.name.clone();
    (!is_seen).then_some(Refusal::TooNoisy { metric, least_visible, limit })
}

fn differs(effect: &Effect, p: f64, rule: &Rule) -> Option<Refusal> {
    let is_small = effect.ratio.ln().abs() <= rule.least_effect.ln_1p();
    let metric = effect.metric.name.clone();
    (!is_small && p <= rule.calibration.level).then_some(Refusal::Differs {
        metric,
        ratio: effect.ratio,
        p,
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewPairs { n, needs } => {
                write!(f, "{n} pairs of the base with itself; the policy takes {needs}")
            }
            Self::TooNoisy { metric, least_visible: Some(least), limit } => write!(
                f,
                "{metric}: the gate would see {:.1} % at least; the policy allows {:.1} %",
                least * 100.0,
                limit * 100.0
            ),
            Self::TooNoisy { metric, least_visible: None, .. } => {
                write!(f, "{metric}: too few pairs to say what the gate would see")
            }
            Self::Differs { metric, ratio, p } => write!(
                f,
                "{metric}: the base differs from itself by {:+.1} % (p = {p:.4})",
                (ratio - 1.0) * 100.0
            ),
        }
    }
}
