//! How long a job waits for work that is not ours: ffmpeg, speech, inference. The rest of its time is
//! our overhead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

tokio::task_local! {
    static JOB: Arc<Mutex<Clock>>;
}

/// Runs while something works elsewhere. What runs at once counts once.
#[derive(Debug, Default)]
struct Clock {
    n_running: usize,
    since: Option<Instant>,
    total: Duration,
}

impl Clock {
    fn enter(&mut self, now: Instant) {
        self.n_running += 1;
        self.since.get_or_insert(now);
    }

    fn leave(&mut self, now: Instant) {
        self.n_running -= 1;
        if self.n_running == 0 {
            let since = self.since.take().unwrap_or(now);
            self.total += now.saturating_duration_since(since);
        }
    }
}

/// Runs `job` and tells how long something was at work elsewhere meanwhile.
pub async fn measured<T>(job: impl Future<Output = T>) -> (T, Duration) {
    let clock = Arc::new(Mutex::new(Clock::default()));
    let result = JOB.scope(Arc::clone(&clock), job).await;
    let total = clock.lock().unwrap_or_else(PoisonError::into_inner).total;
    (result, total)
}

/// Something works elsewhere for the job of this task, until the guard is dropped.
pub fn enter() -> Guard {
    let clock = JOB.try_with(Arc::clone).ok();
    if let Some(clock) = &clock {
        clock.lock().unwrap_or_else(PoisonError::into_inner).enter(Instant::now());
    }
    Guard(clock)
}

/// See [`enter`].
#[must_use = "the work ends when the guard is dropped"]
#[derive(Debug)]
pub struct Guard(Option<Arc<Mutex<Clock>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            clock.lock().unwrap_or_else(PoisonError::into_inner).leave(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begin and end of each work, ms; what the clock shows at the end.
    #[track_caller]
    fn check(works: &[(u64, u64)], expected_ms: u64) {
        let begin = Instant::now();
        let mut events: Vec<(u64, bool)> =
            works.iter().flat_map(|&(from, to)| [(from, true), (to, false)]).collect();
        events.sort_by_key(|&(ms, begins)| (ms, !begins));
        let mut clock = Clock::default();
        for (ms, begins) in events {
            let now = begin + Duration::from_millis(ms);
            if begins { clock.enter(now) } else { clock.leave(now) }
        }
        assert_eq!(clock.total, Duration::from_millis(expected_ms), "{works:?}");
    }

    #[test]
    fn what_runs_at_once_counts_once() {
        check(&[], 0);
        check(&[(0, 100)], 100);
        check(&[(0, 100), (50, 150)], 150);
        check(&[(0, 100), (20, 30), (200, 250)], 150);
    }

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
