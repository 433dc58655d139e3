//! `cargo xtask load-test`: many jobs at once, every instant of them kept, and a report.

mod checkout;
mod drive;
mod image;
mod mix;
mod remote;
mod shape;
mod subject;
mod sweep;
mod tell;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bench::{COUNTERS, Ending, Plan, Run};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::mix::Part;
use self::shape::Shape;
use crate::commands::Context;
use crate::commands::stand::{Counts, Flags};
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::record::RunFolder;
use crate::targets::Speaks;

pub use self::checkout::Checkout;
pub use self::subject::{Address, Place, Subject, Wanted};
pub use self::tell::{Tested, tell};

/// How often a job's status is asked for while its events are listened to: they tell of its end. Where there
/// are none, [`targets::looks`](crate::targets) says when.
const POLL: Duration = Duration::from_millis(250);

/// Jobs that a service of the user's own is sent without being asked twice: each may cost money.
const GUARD: u32 = 10;

/// Jobs in all, where nothing is said.
const JOBS: u32 = 120;

/// Every job of a load test asks for the same: with these it is written, spoken, searched and compared as
/// if it were the first to ask. The clips themselves come from the store after the first job.
const COLD: [&str; 4] =
    ["cache.stages=false", "llm.cache=false", "stock.search_cache_h=0", "similarity.cache=false"];

/// Drive many jobs at once and report the times.
///
/// Starts the fixture servers and the pipeline as processes (or the built image with --image, or takes a
/// service of yours with --url), keeps --concurrency jobs in flight until --jobs have ended (closed loop) or
/// sends --rate jobs a second however many are in flight (open loop), and keeps every instant of every job:
/// planned, sent, accepted, started, each stage, finished. A latency begins when its job was due. Writes
/// report.md, report.html, run.json, samples.jsonl and an HDR log. Each job is written, spoken, searched and compared anew, as jobs that
/// differ would be; with `--set cache.stages=true --set llm.cache=true --set stock.search_cache_h=24 --set
/// similarity.cache=true` they take it from one another. Clips are downloaded once: every job after the
/// first takes them from the store. A percentile that the jobs do not carry is printed as a bound, with
/// how many jobs would carry it. Ctrl-C still writes the report, marked as cut short.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Prints the verdict, the percentiles with their 95 % intervals, and where the report is.

Examples:
  cargo xtask load-test                                 120 short jobs, 10 at a time
  cargo xtask load-test english --concurrency 2 --jobs 20 --set jobs.concurrency=2
  cargo xtask load-test short --image                   in the image of `build-image`
  cargo xtask load-test --rate 0.5 --duration 5m --warm-up 6   one every 2 s on average, as users come
  cargo xtask load-test --mix short=7 --mix english:high=2     two scenarios, by weight
  cargo xtask load-test --rate 0.2 --arrivals ramp:2 --duration 10m --abort-p95 30s
  cargo xtask load-test --concurrency 4 --duration 2h          a soak: does it get slower?
  cargo xtask load-test --sweep 0.2..20 --slo p95=10s --warm-up 20   the most that is held, and its knee
  cargo xtask load-test --url https://videos.example.com --token-env VIDEO_TOKEN \\
      --input body.json --concurrency 4 --jobs 40 --max-jobs 40

A service of your own is sent the body in --input, once for each job; of several bodies by weight with
--mix a.json=3 --mix b.json=1. --speaks says how:

  native: this pipeline's API. Body: a job, as for POST /api/v1/jobs

  runpod: an endpoint of RunPod. Body: {\"input\": {...}}. delayTime is the queue wait,
  executionTime the work; the first job of each worker is marked as a cold start
    cargo xtask load-test --speaks runpod --url https://api.runpod.ai/v2/ENDPOINT \\
        --token-env RUNPOD_API_KEY --input body.json --concurrency 2 --jobs 10

  comfyui: a ComfyUI server. Body: a workflow saved by \"Save (API format)\". Each node that
  works is a stage; the job's number is added to each seed: nothing comes from memory
    cargo xtask load-test --speaks comfyui --url http://127.0.0.1:8188 \\
        --input workflow.json --concurrency 2 --jobs 10

  openai-speech: a speech server. Body: {\"model\": ..., \"voice\": ..., \"input\": ...}. Time to
  the first byte, transfer, and the real-time factor (work by length of the sound)
    cargo xtask load-test --speaks openai-speech --url http://127.0.0.1:8880/v1 \\
        --token-env OPENAI_API_KEY --input speech.json --concurrency 4 --jobs 10

Exit codes: 0 every job ended well (a sweep: the knee was found, or all of it is held), 1 jobs failed \
(a sweep: nothing was held), 3 a sweep that did not close its bracket, 2 usage or environment, 4 the run is no measurement \
(the target died, clocks disagree, the driver was late, jobs pile up), 130 interrupted, with a report of what was finished"
)]
pub struct Args {
    /// A scenario of the fixtures (short, english, …), or a TOML file [default: short]
    #[arg(conflicts_with = "url")]
    scenario: Option<String>,
    /// Several scenarios by weight, each of its own priority (low, normal, high, urgent); once for each. With
    /// --url files in place of scenarios; priorities are for what speaks `native`
    #[arg(long, value_name = "SCENARIO[:PRIORITY]=WEIGHT", conflicts_with = "scenario")]
    mix: Vec<Part>,
    /// Jobs in flight
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// Jobs that are measured [default: 120; with --trace: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    jobs: Option<u32>,
    /// The built image, in place of a pipeline process; SCENARIO stands before it [default:
    /// reelbench:gpu or reelbench:cpu]
    // A scenario stands before it: what follows is its name.
    #[arg(long, value_name = "TAG", num_args = 0..=1, default_missing_value = "", conflicts_with = "url")]
    image: Option<String>,
    /// A service of yours, in place of a pipeline that is started here
    #[arg(long, value_name = "URL", help_heading = "A service of your own")]
    url: Option<Url>,
    /// What it speaks
    #[arg(
        long,
        value_enum,
        default_value_t,
        requires = "url",
        help_heading = "A service of your own"
    )]
    speaks: Speaks,
    /// RunPod: send jobs to /runsync, which answers at their end, in place of /run
    #[arg(long, requires = "url", help_heading = "A service of your own")]
    sync: bool,
    /// Name of the environment variable with its bearer token
    #[arg(long, value_name = "NAME", requires = "url", help_heading = "A service of your own")]
    token_env: Option<String>,
    /// The body of each request, JSON
    #[arg(
        long,
        value_name = "FILE",
        requires = "url",
        conflicts_with = "mix",
        help_heading = "A service of your own"
    )]
    input: Option<PathBuf>,
    /// Never send more jobs than this [default with --url: 10]
    #[arg(long, value_name = "N", help_heading = "A service of your own")]
    max_jobs: Option<u32>,
    #[command(flatten)]
    flags: Flags,
    /// Folder for the report [default: reports/runs/<time>-<scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    // Their headings would go on to whatever came after them.
    #[command(flatten)]
    sweep: sweep::Sweeping,
    #[command(flatten)]
    shape: Shape,
}

impl Args {
    /// As `cargo xtask load-test SCENARIO --concurrency N --jobs N` with nothing else.
    pub fn of(scenario: &str, concurrency: u32, jobs: u32) -> Self {
        Self {
            scenario: Some(scenario.to_owned()),
            mix: Vec::new(),
            concurrency,
            jobs: Some(jobs),
            sweep: sweep::Sweeping::default(),
            shape: Shape::default(),
            image: None,
            url: None,
            speaks: Speaks::default(),
            sync: false,
            token_env: None,
            input: None,
            max_jobs: None,
            flags: Flags::default(),
            out: None,
        }
    }

    /// Where what is under test is found.
    fn place(&self) -> Place {
        match (&self.url, &self.image) {
            (Some(url), _) => Place::Service(Address {
                url: url.clone(),
                input: self.input.clone(),
                speaks: self.speaks,
                is_sync: self.sync,
                token_env: self.token_env.clone(),
            }),
            (None, Some(image)) => Place::Image(image.clone()),
            (None, None) => Place::Here,
        }
    }

    /// What is asked for.
    fn wanted(&self) -> Wanted<'_> {
        let of_mix = self.mix.first().map(|part| part.scenario.as_str());
        let scenario = self.scenario.as_deref().or(of_mix).unwrap_or("short");
        Wanted { scenario, mix: &self.mix }
    }

    /// When each job is due.
    fn plan(&self) -> anyhow::Result<Plan> {
        let concurrency = NonZeroU32::new(self.concurrency).unwrap_or(NonZeroU32::MIN);
        self.shape.plan(concurrency, self.jobs.and_then(NonZeroU32::new))
    }

    /// What can be known to be wrong before any work; the plan of what is right.
    fn check(&self) -> anyhow::Result<Plan> {
        self.flags.check()?;
        if self.url.is_some() && self.input.is_none() && self.mix.is_empty() {
            let message = "--url: expected the body of its requests, found none";
            let hint = "--input FILE, or several by weight: --mix FILE=WEIGHT";
            return Err(Failure::usage(message).with_hint(hint).into());
        }
        let (mut plan, n_jobs) = match self.sweep.sweep {
            Some((_, most)) => {
                (self.sweep.plan(self, most)?, Some(self.sweep.most_jobs(self, most)?))
            }
            None => {
                let plan = self.plan()?;
                let n_jobs = plan.n_jobs();
                (plan, n_jobs)
            }
        };
        plan.check(self.mix.len().max(1)).map_err(|error| Failure::usage(error.to_string()))?;
        let guard = self.max_jobs.or(self.url.is_some().then_some(GUARD));
        if let Some(guard) = guard {
            let whom = self.url.as_ref().map_or("the pipeline", Url::as_str);
            if let Some(jobs) = n_jobs.filter(|&jobs| jobs > u64::from(guard)) {
                let message =
                    format!("{jobs} jobs would be sent to {whom}, the guard allows {guard}");
                let hint = format!("each may cost money; if you mean it: --max-jobs {jobs}");
                return Err(Failure::usage(message).with_hint(hint).into());
            }
            plan.max_jobs = NonZeroU32::new(guard);
        }
        if self.url.is_some() && self.flags.is_used() {
            let message = "--profile, --set, --build, --no-build and --behaviour are for a pipeline that \
                           is started here, not for --url";
            return Err(Failure::usage(message).into());
        }
        mix::check_priorities(&self.mix, self.speaks)?;
        if self.sync && self.speaks != Speaks::Runpod {
            return Err(Failure::usage("--sync is for --speaks runpod").into());
        }
        Ok(plan)
    }
}

/// Tests, writes, tells.
///
/// # Errors
///
/// Usage and environment, and [`Failure::Interrupted`]; failed jobs and a run that is no measurement are
/// exit codes.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let exit = interrupt::block_on(async |stop| {
        if let Some(range) = args.sweep.sweep {
            args.check()?;
            let swept = sweep::sweep(args, range, cx, &stop).await?;
            sweep::tell(&swept, cx);
            cx.ui.json(&swept)?;
            return Ok(swept.exit);
        }
        // Told here, not after: somebody who presses Ctrl-C wants to know what was finished.
        let tested = test(args, cx, &stop).await?;
        tell(&tested, cx);
        cx.ui.json(&tested)?;
        Ok(tested.exit())
    })?;
    Ok(exit)
}

/// The whole way from arguments to a report.
///
/// # Errors
///
/// Usage and environment. A run that was cut short is no error here: its report says so.
pub async fn test(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Tested> {
    let plan = args.check()?;
    let subject = subject(args, cx, stop).await?;
    let folder = RunFolder::create(args.out.as_deref(), &cx.paths, &subject.scenario())?;
    let run = subject.drive(&plan, &folder, cx, stop).await?;
    folder.save(&run)?;
    let report = folder.report(&run)?;
    Ok(Tested::new(&run, folder.path(), report))
}

/// What is under test, ready to be driven.
async fn subject(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Subject> {
    if args.url.is_none() {
        mix::check_names(&args.mix, &cx.paths)?;
    }
    Subject::prepare(&args.place(), args.wanted(), &args.flags, cx, stop).await
}

/// The user's settings over [`COLD`].
fn cold(flags: &Flags) -> Flags {
    let set = COLD.map(str::to_owned).into_iter().chain(flags.set.iter().cloned());
    Flags { set: set.collect(), ..flags.clone() }
}

/// Writes into `run` what was counted in it.
fn note_counts(
    run: &mut Run,
    counted: anyhow::Result<Counts>,
    cx: &Context<'_>,
) -> anyhow::Result<()> {
    match counted {
        Ok(counted) => {
            run.environment.insert(COUNTERS.to_owned(), serde_json::to_value(counted)?);
        }
        // A run without counts would make those of all others worth nothing.
        Err(error) if run.ending == Ending::Complete => {
            return Err(error.context("nothing was counted"));
        }
        // A run whose target died says so itself.
        Err(error) => cx.ui.warn(format!("nothing was counted: {error:#}")),
    }
    Ok(())
}

/// With how long it took from the start of the target until it could work: `start_ms`.
fn with_start(
    mut facts: Vec<(&'static str, serde_json::Value)>,
    begun: std::time::Instant,
) -> Vec<(&'static str, serde_json::Value)> {
    let start_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    facts.push(("start_ms", start_ms.into()));
    facts
}

#[cfg(test)]
mod tests;
