//! What a person is told of a run.

use protocol::{JobState, JobStatus, Outcome, Stage};

use super::Report;
use crate::commands::Context;
use crate::ui::Table;

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

/// Which stages are running, as one line.
pub fn running(status: &JobStatus) -> String {
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
