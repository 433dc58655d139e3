//! How long it takes until jobs can be worked on, and what of that.

use std::time::Instant;

use metrics::gauge;

/// The clock of a start. Clones are the same clock.
#[derive(Clone, Copy, Debug)]
pub struct Startup {
    begun: Instant,
}

impl Startup {
    /// Begins now.
    pub fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Does `work`, and tells how long it took as `reelbench_start_phase_seconds` with the label `phase`.
    /// Phases may overlap.
    pub async fn phase<T>(&self, phase: &'static str, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        gauge!("reelbench_start_phase_seconds", "phase" => phase)
            .set(begun.elapsed().as_secs_f64());
        done
    }

    /// From here on jobs are worked on without a wait: `reelbench_start_ready_seconds`.
    pub fn ready(&self) {
        let seconds = self.begun.elapsed().as_secs_f64();
        gauge!("reelbench_start_ready_seconds").set(seconds);
        tracing::info!(seconds, "ready");
    }
}
