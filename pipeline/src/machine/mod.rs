//! What this process with its children, its control group, the machine and its cards use.
//!
//! There is one look for all who ask (admission, `/metrics`, the dashboard): whoever asks soon after
//! another is told the same. Where nobody asks, nothing is looked at. What cannot be seen here is absent,
//! and not zero.
//!
//! Knows nothing of jobs and limits.

mod cards;
mod cgroup;
mod look;
mod metrics;
mod probe;
mod process;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::metrics::histogram;

pub use self::look::{Cgroup, Children, Disk, Gpu, Look, Process, Whole};
use self::probe::Probe;

/// What is looked at. Clones share their looks.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    fresh: Duration,
    latest: tokio::sync::Mutex<Option<(Instant, Arc<Look>)>>,
    probe: Arc<Mutex<Probe>>,
}

impl Machine {
    /// This machine, and the disk that `data_dir` is on. A look is told again for `fresh`.
    pub fn new(data_dir: &Path, fresh: Duration) -> Self {
        let probe = Arc::new(Mutex::new(Probe::new(data_dir)));
        Self(Arc::new(Shared { fresh, latest: tokio::sync::Mutex::default(), probe }))
    }

    /// What is in use now. It is looked at on a thread that serves nobody: files below `/proc` and
    /// `/sys`, and the driver, block. Whoever asks meanwhile waits for the same look.
    pub async fn look(&self) -> Arc<Look> {
        let mut latest = self.0.latest.lock().await;
        if let Some((at, look)) = &*latest
            && at.elapsed() < self.0.fresh
        {
            return Arc::clone(look);
        }
        let probe = Arc::clone(&self.0.probe);
        let looked = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let look = probe.lock().unwrap_or_else(PoisonError::into_inner).look();
            histogram!("reelbench_machine_look_seconds").record(began.elapsed());
            look
        });
        let look = looked.await.unwrap_or_else(|error| {
            // It panicked: nothing is known, and nothing is held up by it.
            tracing::error!(%error, "cannot look at the machine");
            Look::default()
        });
        metrics::publish(&look);
        let look = Arc::new(look);
        *latest = Some((Instant::now(), Arc::clone(&look)));
        look
    }
}

#[cfg(test)]
mod tests;
