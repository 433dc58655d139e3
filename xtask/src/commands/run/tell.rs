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
         own time    {:.0} ms besides ffmpeg, speech and models; {:.2} of the critical path\n\
         clips       {} shown of {} there, {} refused\n\
         subtitles   {} cues, times from the {}, font {}\n\
         models      {}",
        video.duration_ms as f64 / 1000.0,
        video.width,
        video.height,
        video.fps,
        video.bytes as f64 / 1e6,
        video.encoder,
        report.overhead_ms.unwrap_or_default(),
        report.over_critical_path.unwrap_or_default(),
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
    // After a retry `started_us` is of the last attempt, and the first stage is earlier.
    let first_us = status.stages.iter().map(|time| time.started_us).min();
    let begin_us = first_us.into_iter().chain(status.started_us).min().unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use protocol::{Priority, StageTime};

    use super::*;

    fn retried() -> JobStatus {
        let time = |stage, started_us, finished_us, attempt| StageTime {
            stage,
            started_us,
            finished_us,
            attempt,
        };
        JobStatus {
            id: "a".to_owned(),
            subject: String::new(),
            state: JobState::Running,
            priority: Priority::Normal,
            attempt: 2,
            max_attempts: 3,
            progress: 0.125,
            submitted_us: 0,
            started_us: Some(2_000_000),
            finished_us: None,
            times: protocol::Times::default(),
            batch: None,
            files_gone: false,
            stages: vec![
                time(Stage::Script, 1_000_000, Some(1_500_000), 1),
                time(Stage::Terms, 1_500_000, None, 1),
                time(Stage::Terms, 2_250_000, None, 2),
                time(Stage::Narration, 2_000_000, Some(3_230_000), 2),
            ],
            error: None,
            outcome: None,
        }
    }

    #[test]
    fn only_what_runs_now_is_called_running() {
        assert_eq!(running(&retried()), " 12 %  terms");
        let queued = JobStatus { state: JobState::Queued, ..retried() };
        assert_eq!(running(&queued), "queued");
    }

    #[test]
    fn each_attempt_at_a_stage_has_a_row() {
        let table = stage_table(&retried()).to_string();
        let rows: Vec<String> =
            table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "stage starts at takes",
            "script 0.00 s 0.50 s",
            "terms 0.50 s did not end",
            "terms 1.25 s did not end attempt 2",
            "narration 1.00 s 1.23 s attempt 2",
        ];
        assert_eq!(rows, expected);
    }
}
