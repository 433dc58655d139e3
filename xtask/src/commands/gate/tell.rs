//! What a person and a program are told of a gate.

use std::path::{Path, PathBuf};

use bench::gate::{Accepted, Calibration, Judgement, Verdict};
use bench::report::gate::{self as page, Gate, Told};
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::series::Series;
use crate::commands::{Context, typed};
use crate::exit::Exit;
use crate::record;

/// What a gate found, for `baseline accept`.
pub const JUDGED: &str = "judged.json";

/// What stands in [`JUDGED`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Judged {
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
    /// Writes the report of a series into `folder`.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn new(series: &Series, policy: &Policy, folder: &Path) -> anyhow::Result<Self> {
        let judged = match &series.judged {
            Ok(judged) => judged,
            Err(error) if series.is_cut_short => return Ok(Self::cut_short(folder, error)),
            Err(error) => {
                return Ok(Self::without(folder, format!("INVALID: {error}"), Exit::Invalid));
            }
        };
        let Some(page) = Gate::of(judged, &policy.gate, &series.runs, told(policy)) else {
            return Ok(Self::without(
                folder,
                "INVALID: there are no runs".to_owned(),
                Exit::Invalid,
            ));
        };
        for (name, text) in page::files(&page) {
            record::replace(&folder.join(name), &text)?;
        }
        let scenario = page.scenario.clone();
        let found = Accepted::of(judged, &scenario, "", "");
        let kept = Judged { scenario, verdict: page::verdict(&page), found };
        record::replace(&folder.join(JUDGED), &serde_json::to_string_pretty(&kept)?)?;
        let exit = if series.is_cut_short { Exit::Interrupted } else { exit(&judged.verdict) };
        Ok(Self {
            folder: folder.to_owned(),
            report: Some(folder.join(page::PAGE)),
            verdict: page::verdict(&page),
            n_pairs: judged.n_pairs,
            judgement: Some(judged.clone()),
            calibration: None,
            exit,
        })
    }

    /// What has no page.
    pub fn without(folder: &Path, verdict: String, exit: Exit) -> Self {
        let folder = folder.to_owned();
        Self { folder, report: None, verdict, n_pairs: 0, judgement: None, calibration: None, exit }
    }

    fn cut_short(folder: &Path, error: &bench::PairError) -> Self {
        let verdict = format!("INTERRUPTED: no pair of runs is whole ({error})");
        Self::without(folder, verdict, Exit::Interrupted)
    }
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
pub fn told(policy: &Policy) -> Told {
    let looks: Vec<String> = policy.gate.looks.iter().map(|look| look.pairs.to_string()).collect();
    Told {
        command: typed(),
        facts: vec![
            ("seed of the order".to_owned(), policy.run.seed.to_string()),
            ("looks, pairs".to_owned(), looks.join(", ")),
        ],
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
    if let Some(report) = &gated.report {
        cx.ui.data(format!("report      {}", cx.paths.shown(report).display()));
    }
}
