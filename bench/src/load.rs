use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{Clock, Driven, Job, Plan, Sample, Scenario, Stop, Target};

/// Drives `target` as `plan` says and gives all samples, in the order in which jobs ended.
///
/// `on_sample` gets each one as soon as it is there, so that it can be saved: what is finished is
/// kept whatever happens afterwards. When `stop` comes, no further job is sent, and those in flight are
/// cancelled by the target.
///
/// # Panics
///
/// Where the target panics.
pub async fn load<T: Target>(
    plan: Plan,
    scenario: Scenario,
    target: Arc<T>,
    stop: impl Future<Output = ()>,
    mut on_sample: impl FnMut(&Sample),
) -> Vec<Sample> {
    let Plan::Closed { workers, jobs } = plan;
    let (request_stop, stop_requested) = Stop::new();
    let (sender, mut finished) = mpsc::unbounded_channel();
    let next = Arc::new(Next { job: AtomicU64::new(0), jobs: u64::from(jobs.get()) });
    let scenario = Arc::new(scenario);
    let clock = Clock::start();
    let mut tasks = JoinSet::new();
    for _ in 0..workers.get().min(jobs.get()) {
        tasks.spawn(work(Worker {
            target: Arc::clone(&target),
            scenario: Arc::clone(&scenario),
            next: Arc::clone(&next),
            clock,
            stop: stop_requested.clone(),
            finished: sender.clone(),
        }));
    }
    drop(sender);

    let mut samples = Vec::new();
    let mut stop = std::pin::pin!(stop);
    let mut is_stopped = false;
    loop {
        tokio::select! {
            sample = finished.recv() => {
                let Some(sample) = sample else { break };
                on_sample(&sample);
                samples.push(sample);
            }
            () = &mut stop, if !is_stopped => {
                is_stopped = true;
                request_stop.send_replace(true);
            }
        }
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    samples
}

/// Numbers for jobs, given out once each.
struct Next {
    job: AtomicU64,
    jobs: u64,
}

impl Next {
    fn take(&self) -> Option<u64> {
        let job = self.job.fetch_add(1, Ordering::Relaxed);
        (job < self.jobs).then_some(job)
    }
}

struct Worker<T> {
    target: Arc<T>,
    scenario: Arc<Scenario>,
    next: Arc<Next>,
    clock: Clock,
    stop: Stop,
    finished: mpsc::UnboundedSender<Sample>,
}

/// One job after the other. In a closed loop a job is due when the one before it ended.
async fn work<T: Target>(worker: Worker<T>) {
    let mut planned_us = 0;
    while !worker.stop.is_requested()
        && let Some(number) = worker.next.take()
    {
        let job = Job {
            number,
            scenario: Arc::clone(&worker.scenario),
            clock: worker.clock,
            stop: worker.stop.clone(),
        };
        let sent_us = worker.clock.now_us();
        let driven = worker.target.drive(job).await;
        let sample = sample(number, planned_us, sent_us, driven, worker.clock.now_us());
        // Only `load` itself can have gone away, and then nobody wants samples.
        let _ = worker.finished.send(sample);
        planned_us = worker.clock.now_us();
    }
}

fn sample(job: u64, planned_us: u64, sent_us: u64, driven: Driven, returned_us: u64) -> Sample {
    Sample {
        job,
        planned_us,
        sent_us,
        accepted_us: driven.accepted_us,
        started_us: driven.started_us,
        finished_us: driven.finished_us.unwrap_or(returned_us),
        observed_us: Some(returned_us),
        stages: driven.stages,
        outcome: driven.outcome,
        extra: driven.extra,
    }
}

#[cfg(test)]
mod tests;
