//! Whether the machine has room for another job (claims 002-4, 002-5). A job that comes too early
//! waits, and is told why; nothing is ever refused.
//!
//! `gate` decides, with hysteresis: a limit that opens where it closes would let jobs in and out of
//! the same second. What it decides on is the look at the machine that `/metrics` tells, too.

mod gate;

use std::sync::Arc;

use metrics::gauge;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use self::gate::{Closed, Gate, Reading, Reason};
use super::slots::Counted;
use crate::machine::Machine;
use crate::settings::{self, seconds};

/// Lets jobs in while the machine has room. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Admission {
    state: watch::Sender<State>,
    /// None: nothing is looked at, and everything is let in.
    _sampler: Option<Arc<AbortOnDropHandle<()>>>,
}

#[derive(Debug, Default)]
struct State {
    closed: Vec<Closed>,
    n_admitted: usize,
}

/// A job that was let in, until it ends.
#[must_use = "a job is counted as running until this is dropped"]
#[derive(Debug)]
pub struct Admitted(watch::Sender<State>);

/// How it stands, for those who look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Door {
    /// Whether another job would start now.
    pub open: bool,
    /// What there is too little of: `cpu`, `memory`, `gpu_memory`, `disk`.
    pub reasons: Vec<&'static str>,
    /// The same for people: what was found, and what is waited for.
    pub why: Option<String>,
    /// Jobs that were let in and have not ended.
    pub admitted: usize,
}

impl Admission {
    /// Looks at the machine as often as it is set. Where no limit is set it is not looked at.
    pub fn start(settings: &settings::Limits, machine: &Machine) -> Self {
        let (state, gate) = (watch::Sender::default(), Gate::new(settings));
        if !gate.has_limits() {
            return Self { state, _sampler: None };
        }
        let sampler = sample(state.clone(), gate, machine.clone(), seconds(settings.sample_s));
        let sampler = AbortOnDropHandle::new(tokio::spawn(sampler));
        Self { state, _sampler: Some(Arc::new(sampler)) }
    }

    /// Waits until the machine has room for another job. One job is let in however busy the processors
    /// are, where none runs: it would wait for nobody.
    pub async fn wait(&self) -> Admitted {
        let _waits = Counted::new(&gauge!("reelbench_admission_waiting"));
        let mut changes = self.state.subscribe();
        loop {
            // From here on a change is not missed.
            changes.mark_unchanged();
            let mut is_in = false;
            self.state.send_if_modified(|state| {
                is_in = state.admits();
                state.n_admitted += usize::from(is_in);
                is_in
            });
            if is_in {
                return Admitted(self.state.clone());
            }
            // We hold a sender: it does not end.
            let _ = changes.changed().await;
        }
    }

    /// Why no further job starts. None: it would.
    pub fn why(&self) -> Option<String> {
        self.door().why
    }

    /// How it stands.
    pub fn door(&self) -> Door {
        let state = self.state.borrow();
        let open = state.admits();
        let whys: Vec<_> = state.closed.iter().map(|closed| closed.why.as_str()).collect();
        Door {
            open,
            reasons: state.closed.iter().map(|closed| closed.reason.as_str()).collect(),
            why: (!open).then(|| whys.join("; ")),
            admitted: state.n_admitted,
        }
    }
}

impl State {
    fn admits(&self) -> bool {
        let is_alone = self.n_admitted == 0;
        self.closed.iter().all(|closed| is_alone && closed.reason == Reason::Cpu)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.n_admitted -= 1);
    }
}

async fn sample(
    state: watch::Sender<State>,
    mut gate: Gate,
    machine: Machine,
    interval: std::time::Duration,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let closed = gate.look(&Reading::of(&*machine.look().await));
        for reason in gate.limited() {
            let is_closed = closed.iter().any(|closed| closed.reason == reason);
            gauge!("reelbench_admission_closed", "reason" => reason.as_str()).set(if is_closed {
                1.0
            } else {
                0.0
            });
        }
        tell(&state, closed);
    }
}

/// Says what changed, to the log and to those who wait.
fn tell(state: &watch::Sender<State>, closed: Vec<Closed>) {
    let reasons = |closed: &[Closed]| closed.iter().map(|one| one.reason).collect::<Vec<_>>();
    state.send_if_modified(|state| {
        let has_changed = reasons(&state.closed) != reasons(&closed);
        if has_changed {
            match closed.first() {
                Some(_) => {
                    for Closed { why, .. } in &closed {
                        tracing::warn!(why, "no further job starts");
                    }
                }
                None => tracing::info!("jobs start again"),
            }
        }
        state.closed = closed;
        has_changed
    });
}

#[cfg(test)]
mod tests;
