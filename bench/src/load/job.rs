//! One job of a load, from its instant to its sample.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::{Clock, Driven, Job, Mix, Outcome, Phase, Plan, Sample, Scenario, Stop, Target};

/// How long a target may take to cancel a job whose time is over, before it is left alone.
const GRACE: Duration = Duration::from_secs(10);

/// How a job that took too long has failed.
pub(super) const TIMEOUT: &str = "timeout";

/// What happens in a load.
pub(super) enum Event {
    /// A job has ended.
    Ended(Box<Sample>),
    /// The cap on jobs was reached before the end of the plan.
    Capped(String),
    /// A job was due and as many as are allowed were in flight.
    Overwhelmed {
        /// So many.
        max_in_flight: u32,
    },
}

/// A job that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub number: u64,
    pub phase: Phase,
    pub planned_us: u64,
}

/// What all jobs of a load share.
pub(super) struct Jobs<T> {
    target: Arc<T>,
    mix: Mix,
    shares: Vec<(Arc<Scenario>, Option<Arc<str>>)>,
    seed: u64,
    timeout_us: Option<NonZeroU64>,
    pub clock: Clock,
    pub stop: Stop,
    events: mpsc::UnboundedSender<Event>,
    in_flight: AtomicU32,
    measured_in_flight: AtomicU32,
}

impl<T: Target> Jobs<T> {
    pub fn new(
        plan: &Plan,
        mix: Mix,
        target: Arc<T>,
        stop: Stop,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let shares = mix.shares().map(|share| {
            (Arc::new(share.scenario.clone()), share.priority.as_deref().map(Into::into))
        });
        Self {
            target,
            shares: shares.collect(),
            mix,
            seed: plan.seed,
            timeout_us: plan.timeout_us,
            clock: Clock::start(),
            stop,
            events,
            in_flight: AtomicU32::new(0),
            measured_in_flight: AtomicU32::new(0),
        }
    }

    pub fn tell(&self, event: Event) {
        // Only `load` itself can have gone away, and then nobody wants to know.
        let _ = self.events.send(event);
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Whether a job of `phase` is still worth sending: a cool-down is, as long as a measured job is in
    /// flight.
    pub fn is_wanted(&self, phase: Phase) -> bool {
        phase != Phase::CoolDown || self.measured_in_flight.load(Ordering::SeqCst) > 0
    }

    /// Counts a job, before it is driven.
    pub fn begin(&self, phase: Phase) {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        self.measured_in_flight.fetch_add(phase.is_measured().into(), Ordering::SeqCst);
    }

    /// Brings a job that has begun to its end and hands over its sample.
    pub async fn drive(&self, turn: Turn) {
        let share = self.mix.of_job(self.seed, turn.number, turn.phase);
        let (scenario, priority) = &self.shares[share];
        let sent_us = self.clock.now_us();
        let deadline = self.timeout_us.map(|limit| self.clock.instant(sent_us + limit.get()));
        let stop = self.stop.with_deadline(deadline);
        let driving = self.target.drive(Job {
            number: turn.number,
            scenario: Arc::clone(scenario),
            priority: priority.clone(),
            clock: self.clock,
            stop: stop.clone(),
        });
        let mut driven = match deadline {
            None => driving.await,
            Some(deadline) => tokio::time::timeout_at(deadline + GRACE, driving)
                .await
                .unwrap_or_else(|_| Driven::new(Outcome::Cancelled)),
        };
        if driven.outcome == Outcome::Cancelled && !stop.is_run_over() && stop.is_late() {
            driven.outcome = Outcome::Failed(TIMEOUT.to_owned());
        }
        let mut sample = sample(turn, sent_us, driven, self.clock.now_us());
        if self.shares.len() > 1 {
            sample.scenario = Some(scenario.name.clone());
        }
        sample.priority = priority.as_deref().map(str::to_owned);
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.measured_in_flight.fetch_sub(turn.phase.is_measured().into(), Ordering::SeqCst);
        self.tell(Event::Ended(Box::new(sample)));
    }
}

fn sample(turn: Turn, sent_us: u64, driven: Driven, returned_us: u64) -> Sample {
    let observed_us = driven.observed_us.unwrap_or(returned_us);
    Sample {
        phase: turn.phase,
        sent_us,
        accepted_us: driven.accepted_us,
        queued_us: driven.queued_us,
        started_us: driven.started_us,
        running_us: driven.running_us,
        observed_us: Some(observed_us),
        downloaded_us: driven.downloaded_us,
        stages: driven.stages,
        outcome: driven.outcome,
        extra: driven.extra,
        ..Sample::new(turn.number, turn.planned_us, driven.finished_us.unwrap_or(observed_us))
    }
}
