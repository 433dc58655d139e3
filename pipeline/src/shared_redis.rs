//! A Redis that several services share, asked with little patience: what it is used for goes on without
//! it. One that is gone or slow is said once, and left alone for a second after each failure, so that
//! it costs no request its patience.
//!
//! Knows nothing of what it is used for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisError, Script};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

/// How long it is left alone after a failure.
const REST: Duration = Duration::from_secs(1);

/// A Redis. Clones share its connection.
#[derive(Clone)]
pub struct SharedRedis(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    timeout: Duration,
    uses: Use,
    rests_until: Mutex<Option<Instant>>,
    is_gone: AtomicBool,
}

/// What a Redis is used for, as metrics and logs tell it.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The label `use` of `reelbench_redis_errors_total`.
    pub name: &'static str,
    /// What is so while it is gone.
    pub without: &'static str,
}

/// The text is no address of a Redis. What the library says of it may hold the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the address of a Redis, such as redis://127.0.0.1:6379/0")]
pub struct NoAddress;

impl SharedRedis {
    /// The Redis at `address`; each answer within `timeout`. It is not asked yet.
    ///
    /// # Errors
    ///
    /// [`NoAddress`].
    pub fn new(address: &SecretString, timeout: Duration, uses: Use) -> Result<Self, NoAddress> {
        let client = redis::Client::open(address.expose_secret()).map_err(|_| NoAddress)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(|_| NoAddress)?;
        let (rests_until, is_gone) = (Mutex::default(), AtomicBool::new(false));
        Ok(Self(Arc::new(Inner { connection, timeout, uses, rests_until, is_gone })))
    }

    /// A connection to ask by, inside [`Self::within`].
    pub fn connection(&self) -> ConnectionManager {
        self.0.connection.clone()
    }

    /// How long one answer is waited for.
    pub fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// Waits for an answer, but not long, and not at all while it rests. None: it is gone.
    pub async fn within<T>(&self, ask: impl Future<Output = Result<T, RedisError>>) -> Option<T> {
        let inner = &*self.0;
        let rests_until = || inner.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        if rests_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let Use { name, without } = inner.uses;
        let reason = match tokio::time::timeout(inner.timeout, ask).await {
            Ok(Ok(found)) => {
                if inner.is_gone.swap(false, Ordering::Relaxed) {
                    tracing::info!(used_for = name, "Redis is back");
                }
                return Some(found);
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) => format!("no answer within {} ms", inner.timeout.as_millis()),
        };
        *rests_until() = Some(Instant::now() + REST);
        metrics::counter!("reelbench_redis_errors_total", "use" => name).increment(1);
        if !inner.is_gone.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Redis is gone: {without}");
        }
        None
    }

    /// Runs a script on one key.
    pub async fn run(&self, script: &Script, key: &str, arguments: &[String]) -> Option<i64> {
        let mut invocation = script.key(key);
        for argument in arguments {
            invocation.arg(argument);
        }
        let mut connection = self.connection();
        self.within(async { invocation.invoke_async(&mut connection).await }).await
    }
}

impl std::fmt::Debug for SharedRedis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its address may hold a password.
        write!(f, "a Redis for {}", self.0.uses.name)
    }
}
