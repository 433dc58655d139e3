//! Two runs side by side: what differs between them, and what that did to each figure.
//!
//! A verdict is read from the 95 % interval of the ratio after/before and never from the ratio alone. Two
//! runs are two runs: whatever drifted between them is in the ratio too, which is said on the page.
//!
//! It knows nothing of files and of how runs were made.

mod differences;
mod interval;
mod markdown;
mod metric;
mod metrics;
mod warnings;

use serde::Serialize;

pub use self::differences::Difference;
pub use self::interval::Ratio;
pub(crate) use self::interval::interval_of_share;
pub use self::markdown::{PAGE, files, markdown, page};
pub use self::metric::{Better, Level, Metric, Section, Unit, Word};
pub use self::warnings::{Side, Warning};
use crate::beside::beside;
use crate::{Doubt, Run, Summary};

/// Before and after.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What there was first.
    pub before: Arm,
    /// What there is now.
    pub after: Arm,
    /// What differs between them, other than the times.
    pub differences: Vec<Difference>,
    /// What the reader must know before the numbers.
    pub warnings: Vec<Warning>,
    /// Each figure, the primary one first. None where a run is not valid.
    pub metrics: Vec<Metric>,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Arm {
    /// The scenario.
    pub scenario: String,
    /// What was driven.
    pub target: String,
    /// When it began, microseconds since the Unix epoch.
    pub began_unix_us: u64,
    /// Jobs that ended well.
    pub n_ok: u64,
    /// Jobs that failed.
    pub n_failed: u64,
    /// What speaks against it as a measurement. Empty: it is valid.
    pub doubts: Vec<String>,
    /// What was typed.
    pub command: Option<String>,
    /// The commit of the checkout.
    pub revision: Option<String>,
}

impl Arm {
    fn of(run: &Run, summary: &Summary) -> Self {
        let text = |name: &str| Some(run.environment.get(name)?.as_str()?.to_owned());
        Self {
            scenario: run.scenario.name.clone(),
            target: run.target.clone(),
            began_unix_us: run.began_unix_us,
            n_ok: summary.n_ok,
            n_failed: summary.n_failed(),
            doubts: Doubt::of(run, summary).iter().map(ToString::to_string).collect(),
            command: text("command"),
            revision: text("revision"),
        }
    }
}

impl Comparison {
    /// Compares `after` with `before`.
    pub fn of(before: &Run, after: &Run) -> Self {
        let summed_up = |run: &Run| {
            let summary = Summary::of(&run.samples);
            (Arm::of(run, &summary), summary)
        };
        // Both are as much work.
        let (first, second) = beside(|| summed_up(before), || summed_up(after));
        let (arms, summaries) = ((first.0, second.0), (first.1, second.1));
        let is_valid = arms.0.doubts.is_empty() && arms.1.doubts.is_empty();
        let differences = differences::differences(before, after);
        let metrics = if is_valid {
            metrics::metrics((before, &summaries.0), (after, &summaries.1))
        } else {
            Vec::new()
        };
        Self {
            warnings: warnings::warnings(
                (before, &summaries.0),
                (after, &summaries.1),
                &differences,
            ),
            before: arms.0,
            after: arms.1,
            differences,
            metrics,
        }
    }

    /// Whether both runs are measurements.
    pub fn is_valid(&self) -> bool {
        self.before.doubts.is_empty() && self.after.doubts.is_empty()
    }

    /// What must be the same for the figures to be about one thing, and is not.
    pub fn unlike(&self) -> Vec<&str> {
        let breaks = self.differences.iter().filter_map(|difference| difference.breaks.as_deref());
        let mut names: Vec<&str> = breaks.collect();
        names.dedup();
        names
    }

    /// Everything in one line.
    pub fn verdict(&self) -> String {
        for (side, arm) in [("before", &self.before), ("after", &self.after)] {
            if let Some(doubt) = arm.doubts.first() {
                let doubt = doubt.lines().next().unwrap_or_default();
                return format!("NOT COMPARABLE: {side}: {doubt}");
            }
        }
        let Some(primary) = self.metrics.first() else { return "NOT COMPARABLE".to_owned() };
        let unlike = self.unlike();
        let but = if unlike.is_empty() {
            String::new()
        } else {
            format!(", BUT NOT LIKE FOR LIKE ({})", unlike.join(", "))
        };
        format!(
            "{}{but}: {}{}",
            primary.word.as_str().to_uppercase(),
            primary.sentence(),
            self.others()
        )
    }

    /// What the other figures say, by name.
    fn others(&self) -> String {
        const MOST: usize = 5;
        let named = |word: Word| -> Option<String> {
            let others = self.metrics.iter().skip(1).filter(|metric| metric.word == word);
            let names: Vec<&str> = others.map(|metric| metric.name.as_str()).collect();
            let first = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(MOST);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!names.is_empty()).then(|| format!("; {}: {first}{more}", word.as_str()))
        };
        [Word::Worse, Word::Better].into_iter().filter_map(named).collect()
    }
}

#[cfg(test)]
mod tests;
