//! Jobs that come when they come.
//!
//! A pacer walks through the schedule and starts each job at its instant. It never waits for a job, for a
//! sample to be saved, or for anything but the clock.
//!
//! tokio's timer rounds up to whole milliseconds, so with it alone half of all jobs are sent more than
//! 0.5 ms late. So the pacer is a thread of its own that waits for absolute instants with the clock of the
//! operating system, about 0.1 ms late, and starts the jobs on the runtime; it neither spins nor polls.
//! Where time is virtual (tests under `start_paused`), threads would wait for real: there the pacer is a
//! task with tokio's timer.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::Running;
use super::job::{Event, Jobs, Turn};
use crate::plan::Due;
use crate::{Plan, Target};

/// Starts the pacer.
pub(super) fn start<T: Target>(
    plan: &Plan,
    max_in_flight: NonZeroU32,
    jobs: &Arc<Jobs<T>>,
) -> Running {
    let starter = Starter {
        jobs: Arc::clone(jobs),
        max_in_flight: max_in_flight.get(),
        runtime: Handle::current(),
        tasks: JoinSet::new(),
    };
    let schedule = plan.schedule();
    if is_virtual() {
        return Running::Pacer { task: tokio::spawn(starter.pace_virtually(schedule)), wake: None };
    }
    let (wake, woken) = std::sync::mpsc::channel();
    let task = tokio::task::spawn_blocking(move || starter.pace(&schedule, &woken));
    Running::Pacer { task, wake: Some(wake) }
}

/// Whether the runtime's time stands still while real time passes.
fn is_virtual() -> bool {
    let (virtual_now, real_now) = (tokio::time::Instant::now(), std::time::Instant::now());
    while real_now.elapsed() < Duration::from_micros(20) {
        std::hint::spin_loop();
    }
    virtual_now.elapsed().is_zero()
}

/// Starts jobs on the runtime.
struct Starter<T> {
    jobs: Arc<Jobs<T>>,
    max_in_flight: u32,
    runtime: Handle,
    tasks: JoinSet<()>,
}

impl<T: Target> Starter<T> {
    /// Starts a job; false: no further one is to be started.
    fn start(&mut self, number: usize, due: Due) -> bool {
        let jobs = &self.jobs;
        if jobs.stop.is_requested() || !jobs.is_wanted(due.phase) {
            return false;
        }
        if jobs.in_flight() >= self.max_in_flight {
            jobs.tell(Event::Overwhelmed { max_in_flight: self.max_in_flight });
            return false;
        }
        jobs.begin(due.phase);
        let turn = Turn { number: number as u64, phase: due.phase, planned_us: due.planned_us };
        let jobs = Arc::clone(jobs);
        self.tasks.spawn_on(async move { jobs.drive(turn).await }, &self.runtime);
        true
    }

    /// Forgets the jobs that have ended. A panic of one of them ends the load.
    fn forget(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    fn pace(mut self, schedule: &[Due], woken: &Receiver<()>) -> JoinSet<()> {
        for (number, due) in schedule.iter().enumerate() {
            let at = self.jobs.clock.instant(due.planned_us);
            let wait = at.saturating_duration_since(tokio::time::Instant::now());
            let is_stopped =
                !wait.is_zero() && woken.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected);
            if is_stopped || !self.start(number, *due) {
                break;
            }
            self.forget();
        }
        self.tasks
    }

    async fn pace_virtually(mut self, schedule: Vec<Due>) -> JoinSet<()> {
        let mut stop = self.jobs.stop.clone();
        for (number, due) in schedule.iter().enumerate() {
            tokio::select! {
                () = tokio::time::sleep_until(self.jobs.clock.instant(due.planned_us)) => {}
                () = stop.requested() => break,
            }
            if !self.start(number, *due) {
                break;
            }
            self.forget();
        }
        self.tasks
    }
}
