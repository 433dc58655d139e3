//! `cargo xtask demo`: the main job on embedded defaults, for somebody who has just cloned it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use crate::commands::Context;
use crate::commands::run::{self, Report};
use crate::exit::Exit;
use crate::interrupt;
use crate::ui::Table;

/// What is rendered.
const SCENARIOS: [&str; 2] = ["english", "vietnamese"];

/// Do the main job once, with nothing to configure.
///
/// Installs missing system packages, makes the fixtures, builds the pipeline, renders the English and
/// the Vietnamese scenario, checks both videos, and says where everything is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints what `cargo xtask run` prints for each video, and a table at the end.

Example:
  cargo xtask demo

Exit codes: 0 both videos are right, 1 an invariant is broken or a job failed, 2 environment, \
130 interrupted"
)]
pub struct Args {}

#[derive(Serialize)]
struct Demo {
    took_s: f64,
    videos: Vec<Report>,
}

/// Renders each scenario and tells where everything is.
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
    let took = started.elapsed();
    cx.ui.data(format!("\n{}", table(&videos, cx)));
    cx.ui.data(next_steps(took));
    let right = videos.iter().all(|report| report.findings.iter().all(|f| f.broken.is_none()));
    cx.ui.json(&Demo { took_s: took.as_secs_f64(), videos })?;
    Ok(if right { Exit::Pass } else { Exit::Failed })
}

fn table(videos: &[Report], cx: &Context<'_>) -> Table {
    let mut table = Table::new(["scenario", "length", "real-time factor", "invariants", "video"]);
    for report in videos {
        let video = report.status.outcome.as_ref().and_then(|outcome| outcome.video.as_ref());
        let length = video.map_or_else(String::new, |video| {
            format!("{:.1} s", video.duration_ms as f64 / 1000.0)
        });
        let factor = report.real_time_factor.map(|factor| format!("{factor:.2}"));
        let kept = report.findings.iter().filter(|finding| finding.broken.is_none()).count();
        let path = report.video.as_ref().map(|video| cx.paths.shown(video).display().to_string());
        table.row([
            &report.scenario,
            &length,
            &factor.unwrap_or_default(),
            &format!("{kept} of {} hold", report.findings.len()),
            path.as_deref().unwrap_or("none"),
        ]);
    }
    table
}

fn next_steps(took: Duration) -> String {
    format!(
        "Done in {:.0} s. Next:\n\
         \x20 cargo xtask run short             the quickest video\n\
         \x20 cargo xtask run vietnamese --profile baseline\n\
         \x20 cargo xtask doctor                what this machine has\n\
         \x20 cargo xtask test                  everything that is checked",
        took.as_secs_f64()
    )
}
