//! Places that several services share, in a Redis: for each class a sorted set of those who have one, by
//! the instant at which it ends (<https://redis.io/docs/latest/develop/data-types/sorted-sets/>; the
//! semaphore of Carlson, "Redis in Action", 2013, section 6.3, on the clock of Redis). A place is
//! renewed while it is held; that of a service that died ends by itself.
//!
//! A Redis that is gone is no limit: the places of each service are.

use std::sync::Arc;
use std::time::Duration;

use redis::Script;
use secrecy::SecretString;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::shared_redis::{NoAddress, SharedRedis, Use};

const USE: Use = Use { name: "limits", without: "each service has its own limits" };
/// Time for an answer: longer than a loaded machine needs, as going on without one breaks the limit.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often somebody looks whether a place is free, from the first time to the last. One of each
/// service looks for each class.
const LOOK_FIRST: Duration = Duration::from_millis(5);
const LOOK_LAST: Duration = Duration::from_millis(40);
/// How long a place is good for without being renewed: that of a service that died.
const LEASE: Duration = Duration::from_secs(10);

/// Takes a place, or renews it. `KEYS[1]` the class; `ARGV` who, how many places, for how long in ms.
const TAKE: &str = "
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local is_ours = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not is_ours and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1";
const RELEASE: &str = "return redis.call('ZREM', KEYS[1], ARGV[1])";

/// The Redis with the places of all services. Clones share its connection.
#[derive(Clone, Debug)]
pub struct Cluster {
    redis: SharedRedis,
    lease: Duration,
}

/// The places of one class.
#[derive(Debug)]
pub(super) struct Places {
    cluster: Cluster,
    key: String,
    limit: usize,
    /// Who looks for a place; the others wait behind.
    turn: tokio::sync::Mutex<()>,
}

/// A place among those of all services; dropped, it is another's.
#[derive(Debug)]
pub(super) struct Place {
    _holder: Holder,
    _renewed: AbortOnDropHandle<()>,
}

/// Somebody who has a place, or may have one. It is given back when this is dropped.
#[derive(Debug)]
struct Holder {
    places: Arc<Places>,
    token: String,
}

impl Cluster {
    /// The places in the Redis at `address`. It is not asked yet.
    ///
    /// # Errors
    ///
    /// [`NoAddress`].
    pub fn new(address: &SecretString) -> Result<Self, NoAddress> {
        Self::with_lease(address, LEASE)
    }

    pub(super) fn with_lease(address: &SecretString, lease: Duration) -> Result<Self, NoAddress> {
        Ok(Self { redis: SharedRedis::new(address, PATIENCE, USE)?, lease })
    }

    /// The `limit` places of that class.
    pub(super) fn places(&self, class: &str, limit: usize) -> Places {
        let key = format!("reelbench:limits:{class}");
        Places { cluster: self.clone(), key, limit, turn: tokio::sync::Mutex::default() }
    }
}

impl Places {
    /// Waits for a place. None: Redis is gone. Who stops waiting takes none.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Place> {
        // There before it is asked for: who stops waiting for the answer gives it back.
        let holder = Holder { places: Arc::clone(self), token: Uuid::new_v4().to_string() };
        let turn = self.turn.lock().await;
        let mut pause = LOOK_FIRST;
        while !holder.renew().await? {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_LAST);
        }
        drop(turn);
        let (places, token) = (Arc::clone(self), holder.token.clone());
        let renewed = AbortOnDropHandle::new(tokio::spawn(keep(places, token)));
        Some(Place { _holder: holder, _renewed: renewed })
    }

    /// Takes or renews a place. None: Redis is gone.
    async fn renew(&self, token: &str) -> Option<bool> {
        let Cluster { redis, lease } = &self.cluster;
        let arguments =
            [token.to_owned(), self.limit.to_string(), lease.as_millis().max(1).to_string()];
        let taken = redis.run(&Script::new(TAKE), &self.key, &arguments).await?;
        Some(taken == 1)
    }
}

/// Renews a place for as long as it is held.
async fn keep(places: Arc<Places>, token: String) {
    loop {
        tokio::time::sleep(places.cluster.lease / 3).await;
        if places.renew(&token).await == Some(false) {
            // Nothing that is under way can be taken back.
            tracing::warn!(
                class = places.key,
                "a place was lost to another service: we were asleep for longer than its lease"
            );
        }
    }
}

impl Holder {
    async fn renew(&self) -> Option<bool> {
        self.places.renew(&self.token).await
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Without a runtime nobody asks; it ends by itself.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (places, token) = (Arc::clone(&self.places), std::mem::take(&mut self.token));
        runtime.spawn(async move {
            places.cluster.redis.run(&Script::new(RELEASE), &places.key, &[token]).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::limits::Slots;
    use crate::test_redis::{Server, server};

    fn service(server: &Server, lease: Duration) -> Slots {
        let cluster = Cluster::with_lease(&server.address().into(), lease).expect("an address");
        Slots::over("x", 3, Some(&cluster))
    }

    #[derive(Default)]
    struct Seen {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    async fn work(slots: &Slots, seen: &Seen) {
        let _slot = slots.take().await;
        let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen.now.fetch_sub(1, Ordering::SeqCst);
    }

    /// Three services with three places each, which are the same three.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn services_that_share_a_redis_share_their_places() {
        let Some(server) = server().await else { return };
        let services = [(); 3].map(|()| service(&server, LEASE));
        let seen = Seen::default();
        let all = services.iter().flat_map(|slots| (0..20).map(|_| work(slots, &seen)));
        futures::future::join_all(all).await;
        assert_eq!(seen.most.load(Ordering::SeqCst), 3);
        // Dropped: given back, soon.
        for _ in 0..500 {
            if server.keys().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("places are left: {:?}", server.keys().await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_place_is_kept_for_as_long_as_it_is_held_and_not_longer() {
        let Some(server) = server().await else { return };
        let lease = Duration::from_millis(300);
        let [first, second] = [(); 2].map(|()| service(&server, lease));
        let held = [first.take().await, first.take().await, first.take().await];
        let waits = tokio::time::timeout(lease * 4, second.take()).await;
        assert!(waits.is_err(), "renewed places are nobody else's");
        drop(held);
        let soon = tokio::time::timeout(Duration::from_secs(5), second.take()).await;
        drop(soon.expect("given back, and what was no longer waited for was not taken"));

        // A service that dies: nobody gives its places back.
        let died = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let dying = runtime.block_on(async {
                let dying = service(&server, lease);
                let held = [dying.take().await, dying.take().await, dying.take().await];
                drop(dying);
                held
            });
            drop(runtime);
            drop(dying);
            server
        });
        let server = died.join().expect("no panic");
        assert!(!server.keys().await.is_empty(), "they are held by the dead");
        let soon = tokio::time::timeout(Duration::from_secs(5), second.take()).await;
        drop(soon.expect("the places of the dead end"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_redis_each_service_has_its_own_places() {
        let Some(mut server) = server().await else { return };
        let [first, second] = [(); 2].map(|()| service(&server, LEASE));
        server.stop().await;
        let seen = Seen::default();
        let all = [&first, &second].map(|slots| (0..12).map(|_| work(slots, &seen)));
        futures::future::join_all(all.into_iter().flatten()).await;
        let most = seen.most.load(Ordering::SeqCst);
        assert!((4..=6).contains(&most), "{most} at once in two services of three places");
    }
}
