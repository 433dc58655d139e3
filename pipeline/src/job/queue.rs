//! Takes jobs from the store, runs them a few at a time, and writes down how each ended.
//!
//! A new job wakes the queue at once; nothing is polled. The queue does not know what a job does: that
//! is its [`Work`].

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use protocol::{JobError, JobSpec, JobState, JobStatus, Outcome, Stage};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CancelAnswer, Claim, Store, StoreError, SubmitError, now_us};
use crate::error::StageError;
use crate::settings;

/// How long the queue waits when the database does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// What is done with a job.
pub trait Work: Send + Sync + 'static {
    /// Does one attempt. Dropping the future stops it and leaves no process and no temporary file.
    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>>;

    /// The job `id` has ended for good: what was kept for another attempt may go.
    fn ended(&self, id: &str);
}

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
    limits: settings::Jobs,
    wake: Notify,
    stop: CancellationToken,
    running: Mutex<HashMap<String, CancellationToken>>,
    tasks: TaskTracker,
    /// Changes whenever a job has ended.
    ends: watch::Sender<()>,
}

impl Queue {
    /// Starts to run the jobs of `store`.
    pub fn start(store: Arc<Store>, work: impl Work, limits: settings::Jobs) -> Self {
        let shared = Arc::new(Shared {
            store,
            work: Box::new(work),
            limits,
            wake: Notify::new(),
            stop: CancellationToken::new(),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            ends: watch::Sender::new(()),
        });
        shared.tasks.spawn(Arc::clone(&shared).serve());
        Self { shared }
    }

    /// Takes a job and gives its name.
    ///
    /// # Errors
    ///
    /// [`SubmitError`].
    pub async fn submit(&self, spec: &JobSpec) -> Result<String, SubmitError> {
        let limits = &self.shared.limits;
        let id = self.shared.store.submit(spec, limits.max_attempts, limits.max_queued).await?;
        self.shared.wake.notify_one();
        Ok(id)
    }

    /// Cancels a job: at once where it waits, within moments where it runs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn cancel(&self, id: &str) -> Result<CancelAnswer, StoreError> {
        let answer = self.shared.store.cancel(id).await?;
        match answer {
            CancelAnswer::Cancelled => self.shared.ended(id, JobState::Cancelled),
            CancelAnswer::Requested => {
                if let Some(token) = self.shared.running().get(id) {
                    token.cancel();
                }
            }
            CancelAnswer::AlreadyEnded(_) | CancelAnswer::Unknown => {}
        }
        Ok(answer)
    }

    /// Waits until a job has ended and gives its status. None: there is no such job.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn ended(&self, id: &str) -> Result<Option<JobStatus>, StoreError> {
        let mut ends = self.shared.ends.subscribe();
        loop {
            ends.mark_unchanged();
            match self.shared.store.status(id).await? {
                Some(status) if !status.state.is_final() => {}
                ended => return Ok(ended),
            }
            // The sender lives as long as `self`.
            let _ = ends.changed().await;
        }
    }

    /// Stops: nothing is started any more, and what runs is handed back to wait for the next start. What
    /// its stages have ended is kept.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>) {
        let slots = Arc::new(Semaphore::new(self.limits.concurrency));
        loop {
            let slot = tokio::select! {
                slot = Arc::clone(&slots).acquire_owned() => slot,
                () = self.stop.cancelled() => return,
            };
            let (Ok(slot), Some(claim)) = (slot, self.next().await) else { return };
            let shared = Arc::clone(&self);
            self.tasks.spawn(async move {
                shared.attempt(claim).await;
                drop(slot);
            });
        }
    }

    /// Waits for a job. None: the queue stops.
    async fn next(&self) -> Option<Claim> {
        loop {
            let pause = match self.store.claim().await {
                Ok(Some(claim)) => return Some(claim),
                Ok(None) => match self.store.next_due_us().await {
                    Ok(Some(due)) => Duration::from_micros(due.saturating_sub(now_us())),
                    Ok(None) => Duration::MAX,
                    Err(_) => DATABASE_PAUSE,
                },
                Err(error) => {
                    tracing::error!(%error, "cannot claim a job");
                    DATABASE_PAUSE
                }
            };
            // A job that is submitted between the look and here leaves its permit in `wake`.
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    async fn attempt(&self, claim: Claim) {
        let cancel = CancellationToken::new();
        self.running().insert(claim.id.clone(), cancel.clone());
        // A wish to cancel that came between the claim and the line above is in the database only.
        if self.store.cancel_requested(&claim.id).await.unwrap_or(false) {
            cancel.cancel();
        }
        let work = AssertUnwindSafe(self.work.run(claim.clone())).catch_unwind();
        let ending = tokio::select! {
            biased;
            () = cancel.cancelled() => Ending::Cancelled,
            () = self.stop.cancelled() => Ending::HandedBack,
            result = work => match result {
                Ok(Ok(outcome)) => Ending::Done(Box::new(outcome)),
                Ok(Err(failure)) => Ending::Failed(failure),
                Err(_) => Ending::Failed(Failure {
                    stage: None,
                    error: StageError::transient("panic", "the worker panicked; its log has the place"),
                }),
            },
        };
        self.running().remove(&claim.id);
        while let Err(error) = self.write_down(&claim, &ending).await {
            // A full disk or a busy database: until it is written down, the job counts as running.
            tracing::error!(job = claim.id, %error, "cannot write down how a job ended");
            if self.stop.is_cancelled() {
                return; // the next start finds it running, and takes it back
            }
            tokio::time::sleep(DATABASE_PAUSE).await;
        }
    }

    async fn write_down(&self, claim: &Claim, ending: &Ending) -> Result<(), StoreError> {
        let (state, ended) = match ending {
            Ending::Done(outcome) => {
                (JobState::Succeeded, self.store.succeed(claim, outcome).await?)
            }
            Ending::Cancelled => (JobState::Cancelled, self.store.cancelled(claim).await?),
            Ending::HandedBack => return self.store.hand_back(claim).await,
            Ending::Failed(Failure { error, .. })
                if error.transient && claim.attempt < claim.max_attempts =>
            {
                let pause = backoff(self.limits.retry_after_s, claim.attempt);
                tracing::warn!(job = claim.id, attempt = claim.attempt, %error, ?pause, "trying again");
                metrics::counter!("reelbench_job_retries_total").increment(1);
                let due = now_us() + u64::try_from(pause.as_micros()).unwrap_or(u64::MAX / 2);
                let is_cancelled = self.store.requeue(claim, due).await?;
                self.wake.notify_one();
                (JobState::Cancelled, is_cancelled)
            }
            Ending::Failed(Failure { stage, error }) => {
                tracing::warn!(job = claim.id, attempt = claim.attempt, %error, "failed");
                let error = JobError {
                    code: error.code.to_owned(),
                    stage: *stage,
                    message: error.message.clone(),
                };
                (JobState::Failed, self.store.fail(claim, &error).await?)
            }
        };
        if ended {
            self.ended(&claim.id, state);
        }
        Ok(())
    }

    fn ended(&self, id: &str, state: JobState) {
        self.work.ended(id);
        metrics::counter!("reelbench_jobs_total", "outcome" => state.as_str()).increment(1);
        self.ends.send_replace(());
    }
}

enum Ending {
    Done(Box<Outcome>),
    Failed(Failure),
    Cancelled,
    HandedBack,
}

/// `first_s`, doubled for each attempt that failed, at most five minutes.
fn backoff(first_s: f64, attempt: u32) -> Duration {
    let doubled = 2_f64.powi(attempt.saturating_sub(1).try_into().unwrap_or(i32::MAX));
    settings::seconds(first_s * doubled).min(Duration::from_secs(300))
}

#[cfg(test)]
mod tests;
