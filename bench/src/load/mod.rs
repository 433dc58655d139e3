//! The driver: sends each job when it is due, and keeps every instant of it.

mod closed;
mod job;
mod open;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use self::job::{Event, Jobs};
use crate::plan::{Load, Window};
use crate::{Ending, Mix, Plan, Sample, Stop, Target};

/// What came of a load.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// All samples, in the order in which jobs ended.
    pub samples: Vec<Sample>,
    /// Why there are no more: every job has ended, somebody stopped it, or the plan did.
    pub ending: Ending,
}

/// Drives `target` with jobs of `mix` as `plan` says and gives all samples.
///
/// `on_sample` gets each one as soon as it is there, so that it can be saved: what is finished is
/// kept whatever happens afterwards. When `stop` comes, no further job is sent, and those in flight are
/// cancelled by the target. An open loop never waits for the target: a job is sent at its instant however
/// many are in flight, and its latency is from that instant however late it was sent (Tene, "How not to
/// measure latency"; wrk2).
///
/// The plan is taken to be one that passed [`Plan::check`].
///
/// # Panics
///
/// Where the target panics.
pub async fn load<T: Target>(
    plan: &Plan,
    mix: impl Into<Mix>,
    target: Arc<T>,
    stop: impl Future<Output = ()>,
    mut on_sample: impl FnMut(&Sample),
) -> Loaded {
    let (request_stop, stop_requested) = Stop::new();
    let (sender, mut events) = mpsc::unbounded_channel();
    let jobs = Arc::new(Jobs::new(plan, mix.into(), target, stop_requested, sender));
    let mut running = match &plan.load {
        Load::Closed { workers, .. } => Running::Workers(closed::start(*workers, plan, &jobs)),
        Load::Open { max_in_flight, .. } => open::start(plan, *max_in_flight, &jobs),
    };
    drop(jobs);

    let mut windows: Vec<Window> = plan.abort.iter().map(|abort| Window::new(*abort)).collect();
    let mut loaded = Loaded { samples: Vec::new(), ending: Ending::Complete };
    let mut stop = std::pin::pin!(stop);
    let mut is_stopped = false;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                None => break,
                Some(Event::Ended(sample)) => {
                    on_sample(&sample);
                    let reason = windows.iter_mut().find_map(|window| window.add(&sample));
                    loaded.samples.push(*sample);
                    if let Some(reason) = reason.filter(|_| !is_stopped) {
                        loaded.ending = Ending::Aborted(reason);
                        is_stopped = true;
                    }
                }
                Some(Event::Capped(reason)) if loaded.ending == Ending::Complete => {
                    loaded.ending = Ending::Aborted(reason);
                }
                Some(Event::Overwhelmed { max_in_flight }) if !is_stopped => {
                    loaded.ending = Ending::Overwhelmed { max_in_flight };
                    is_stopped = true;
                }
                Some(_) => {}
            },
            () = &mut stop, if !is_stopped => {
                loaded.ending = Ending::CutShort;
                is_stopped = true;
            }
        }
        if is_stopped {
            request_stop.send_replace(true);
            running.stop();
        }
    }
    running.end().await;
    loaded
}

/// What sends the jobs.
enum Running {
    Workers(JoinSet<()>),
    Pacer { task: JoinHandle<JoinSet<()>>, wake: Option<std::sync::mpsc::Sender<()>> },
}

impl Running {
    /// Wakes a pacer that waits for the next instant.
    fn stop(&mut self) {
        if let Self::Pacer { wake, .. } = self {
            *wake = None;
        }
    }

    /// Waits for every task; a panic of one of them goes on.
    async fn end(self) {
        let mut tasks = match self {
            Self::Workers(tasks) => tasks,
            Self::Pacer { task, .. } => match task.await {
                Ok(tasks) => tasks,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return,
            },
        };
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

#[cfg(test)]
mod tests;
