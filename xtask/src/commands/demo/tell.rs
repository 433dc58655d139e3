//! The end of the demo: where everything is, and where to look next.

use super::{Demo, Image};
use crate::commands::Context;
use crate::commands::run::Report;
use crate::ui::Table;

/// Tells a person.
pub fn tell(demo: &Demo, cx: &Context<'_>) {
    cx.ui.data(format!("\n{}", table(demo, cx)));
    cx.ui.data(next_steps(demo.took_s));
}

/// What came out, and where it is.
pub fn table(demo: &Demo, cx: &Context<'_>) -> Table {
    let mut table = Table::new(["what", "how it went", "where"]);
    for report in &demo.videos {
        let path = report.video.as_ref().map(|video| cx.paths.shown(video).display().to_string());
        let what = format!("video `{}`", report.scenario);
        table.row([&what, &video(report), path.as_deref().unwrap_or("none")]);
    }
    let (went, place) = image(&demo.image);
    table.row(["image", &went, &place]);
    let tested = &demo.load_test;
    let state = tested.verdict.split(':').next().unwrap_or_default();
    let jobs = format!("{state}: {} of {} jobs", tested.n_ok, tested.planned);
    let report = cx.paths.shown(&tested.report).display().to_string();
    table.row(["load test", &jobs, &report]);
    if let Some(latency) = tested.times.first() {
        for (name, shown) in ["p50", "p95", "p99"].iter().zip(latency.shown()) {
            table.row([&format!("  latency, {name}"), shown, ""]);
        }
    }
    table
}

/// How the image went, and its name.
fn image(image: &Image) -> (String, String) {
    match image {
        Image::Built(built) => {
            let size = format!("{:.0} MB, smoke test passed", built.bytes as f64 / 1e6);
            (size, built.tag.clone())
        }
        Image::LeftOut(reason) => (format!("left out: {reason}"), "none".to_owned()),
        Image::Failed { reason, .. } => (format!("FAILED: {reason}"), "none".to_owned()),
    }
}

/// `19.3 s, real-time factor 0.38, 15 of 15 invariants hold`.
fn video(report: &Report) -> String {
    let video = report.status.outcome.as_ref().and_then(|outcome| outcome.video.as_ref());
    let length = video.map(|video| format!("{:.1} s", video.duration_ms as f64 / 1000.0));
    let factor = report.real_time_factor.map(|factor| format!("real-time factor {factor:.2}"));
    let kept = report.findings.iter().filter(|finding| finding.broken.is_none()).count();
    let invariants = format!("{kept} of {} invariants hold", report.findings.len());
    let parts: Vec<String> = length.into_iter().chain(factor).chain([invariants]).collect();
    parts.join(", ")
}

fn next_steps(took_s: f64) -> String {
    format!(
        "Done in {took_s:.0} s. Next:\n\
         \x20 cargo xtask run vietnamese --profile baseline    the old way, for comparison\n\
         \x20 cargo xtask load-test --concurrency 20           more at once\n\
         \x20 cargo xtask compare RUN RUN                      two folders of reports/runs\n\
         \x20 cargo xtask build-image                          the image for NVIDIA cards\n\
         \x20 cargo xtask doctor                               what this machine has\n\
         \x20 cargo xtask test                                 everything that is checked"
    )
}
