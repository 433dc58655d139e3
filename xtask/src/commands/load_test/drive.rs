//! A load over a service, with its run file, its samples and its bar.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bench::{Distribution, Ending, Outcome, Plan, Run, Sample, Scenario, Share, text};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::commands::{Context, typed};
use crate::exit::Failure;
use crate::machine;
use crate::monitor::Monitor;
use crate::record::RunFolder;
use crate::targets::{Driveable, Service};
use crate::ui::Progress;

/// Time for a service to load its models.
const READY: Duration = Duration::from_secs(120);

/// How the end of a service begins that takes no more jobs.
const NO_MORE: &str = "it takes no more jobs: ";

/// What is asked of a service.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The job; of a mix, what it is called.
    pub scenario: Scenario,
    /// The shares of a mix. Empty: every job is `scenario`.
    pub mix: Vec<Share>,
    /// When each is due.
    pub plan: Plan,
    /// What is driven, in a few words.
    pub target: String,
    /// What may explain the numbers, beside the machine.
    pub settings: Vec<(&'static str, Value)>,
    /// The process whose use of the machine is looked at. None: it is not here.
    pub pid: Option<u32>,
}

/// Waits until the service can work: the time for its models is no job's latency.
///
/// # Errors
///
/// It is not ready in time, or cannot be reached.
pub async fn ready(
    service: &Service,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let _progress = cx.ui.progress("waiting for the models");
    let wait = async {
        while !service.is_ready().await.context("the service does not answer")? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::select! {
        ready = tokio::time::timeout(READY, wait) => ready.unwrap_or_else(|_| {
            let message = format!("the service is not ready after {} s", READY.as_secs());
            Err(Failure::environment(message).with_hint("its log says what it waits for").into())
        }),
        () = stop.cancelled() => Err(Failure::Interrupted.into()),
    }
}

/// Drives the load. The run file is there from the beginning, and says that the run is unfinished until
/// it is not; each sample is on disk as soon as it is there.
///
/// `died` comes with the reason when the service is gone for good; it is told whenever the service could
/// not be reached.
///
/// # Errors
///
/// The folder of the run cannot be written: then nothing more is sent.
pub async fn drive(
    asked: Asked,
    driveable: Driveable,
    folder: &RunFolder,
    died: impl AsyncFnOnce(&Notify) -> String,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Run> {
    let pid = asked.pid;
    let mut run = record(asked, cx).await;
    folder.save(&run)?;
    let mut samples = folder.samples()?;
    let Driveable { target, mut refusals } = driveable;
    let unreached = Arc::clone(&target.patience().unreached);
    let progress = cx.ui.progress(&format!("load `{}`", run.scenario.name));
    let mut live = Live::new(&run, progress);
    let (ended_early, unwritten) = (OnceCell::new(), CancellationToken::new());
    let early = async {
        let ending = tokio::select! {
            () = stop.cancelled() => Ending::CutShort,
            () = unwritten.cancelled() => Ending::Unfinished,
            reason = died(&unreached) => Ending::TargetDied(reason),
            Some(reason) = refusals.recv() => {
                Ending::TargetDied(format!("{NO_MORE}{reason}"))
            }
        };
        let _ = ended_early.set(ending);
    };
    let mut kept = Ok(());
    let keep = |sample: &Sample| {
        if kept.is_ok() {
            kept = samples.add(sample);
            if kept.is_err() {
                unwritten.cancel();
            }
        }
        live.add(sample, cx);
    };
    // From here on times count, also those of the looks.
    let monitor = pid.map(Monitor::start);
    run.began_unix_us = unix_us();
    let loaded = bench::load(&run.plan, run.asked(), Arc::new(target), early, keep).await;
    run.samples = loaded.samples;
    if let Some(monitor) = monitor {
        run.usage = monitor.stop().await;
    }
    kept?;
    // What ended it from outside is known better here.
    run.ending = match loaded.ending {
        Ending::CutShort => ended_early.into_inner().unwrap_or(Ending::CutShort),
        of_its_own => of_its_own,
    };
    if let Some(weights) = run.samples.iter().find_map(weights) {
        run.environment.insert("weights".to_owned(), weights.into());
    }
    match (&run.ending, run.samples.iter().any(|sample| sample.outcome == Outcome::Ok)) {
        // It never took one: that is no run, and most likely the user's body or token.
        (Ending::TargetDied(reason), false) if reason.starts_with(NO_MORE) => {
            let message = format!("the service refuses the job: {}", &reason[NO_MORE.len()..]);
            Err(Failure::usage(message).with_hint("nothing more was sent").into())
        }
        _ => Ok(run),
    }
}

async fn record(asked: Asked, cx: &Context<'_>) -> Run {
    let mut run = Run::new(asked.scenario, asked.plan, asked.target, unix_us());
    run.mix = asked.mix;
    run.environment = machine::facts(&cx.paths.root).await;
    let settings = asked.settings.into_iter().map(|(name, value)| (name.to_owned(), value));
    run.environment.extend(settings);
    run.environment.insert("command".to_owned(), typed().into());
    run
}

fn unix_us() -> u64 {
    jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0)
}

/// `minilm real, whisper fixture`, as the service says of a job that ended well.
fn weights(sample: &Sample) -> Option<String> {
    let models = sample.extra["outcome"]["models"].as_array()?;
    let named: Vec<String> = models
        .iter()
        .filter_map(|model| {
            Some(format!("{} {}", model["name"].as_str()?, model["weights"].as_str()?))
        })
        .collect();
    let is_good = sample.outcome == Outcome::Ok;
    is_good.then(|| if named.is_empty() { "none".to_owned() } else { named.join(", ") })
}

/// What is shown while it goes on.
struct Live {
    progress: Box<dyn Progress>,
    latency: Distribution,
    /// None: as many as the service does in the time.
    total: Option<u64>,
    n_ended: u64,
    n_failed: u64,
}

impl Live {
    fn new(run: &Run, progress: Box<dyn Progress>) -> Self {
        let total = run.plan.n_jobs();
        progress.jobs(0, total.unwrap_or(0));
        Self { progress, latency: Distribution::default(), total, n_ended: 0, n_failed: 0 }
    }

    fn add(&mut self, sample: &Sample, cx: &Context<'_>) {
        self.n_ended += 1;
        match sample.outcome {
            Outcome::Ok => self.latency.add(sample.latency_us()),
            Outcome::Failed(_) => self.n_failed += 1,
            Outcome::Cancelled => {}
        }
        let total = self.total.unwrap_or(self.n_ended);
        self.progress.jobs(self.n_ended, total);
        self.progress.message(&self.line());
        // Where no bar moves: a word at each eighth of the way.
        let (n_ended, line) = (self.n_ended, self.line());
        match self.total {
            _ if cx.ui.is_alive() => {}
            Some(total) if n_ended.is_multiple_of(total.div_ceil(8)) || n_ended == total => {
                cx.ui.say(format!("{n_ended} of {total} jobs: {line}"));
            }
            None if n_ended.is_multiple_of(10) => cx.ui.say(format!("{n_ended} jobs: {line}")),
            _ => {}
        }
    }

    fn line(&self) -> String {
        format!("{} failed, {}", self.n_failed, text::quantile(&self.latency, 0.5))
    }
}
