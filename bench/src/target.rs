use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Outcome, Scenario, StageSpan};

/// What is driven: a service that does jobs.
pub trait Target: Send + Sync + 'static {
    /// Brings one job to its end and tells what was seen of it.
    ///
    /// A job that fails is an [`Outcome::Failed`], not an error. When [`Job::stop`] is requested, the
    /// job is cancelled where it runs and [`Outcome::Cancelled`] is told.
    fn drive(&self, job: Job) -> impl Future<Output = Driven> + Send;
}

/// One job to be done.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number in the run, from 0.
    pub number: u64,
    /// What is asked for.
    pub scenario: Arc<Scenario>,
    /// The clock of the run.
    pub clock: Clock,
    /// Whether the run is to end.
    pub stop: Stop,
}

/// What a target saw of a job. Instants are on the clock of the run; a target that knows them by the
/// service's own clock brings them over.
#[derive(Clone, Debug, PartialEq)]
pub struct Driven {
    /// When the service took the job. None: it does not say.
    pub accepted_us: Option<u64>,
    /// When work began. None: the service does not say, or it never did.
    pub started_us: Option<u64>,
    /// When it ended. None: no better answer than the moment at which `drive` returned.
    pub finished_us: Option<u64>,
    /// The stages that the service reports.
    pub stages: Vec<StageSpan>,
    /// How it ended.
    pub outcome: Outcome,
    /// What else is to be kept, in the target's own terms.
    pub extra: serde_json::Value,
}

impl Driven {
    /// A job of which nothing but its end was seen.
    pub const fn new(outcome: Outcome) -> Self {
        Self {
            accepted_us: None,
            started_us: None,
            finished_us: None,
            stages: Vec::new(),
            outcome,
            extra: serde_json::Value::Null,
        }
    }
}

/// The clock of a run: monotonic, and virtual in tests.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts at 0.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Whether the run is to end early.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop, and what requests it.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Comes when the run is to end early, and never otherwise.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|is_requested| *is_requested).await.is_err() {
            // The run is over and nobody can request anything any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether it came.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
