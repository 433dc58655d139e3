//! How long at least one thing was at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs while something is at work. What runs at once counts once. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct BusyClock(Arc<Mutex<Clock>>);

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

impl BusyClock {
    /// Something is at work until the guard is dropped.
    pub fn enter(&self) -> Guard {
        self.clock().enter(Instant::now());
        Guard(self.clone())
    }

    /// How long it was until now.
    pub fn total(&self) -> Duration {
        let clock = self.clock();
        clock.total + clock.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`BusyClock::enter`].
#[must_use = "the work ends when the guard is dropped"]
#[derive(Debug)]
pub struct Guard(BusyClock);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.clock().leave(Instant::now());
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
}
