//! Workers, each with one job at a time.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::job::{Event, Jobs, Turn};
use crate::plan::Phases;
use crate::{Phase, Plan, Target};

/// Starts the workers.
pub(super) fn start<T: Target>(
    workers: NonZeroU32,
    plan: &Plan,
    jobs: &Arc<Jobs<T>>,
) -> JoinSet<()> {
    let plan = Arc::new(plan.clone());
    let turns = Arc::new(Mutex::new(Turns {
        phases: Phases::of(&plan),
        next: 0,
        cap: plan.max_jobs.map_or(u64::MAX, |jobs| u64::from(jobs.get())),
    }));
    let n_workers = plan.n_jobs().map_or(u64::from(workers.get()), |n| n.min(workers.get().into()));
    let mut tasks = JoinSet::new();
    for worker in 0..n_workers as u32 {
        tasks.spawn(work(worker, Arc::clone(&plan), Arc::clone(jobs), Arc::clone(&turns)));
    }
    tasks
}

/// Gives out the jobs, once each.
struct Turns {
    phases: Phases,
    next: u64,
    cap: u64,
}

/// What a worker does next.
enum Next {
    Job(Turn),
    Over,
    Capped,
}

impl Turns {
    fn take(&mut self, planned_us: u64, is_wanted: impl Fn(Phase) -> bool) -> Next {
        let Some(phase) = self.phases.take(planned_us).filter(|&phase| is_wanted(phase)) else {
            return Next::Over;
        };
        if self.next == self.cap {
            return Next::Capped;
        }
        let number = self.next;
        self.next += 1;
        Next::Job(Turn { number, phase, planned_us })
    }
}

/// One job after the other. In a closed loop a job is due when the one before it ended and the user has
/// thought.
async fn work<T: Target>(
    worker: u32,
    plan: Arc<Plan>,
    jobs: Arc<Jobs<T>>,
    turns: Arc<Mutex<Turns>>,
) {
    let mut stop = jobs.stop.clone();
    let mut planned_us = 0;
    for turn in 0.. {
        let think_us = plan.think_us(worker, turn);
        if think_us > 0 {
            planned_us += think_us;
            tokio::select! {
                () = tokio::time::sleep_until(jobs.clock.instant(planned_us)) => {}
                () = stop.requested() => {}
            }
        }
        if stop.is_requested() {
            return;
        }
        let next = {
            let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
            let next = turns.take(planned_us, |phase| jobs.is_wanted(phase));
            if let Next::Job(turn) = next {
                // Under the lock: no cool-down may find the last measured job uncounted.
                jobs.begin(turn.phase);
            }
            next
        };
        match next {
            Next::Job(turn) => jobs.drive(turn).await,
            Next::Over => return,
            Next::Capped => {
                let cap = plan.max_jobs.map_or(0, NonZeroU32::get);
                jobs.tell(Event::Capped(format!("the cap of {cap} jobs in all was reached")));
                return;
            }
        }
        planned_us = jobs.clock.now_us();
    }
}
