//! The events of one job, as they come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use protocol::{JobEvent, JobStatus};
use tokio::sync::broadcast;

use crate::api::Api;

/// How often a running job is looked at for what nobody tells: how much of its video is rendered.
const LOOK: Duration = Duration::from_millis(500);
/// Least step of progress that is told.
const STEP: f64 = 0.01;

/// An event with its number, where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// From 1.
    pub number: Option<usize>,
    /// What happened.
    pub event: JobEvent,
}

/// What a reader has seen.
#[derive(Debug)]
struct Seen {
    events: usize,
    progress: f64,
}

impl Seen {
    /// What is new in `status`. A number beyond all that happened is another job's: then all is new.
    fn news(&mut self, status: &JobStatus) -> VecDeque<Told> {
        let events = status.events();
        if self.events > events.len() {
            self.events = 0;
        }
        let news = events.into_iter().enumerate().skip(self.events);
        let mut news: VecDeque<Told> =
            news.map(|(place, event)| Told { number: Some(place + 1), event }).collect();
        self.events += news.len();
        if status.progress >= self.progress + STEP && !status.state.is_final() {
            self.progress = status.progress;
            let event = JobEvent::Progress { progress: status.progress };
            news.push_back(Told { number: None, event });
        }
        news
    }
}

struct Watch {
    api: Api,
    id: String,
    changes: broadcast::Receiver<Arc<str>>,
    seen: Seen,
    news: VecDeque<Told>,
    has_ended: bool,
}

/// The events of a job behind the first `seen`; ends with the job, or where the database fails.
pub fn watch(api: Api, id: String, seen: usize) -> impl Stream<Item = Told> + Send {
    // From before the first look: no change is missed.
    let changes = api.queue.changes();
    let seen = Seen { events: seen, progress: 0.0 };
    let watch = Watch { api, id, changes, seen, news: VecDeque::new(), has_ended: false };
    stream::unfold(watch, async |mut watch| watch.next().await.map(|told| (told, watch)))
}

impl Watch {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.news.pop_front() {
                return Some(told);
            }
            if self.has_ended {
                return None;
            }
            let status = match self.api.store.status(&self.id).await {
                Ok(status) => status?,
                Err(error) => {
                    tracing::error!(job = self.id, %error, "cannot go on telling its events");
                    return None;
                }
            };
            self.has_ended = status.state.is_final();
            self.news = self.seen.news(&status);
            if self.news.is_empty() && !self.has_ended {
                self.changed(status.state == protocol::JobState::Running).await;
            }
        }
    }

    /// Waits until something may have changed: at once where the queue says so.
    async fn changed(&mut self, is_running: bool) {
        let pause = if is_running { LOOK } else { Duration::MAX };
        let told = async {
            // Who missed some looks again; the sender lives as long as the queue.
            while let Ok(changed) = self.changes.recv().await {
                if *changed == *self.id {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(pause, told).await;
    }
}

#[cfg(test)]
mod tests {
    use protocol::{JobState, Priority, Stage, StageTime, Times};

    use super::*;

    fn status(state: JobState, progress: f64, n_stages: usize) -> JobStatus {
        let stages = Stage::ALL.into_iter().take(n_stages).map(|stage| StageTime {
            stage,
            started_us: 30,
            finished_us: None,
            attempt: 1,
        });
        JobStatus {
            id: "a".to_owned(),
            subject: String::new(),
            state,
            priority: Priority::Normal,
            attempt: 1,
            max_attempts: 3,
            progress,
            submitted_us: 10,
            started_us: Some(20),
            finished_us: state.is_final().then_some(40),
            times: Times::default(),
            batch: None,
            files_gone: false,
            stages: stages.collect(),
            error: None,
            outcome: None,
        }
    }

    #[track_caller]
    fn check(seen: &mut Seen, status: &JobStatus, expected: &[(Option<usize>, &str)]) {
        let news = seen.news(status);
        let found: Vec<_> = news.iter().map(|told| (told.number, told.event.name())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_event_is_told_once_and_progress_in_steps() {
        use JobState::{Running, Succeeded};
        let mut seen = Seen { events: 0, progress: 0.0 };
        check(&mut seen, &status(Running, 0.0, 0), &[(Some(1), "queued"), (Some(2), "started")]);
        check(&mut seen, &status(Running, 0.005, 0), &[]);
        check(
            &mut seen,
            &status(Running, 0.5, 1),
            &[(Some(3), "stage_started"), (None, "progress")],
        );
        check(&mut seen, &status(Running, 0.505, 1), &[]);
        check(&mut seen, &status(Succeeded, 1.0, 1), &[(Some(4), "ended")]);
    }

    #[test]
    fn who_comes_back_goes_on_behind_what_was_seen() {
        let ended = status(JobState::Failed, 0.0, 0);
        check(&mut Seen { events: 2, progress: 0.0 }, &ended, &[(Some(3), "ended")]);
        check(&mut Seen { events: 3, progress: 0.0 }, &ended, &[]);
        let all = [(Some(1), "queued"), (Some(2), "started"), (Some(3), "ended")];
        check(&mut Seen { events: 9, progress: 0.0 }, &ended, &all);
    }
}
