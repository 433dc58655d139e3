//! `cargo xtask bench`: parts of the pipeline, measured alone, with the report of everything else.

mod image;
mod microbench;
mod program;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bench::report::ways as page;
use bench::ways::Ways;
use clap::ValueEnum;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::commands::{Context, typed};
use crate::exit::{Exit, Failure};
use crate::record::{self, RunFolder};
use crate::services::Profile;
use crate::{interrupt, machine};

/// Measure a part of the pipeline alone.
///
/// Each part is done in several ways, in rounds that go through them forwards and backwards in turn; a ratio is
/// taken within each round, and six rounds or more give it an interval. Builds the bench programs first, in
/// the release profile unless --build says otherwise. Writes bench.md, bench.html, bench.json and what was measured.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Parts:
  criterion   every micro benchmark; --against compares with results that were kept
  fetch       eight files from a server that limits each connection: one at a time, all at once
  image       the image of build-image: everything anew, and nothing changed (takes minutes; an engine)
  render      one video: the best ffmpeg command by hand, and our single pass (CPU time)
  selection   40 segments against 200 clips: pair by pair as measured programs do, and as one matrix

Examples:
  cargo xtask bench fetch
  cargo xtask bench render --rounds 6
  cargo xtask bench render --rounds 2 -- modes           the other modes too
  cargo xtask bench criterion -- gate                    benchmarks with that in their name
  cp -r target/criterion before; cargo xtask bench criterion --against before

Exit codes: 0 measured, 2 usage or environment, 130 interrupted")]
pub struct Args {
    /// Which part [default: criterion]
    #[arg(value_enum, default_value_t)]
    part: Part,
    /// Rounds [default: 6; image 2, render 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// How bench programs are built: what dev builds is quick to build and slow, and says nothing of a service
    /// [default: release]
    #[arg(long, value_name = "PROFILE", value_enum)]
    build: Option<Profile>,
    /// criterion: results that were kept, a copy of target/criterion
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Folder for the report [default: reports/runs/<time>-bench-<part>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// For the bench program, as its own documentation says
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

impl Args {
    fn build(&self) -> Profile {
        self.build.unwrap_or(Profile::Release)
    }

    /// What is known of the machine, and how the bench programs were built.
    async fn facts(&self, cx: &Context<'_>) -> BTreeMap<String, serde_json::Value> {
        let mut facts = machine::facts(&cx.paths.root).await;
        if self.part != Part::Image {
            facts.insert("build".to_owned(), self.build().folder().into());
        }
        facts
    }
}

/// What can be measured alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Micro benchmarks
    #[default]
    Criterion,
    /// The downloader
    Fetch,
    /// Building the image
    Image,
    /// Rendering
    Render,
    /// Choosing clips
    Selection,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Criterion => "criterion",
            Self::Fetch => "fetch",
            Self::Image => "image",
            Self::Render => "render",
            Self::Selection => "selection",
        }
    }

    /// Rounds where nothing is said: those that take minutes have few.
    const fn rounds(self) -> u32 {
        match self {
            Self::Image | Self::Render => 2,
            Self::Criterion | Self::Fetch | Self::Selection => 6,
        }
    }
}

/// What is known after a bench.
#[derive(Debug, Serialize)]
struct Benched {
    /// The folder with everything.
    folder: PathBuf,
    /// The Markdown in it.
    report: PathBuf,
    /// Everything in one line.
    verdict: String,
    /// What was measured of each way.
    ways: Ways,
}

/// Builds, measures, tells.
///
/// # Errors
///
/// Usage and environment.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    if args.against.is_some() && args.part != Part::Criterion {
        return Err(Failure::usage("--against is for criterion").into());
    }
    if args.build.is_some() && args.part == Part::Image {
        let failure = Failure::usage("--build: image has no bench program");
        return Err(failure.with_hint("`-- --programs FOLDER` takes built ones into it").into());
    }
    if args.rounds.is_some() && args.part == Part::Criterion {
        let failure = Failure::usage("--rounds: criterion has no rounds");
        return Err(failure.with_hint("its own arguments come after --").into());
    }
    interrupt::block_on(async |stop| {
        if args.part == Part::Criterion {
            return microbench::run(args, cx, &stop).await;
        }
        let benched = measured(args, cx, &stop).await?;
        cx.ui.pass(&benched.verdict);
        cx.ui.data(format!("report      {}", cx.paths.shown(&benched.report).display()));
        cx.ui.json(&benched)?;
        Ok(Exit::Pass)
    })
}

async fn measured(
    args: &Args,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Benched> {
    let folder = folder(args, cx)?;
    let rounds = args.rounds.unwrap_or(args.part.rounds());
    let lines = match program::of(args.part) {
        Some(program) => {
            program.measure(args.build(), rounds, &args.arguments, &folder, cx, stop).await?
        }
        None => image::measure(rounds, &args.arguments, &folder, cx, stop).await?,
    };
    let ways = Ways::from_lines(&lines)?;
    let (about, headline) = told(args.part);
    let page = page::page(
        &ways,
        page::Told {
            title: format!("Bench: {}", args.part.name()),
            about: about.to_owned(),
            headline: headline.to_owned(),
            environment: args.facts(cx).await,
            command: typed(),
        },
    );
    for (name, text) in page::files(&page) {
        record::replace(&folder.join(name), &text)?;
    }
    Ok(Benched { verdict: page.verdict, report: folder.join(page::PAGE), folder, ways })
}

/// What the ways have in common and what differs, and what the first line is about.
const fn told(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Fetch => (
            "Eight files of 1 MiB from a server on this machine that sends each connection 4 MiB a second; every \
             byte is hashed on its way.",
            "wall_us",
        ),
        Part::Image => (
            "The image of build-image for machines without a card, with its smoke test where something changed: with an \
             empty store, and once more with nothing changed. Programs are built before.",
            "wall_us",
        ),
        Part::Render => (
            "Six clips, 26 s of speech, subtitles, 1080x1920, libx264 medium crf 23: CPU time of ffmpeg alone.",
            "cpu_us",
        ),
        Part::Selection | Part::Criterion => (
            "What it costs to compare 40 segments with 200 clips by MiniLM's vectors, and to choose: CPU time of one \
             thread. Pair by pair is measured on 10 by 20 and scaled by the number of pairs.",
            "cpu_us",
        ),
    }
}

/// Where the user wants it, or a folder of its own among the runs.
fn folder(args: &Args, cx: &Context<'_>) -> anyhow::Result<PathBuf> {
    let name = format!("bench-{}", args.part.name());
    Ok(RunFolder::create(args.out.as_deref(), &cx.paths, &name)?.path().to_owned())
}
