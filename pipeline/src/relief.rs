//! Gives memory back when there is little of it (claim 002-6): models that are loaded again when they are
//! asked, answers that are in files, too, and what the allocator keeps of what was freed.
//!
//! Once each time that memory gets scarce: what is needed again at once would come and go.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use crate::parts::Parts;
use crate::settings::seconds;

/// Percent points below its limit at which memory is not scarce any more.
const HYSTERESIS: f64 = 10.0;
/// Memory is never as full as this.
const NEVER: f64 = 100.0;

/// When memory gets scarce.
#[derive(Clone, Copy, Debug)]
struct Alarm {
    limit: f64,
    is_scarce: bool,
}

impl Alarm {
    const fn new(limit: f64) -> Self {
        Self { limit, is_scarce: false }
    }

    /// Whether it gets scarce with this look.
    fn rings(&mut self, percent: f64) -> bool {
        let was_scarce = self.is_scarce;
        let limit = if was_scarce { self.limit - HYSTERESIS } else { self.limit };
        self.is_scarce = percent >= limit.max(0.0);
        self.is_scarce && !was_scarce
    }
}

/// Looks as often as admission does, and gives back, for as long as the service runs.
pub async fn keep(parts: Arc<Parts>) {
    let limits = &parts.settings.limits;
    if limits.cleanup_percent >= NEVER {
        return;
    }
    let mut alarm = Alarm::new(limits.cleanup_percent);
    let mut ticks = tokio::time::interval(seconds(limits.sample_s));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let percent = parts.machine.look().await.machine.and_then(|machine| machine.memory_percent);
        if percent.is_some_and(|percent| alarm.rings(percent)) {
            let models = parts.models.unload();
            parts.keeping.forget_memory();
            trim();
            metrics::counter!("reelbench_memory_cleanups_total").increment(1);
            tracing::warn!(
                percent,
                ?models,
                "memory is scarce: giving back what is not needed now"
            );
        }
    }
}

/// Gives free pages back to the system.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer, and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_once_each_time_that_memory_gets_scarce() {
        let mut alarm = Alarm::new(70.0);
        let rung = [50.0, 69.9, 70.0, 90.0, 65.0, 75.0, 59.9, 70.0, 71.0].map(|at| alarm.rings(at));
        let expected = [false, false, true, false, false, false, false, true, false];
        assert_eq!(rung, expected);
    }
}
