//! Counts that do not vary: one more is a regression, without statistics.

use serde::Serialize;

use super::Metric;
use super::input::Column;
use crate::comparison::Better;

/// With one pair nobody knows whether a count varies.
const LEAST_PAIRS: usize = 2;

/// What the pairs say of a counter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// The counter.
    pub metric: Metric,
    /// The least and the most of the base.
    pub base: [f64; 2],
    /// The least and the most of the candidate.
    pub candidate: [f64; 2],
    /// What that says.
    pub word: CountWord,
}

/// What the values of a counter say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CountWord {
    /// All runs of both arms have the same.
    Same,
    /// Each run of the candidate has a better one, or the same.
    Better,
    /// A run of the candidate has a worse one, or each has where those of the base differ: it fails, by
    /// however little.
    Worse,
    /// Runs of the base differ, so it is no counter, and not all of the candidate's are worse. Null runs are runs
    /// of the base.
    Unsteady,
    /// There are too few pairs.
    Unknown,
}

impl Count {
    pub(super) fn of(column: &Column<'_>) -> Self {
        let null = column.null.iter().flatten();
        let base = range(column.base.iter().chain(null));
        let candidate = range(column.candidate.iter());
        let metric = column.metric.clone();
        let word = if column.base.len() < LEAST_PAIRS {
            CountWord::Unknown
        } else {
            word(base, candidate, metric.better)
        };
        Self { metric, base, candidate, word }
    }
}

fn range<'a>(values: impl Iterator<Item = &'a f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], &value| {
        [least.min(value), most.max(value)]
    })
}

fn word(base: [f64; 2], candidate: [f64; 2], better: Better) -> CountWord {
    let worst = match better {
        Better::Lower => base[1] - candidate[1],
        Better::Higher => candidate[0] - base[0],
    };
    // Each run of the candidate is worse than any of the base, however much those differ.
    let is_apart = match better {
        Better::Lower => candidate[0] > base[1],
        Better::Higher => candidate[1] < base[0],
    };
    if is_apart {
        CountWord::Worse
    } else if base[0] < base[1] {
        CountWord::Unsteady
    } else if worst < 0.0 {
        CountWord::Worse
    } else if candidate == base {
        CountWord::Same
    } else {
        CountWord::Better
    }
}
