//! `cargo xtask run`: one scenario, one video, every invariant checked.

mod tell;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::JobStatus;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::commands::Context;
use crate::commands::stand::{self, Flags, Stand};
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::invariants::{self, Asked, Fetched, Finding};
use crate::machine;
use crate::record::RunFolder;
use crate::services::Scenario;
use crate::targets::{NativeClient, NativeTarget};
use crate::ui::Progress;

pub use self::tell::{running, tell};

/// Files that a user wants from a job.
const ARTEFACTS: [&str; 6] =
    ["video.mp4", "cover.jpg", "subtitles.srt", "subtitles.vtt", "subtitles.ass", "narration.wav"];

/// Render a scenario and check the video.
///
/// Makes the fixtures, builds the pipeline, starts both as processes, submits the scenario over HTTP,
/// and looks at the video with ffprobe and ffmpeg.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints where the video is, its length and size, the time of each stage, the \
real-time factor (processing time / length of the video), and each invariant.

Examples:
  cargo xtask run                          the English scenario
  cargo xtask run vietnamese
  cargo xtask run ./mine.toml --profile baseline --set downloads.concurrency=2

Exit codes: 0 every invariant holds, 1 one is broken or the job failed, 2 usage or environment, \
130 interrupted"
)]
pub struct Args {
    /// A scenario of the fixtures (english, vietnamese, long, short, hostile), or a TOML file
    #[arg(default_value = "english")]
    scenario: String,
    #[command(flatten)]
    flags: Flags,
    /// Folder for the video and its record [default: reports/runs/<time>-<scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    /// As `cargo xtask run SCENARIO` with nothing else.
    pub fn of(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), flags: Flags::default(), out: None }
    }
}

/// What is known after a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// Folder with the artefacts.
    pub folder: PathBuf,
    /// The video, where there is one.
    pub video: Option<PathBuf>,
    /// Processing time / length of the video.
    pub real_time_factor: Option<f64>,
    /// Processing time / the longest chain of stages that wait for one another.
    pub over_critical_path: Option<f64>,
    /// Processing time without that of ffmpeg, speech and models, milliseconds.
    pub overhead_ms: Option<f64>,
    /// Everything that the service says.
    pub status: JobStatus,
    /// Each invariant.
    pub findings: Vec<Finding>,
}

/// Renders, looks, tells.
///
/// # Errors
///
/// Usage and environment; a broken invariant is no error but exit code 1.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let report = interrupt::block_on(async |stop| render(args, cx, &stop).await)?;
    tell(&report, cx);
    cx.ui.json(&report)?;
    let broken = report.findings.iter().filter(|finding| finding.broken.is_some()).count();
    Ok(if broken == 0 { Exit::Pass } else { Exit::Failed })
}

/// The whole way from a scenario to a checked video.
///
/// # Errors
///
/// Usage and environment, and [`Failure::Interrupted`].
pub async fn render(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Report> {
    args.flags.check()?;
    let prepared = stand::prepare(&args.scenario, &args.flags, cx, stop).await?;
    let folder = RunFolder::create(args.out.as_deref(), &cx.paths, &prepared.scenario.name)?;
    let mut stand = Stand::start(&prepared, &args.flags, folder.path(), cx).await?;
    let client = NativeClient::new(stand.base.clone())?;
    let report = drive(&client, &prepared.scenario, args, cx, stand.data(), &folder, stop).await;
    let report = match (report, stand.died()) {
        (Err(error), Some(reason)) => Err(error.context(reason)),
        (report, _) => report,
    };
    stand.stop().await;
    report
}

/// One job through a load of one worker, and a look at what it made: the same path as a load test. The
/// run file is written as soon as there is a sample, and again with the findings.
async fn drive(
    client: &NativeClient,
    scenario: &Scenario,
    args: &Args,
    cx: &Context<'_>,
    data: &Path,
    folder: &RunFolder,
    stop: &CancellationToken,
) -> anyhow::Result<Report> {
    let progress: Arc<dyn Progress> =
        cx.ui.progress(&format!("rendering `{}`", scenario.name)).into();
    let shown = Arc::clone(&progress);
    let (mut target, _) = NativeTarget::new(client.clone());
    target.patience.tries = 0; // somebody waits for one job: what goes wrong is told at once
    target.seen = Box::new(move |status| shown.message(&running(status)));
    let mut record = record(scenario, args, cx).await?;
    let sample = sample(&mut record, target, folder, stop).await?;
    let status = ended(sample, folder.path())?;

    progress.message("looking at the video");
    let fetched = fetch(client, &status, folder.path()).await?;
    let asked = Asked { size: scenario.job.size(), expect: scenario.expect.clone() };
    let evidence = invariants::collect(client, status.clone(), asked, data, &fetched).await?;
    if stop.is_cancelled() {
        // Ctrl-C ended the tools too: what they did not see is no evidence.
        return Err(Failure::Interrupted.into());
    }
    let findings = invariants::check(&evidence);
    record.environment.insert("findings".to_owned(), serde_json::to_value(&findings)?);
    folder.save(&record)?;
    Ok(Report {
        scenario: scenario.name.clone(),
        folder: folder.path().to_owned(),
        real_time_factor: real_time_factor(&status),
        over_critical_path: over_critical_path(&status),
        overhead_ms: overhead_ms(&status),
        video: fetched.path("video.mp4"),
        findings,
        status,
    })
}

/// Drives the job; its sample is in `record` and on disk before anything is made of it.
async fn sample<'a>(
    record: &'a mut bench::Run,
    target: NativeTarget,
    folder: &RunFolder,
    stop: &CancellationToken,
) -> anyhow::Result<&'a bench::Sample> {
    let (plan, asked) = (record.plan.clone(), record.scenario.clone());
    let mut saved = Ok(());
    let keep = |sample: &bench::Sample| {
        record.samples.push(sample.clone());
        saved = folder.save(record);
    };
    bench::load(&plan, asked, Arc::new(target), stop.cancelled(), keep).await;
    saved?;
    record.ending =
        if stop.is_cancelled() { bench::Ending::CutShort } else { bench::Ending::Complete };
    folder.save(record)?;
    record.samples.first().ok_or_else(|| Failure::Interrupted.into())
}

/// What the service said last of a job that has ended.
fn ended(sample: &bench::Sample, folder: &Path) -> anyhow::Result<JobStatus> {
    // A job that the service itself cancelled is a failed one.
    if sample.outcome == bench::Outcome::Cancelled {
        return Err(Failure::Interrupted.into());
    }
    serde_json::from_value(sample.extra.clone()).map_err(|_| {
        let reason = sample.extra["error"].as_str().unwrap_or("the service said nothing");
        Failure::environment(format!("the job was not done: {reason}"))
            .with_hint(format!("the logs are in {}", folder.display()))
            .into()
    })
}

/// Brings a job's files into `folder`.
///
/// # Errors
///
/// The service is away, or the folder cannot be written.
pub async fn fetch(
    client: &NativeClient,
    status: &JobStatus,
    folder: &Path,
) -> anyhow::Result<Fetched> {
    let job = NativeClient::job(&status.id);
    let mut names = Vec::new();
    let videos = status.outcome.iter().flat_map(|outcome| &outcome.videos);
    let further = videos.skip(1).map(|video| video.file.as_str());
    for name in ARTEFACTS.into_iter().chain(further) {
        if client.download(&job, name, &folder.join(name)).await? {
            names.push(name.to_owned());
        }
    }
    Ok(Fetched { folder: folder.to_owned(), names })
}

/// The run file, before there are samples.
async fn record(scenario: &Scenario, args: &Args, cx: &Context<'_>) -> anyhow::Result<bench::Run> {
    let asked = bench::Scenario {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        payload: serde_json::to_value(&scenario.job)?,
    };
    let began_us = jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0);
    let mut record = bench::Run::new(asked, bench::Plan::single(), "native", began_us);
    record.environment = machine::facts(&cx.paths.root).await;
    let facts = args.flags.facts().into_iter();
    record.environment.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    Ok(record)
}

fn took_us(status: &JobStatus) -> Option<u64> {
    status.finished_us?.checked_sub(status.started_us?)
}

fn over_critical_path(status: &JobStatus) -> Option<f64> {
    Some(took_us(status)? as f64 / status.critical_path_us()? as f64)
}

fn overhead_ms(status: &JobStatus) -> Option<f64> {
    let elsewhere_us = status.outcome.as_ref()?.elsewhere_us;
    Some(took_us(status)?.saturating_sub(elsewhere_us) as f64 / 1000.0)
}

fn real_time_factor(status: &JobStatus) -> Option<f64> {
    let video = status.outcome.as_ref()?.video.as_ref()?;
    Some(took_us(status)? as f64 / 1000.0 / video.duration_ms as f64)
}

#[cfg(test)]
mod tests;
