//! How answers are kept, for all kinds of them: as the settings say.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fetch::Digest;
use moka::policy::EvictionPolicy;

use super::files::Folder;
use super::redis::Redis;
use super::warm::WarmUp;
use super::{Entry, Kept};
use crate::providers::{Key, SetupError};
use crate::settings;
use crate::settings::Eviction;

/// What an entry takes besides its answer.
const ENTRY_BYTES: u64 = 100;

/// How answers are kept. Clones share the Redis.
#[derive(Clone, Debug)]
pub struct Keeping {
    memory_bytes: u64,
    memory_entries: u64,
    eviction: Eviction,
    max_files: usize,
    redis: Option<Redis>,
    warm_up: Arc<WarmUp>,
    memories: Memories,
}

/// How each kind of answers forgets what is in memory.
#[derive(Clone, Default)]
struct Memories(Arc<Mutex<Vec<Forget>>>);

type Forget = Box<dyn Fn() + Send + Sync>;

impl Memories {
    fn lock(&self) -> MutexGuard<'_, Vec<Forget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Memories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} memories", self.lock().len())
    }
}

/// One kind of answers.
#[derive(Clone, Copy, Debug)]
pub(in crate::providers) struct Shelf {
    /// The folder below `cache/`, the name in metrics and in Redis.
    pub(in crate::providers) name: &'static str,
    /// Counts the answers, by where they come from.
    pub(in crate::providers) metric: &'static str,
}

impl Keeping {
    /// As it is set. A Redis is not asked before the first answer: a service starts without it.
    ///
    /// # Errors
    ///
    /// The variable holds no address of a Redis, or the file to begin with cannot be read.
    pub fn new(settings: &settings::Cache) -> Result<Self, SetupError> {
        let address = settings.redis_url_env.as_deref().map(Key::from_env).transpose()?;
        let redis = address.map(|address| Self::redis(settings, &address));
        let warm_up = settings.warm_up.as_deref().map(WarmUp::read).transpose()?;
        Ok(Self {
            memory_bytes: settings.memory_bytes,
            memory_entries: settings.memory_entries,
            eviction: settings.eviction,
            max_files: settings.max_files,
            redis: redis.transpose()?,
            warm_up: Arc::new(warm_up.unwrap_or_default()),
            memories: Memories::default(),
        })
    }

    /// The Redis at `address`.
    pub(super) fn redis(settings: &settings::Cache, address: &Key) -> Result<Redis, SetupError> {
        let timeout = Duration::from_millis(settings.redis_timeout_ms);
        Redis::new(address, timeout, settings::seconds(settings.flight_s))
    }

    /// The same, with that Redis behind.
    #[cfg(test)]
    pub(super) fn with_redis(self, redis: Redis) -> Self {
        Self { redis: Some(redis), ..self }
    }

    /// Answers that are good for `ttl`, their files in `folder`.
    pub(in crate::providers) fn keep<T: Send + Sync + 'static>(
        &self,
        shelf: Shelf,
        folder: PathBuf,
        ttl: Duration,
    ) -> Kept<T> {
        let least = self.least_weight();
        let policy = match self.eviction {
            Eviction::TinyLfu => EvictionPolicy::tiny_lfu(),
            Eviction::Lru => EvictionPolicy::lru(),
        };
        let memory = moka::future::Cache::builder()
            .max_capacity(self.memory_bytes)
            .weigher(move |_: &Digest, entry: &Entry<T>| {
                let bytes = (entry.n_bytes as u64).saturating_add(ENTRY_BYTES);
                u32::try_from(bytes.max(least)).unwrap_or(u32::MAX)
            })
            .eviction_policy(policy)
            .time_to_live(ttl)
            .build();
        let folder = Folder::new(folder, ttl, self.max_files);
        self.warm_up.fill(shelf.name, &folder);
        let forgotten = memory.clone();
        self.memories.lock().push(Box::new(move || forgotten.invalidate_all()));
        Kept { shelf, memory, folder: Arc::new(folder), redis: self.redis.clone() }
    }

    /// Forgets what is in memory. The files stay.
    pub fn forget_memory(&self) {
        for forget in &*self.memories.lock() {
            forget();
        }
    }

    /// Every entry counts as its share of the bytes at least, so that there are never more than
    /// `memory_entries`.
    fn least_weight(&self) -> u64 {
        match self.memory_entries {
            0 => 0,
            n => self.memory_bytes.div_ceil(n),
        }
    }
}
