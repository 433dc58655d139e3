//! `cargo xtask build-cuda`: the pipeline for NVIDIA cards.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::commands::Context;
use crate::cuda::{self, ComputeCap, Library, Toolkit};
use crate::exit::Exit;
use crate::interrupt;
use crate::setup::{self, Goal};
use crate::ui::Table;

/// Build the pipeline for NVIDIA cards, also on a machine without a card.
///
/// Takes the CUDA toolkit that is there (CUDA_HOME, CUDA_PATH, nvcc in PATH, /usr/local/cuda; 12.0 to
/// 13.4). Where there is none, the packages of docker/cuda.toml come through pip, each with the digest
/// that it must have (0.7 GB; they are under NVIDIA's terms). Then `cargo build --features cuda`, in a
/// target folder of its own.
///
/// The program starts without a card and without a driver too: it says so and computes on the CPU.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints where the program is, its size, and the libraries that it needs where \
it runs: put them where the loader looks, or name their folder in LD_LIBRARY_PATH.

What is made for 8.0 (A100) runs on every later card: each compiles it for itself when it first sees it,
and keeps the result. 7.5 is for a T4. From 9.0 on the program runs on that one generation alone.

Examples:
  cargo xtask build-cuda
  cargo xtask build-cuda --compute-cap 7.5
  CUDA_HOME=/opt/cuda cargo xtask build-cuda --json

Exit codes: 0 built, 2 no toolkit can be had or the build failed, 130 interrupted"
)]
pub struct Args {
    /// The oldest card that is to run it, as NVIDIA counts them
    #[arg(long, value_name = "X.Y", default_value_t = ComputeCap::DEFAULT)]
    compute_cap: ComputeCap,
}

/// What was built.
#[derive(Debug, Serialize)]
struct Report<'a> {
    program: PathBuf,
    bytes: u64,
    compute_cap: String,
    toolkit: &'a Toolkit,
    seconds: f64,
    libraries: Vec<Row>,
}

/// A library that the program needs.
#[derive(Debug, Serialize)]
struct Row {
    soname: String,
    path: PathBuf,
    bytes: u64,
}

/// Builds and tells.
///
/// # Errors
///
/// No toolkit can be had, or the build failed.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let cap = args.compute_cap;
    if !cap.runs_on_later_cards() {
        cx.ui.warn(format!("a program for {cap} runs on no other generation of cards"));
    }
    let begun = Instant::now();
    let (folder, toolkit) = interrupt::block_on(async |stop| {
        setup::ensure(Some(Goal::Cuda), cx.ui, &stop).await?;
        cuda::build_pipeline(cx, cap, &stop).await
    })?;
    let report = Report::new(folder.join("pipeline"), cap, &toolkit, begun.elapsed())?;
    cx.ui.pass(format!("built in {:.0} s with {}", report.seconds, toolkit.line(cx)));
    cx.ui.data(table(&report, cx));
    cx.ui.json(&report)?;
    Ok(Exit::Pass)
}

impl<'a> Report<'a> {
    fn new(
        program: PathBuf,
        cap: ComputeCap,
        toolkit: &'a Toolkit,
        took: Duration,
    ) -> anyhow::Result<Self> {
        let row = |Library { soname, path }: Library| {
            let bytes = fs_err::metadata(&path)?.len();
            anyhow::Ok(Row { soname, path, bytes })
        };
        Ok(Self {
            bytes: fs_err::metadata(&program)?.len(),
            program,
            compute_cap: cap.to_string(),
            toolkit,
            seconds: took.as_secs_f64(),
            libraries: toolkit
                .runtime_libraries()?
                .into_iter()
                .map(row)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn table(report: &Report<'_>, cx: &Context<'_>) -> Table {
    let mut table = Table::new(["", "MB", "file"]);
    let mut row = |name: &str, bytes: u64, path: &PathBuf| {
        let megabytes = format!("{:.1}", bytes as f64 / 1e6);
        table.row([name, &megabytes, &cx.paths.shown(path).display().to_string()]);
    };
    row("pipeline", report.bytes, &report.program);
    for library in &report.libraries {
        row(&library.soname, library.bytes, &library.path);
    }
    table
}
