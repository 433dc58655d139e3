//! What a person and a program are told of a gate.

use std::path::{Path, PathBuf};

use bench::gate::{Accepted, Calibration, Judgement, Verdict};
use bench::report::gate::{self as page, Gate, Told, Void};
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::series::{Ended, Judged, Series};
use crate::commands::{Context, typed};
use crate::exit::Exit;
use crate::record;

/// What a gate found, for `baseline accept`.
pub const JUDGED: &str = "judged.json";

/// What stands in [`JUDGED`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// What was run.
    pub scenario: String,
    /// Everything in one line.
    pub verdict: String,
    /// What would have to be accepted. None: nothing got worse.
    pub found: Option<Accepted>,
}

/// What is known after a gate.
#[derive(Debug, Serialize)]
pub struct Gated {
    /// The folder with everything.
    pub folder: PathBuf,
    /// The Markdown in it. None: there is nothing to judge.
    pub report: Option<PathBuf>,
    /// Everything in one line.
    pub verdict: String,
    /// What can be done where nothing was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Pairs that were judged.
    pub n_pairs: usize,
    /// All that the rule said. None: the runs are no measurement.
    pub judgement: Option<Judgement>,
    /// What the same program against itself showed, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// What the shell sees.
    #[serde(skip)]
    pub exit: Exit,
}

impl Gated {
    /// Writes the report of a series into `folder`: what it says, or why it says nothing.
    ///
    /// # Errors
    ///
    /// The folder cannot be written; a run could not be made.
    pub fn new(found: Judged, policy: &Policy, folder: &Path) -> anyhow::Result<Self> {
        let Judged { series, judgement } = found;
        let page = judgement.as_ref().and_then(|judged| {
            Gate::of(judged, &policy.gate, &series.pairs, told(policy, &series))
        });
        let (Some(judged), Some(page)) = (judgement, page) else {
            let told = told(policy, &series);
            return Self::void(series, policy, folder, |void| void.files(&told));
        };
        write(folder, &page::files(&page))?;
        let scenario = page.scenario.clone();
        let found = Accepted::of(&judged, &scenario, "", "");
        let kept = Found { scenario, verdict: page::verdict(&page), found };
        record::replace(&folder.join(JUDGED), &serde_json::to_string_pretty(&kept)?)?;
        let exit = match series.ended {
            Ended::Stopped => Exit::Interrupted,
            _ => exit(&judged.verdict),
        };
        Ok(Self {
            folder: folder.to_owned(),
            report: Some(folder.join(page::PAGE)),
            verdict: page::verdict(&page),
            hint: None,
            n_pairs: judged.n_pairs,
            judgement: Some(judged),
            calibration: None,
            exit,
        })
    }

    /// Writes why there is no judgement, as `files` make a page of it.
    ///
    /// # Errors
    ///
    /// The folder cannot be written; why a run could not be made.
    pub fn void(
        series: Series,
        policy: &Policy,
        folder: &Path,
        files: impl FnOnce(&Void<'_>) -> Vec<(&'static str, String)>,
    ) -> anyhow::Result<Self> {
        let (word, reason, advice) = match &series.ended {
            Ended::Stopped => ("INTERRUPTED", "no pair of runs is whole".to_owned(), AGAIN),
            Ended::Unfit(error) => ("INVALID", error.to_string(), error.advice()),
            Ended::Failed(error) => ("INVALID", format!("{error:#}"), AGAIN),
            Ended::Whole => ("INVALID", "there are no pairs of runs".to_owned(), AGAIN),
        };
        let runs = series.in_order();
        let scenario = runs.first().map(|(_, _, run)| run.scenario.name.as_str());
        let scenario = scenario.unwrap_or(&policy.run.scenario);
        let void = Void { scenario, word, reason, advice, runs };
        let files = files(&void);
        let report = files.first().map(|(name, _)| folder.join(name));
        let verdict = void.verdict();
        write(folder, &files)?;
        let exit = match series.ended {
            Ended::Stopped => Exit::Interrupted,
            Ended::Failed(error) => {
                let kept = format!("the runs that were made are kept: {}", folder.display());
                return Err(error.context(kept));
            }
            Ended::Unfit(_) | Ended::Whole => Exit::Invalid,
        };
        Ok(Self {
            folder: folder.to_owned(),
            report,
            verdict,
            hint: Some(advice.to_owned()),
            n_pairs: 0,
            judgement: None,
            calibration: None,
            exit,
        })
    }
}

/// What can be done where no run says more.
const AGAIN: &str = "run it again; whole pairs that were made are judged by `--before runs:FOLDER --after runs:FOLDER`";

fn write(folder: &Path, files: &[(&'static str, String)]) -> anyhow::Result<()> {
    files.iter().try_for_each(|(name, text)| record::replace(&folder.join(name), text))
}

const fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Pass | Verdict::Accepted { .. } => Exit::Pass,
        Verdict::Regression { .. } => Exit::Failed,
        Verdict::Inconclusive { .. } => Exit::Inconclusive,
        Verdict::Invalid { .. } => Exit::Invalid,
    }
}

/// What is known of a gate beside its runs.
pub fn told(policy: &Policy, series: &Series) -> Told {
    let looks: Vec<String> = policy.gate.looks.iter().map(|look| look.pairs.to_string()).collect();
    let mut facts = vec![
        ("seed of the order".to_owned(), policy.run.seed.to_string()),
        ("looks, pairs".to_owned(), looks.join(", ")),
    ];
    if series.n_again > 0 {
        let name = "runs that were made again, for the driver was late in them";
        facts.push((name.to_owned(), series.n_again.to_string()));
    }
    Told {
        command: typed(),
        facts,
        files: vec![
            ("runs/".to_owned(), "every run, with its samples and logs".to_owned()),
            ("gate.json".to_owned(), "this page as a document".to_owned()),
        ],
        promises: policy.slos.clone(),
        seed: policy.run.seed,
    }
}

/// Tells a person. For GitHub there are files beside the page, which the action in `.github` gives it.
pub fn tell(gated: &Gated, cx: &Context<'_>) {
    match gated.exit {
        Exit::Pass => cx.ui.pass(&gated.verdict),
        _ => cx.ui.fail(&gated.verdict),
    }
    let reasons = gated.judgement.iter().flat_map(|judged| judged.verdict.reasons());
    for reason in reasons {
        cx.ui.warn(reason);
    }
    if let Some(hint) = &gated.hint {
        cx.ui.say(format!("hint: {hint}"));
    }
    if let Some(report) = &gated.report {
        cx.ui.data(format!("report      {}", cx.paths.shown(report).display()));
    }
}
