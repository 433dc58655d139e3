//! `cargo xtask run`: one scenario, one video, every invariant checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::{JobState, JobStatus, Outcome, Stage};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::commands::{Context, fetch_models};
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::invariants::{self, Finding};
use crate::services::{self, Fixtures, Pipeline, PipelineArgs, Profile, Scenario};
use crate::setup::{self, Goal};
use crate::targets::{NativeClient, NativeTarget};
use crate::ui::{Progress, Table};

/// Files that a user wants from a job.
const ARTEFACTS: [&str; 4] = ["video.mp4", "subtitles.srt", "subtitles.ass", "narration.wav"];

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
    /// The pipeline's set of settings: `baseline` or `optimized`
    #[arg(long, default_value = "optimized")]
    profile: String,
    /// One setting of the pipeline, over the profile
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// How the programs are built
    #[arg(long, default_value = "release")]
    build: Profile,
    /// Latency, bandwidth and faults of the provider servers (TOML; see `fixtures serve --help`)
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,
    /// Folder for the video and its record [default: reports/runs/<time>-<scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    /// As `cargo xtask run SCENARIO` with nothing else.
    pub fn of(scenario: &str) -> Self {
        Self {
            scenario: scenario.to_owned(),
            profile: "optimized".to_owned(),
            set: Vec::new(),
            build: Profile::Release,
            behaviour: None,
            out: None,
        }
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
    setup::ensure(Some(Goal::Demo), cx.ui, stop).await?;
    let binaries = services::build(cx, args.build, stop).await?;
    let fixtures = Fixtures::new(binaries.fixtures);
    let scenario = fixtures.scenario(&args.scenario).await?;
    cx.ui.say(format!("{}: {}", scenario.title, scenario.description));
    let media = fixtures.make_media(cx, stop).await?;
    fetch_models::ensure(cx, stop).await?;
    fixtures.make_whisper_model(cx, stop).await?;

    let folder = run_folder(args.out.as_deref(), cx, &scenario)?;
    // Its data go with it, but the artefacts: they are fetched over HTTP.
    fs_err::create_dir_all(cx.paths.runs())?;
    let data = tempfile::Builder::new().prefix("run-").tempdir_in(cx.paths.runs())?;

    let log = folder.join("fixtures.log");
    let (servers, providers) = fixtures.serve(&media, args.behaviour.as_deref(), &log).await?;
    let started = PipelineArgs {
        profile: &args.profile,
        set: &args.set,
        data_dir: data.path(),
        providers: &providers,
    };
    let log = folder.join("pipeline.log");
    let (mut pipeline, base) =
        Pipeline::new(binaries.pipeline).serve(&cx.paths, &started, &log).await?;
    let client = NativeClient::new(base)?;
    let report = drive(&client, &scenario, args, cx, data.path(), &folder, stop).await;
    let report = match (report, pipeline.ended()) {
        (Err(error), Some(reason)) => Err(error.context(reason)),
        (report, _) => report,
    };
    pipeline.stop().await;
    servers.stop().await;
    report
}

/// One job through a load of one worker: the same path as a load test.
async fn drive(
    client: &NativeClient,
    scenario: &Scenario,
    args: &Args,
    cx: &Context<'_>,
    data: &Path,
    folder: &Path,
    stop: &CancellationToken,
) -> anyhow::Result<Report> {
    let progress: Arc<dyn Progress> =
        cx.ui.progress(&format!("rendering `{}`", scenario.name)).into();
    let shown = Arc::clone(&progress);
    let target = NativeTarget {
        client: client.clone(),
        seen: Box::new(move |status| shown.message(&running(status))),
    };
    let mut record = record(scenario, args)?;
    let (plan, asked) = (record.plan, record.scenario.clone());
    record.samples = bench::load(plan, asked, Arc::new(target), stop.cancelled(), |_| ()).await;
    let sample =
        record.samples.first().filter(|sample| sample.outcome != bench::Outcome::Cancelled);
    let Some(sample) = sample else { return Err(Failure::Interrupted.into()) };
    let status: JobStatus = serde_json::from_value(sample.extra.clone()).map_err(|_| {
        Failure::environment(format!("{:?}: {}", sample.outcome, sample.extra))
            .with_hint(format!("the logs are in {}", folder.display()))
    })?;

    progress.message("looking at the video");
    let job = NativeClient::job(&status.id);
    let mut video = None;
    for name in ARTEFACTS {
        let file = folder.join(name);
        if client.download(&job, name, &file).await? && name == "video.mp4" {
            video = Some(file);
        }
    }
    let size = scenario.job.size();
    let evidence = invariants::collect(client, status.clone(), size, data, folder).await?;
    let findings = invariants::check(&evidence);
    record.environment.insert("findings".to_owned(), serde_json::to_value(&findings)?);
    fs_err::write(folder.join("run.json"), record.to_json()?)?;
    Ok(Report {
        scenario: scenario.name.clone(),
        folder: folder.to_owned(),
        real_time_factor: real_time_factor(&status),
        video,
        findings,
        status,
    })
}

/// The run file, before there are samples.
fn record(scenario: &Scenario, args: &Args) -> anyhow::Result<bench::Run> {
    let asked = bench::Scenario {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        payload: serde_json::to_value(&scenario.job)?,
    };
    let began_us = jiff::Timestamp::now().as_microsecond().try_into().unwrap_or(0);
    let mut record = bench::Run::new(asked, bench::Plan::single(), "native", began_us);
    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let environment = [
        ("profile", args.profile.clone().into()),
        ("set", args.set.clone().into()),
        ("cores", n_cores.into()),
        ("os", sysinfo::System::long_os_version().unwrap_or_default().into()),
    ];
    record.environment.extend(environment.map(|(name, value)| (name.to_owned(), value)));
    Ok(record)
}

/// Which stages are running, as one line.
fn running(status: &JobStatus) -> String {
    let stages = status
        .stages
        .iter()
        .filter(|time| time.finished_us.is_none() && time.attempt == status.attempt);
    let names: Vec<&str> = stages.map(|time| time.stage.as_str()).collect();
    match status.state {
        JobState::Running => format!("{:3.0} %  {}", status.progress * 100.0, names.join(", ")),
        state => state.as_str().to_owned(),
    }
}

fn real_time_factor(status: &JobStatus) -> Option<f64> {
    let video = status.outcome.as_ref()?.video.as_ref()?;
    let took_us = status.finished_us?.checked_sub(status.started_us?)?;
    Some(took_us as f64 / 1000.0 / video.duration_ms as f64)
}

fn run_folder(
    out: Option<&Path>,
    cx: &Context<'_>,
    scenario: &Scenario,
) -> anyhow::Result<PathBuf> {
    let folder = out.map_or_else(
        || {
            let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
            cx.paths.root.join("reports/runs").join(format!("{now}-{}", scenario.name))
        },
        Path::to_owned,
    );
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}

/// Tells a person what came out.
pub fn tell(report: &Report, cx: &Context<'_>) {
    if let (Some(video), Some(outcome)) = (&report.video, &report.status.outcome) {
        cx.ui.data(summary(&cx.paths.shown(video).display().to_string(), outcome, report));
    } else {
        cx.ui.data(format!("no video: see {}", cx.paths.shown(&report.folder).display()));
    }
    cx.ui.data(stage_table(&report.status));
    for finding in &report.findings {
        match &finding.broken {
            None => cx.ui.pass(finding.invariant),
            Some(reason) => cx.ui.fail(format!("{}: {reason}", finding.invariant)),
        }
    }
}

fn summary(path: &str, outcome: &Outcome, report: &Report) -> String {
    let Some(video) = &outcome.video else { return path.to_owned() };
    let factor = report.real_time_factor.unwrap_or_default();
    let models: Vec<String> = outcome
        .models
        .iter()
        .map(|model| format!("{} ({:?} weights)", model.name, model.weights).to_lowercase())
        .collect();
    format!(
        "video       {path}\n\
         length      {:.2} s, {}x{}, {} frames/s, {:.1} MB, {}\n\
         real time   factor {factor:.2} (processing time / length)\n\
         clips       {} shown of {} there, {} refused\n\
         subtitles   {} cues, times from the {}, font {}\n\
         models      {}",
        video.duration_ms as f64 / 1000.0,
        video.width,
        video.height,
        video.fps,
        video.bytes as f64 / 1e6,
        video.encoder,
        outcome.clips.len(),
        outcome.clips_available,
        outcome.rejected.len(),
        outcome.subtitles.as_ref().map_or(0, |subtitles| subtitles.cues),
        outcome.subtitles.as_ref().map_or_else(String::new, |subtitles| {
            format!("{:?}", subtitles.timing).to_lowercase()
        }),
        outcome.subtitles.as_ref().map_or("", |subtitles| &subtitles.font),
        if models.is_empty() { "none".to_owned() } else { models.join(", ") },
    )
}

fn stage_table(status: &JobStatus) -> Table {
    let mut table = Table::new(["stage", "starts at", "takes", ""]);
    let begin_us = status.started_us.unwrap_or(status.submitted_us);
    for stage in Stage::ALL {
        for time in status.stages.iter().filter(|time| time.stage == stage) {
            let start_s = time.started_us.saturating_sub(begin_us) as f64 / 1e6;
            let takes = time.finished_us.map_or_else(
                || "did not end".to_owned(),
                |end_us| format!("{:.2} s", end_us.saturating_sub(time.started_us) as f64 / 1e6),
            );
            let attempt =
                if time.attempt > 1 { format!("attempt {}", time.attempt) } else { String::new() };
            table.row([stage.as_str(), &format!("{start_s:.2} s"), &takes, &attempt]);
        }
    }
    table
}
