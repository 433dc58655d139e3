//! `load-test --sweep`: one open load after the other, until it is known which rate the service holds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use bench::report::sweep::{self as page, Sweep, Tried};
use bench::{Distribution, Estimate, Found, Held, Knee, Plan, Probe, Rate, Run, Slo};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::Args;
use super::shape::{self, Kind, Shape};
use crate::commands::{Context, typed};
use crate::exit::{Exit, Failure};
use crate::record::{self, RunFolder};

/// Probes of a search at most, for the cost guard.
const MOST_PROBES: u32 = 8;
/// Jobs of a probe, where nothing is said: of fewer, few rates can be shown to be held.
const JOBS: u32 = 400;

/// Which rate is looked for.
#[derive(Clone, Debug, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Sweep")]
pub struct Sweeping {
    /// Find the highest rate that is held: from FROM jobs a second on, never beyond TO, at most 8 loads
    #[arg(long, value_name = "FROM..TO", value_parser = range, group = "open", conflicts_with_all = ["concurrency", "rate", "trace"])]
    pub sweep: Option<(Rate, Rate)>,
    /// What must be kept at a rate, such as p95=30s
    #[arg(long, value_name = "PERCENTILE=TIME", value_parser = slo, requires = "sweep")]
    pub slo: Vec<Slo>,
    /// The share of the jobs that may fail at a rate [default: 0]
    #[arg(long, value_name = "PERCENT", value_parser = shape::share, requires = "sweep")]
    pub slo_failed: Option<f64>,
}

fn range(text: &str) -> Result<(Rate, Rate), String> {
    let expected = || "expected two rates in jobs a second, such as 0.1..10".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let rate = |text: &str| {
        Rate::try_from(text.parse::<f64>().map_err(|_| expected())?).map_err(|e| e.to_string())
    };
    let (from, to) = (rate(from)?, rate(to)?);
    if from < to { Ok((from, to)) } else { Err(expected()) }
}

fn slo(text: &str) -> Result<Slo, String> {
    let expected = || "expected a percentile and a time, such as p95=30s".to_owned();
    let (name, time) = text.split_once('=').ok_or_else(expected)?;
    let percent: f64 =
        name.strip_prefix('p').and_then(|it| it.parse().ok()).ok_or_else(expected)?;
    if !(percent > 0.0 && percent < 100.0) {
        return Err(expected());
    }
    let at_most_us = shape::micros(shape::time(time)?);
    Ok(Slo { quantile: percent / 100.0, at_most_us })
}

/// How many jobs a probe must have before it can show anything of a quantile: jobs at one rate wait for one
/// another, and of fewer than a hundred such nobody knows what they are worth.
fn needs(quantile: f64) -> u64 {
    const DEPENDENT: u64 = 100;
    match Distribution::default().quantile(quantile) {
        Estimate::Bounded { needs, .. } => needs.max(DEPENDENT),
        Estimate::Carried { .. } => DEPENDENT,
    }
}

impl Sweeping {
    /// The plan of a probe at `rate`: that of the other flags.
    ///
    /// # Errors
    ///
    /// A plan that cannot be followed, and arrivals that have no one rate.
    pub fn plan(&self, args: &Args, rate: Rate) -> anyhow::Result<Plan> {
        if let Some(Kind::Ramp(_)) = args.shape.arrivals {
            let message = "--arrivals ramp: a probe of a sweep has one rate";
            return Err(Failure::usage(message).into());
        }
        let jobs = args.jobs.or(args.shape.duration.is_none().then_some(JOBS));
        for slo in &self.slo {
            let needs = needs(slo.quantile);
            if let Some(jobs) = jobs.filter(|&jobs| u64::from(jobs) < needs) {
                let message = format!(
                    "--slo {}: {needs} jobs a probe can show it at the earliest, found {jobs}",
                    slo.promise()
                );
                return Err(Failure::usage(message).with_hint(format!("--jobs {needs}")).into());
            }
        }
        let shape = Shape { rate: Some(rate), ..args.shape.clone() };
        shape.plan(NonZeroU32::MIN, jobs.and_then(NonZeroU32::new))
    }

    /// How many jobs all probes may send together; a probe of a time sends the more the higher its rate.
    ///
    /// # Errors
    ///
    /// As [`Self::plan`].
    pub fn most_jobs(&self, args: &Args, most: Rate) -> anyhow::Result<u64> {
        let jobs = self.plan(args, most)?.n_jobs().unwrap_or(u64::MAX);
        Ok(jobs.saturating_mul(u64::from(MOST_PROBES)))
    }
}

/// What is known after a sweep.
#[derive(Debug, Serialize)]
pub struct Swept {
    /// The folder with everything.
    pub folder: PathBuf,
    /// The Markdown in it.
    pub report: PathBuf,
    /// Everything in one line.
    pub verdict: String,
    /// The highest rate that was shown to be held, jobs a second.
    pub held_per_s: Option<f64>,
    /// The lowest that was not.
    pub not_held_per_s: Option<f64>,
    /// Whether both are within 5 %.
    pub is_close: bool,
    /// Each probe.
    pub probes: Vec<Probed>,
    /// What the shell sees.
    #[serde(skip)]
    pub exit: Exit,
}

/// A probe.
#[derive(Debug, Serialize)]
pub struct Probed {
    /// Jobs a second that came.
    pub rate_per_s: f64,
    /// Jobs a second that were done while they came.
    pub done_per_s: f64,
    /// Whether it was shown to be held.
    pub is_held: bool,
    /// Why not.
    pub reason: Option<String>,
    /// The folder of its run.
    pub run: PathBuf,
}

/// Searches.
///
/// # Errors
///
/// As a load test.
pub async fn sweep(
    args: &Args,
    (first, most): (Rate, Rate),
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Swept> {
    let subject = super::subject(args, cx, stop).await?;
    let folder = RunFolder::create(
        args.out.as_deref(),
        &cx.paths,
        &format!("{}-sweep", subject.scenario()),
    )?;
    let mut search = Search::new(args, first, most, folder.path());
    while let Some(rate) = search.knee.next() {
        let number = search.tried.len() + 1;
        cx.ui.say(format!("probe {number}: {:.3} jobs a second", rate.per_s()));
        let at = search.folder.join("probes").join(number.to_string());
        let probe_folder = RunFolder::create(Some(&at), &cx.paths, "probe")?;
        let plan = args.sweep.plan(args, rate)?;
        let run = subject.drive(&plan, &probe_folder, cx, stop).await?;
        probe_folder.save(&run)?;
        probe_folder.report(&run)?;
        if stop.is_cancelled() {
            search.is_cut_short = true;
            break;
        }
        cx.ui.say(search.add(rate, &run));
    }
    search.told(subject.scenario())
}

/// A search as it goes on.
struct Search<'a> {
    args: &'a Args,
    knee: Knee,
    tried: Vec<Tried>,
    environment: BTreeMap<String, serde_json::Value>,
    folder: PathBuf,
    is_cut_short: bool,
}

impl<'a> Search<'a> {
    fn new(args: &'a Args, first: Rate, most: Rate, folder: &Path) -> Self {
        let (knee, folder) = (Knee::new(first, most), folder.to_owned());
        Self {
            args,
            knee,
            tried: Vec::new(),
            environment: BTreeMap::new(),
            folder,
            is_cut_short: false,
        }
    }

    fn max_failed(&self) -> f64 {
        self.args.sweep.slo_failed.unwrap_or(0.0)
    }

    /// Takes what a run showed; gives it in a line.
    fn add(&mut self, rate: Rate, run: &Run) -> String {
        let probe = Probe { rate, slos: &self.args.sweep.slo, max_failed: self.max_failed() };
        let probed = probe.judge(run);
        self.knee.add(probed.clone());
        let word = match &probed.held {
            Held::Yes => "held".to_owned(),
            Held::No(reason) => format!("not held: {reason}"),
            Held::Unsure(reason) => format!("not shown to be held: {reason}"),
        };
        let folder = format!("probes/{}", self.tried.len() + 1);
        self.tried.push(Tried::of(probed, run, folder));
        if self.environment.is_empty() {
            self.environment = run.environment.clone();
        }
        word
    }

    /// Writes the page.
    fn told(self, scenario: String) -> anyhow::Result<Swept> {
        let Found { held, not_held, is_close } = self.knee.found();
        let sweep = Sweep {
            scenario,
            slos: self.args.sweep.slo.clone(),
            max_failed: self.max_failed(),
            found: self.knee.found(),
            is_cut_short: self.is_cut_short,
            environment: self.environment,
            command: typed(),
            probes: self.tried,
        };
        for (name, text) in page::files(&sweep) {
            record::replace(&self.folder.join(name), &text)?;
        }
        let probes = sweep.probes.iter().map(|tried| Probed {
            rate_per_s: tried.probed.rate.per_s(),
            done_per_s: tried.probed.done_per_s,
            is_held: tried.probed.held.is_yes(),
            reason: match &tried.probed.held {
                Held::Yes => None,
                Held::No(reason) | Held::Unsure(reason) => Some(reason.clone()),
            },
            run: self.folder.join(&tried.folder),
        });
        Ok(Swept {
            probes: probes.collect(),
            report: self.folder.join(page::PAGE),
            verdict: page::verdict(&sweep),
            held_per_s: held.map(Rate::per_s),
            not_held_per_s: not_held.map(Rate::per_s),
            is_close,
            exit: match (sweep.is_cut_short, held, page::is_answered(&sweep)) {
                (true, _, _) => Exit::Interrupted,
                (_, None, _) => Exit::Failed,
                (_, _, true) => Exit::Pass,
                _ => Exit::Inconclusive,
            },
            folder: self.folder,
        })
    }
}

/// Tells a person.
pub fn tell(swept: &Swept, cx: &Context<'_>) {
    match swept.exit {
        Exit::Pass => cx.ui.pass(&swept.verdict),
        _ => cx.ui.fail(&swept.verdict),
    }
    cx.ui.data(format!("report      {}", cx.paths.shown(&swept.report).display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_and_a_promise_are_read() {
        let (from, to) = range("0.1..10").expect("a range");
        assert_eq!((from.per_s(), to.per_s()), (0.1, 10.0));
        for wrong in ["1", "10..0.1", "1..1", "0..1", "a..b", "1..2..3"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        let promised = slo("p99.9=1500ms").expect("a promise");
        assert_eq!(promised.promise(), "p99.9 <= 1.50 s");
        for wrong in ["p95", "95=30s", "p0=1s", "p100=1s", "p95=30", "p=1s"] {
            assert!(slo(wrong).is_err(), "{wrong}");
        }
    }
}
