//! The page of a gate that came to no judgement: why, and every run that was made.

use super::sections;
use super::{Told, files_of};
use crate::gate::Arm;
use crate::page::{Block, Page, Tone};
use crate::report::again;
use crate::{Doubt, Outcome, Run, Summary, text};

/// A gate that came to no judgement.
#[derive(Clone, Debug)]
pub struct Void<'a> {
    /// What was to be run, such as `short`.
    pub scenario: &'a str,
    /// `INVALID`, or `INTERRUPTED`.
    pub word: &'static str,
    /// Why, in a line.
    pub reason: String,
    /// What can be done about it.
    pub advice: &'a str,
    /// Every run that was made, in order: of which pair, from 0, and which arm.
    pub runs: Vec<(usize, Arm, &'a Run)>,
}

impl Void<'_> {
    /// Everything in one line: `INVALID: pair 2, candidate: the driver was late …`.
    pub fn verdict(&self) -> String {
        format!("{}: {}", self.word, self.reason.lines().next().unwrap_or_default())
    }

    /// The page.
    pub fn page(&self, told: &Told) -> Page {
        let warning = format!("**Nothing was judged**: {}. Hint: {}.", self.reason, self.advice);
        let mut blocks = vec![Block::Warnings { texts: vec![warning] }];
        if !self.runs.is_empty() {
            blocks.extend([
                Block::heading("What was measured"),
                Block::table(
                    ["run", "jobs that ended well", "failed", "latency p50", "speaks against it"],
                    self.runs.iter().map(row),
                ),
                Block::text("In the order in which they were made. They are kept."),
            ]);
        }
        let environment = self.runs.first().map(|(_, _, run)| run.environment.clone());
        blocks.extend(again::known(&environment.unwrap_or_default(), &told.command, &told.facts));
        blocks.extend(sections::files(&told.files));
        let title = format!("Gate: {}", self.scenario);
        Page { title, verdict: self.verdict(), tone: Tone::Unsure, blocks }
    }

    /// Every file of the page, as [`files`](super::files()).
    pub fn files(&self, told: &Told) -> Vec<(&'static str, String)> {
        files_of(&self.page(told), self.scenario)
    }
}

fn row((pair, arm, run): &(usize, Arm, &Run)) -> [String; 5] {
    let summary = Summary::of(&run.samples);
    let doubts: Vec<String> = Doubt::of(run, &summary).iter().map(ToString::to_string).collect();
    let n_failed = run.measured().filter(|job| matches!(job.outcome, Outcome::Failed(_))).count();
    [
        format!("pair {}, {}", pair + 1, arm.as_str()),
        summary.latency.n().to_string(),
        n_failed.to_string(),
        text::estimate(&summary.latency, 0.5),
        if doubts.is_empty() { "nothing".to_owned() } else { doubts.join("; ") },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::sample_runs::{Shape, run};
    use crate::{Ending, PairError, Unfit};

    #[test]
    fn a_run_that_is_no_measurement_is_named_with_all_that_were_made() {
        let mut runs = [1, 2, 3].map(|seed| run(Shape { jobs: 40, seed, ..Shape::default() }));
        runs.iter_mut().for_each(|run| run.ending = Ending::Complete);
        runs[2].ending = Ending::TargetDied("killed by signal 9".to_owned());
        let places = [(0, Arm::Candidate), (0, Arm::Base), (1, Arm::Base)];
        let unfit = Unfit::of(&runs[0], &runs[2]).expect("it died");
        assert_eq!(Unfit::of(&runs[0], &runs[1]), None);
        let advice = unfit.advice();
        let void = Void {
            scenario: "short",
            word: "INVALID",
            reason: PairError::Unfit { pair: 1, arm: Arm::Base, unfit }.to_string(),
            advice,
            runs: places.iter().zip(&runs).map(|(&(pair, arm), run)| (pair, arm, run)).collect(),
        };
        let told = Told { command: "cargo xtask gate --base main".to_owned(), ..Told::default() };
        let page = void.page(&told);
        assert_eq!(page.verdict, "INVALID: pair 2, base: the target died: killed by signal 9");
        let names: Vec<&str> = void.files(&told).into_iter().map(|(name, _)| name).collect();
        let expected =
            ["gate.md", "gate.html", "gate.json", "summary.md", "comment.md", "annotations.txt"];
        assert_eq!(names, expected);
        insta::assert_snapshot!(page.markdown());
    }
}
