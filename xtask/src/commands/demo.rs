//! `cargo xtask demo`: the main job on embedded defaults, for somebody who has just cloned it.

mod tell;

use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;

use crate::commands::Context;
use crate::commands::build_image;
use crate::commands::load_test::{self, Tested};
use crate::commands::run::{self, Report};
use crate::exit::{Exit, Failure};
use crate::image::Variant;
use crate::image::engine::Engine;
use crate::image::report::Built;
use crate::interrupt;

/// What is rendered.
const SCENARIOS: [&str; 2] = ["english", "vietnamese"];
/// What is load-tested: the scenario, jobs in flight, jobs in all.
const LOAD: (&str, u32, u32) = ("short", 10, 80);

/// Do the main job once, with nothing to configure.
///
/// Installs missing system packages, makes the fixtures, builds the pipeline, renders the English and
/// the Vietnamese scenario and checks both videos, builds the CPU image where a container engine answers,
/// load-tests 80 short jobs, 10 at a time, writes the report, and says where everything is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints what `run`, `build-image` and `load-test` print, and a table at the end. What \
cannot be done here (no engine: no image) is left out, and said.

Example:
  cargo xtask demo

Exit codes: 0 all of it went well, 1 an invariant is broken or a job failed, 2 environment, 4 the load \
test is no measurement, 130 interrupted"
)]
pub struct Args {}

/// What came out.
#[derive(Serialize)]
struct Demo {
    took_s: f64,
    videos: Vec<Report>,
    image: Image,
    load_test: Tested,
}

/// What became of the image.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Image {
    /// It has its name.
    Built(Box<Built>),
    /// There is nothing to build it with, for this reason.
    LeftOut(String),
    /// It could not be built, or failed its smoke test, for this reason; the rest was done.
    Failed {
        reason: String,
        #[serde(skip)]
        exit: Exit,
    },
}

/// Does each part and tells where everything is.
///
/// # Errors
///
/// The environment; a broken invariant is no error but exit code 1.
pub fn run(_: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let mut videos = Vec::new();
    for scenario in SCENARIOS {
        cx.ui.say(format!("\n── {scenario} ──"));
        let args = run::Args::of(scenario);
        let report = interrupt::block_on(async |stop| run::render(&args, cx, &stop).await)
            .with_context(|| format!("the scenario `{scenario}`"))?;
        run::tell(&report, cx);
        videos.push(report);
    }
    let image = image(cx)?;
    let load_test = load(cx)?;
    let demo = Demo { took_s: started.elapsed().as_secs_f64(), videos, image, load_test };
    tell::tell(&demo, cx);
    cx.ui.json(&demo)?;
    Ok(exit(&demo))
}

/// The image for machines without a card, where an engine answers.
fn image(cx: &Context<'_>) -> anyhow::Result<Image> {
    cx.ui.say("\n── image ──");
    let args = build_image::Args::of(Variant::Cpu);
    let built = interrupt::block_on(async |stop| {
        if let Err(error) = Engine::connect().await {
            let reason = format!("{error:#}");
            cx.ui.warn(format!("the image is left out: {reason}"));
            return Ok(Image::LeftOut(reason));
        }
        let built = build_image::build(&args, cx, &stop).await?;
        build_image::tell(&built, cx);
        Ok(Image::Built(Box::new(built)))
    });
    match built {
        Err(error) if !matches!(error.downcast_ref(), Some(Failure::Interrupted)) => {
            cx.ui.failure(&error);
            Ok(Image::Failed { reason: format!("{error:#}"), exit: Exit::of(&error) })
        }
        built => built,
    }
}

fn load(cx: &Context<'_>) -> anyhow::Result<Tested> {
    let (scenario, concurrency, jobs) = LOAD;
    cx.ui.say(format!("\n── load test: {jobs} jobs of `{scenario}`, {concurrency} at a time ──"));
    let args = load_test::Args::of(scenario, concurrency, jobs);
    let tested = interrupt::block_on(async |stop| {
        let tested = load_test::test(&args, cx, &stop).await?;
        load_test::tell(&tested, cx);
        Ok(tested)
    });
    tested.context("the load test")
}

/// The first thing that is wrong decides.
fn exit(demo: &Demo) -> Exit {
    let kept = |report: &Report| report.findings.iter().all(|finding| finding.broken.is_none());
    match &demo.image {
        _ if !demo.videos.iter().all(kept) => Exit::Failed,
        Image::Failed { exit, .. } => *exit,
        _ => demo.load_test.exit(),
    }
}
