//! What the gate is given: metrics, and pairs of runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::rule::RuleError;
use super::{Arm, Order};
use crate::comparison::Better;

/// A figure of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its name, such as `latency p50`.
    pub name: String,
    /// What it is counted in, such as `s` or `jobs an hour`.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// What it is for.
    pub role: Role,
}

/// What a metric is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It decides. There is exactly one: with twenty that may fail a run, one of them would by chance.
    Primary,
    /// It is shown with what it says, and fails no run.
    Advisory,
    /// A count that is the same in each run of one program (requests, encodes, bytes, model loads,
    /// allocations): one more is a regression.
    Counter,
}

/// The values of one run by the names of the metrics. More of them than there are metrics do no harm.
pub type Values = BTreeMap<String, f64>;

/// Runs of both arms, made next to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Which of both was made first.
    pub order: Order,
    /// The run of the base.
    pub base: Values,
    /// The run of the candidate.
    pub candidate: Values,
    /// The second run of the base, where there is one: in all pairs or in none.
    pub null: Option<Values>,
}

/// Why nothing can be judged: what was given is no measurement, or the rule is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GateError {
    /// The rule cannot be followed.
    #[error("the rule of the gate: {0}")]
    Rule(#[from] RuleError),
    /// Nothing was run.
    #[error("there are no pairs")]
    NoPairs,
    /// One metric must decide.
    #[error("expected one primary metric, found {0}")]
    Primaries(usize),
    /// Two metrics have one name.
    #[error("two metrics have the name {0:?}")]
    Twice(String),
    /// A run does not have a value.
    #[error("pair {pair}, {}: no value of {metric:?}", arm.as_str())]
    Missing {
        /// Of what.
        metric: String,
        /// Of which pair, from 0.
        pair: usize,
        /// Of which run of it.
        arm: Arm,
    },
    /// A value has no logarithm, or is no count.
    #[error("pair {pair}, {}: {metric:?} is {value}, expected {expected}", arm.as_str())]
    Value {
        /// Of what.
        metric: String,
        /// Of which pair, from 0.
        pair: usize,
        /// Of which run of it.
        arm: Arm,
        /// The value.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// Some pairs have a third run and others do not.
    #[error("pair {pair} has no run of the null arm, and others have one")]
    NoNull {
        /// The first such pair, from 0.
        pair: usize,
    },
}

/// The values of one metric in each pair.
pub(super) struct Column<'a> {
    pub metric: &'a Metric,
    pub base: Vec<f64>,
    pub candidate: Vec<f64>,
    pub null: Option<Vec<f64>>,
}

impl Column<'_> {
    /// How much worse `values` are than those of the base: the logarithm of their ratio, above zero where
    /// they are worse, whichever way is better.
    fn worsening_of(&self, values: &[f64]) -> Vec<f64> {
        let sign = if self.metric.better == Better::Lower { 1.0 } else { -1.0 };
        self.base.iter().zip(values).map(|(base, value)| sign * (value / base).ln()).collect()
    }

    pub fn worsening(&self) -> Vec<f64> {
        self.worsening_of(&self.candidate)
    }

    /// The same of the null arm.
    pub fn null_worsening(&self) -> Option<Vec<f64>> {
        self.null.as_ref().map(|values| self.worsening_of(values))
    }
}

/// Each metric with its values, every one of them checked.
pub(super) fn columns<'a>(
    metrics: &'a [Metric],
    pairs: &[Pair],
) -> Result<Vec<Column<'a>>, GateError> {
    let mut names = BTreeSet::new();
    if let Some(twice) = metrics.iter().find(|metric| !names.insert(&metric.name)) {
        return Err(GateError::Twice(twice.name.clone()));
    }
    let n_primary = metrics.iter().filter(|metric| metric.role == Role::Primary).count();
    if n_primary != 1 {
        return Err(GateError::Primaries(n_primary));
    }
    if pairs.is_empty() {
        return Err(GateError::NoPairs);
    }
    let has_null = pairs.iter().any(|pair| pair.null.is_some());
    if let Some(pair) = pairs.iter().position(|pair| has_null && pair.null.is_none()) {
        return Err(GateError::NoNull { pair });
    }
    metrics.iter().map(|metric| column(metric, pairs, has_null)).collect()
}

fn column<'a>(metric: &'a Metric, pairs: &[Pair], has_null: bool) -> Result<Column<'a>, GateError> {
    let values = |arm: Arm, of: fn(&Pair) -> Option<&Values>| -> Result<Vec<f64>, GateError> {
        let pairs = pairs.iter().enumerate();
        pairs.map(|(pair, runs)| value(metric, pair, arm, of(runs))).collect()
    };
    Ok(Column {
        metric,
        base: values(Arm::Base, |pair| Some(&pair.base))?,
        candidate: values(Arm::Candidate, |pair| Some(&pair.candidate))?,
        null: if has_null { Some(values(Arm::Null, |pair| pair.null.as_ref())?) } else { None },
    })
}

fn value(
    metric: &Metric,
    pair: usize,
    arm: Arm,
    values: Option<&Values>,
) -> Result<f64, GateError> {
    let name = || metric.name.clone();
    let value = values.and_then(|values| values.get(&metric.name));
    let Some(&value) = value else {
        return Err(GateError::Missing { metric: name(), pair, arm });
    };
    let (is_right, expected) = match metric.role {
        Role::Counter => (value >= 0.0 && value.is_finite(), "a finite number, zero or more"),
        // The logarithm of a ratio of such numbers is finite; of subnormal ones it need not be.
        Role::Primary | Role::Advisory => {
            (value.is_normal() && value > 0.0, "a finite number above zero")
        }
    };
    if is_right {
        Ok(value)
    } else {
        Err(GateError::Value { metric: name(), pair, arm, value, expected })
    }
}
