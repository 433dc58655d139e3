//! What is done now and then: leases are renewed, jobs of the dead taken back, the old forgotten.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::JobState;

use super::Shared;
use crate::job::StoreError;
use crate::job::store::{Dead, Held, Notice, Notices, TakenBack};
use crate::settings;

/// How often a worker that has jobs says that it is there. A wish to cancel is seen then at the latest.
const RENEW: Duration = Duration::from_secs(1);
/// How often it is looked what was kept long enough.
const FORGET: Duration = Duration::from_secs(600);

impl Shared {
    /// Looks after the jobs until the queue has stopped.
    pub(super) async fn keep(self: Arc<Self>) {
        let lease = settings::seconds(self.settings.lease_s);
        let mut ticks = tokio::time::interval(RENEW.min(lease / 3));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.queued().await;
        let (mut renewed, mut swept, mut forgot) = (Instant::now(), None, None);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stopped.cancelled() => return,
            }
            // Who is cut off gets no answer, and no error either.
            let patience = lease.saturating_sub(renewed.elapsed()).max(lease / 3);
            match tokio::time::timeout(patience, self.renew()).await {
                Ok(Ok(())) => renewed = Instant::now(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot renew the lease of running jobs");
                    self.give_up_after(lease, renewed);
                }
                Err(_) => {
                    tracing::warn!("cannot renew the lease of running jobs: no answer");
                    self.give_up_after(lease, renewed);
                }
            }
            let is_due = |last: Option<Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
            if is_due(swept, lease / 3) {
                swept = Some(Instant::now());
                tell(self.sweep().await);
            }
            if is_due(forgot, FORGET) {
                forgot = Some(Instant::now());
                tell(self.forget().await);
            }
        }
    }

    async fn renew(&self) -> Result<(), StoreError> {
        // A job that ends meanwhile is in neither list, one that begins in the second alone.
        let before: Vec<(String, i64)> =
            self.running().iter().map(|(id, running)| (id.clone(), running.epoch)).collect();
        if before.is_empty() {
            return Ok(());
        }
        let held = self.store.renew().await?;
        let running = self.running();
        for (id, epoch) in &before {
            let Some(running) = running.get(id).filter(|it| it.epoch == *epoch) else { continue };
            match held.iter().find(|held| held.id == *id && held.epoch == running.epoch) {
                Some(Held { cancel_requested: true, .. }) => running.cancel.cancel(),
                Some(_) => {}
                None => running.lost.cancel(),
            }
        }
        Ok(())
    }

    /// Another worker may have our jobs by now: they are not worked on twice.
    fn give_up_after(&self, lease: Duration, renewed: Instant) {
        if self.store.is_shared() && renewed.elapsed() >= lease {
            for running in self.running().values() {
                running.lost.cancel();
            }
        }
    }

    async fn sweep(&self) -> Result<(), StoreError> {
        let taken = self.store.take_back(Dead::Others).await?;
        self.taken_back(&taken).await;
        for id in self.store.expire().await? {
            self.ended(&id, JobState::Failed).await;
        }
        // A notice may have been lost.
        if self.store.is_shared() {
            self.wake.send_replace(());
        }
        Ok(())
    }

    pub(super) async fn taken_back(&self, taken: &TakenBack) {
        for id in &taken.queued {
            tracing::warn!(job = id, "its worker is gone: it waits again");
            self.changed(id).await;
        }
        for (id, state) in &taken.ended {
            self.ended(id, *state).await;
        }
        if !taken.queued.is_empty() {
            self.queued().await;
        }
    }

    async fn forget(&self) -> Result<(), StoreError> {
        let hours = |n: f64| settings::seconds(n * 3600.0);
        for id in self.store.forget_files(hours(self.settings.keep_h)).await? {
            self.work.forget(&id);
        }
        let n_jobs = self.store.forget_jobs(hours(self.settings.history_d * 24.0)).await?;
        if n_jobs > 0 {
            tracing::info!(n_jobs, "old jobs are forgotten");
        }
        Ok(())
    }

    /// Hears what other processes tell, until the queue stops.
    pub(super) async fn listen(self: Arc<Self>, mut notices: Notices) {
        loop {
            let notice = tokio::select! {
                notice = notices.next() => notice,
                () = self.stop.cancelled() => return,
            };
            match notice {
                Notice::Queued | Notice::Missed => self.wake.send_replace(()),
                Notice::Cancel(id) => {
                    if let Some(running) = self.running().get(&id) {
                        running.cancel.cancel();
                    }
                }
                Notice::Changed(id) => self.store.heard_of(&id),
            }
        }
    }
}

fn tell(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "cannot look after the jobs");
    }
}
