//! Takes jobs from the store, runs them a few at a time, and writes down how each ended.
//!
//! A new job wakes the queue at once, also one that another process took; nothing is polled. The queue
//! does not know what a job does: that is its [`Work`].

mod attempt;
mod keeper;

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use protocol::{JobSpec, JobState, JobStatus, Outcome, Stage};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::store::{Notice, Notices, Request, RetryAnswer, Submitted, Terms};
use super::{CancelAnswer, Claim, Lane, Lanes, Store, StoreError, SubmitError};
use crate::error::StageError;
use crate::settings;

/// How long the queue waits when the database does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// The least wait between two looks: a job that is due may be in another claimer's hands.
const LEAST_PAUSE: Duration = Duration::from_millis(2);

/// What is done with a job.
pub trait Work: Send + Sync + 'static {
    /// Waits until this machine has room for one more job, and gives it until it is dropped.
    fn room(&self) -> BoxFuture<'_, Room>;

    /// Does one attempt. Dropping the future stops it and leaves no process and no temporary file.
    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>>;

    /// The job `id` has ended for good: what was kept for another attempt may go.
    fn ended(&self, id: &str);

    /// The files of the job `id` were kept long enough.
    fn forget(&self, id: &str);
}

/// Room for one job, whatever that is.
pub type Room = Box<dyn Any + Send>;

/// Why an attempt failed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stage that failed. None: between stages.
    pub stage: Option<Stage>,
    /// Why.
    pub error: StageError,
}

/// The running queue. Clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<Store>,
    work: Box<dyn Work>,
    settings: settings::Jobs,
    /// Changes when a job may be claimed.
    wake: watch::Sender<()>,
    /// Nothing is begun any more.
    stop: CancellationToken,
    /// What runs is handed back.
    hand_back: CancellationToken,
    /// What ran has ended.
    stopped: CancellationToken,
    running: Mutex<HashMap<String, Running>>,
    tasks: TaskTracker,
    keeper: TaskTracker,
}

/// How an attempt is told to stop.
#[derive(Clone, Debug)]
struct Running {
    /// Which claim of the job it works for.
    epoch: i64,
    /// The job is to end.
    cancel: CancellationToken,
    /// The job is not ours any more.
    lost: CancellationToken,
}

impl Queue {
    /// Starts to run the jobs of `store`; `notices` are those of other processes.
    pub fn start(
        store: Arc<Store>,
        notices: Option<Notices>,
        work: impl Work,
        settings: settings::Jobs,
        lanes: Lanes,
    ) -> Self {
        let shared = Arc::new(Shared {
            store,
            work: Box::new(work),
            settings,
            wake: watch::Sender::new(()),
            stop: CancellationToken::new(),
            hand_back: CancellationToken::new(),
            stopped: CancellationToken::new(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            keeper: TaskTracker::new(),
        });
        for (lanes, places) in lanes.groups() {
            shared.tasks.spawn(Arc::clone(&shared).serve(lanes, places));
        }
        // Jobs that are being ended keep their lease: it stops last.
        shared.keeper.spawn(Arc::clone(&shared).keep());
        if let Some(notices) = notices {
            shared.tasks.spawn(Arc::clone(&shared).listen(notices));
        }
        Self { shared }
    }

    /// Takes a job and gives its name.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn submit(&self, spec: &JobSpec) -> Result<String, SubmitError> {
        let taken = self.submit_all(&[Request::new(spec)], None).await?;
        // As many as were asked for.
        Ok(taken.into_iter().next().map(|job| job.id).unwrap_or_default())
    }

    /// Takes all of `requests` as jobs of `batch`, or none; gives their names in the same order.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn submit_all(
        &self,
        requests: &[Request<'_>],
        batch: Option<&str>,
    ) -> Result<Vec<Submitted>, SubmitError> {
        let settings = &self.shared.settings;
        let terms = Terms {
            max_attempts: settings.max_attempts,
            max_queued: settings.max_queued,
            ageing: settings::seconds(settings.ageing_s),
        };
        let taken = self.shared.store.submit(requests, batch, terms).await?;
        self.shared.queued().await;
        Ok(taken)
    }

    /// Cancels a job: at once where it waits, within moments where it runs, on whatever machine.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel(&self, id: &str) -> Result<CancelAnswer, StoreError> {
        let answer = self.shared.store.cancel(id).await?;
        match answer {
            CancelAnswer::Cancelled => self.shared.ended(id, JobState::Cancelled).await,
            CancelAnswer::Requested => {
                let ours = self.shared.running().get(id).cloned();
                match ours {
                    Some(running) => running.cancel.cancel(),
                    None => self.shared.store.tell(&Notice::Cancel(id.to_owned())).await,
                }
            }
            CancelAnswer::AlreadyEnded(_) | CancelAnswer::Unknown => {}
        }
        Ok(answer)
    }

    /// Cancels all that wait, and gives how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn purge(&self) -> Result<usize, StoreError> {
        let purged = self.shared.store.purge().await?;
        for id in &purged {
            self.shared.ended(id, JobState::Cancelled).await;
        }
        Ok(purged.len())
    }

    /// Lets a job that failed wait again, with all its attempts.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn retry(&self, id: &str) -> Result<RetryAnswer, StoreError> {
        let answer = self.shared.store.retry(id).await?;
        if answer == RetryAnswer::Queued {
            self.shared.changed(id).await;
            self.shared.queued().await;
        }
        Ok(answer)
    }

    /// Holds the queue: what runs goes on, nothing is begun, on any machine and after a restart. Or lets
    /// it go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn hold(&self, is_held: bool) -> Result<(), StoreError> {
        self.shared.store.hold(is_held).await?;
        self.shared.queued().await;
        Ok(())
    }

    /// Names of jobs that change from now on. Who is too slow to read them is told so, and looks again.
    pub fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.shared.store.changes()
    }

    /// Waits until a job has ended and gives its status. None: there is no such job.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn ended(&self, id: &str) -> Result<Option<JobStatus>, StoreError> {
        let mut changes = self.changes();
        loop {
            match self.shared.store.status(id).await? {
                Some(status) if !status.state.is_final() => {}
                ended => return Ok(ended),
            }
            // The sender lives as long as `self`; who missed a change looks again.
            while let Ok(changed) = changes.recv().await {
                if *changed == *id {
                    break;
                }
            }
        }
    }

    /// Stops: nothing is begun any more. What runs has the time of the setting `drain_s` to end; then it
    /// is handed back to wait for the next start. What its stages have ended is kept.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let grace = settings::seconds(self.shared.settings.drain_s);
        if tokio::time::timeout(grace, self.shared.tasks.wait()).await.is_err() {
            self.shared.hand_back.cancel();
            self.shared.tasks.wait().await;
        }
        self.shared.stopped.cancel();
        self.shared.keeper.close();
        self.shared.keeper.wait().await;
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the jobs of `lanes`, as many at once as there are `places`.
    async fn serve(self: Arc<Self>, lanes: &'static [Lane], places: usize) {
        let slots = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        let mut woken = self.wake.subscribe();
        loop {
            let slot = tokio::select! {
                slot = Arc::clone(&slots).acquire_owned() => slot,
                () = self.stop.cancelled() => return,
            };
            let (Ok(slot), Some((claim, room))) = (slot, self.next(lanes, &mut woken).await) else {
                return;
            };
            let shared = Arc::clone(&self);
            // What is said meanwhile is said of this job.
            let span = tracing::info_span!("job", job = claim.id, attempt = claim.attempt);
            let work = async move {
                shared.attempt(claim).await;
                drop((slot, room));
            };
            self.tasks.spawn(work.instrument(span));
        }
    }

    /// Waits for a job. None: the queue stops.
    async fn next(&self, lanes: &[Lane], woken: &mut watch::Receiver<()>) -> Option<(Claim, Room)> {
        loop {
            let room = tokio::select! {
                room = self.work.room() => room,
                () = self.stop.cancelled() => return None,
            };
            // What is submitted from here on wakes us again.
            woken.mark_unchanged();
            let pause = match self.store.claim(lanes).await {
                Ok(Some(claim)) => return Some((claim, room)),
                Ok(None) => match self.store.next_due(lanes).await {
                    Ok(Some(due)) => due.max(LEAST_PAUSE),
                    Ok(None) => Duration::MAX,
                    Err(_) => DATABASE_PAUSE,
                },
                Err(error) => {
                    tracing::error!(%error, "cannot claim a job");
                    DATABASE_PAUSE
                }
            };
            // Who waits for a job takes no room.
            drop(room);
            tokio::select! {
                // The sender lives as long as `self`.
                _ = woken.changed() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    /// A job may be claimed.
    async fn queued(&self) {
        self.wake.send_replace(());
        self.store.tell(&Notice::Queued).await;
    }

    async fn changed(&self, id: &str) {
        self.store.changed(id).await;
    }

    /// A job has ended, here or while it waited.
    async fn ended(&self, id: &str, state: JobState) {
        self.work.ended(id);
        tracing::info!(job = id, state = state.as_str(), "the job has ended");
        metrics::counter!("reelbench_jobs_total", "outcome" => state.as_str()).increment(1);
        self.changed(id).await;
    }
}

#[cfg(test)]
mod tests;
