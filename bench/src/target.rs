use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

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
    /// With which priority, in the target's own terms. None: its own.
    pub priority: Option<Arc<str>>,
    /// The clock of the run.
    pub clock: Clock,
    /// Whether the job is to end: its run does, or its time is over.
    pub stop: Stop,
}

/// What a target saw of a job. Instants are on the clock of the run; a target that knows them by the
/// service's own clock brings them over.
#[derive(Clone, Debug, PartialEq)]
pub struct Driven {
    /// When the service took the job. None: it does not say.
    pub accepted_us: Option<u64>,
    /// When it entered the service's queue, where that is told apart from taking it.
    pub queued_us: Option<u64>,
    /// When work began. None: the service does not say, or it never did.
    pub started_us: Option<u64>,
    /// When work on it ended: fetching what was made is no part of it. None: no better answer than the moment
    /// at which its end was seen.
    pub finished_us: Option<u64>,
    /// The last moment at which it was seen not to have ended yet, by the driver's own clock.
    pub running_us: Option<u64>,
    /// The moment at which it was seen to have ended, where `drive` went on after it: it fetched what was
    /// made. None: the moment at which `drive` returned.
    pub observed_us: Option<u64>,
    /// When what it made was here; `observed_us` is then told too, since fetching began there. None: it was not
    /// fetched, or came while work went on.
    pub downloaded_us: Option<u64>,
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
            queued_us: None,
            started_us: None,
            finished_us: None,
            running_us: None,
            observed_us: None,
            downloaded_us: None,
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

    /// The instant at which it shows `us`.
    pub(crate) fn instant(&self, us: u64) -> Instant {
        self.0 + Duration::from_micros(us)
    }
}

/// Whether a job is to end early: the run does, or the job's own time is over.
#[derive(Clone, Debug)]
pub struct Stop {
    run: watch::Receiver<bool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// A stop without a deadline, and what requests it.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, run) = watch::channel(false);
        (sender, Self { run, deadline: None })
    }

    /// The same, which comes at `deadline` at the latest.
    pub(crate) fn with_deadline(&self, deadline: Option<Instant>) -> Self {
        Self { run: self.run.clone(), deadline }
    }

    /// Comes when the job is to end early, and never otherwise.
    pub async fn requested(&mut self) {
        let deadline = self.deadline;
        let is_over = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let is_stopped = async {
            if self.run.wait_for(|is_requested| *is_requested).await.is_err() {
                // The run is over and nobody can request anything any more.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = is_over => {}
            () = is_stopped => {}
        }
    }

    /// Whether it came.
    pub fn is_requested(&self) -> bool {
        self.is_run_over() || self.is_late()
    }

    /// Whether the whole run is to end.
    pub(crate) fn is_run_over(&self) -> bool {
        *self.run.borrow()
    }

    /// Whether the job's own time is over.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
