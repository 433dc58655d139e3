//! How long a job waits for work that is not ours: ffmpeg, speech, inference. The rest of its time is
//! our overhead.

use std::time::Duration;

use crate::busy::{BusyClock, Guard};

tokio::task_local! {
    static JOB: BusyClock;
}

/// Runs `job` and tells how long something was at work elsewhere meanwhile.
pub async fn measured<T>(job: impl Future<Output = T>) -> (T, Duration) {
    let clock = BusyClock::default();
    let result = JOB.scope(clock.clone(), job).await;
    (result, clock.total())
}

/// Something works elsewhere for the job of this task, until the guard is dropped. None: this task has
/// no job.
pub fn enter() -> Option<Guard> {
    JOB.try_with(BusyClock::enter).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_job_has_a_clock_of_its_own() {
        let work = || async {
            let _guard = enter();
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ((), outside) =
            measured(async { tokio::time::sleep(Duration::from_millis(5)).await }).await;
        assert_eq!(outside, Duration::ZERO);
        let (((), first), ((), second)) = tokio::join!(measured(work()), measured(work()));
        for spent in [first, second] {
            assert!(spent >= Duration::from_millis(20), "{spent:?}");
        }
        drop(enter()); // outside of a job nothing is measured, and nothing is wrong
    }
}
