//! One attempt at a job, and how it ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use protocol::{JobError, JobState, Outcome};
use tokio_util::sync::CancellationToken;

use super::{DATABASE_PAUSE, Failure, Running, Shared};
use crate::chance;
use crate::error::StageError;
use crate::job::{Claim, Lane, StoreError};
use crate::settings;

/// The longest wait before the next attempt, without its chance.
const MAX_PAUSE: Duration = Duration::from_secs(300);

enum Ending {
    Done(Box<Outcome>),
    Failed(Failure),
    Cancelled,
    HandedBack,
    /// Another worker has it.
    Lost,
}

impl Shared {
    /// Does one attempt at a job and writes down how it ended.
    pub(super) async fn attempt(self: &Arc<Self>, claim: Claim) {
        let running = Running {
            epoch: claim.epoch(),
            cancel: CancellationToken::new(),
            lost: CancellationToken::new(),
        };
        let before = self.running().insert(claim.id.clone(), running.clone());
        if let Some(before) = before {
            // We hung so long that it was taken from us, and have it again: one attempt at a time.
            before.lost.cancel();
        }
        self.changed(&claim.id).await;
        // A wish to cancel that came between the claim and the lines above is in the database only.
        if self.store.cancel_requested(&claim.id).await.unwrap_or(false) {
            running.cancel.cancel();
        }
        if claim.attempt == 1 {
            let lane = Lane::of(&claim.spec).as_str();
            metrics::histogram!("reelbench_queue_wait_seconds", "lane" => lane)
                .record(claim.waited.as_secs_f64());
        }
        let ending = self.work_on(&claim, &running).await;
        self.no_longer_running(&claim);
        while let Err(error) = self.write_down(&claim, &ending).await {
            // A full disk or a busy database: until it is written down, the job counts as running.
            tracing::error!(job = claim.id, %error, "cannot write down how a job ended");
            if self.hand_back.is_cancelled() {
                return; // the next start finds it running, and takes it back
            }
            tokio::time::sleep(DATABASE_PAUSE).await;
        }
    }

    /// Forgets this attempt; a later one of the same job stays.
    fn no_longer_running(&self, claim: &Claim) {
        let mut running = self.running();
        if running.get(&claim.id).is_some_and(|running| running.epoch == claim.epoch()) {
            running.remove(&claim.id);
        }
    }

    async fn work_on(&self, claim: &Claim, running: &Running) -> Ending {
        let work = AssertUnwindSafe(self.work.run(claim.clone())).catch_unwind();
        let time_is_over = async {
            match claim.timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = running.lost.cancelled() => Ending::Lost,
            () = running.cancel.cancelled() => Ending::Cancelled,
            () = self.hand_back.cancelled() => Ending::HandedBack,
            result = work => match result {
                Ok(Ok(outcome)) => Ending::Done(Box::new(outcome)),
                Ok(Err(failure)) => Ending::Failed(failure),
                Err(_) => Ending::Failed(Failure {
                    stage: None,
                    error: StageError::transient("panic", "the worker panicked; its log has the place"),
                }),
            },
            () = time_is_over => Ending::Failed(Failure {
                stage: None,
                error: StageError::permanent("timed_out", "its request gave it less time"),
            }),
        }
    }

    async fn write_down(&self, claim: &Claim, ending: &Ending) -> Result<(), StoreError> {
        let (id, spent) = (&claim.id, claim.spent());
        let (state, ended) = match ending {
            Ending::Done(outcome) => {
                (JobState::Succeeded, self.store.succeed(claim, spent, outcome).await?)
            }
            Ending::Cancelled => (JobState::Cancelled, self.store.cancelled(claim, spent).await?),
            Ending::HandedBack => {
                self.store.hand_back(claim, spent).await?;
                self.queued().await;
                return Ok(());
            }
            Ending::Lost => {
                tracing::warn!(job = id, attempt = claim.attempt, "another worker has it");
                return Ok(());
            }
            Ending::Failed(Failure { error, .. })
                if error.transient && claim.attempt < claim.max_attempts =>
            {
                let pause = backoff(self.settings.retry_after_s, claim.attempt, chance_of(id));
                tracing::warn!(job = id, attempt = claim.attempt, %error, ?pause, "trying again");
                metrics::counter!("reelbench_job_retries_total").increment(1);
                let is_cancelled = self.store.requeue(claim, spent, pause).await?;
                if !is_cancelled {
                    self.changed(id).await;
                }
                self.queued().await;
                (JobState::Cancelled, is_cancelled)
            }
            Ending::Failed(Failure { stage, error }) => {
                tracing::warn!(job = id, attempt = claim.attempt, %error, "failed");
                let error = JobError {
                    code: error.code.to_owned(),
                    stage: *stage,
                    message: error.message.clone(),
                };
                (JobState::Failed, self.store.fail(claim, spent, &error).await?)
            }
        };
        if ended {
            metrics::histogram!("reelbench_job_duration_seconds", "outcome" => state.as_str())
                .record(claim.since_submit().as_secs_f64());
            self.ended(id, state).await;
        }
        Ok(())
    }
}

/// `first_s`, doubled for each attempt that failed, at most five minutes; and up to half of that longer, as
/// `chance` (0 to 1) says, so that jobs that failed together do not come back together.
fn backoff(first_s: f64, attempt: u32, chance: f64) -> Duration {
    let doubled = 2_f64.powi(attempt.saturating_sub(1).try_into().unwrap_or(i32::MAX));
    settings::seconds(first_s * doubled).min(MAX_PAUSE).mul_f64(1.0 + chance / 2.0)
}

/// The chance of a job: its name is random.
fn chance_of(id: &str) -> f64 {
    let seed = id.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    #[expect(clippy::cast_precision_loss, reason = "53 bits are enough")]
    let share = (chance::nth(seed, 0) >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_differ_from_job_to_job() {
        let seconds = |attempt, chance| backoff(1.0, attempt, chance).as_secs_f64();
        assert_eq!([seconds(1, 0.0), seconds(2, 0.0), seconds(4, 0.0)], [1.0, 2.0, 8.0]);
        assert_eq!([seconds(2, 1.0), seconds(60, 0.0), seconds(60, 1.0)], [3.0, 300.0, 450.0]);
        let chances = ["a", "b", "0192"].map(chance_of);
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)), "{chances:?}");
        assert!((chances[0] - chances[1]).abs() > 1e-3, "{chances:?}");
    }
}
