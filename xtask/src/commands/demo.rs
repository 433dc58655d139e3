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
use crate::invariants::Finding;

/// What is rendered.
const SCENARIOS: [&str; 2] = ["english", "vietnamese"];
/// What is load-tested: the scenario, jobs in flight, jobs in all.
const LOAD: (&str, u32, u32) = ("short", 10, 120);

/// Do the main job once, with nothing to configure.
///
/// Installs missing system packages, makes the fixtures, builds the pipeline, renders the English and
/// the Vietnamese scenario and checks both videos, builds the CPU image where a container engine answers,
/// load-tests 120 short jobs, 10 at a time, writes the report, and says where everything is.
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
    match &demo.image {
        _ if !demo.videos.iter().all(|report| holds(&report.findings)) => Exit::Failed,
        Image::Failed { exit, .. } => *exit,
        _ => demo.load_test.exit(),
    }
}

fn holds(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.broken.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paths::Paths;
    use crate::ui::{Output, Ui};

    /// A load test of one job that ended so.
    fn tested(outcome: bench::Outcome) -> Tested {
        let scenario = bench::Scenario {
            name: "short".to_owned(),
            title: String::new(),
            payload: serde_json::Value::Null,
        };
        let mut run = bench::Run::new(scenario, bench::Plan::single(), "native", 0);
        run.ending = bench::Ending::Complete;
        run.samples = vec![bench::Sample { outcome, ..bench::Sample::new(0, 0, 2_000_000) }];
        Tested::new(&run, "runs/a".as_ref(), "runs/a/report.md".into())
    }

    fn demo(image: Image, outcome: bench::Outcome) -> Demo {
        Demo { took_s: 1.0, videos: Vec::new(), image, load_test: tested(outcome) }
    }

    #[test]
    fn what_is_left_out_is_no_failure_and_what_failed_is() {
        let left_out = || Image::LeftOut("no engine".to_owned());
        let failed = || Image::Failed { reason: "smoke test".to_owned(), exit: Exit::Environment };
        let wrong = || bench::Outcome::Failed("no_clips".to_owned());
        for (image, outcome, expected) in [
            (left_out(), bench::Outcome::Ok, Exit::Pass),
            (left_out(), wrong(), Exit::Failed),
            (failed(), bench::Outcome::Ok, Exit::Environment),
            (failed(), wrong(), Exit::Environment),
        ] {
            assert_eq!(exit(&demo(image, outcome)), expected);
        }
        let broken = Finding { invariant: "no frame is black", broken: Some("2 are".to_owned()) };
        assert!(!holds(&[broken]) && holds(&[]));
    }

    #[test]
    fn the_end_says_what_is_where_and_what_was_left_out() {
        let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
        let cx = Context { ui: &ui, paths: Paths::from_env().expect("a checkout") };
        let image = Image::LeftOut("no engine answers".to_owned());
        let table = tell::table(&demo(image, bench::Outcome::Ok), &cx).to_string();
        let rows: Vec<String> =
            table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "what how it went where",
            "image left out: no engine answers none",
            "load test VALID: 1 of 1 jobs runs/a/report.md",
            "latency, p50 unknown (n = 1; needs 100)",
            "latency, p95 unknown (n = 1; needs 100)",
            "latency, p99 > 2.00 s (n = 1; needs 368)",
        ];
        assert_eq!(rows, expected);
    }
}
