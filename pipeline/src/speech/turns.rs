//! How many pieces are spoken at once, over all jobs (claim 002-2).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Turns at speaking. Clones share them.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

/// A turn that was taken; dropped, it is another's.
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// At most `limit` at once, at least 1.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a turn; first come, first served.
    pub(super) async fn take(&self) -> Turn {
        // Nobody closes the semaphore.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        metrics::gauge!("reelbench_speech_running").increment(1.0);
        Turn { _permit: permit }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        metrics::gauge!("reelbench_speech_running").decrement(1.0);
    }
}
