//! The Redis that several services share their answers by (<https://redis.io/docs/latest/commands/set/>).
//!
//! Who finds no answer marks the question as being asked (`SET NX PX` with a token of its own); who
//! finds the mark looks for the answer until it is there, or the mark is gone: then it asks itself. The
//! mark ends by itself, and only its owner takes it away
//! (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>).
//!
//! A Redis that is gone or slow is an answer that is not kept.

use std::time::Duration;

use fetch::Digest;
use redis::Script;
use tokio::time::Instant;
use uuid::Uuid;

use crate::providers::{Key, SetupError};
use crate::shared_redis::{NoAddress, SharedRedis, Use};

const USE: Use = Use { name: "cache", without: "answers of other services are not known" };

/// How often an answer is looked for that another service asks for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Takes the mark away where it is still ours.
const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/// A Redis. Clones share its connection.
#[derive(Clone)]
pub(super) struct Redis {
    shared: SharedRedis,
    /// How long a question counts as being asked, and how long is waited for it.
    flight: Duration,
}

/// What to do with a question.
#[derive(Debug)]
pub(super) enum Turn<T> {
    /// It was answered.
    Found(T),
    /// It is ours to ask.
    Ours(Flight),
}

/// A question that we ask for everybody. Dropped, it is another's.
#[derive(Debug)]
pub(super) struct Flight {
    redis: Redis,
    answer: String,
    token: String,
    is_ours: bool,
}

impl Redis {
    /// The Redis whose address is in the variable of `address`; each answer within `timeout`, and
    /// questions that are asked within `flight`. It is not asked yet.
    ///
    /// # Errors
    ///
    /// There is no address of a Redis in the variable.
    pub(super) fn new(
        address: &Key,
        timeout: Duration,
        flight: Duration,
    ) -> Result<Self, SetupError> {
        let wrong = |NoAddress| SetupError::Redis { env: address.env().to_owned() };
        let url = address.secret().ok_or(NoAddress).map_err(wrong)?;
        let shared = SharedRedis::new(url, timeout, USE).map_err(wrong)?;
        Ok(Self { shared, flight })
    }

    /// Finds the answer, waits for it where another service asks, or marks the question as ours. None:
    /// Redis is gone, or the wait was too long.
    pub(super) async fn turn<T>(
        &self,
        shelf: &str,
        key: Digest,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<Turn<T>> {
        let answer = name(shelf, key);
        let until = Instant::now() + self.flight;
        while Instant::now() < until {
            if let Some(found) = self.get(&answer).await?.as_deref().and_then(&read) {
                return Some(Turn::Found(found));
            }
            if let Some(flight) = self.begin(&answer).await? {
                // Another one may have answered and left since we looked.
                return Some(match self.get(&answer).await?.as_deref().and_then(&read) {
                    Some(found) => Turn::Found(found),
                    None => Turn::Ours(flight),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    /// Takes an answer away.
    pub(super) async fn forget(&self, shelf: &str, key: Digest) {
        let mut connection = self.shared.connection();
        let mut del = redis::cmd("DEL");
        del.arg(name(shelf, key));
        self.shared.within(async { del.exec_async(&mut connection).await }).await;
    }

    async fn get(&self, answer: &str) -> Option<Option<Vec<u8>>> {
        let mut connection = self.shared.connection();
        self.shared
            .within(async { redis::cmd("GET").arg(answer).query_async(&mut connection).await })
            .await
    }

    /// Marks a question as ours. Some(None): another one asks it.
    async fn begin(&self, answer: &str) -> Option<Option<Flight>> {
        // It is there before the mark is: who stops waiting for Redis takes away what may be marked.
        let mut flight = Flight {
            redis: self.clone(),
            answer: answer.to_owned(),
            token: Uuid::new_v4().to_string(),
            is_ours: true,
        };
        let mut connection = self.shared.connection();
        let mut set = redis::cmd("SET");
        set.arg(mark(answer)).arg(&flight.token).arg("NX").arg("PX").arg(millis(self.flight));
        let set: Option<String> =
            self.shared.within(async { set.query_async(&mut connection).await }).await?;
        flight.is_ours = set.is_some();
        Some(flight.is_ours.then_some(flight))
    }
}

impl Flight {
    /// Gives the answer to those who wait; it is good for `ttl`.
    pub(super) async fn land(mut self, answer: &[u8], ttl: Duration) {
        let shared = &self.redis.shared;
        let mut connection = shared.connection();
        let mut set = redis::cmd("SET");
        set.arg(&self.answer).arg(answer).arg("PX").arg(millis(ttl));
        let set = shared.within(async { set.exec_async(&mut connection).await }).await;
        if set.is_some() {
            self.is_ours = false;
            release(self.redis.clone(), &self.answer, &self.token).await;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.is_ours, tokio::runtime::Handle::try_current()) {
            let (redis, answer, token) =
                (self.redis.clone(), self.answer.clone(), std::mem::take(&mut self.token));
            runtime.spawn(async move { release(redis, &answer, &token).await });
        }
    }
}

async fn release(redis: Redis, answer: &str, token: &str) {
    redis.shared.run(&Script::new(RELEASE), &mark(answer), &[token.to_owned()]).await;
}

fn name(shelf: &str, key: Digest) -> String {
    format!("reelbench:{shelf}:{key}")
}

fn mark(answer: &str) -> String {
    format!("{answer}:asked")
}

/// Redis takes no 0.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).clamp(1, 365 * 86_400_000)
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (timeout, flight) = (self.shared.timeout(), self.flight);
        f.debug_struct("Redis").field("timeout", &timeout).field("flight", &flight).finish()
    }
}
