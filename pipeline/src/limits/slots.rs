//! Places of which there are so many, here or over several services. Gauges tell how many are taken here,
//! and how many wait.

use std::sync::Arc;

use metrics::{Gauge, gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cluster::{Cluster, Place, Places};

/// So many places, first come, first served. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Inner>);

struct Inner {
    class: &'static str,
    limit: usize,
    semaphore: Arc<Semaphore>,
    in_use: Gauge,
    waiting: Gauge,
    /// The same places over all services. None: each has its own.
    shared: Option<Arc<Places>>,
}

/// A place that is taken; dropped, it is another's.
#[must_use = "the place is given back when this is dropped"]
#[derive(Debug)]
pub struct Slot {
    // Dropped in this order: the gauge falls before somebody else can make it rise.
    _counted: Counted,
    _shared: Option<Place>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Slots {
    /// `limit` places, at least 1. Their gauges are `reelbench_limiter_{limit,in_use,waiting}` with
    /// the label `class`, in the metrics as they are installed now.
    pub fn new(class: &'static str, limit: usize) -> Self {
        Self::over(class, limit, None)
    }

    /// The same; in a `cluster` they are the places of all services that share it.
    pub(super) fn over(class: &'static str, limit: usize, cluster: Option<&Cluster>) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        gauge!("reelbench_limiter_limit", "class" => class).set(limit as f64);
        Self(Arc::new(Inner {
            class,
            limit,
            semaphore: Arc::new(Semaphore::new(limit)),
            in_use: gauge!("reelbench_limiter_in_use", "class" => class),
            waiting: gauge!("reelbench_limiter_waiting", "class" => class),
            shared: cluster.map(|cluster| Arc::new(cluster.places(class, limit))),
        }))
    }

    /// Waits for a place. Who stops waiting loses nothing but its turn.
    pub async fn take(&self) -> Slot {
        let inner = &*self.0;
        let waits = Counted::new(&inner.waiting);
        // Nobody closes the semaphore.
        let permit = Arc::clone(&inner.semaphore).acquire_owned().await.ok();
        let shared = match &inner.shared {
            // Boxed: most services have no cluster, and every call of a provider would carry its size.
            Some(places) => Box::pin(places.take()).await,
            None => None,
        };
        drop(waits);
        Slot { _counted: Counted::new(&inner.in_use), _shared: shared, _permit: permit }
    }

    /// How many places there are.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How many are taken now.
    pub fn in_use(&self) -> usize {
        self.0.limit - self.0.semaphore.available_permits()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.limit, self.class)
    }
}

/// One in a gauge, until it is dropped: also by a panic, and by who stops waiting.
pub(super) struct Counted(Gauge);

impl Counted {
    pub(super) fn new(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counted")
    }
}
