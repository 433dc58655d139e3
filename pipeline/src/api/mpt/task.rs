//! A job in MoneyPrinterTurbo's words. Pure.

use protocol::{JobSpec, JobState, JobStatus, Stage};
use serde::Serialize;
use utoipa::ToSchema;

use crate::job::file_url;

/// Its states (`app/models/const.py`).
const FAILED: i8 = -1;
const COMPLETE: i8 = 1;
const PROCESSING: i8 = 4;

/// A task that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Created {
    /// Its name.
    pub task_id: String,
    /// What is done.
    pub params: JobSpec,
}

/// A task that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deleted {
    /// The name that it had.
    pub task_id: String,
}

/// A page of tasks.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Page {
    /// The tasks.
    pub tasks: Vec<TaskData>,
    /// How many there are on all pages.
    pub total: u64,
    /// Which page it is.
    pub page: u64,
    /// Most tasks of a page.
    pub page_size: u64,
}

/// How a task is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct TaskData {
    /// Its name.
    task_id: String,
    /// -1 failed or cancelled, 1 complete, 4 waits or runs.
    state: i8,
    /// Percent.
    progress: u8,
    /// Where its videos are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    videos: Vec<String>,
    /// The narration text.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    /// The search terms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terms: Vec<String>,
    /// Where the narration is.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_file: Option<String>,
    /// Its length in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_duration: Option<f64>,
    /// Where the subtitles are.
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle_path: Option<String>,
    /// The stage that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_stage: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl TaskData {
    /// A job as a task.
    pub fn of(status: &JobStatus) -> Self {
        let state = match status.state {
            JobState::Queued | JobState::Running => PROCESSING,
            JobState::Succeeded => COMPLETE,
            JobState::Failed | JobState::Cancelled => FAILED,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        let progress = (status.progress.clamp(0.0, 1.0) * 100.0).floor() as u8;
        let mut task = Self { task_id: status.id.clone(), state, progress, ..Self::default() };
        let url = |file: &str| file_url(&status.id, file);
        if let Some(outcome) = &status.outcome {
            task.videos = outcome.videos.iter().map(|video| url(&video.file)).collect();
            task.script.clone_from(&outcome.script);
            task.terms.clone_from(&outcome.terms);
            if let Some(narration) = &outcome.narration {
                task.audio_file = Some(url(&narration.file));
                #[expect(clippy::cast_precision_loss, reason = "hours in milliseconds")]
                let seconds = narration.duration_ms as f64 / 1000.0;
                task.audio_duration = Some(seconds);
            }
            task.subtitle_path = outcome.subtitles.as_ref().map(|subtitles| url(&subtitles.srt));
        }
        if let Some(error) = &status.error {
            task.failed_stage = Some(failed_stage(error.stage));
            task.error = Some(format!("{}: {}", error.code, error.message));
        } else if status.state == JobState::Cancelled {
            task.failed_stage = Some("pipeline");
            task.error = Some("cancelled".to_owned());
        }
        task
    }
}

/// Its name of a stage.
const fn failed_stage(stage: Option<Stage>) -> &'static str {
    match stage {
        Some(Stage::Script) => "script",
        Some(Stage::Terms) => "terms",
        Some(Stage::Narration) => "audio",
        Some(Stage::Materials) => "materials",
        Some(Stage::Subtitles | Stage::Selection | Stage::Render | Stage::Publish) => "video",
        None => "pipeline",
    }
}

#[cfg(test)]
mod tests {
    use protocol::{JobError, Outcome, Priority, Times, VideoInfo};
    use serde_json::json;

    use super::*;

    fn status(state: JobState) -> JobStatus {
        JobStatus {
            id: "a".to_owned(),
            subject: String::new(),
            state,
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            progress: 0.999,
            submitted_us: 0,
            started_us: None,
            finished_us: None,
            times: Times::default(),
            batch: None,
            files_gone: false,
            stages: Vec::new(),
            error: None,
            outcome: None,
        }
    }

    #[track_caller]
    fn check(status: &JobStatus, expected: &serde_json::Value) {
        assert_eq!(&serde_json::to_value(TaskData::of(status)).expect("a document"), expected);
    }

    #[test]
    fn a_job_is_told_in_its_words() {
        use JobState::{Cancelled, Failed, Queued, Running, Succeeded};
        for open in [Queued, Running] {
            check(&status(open), &json!({"task_id": "a", "state": 4, "progress": 99}));
        }
        let video = VideoInfo {
            file: "video-2.mp4".to_owned(),
            url: String::new(),
            bytes: 1,
            width: 2,
            height: 2,
            fps: 30.0,
            duration_ms: 1,
            encoder: String::new(),
        };
        let outcome = Outcome {
            script: Some("The sea.".to_owned()),
            videos: vec![video],
            ..Outcome::default()
        };
        let ended = JobStatus { progress: 1.0, outcome: Some(outcome), ..status(Succeeded) };
        let videos = ["/api/v1/jobs/a/files/video-2.mp4"];
        let expected = json!({
            "task_id": "a", "state": 1, "progress": 100, "script": "The sea.", "videos": videos,
        });
        check(&ended, &expected);
        let error = |stage| JobError { code: "x".to_owned(), stage, message: "y".to_owned() };
        for (stage, name) in
            [(Some(Stage::Narration), "audio"), (Some(Stage::Render), "video"), (None, "pipeline")]
        {
            let failed = JobStatus { error: Some(error(stage)), ..status(Failed) };
            let expected = json!({
                "task_id": "a", "state": -1, "progress": 99, "failed_stage": name, "error": "x: y",
            });
            check(&failed, &expected);
        }
        let task = TaskData::of(&status(Cancelled));
        assert_eq!((task.state, task.error.as_deref()), (-1, Some("cancelled")));
    }
}
