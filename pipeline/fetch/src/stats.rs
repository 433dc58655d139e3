//! What a fetcher did so far, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the fetcher was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Files asked for that the store had: no request was made.
    pub hits: u64,
    /// HTTP requests sent; one that follows redirects counts once.
    pub requests: u64,
    /// Attempts after the first of a file.
    pub retries: u64,
    /// Body bytes that were received and written.
    pub bytes_fetched: u64,
    /// Of those, bytes that went through SHA-256: all of them, or the crate has a bug.
    pub bytes_hashed: u64,
    /// Bytes of earlier programs that were read again to resume after them.
    pub bytes_rehashed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) bytes_fetched: AtomicU64,
    pub(crate) bytes_hashed: AtomicU64,
    pub(crate) bytes_rehashed: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            hits: self.hits.load(Relaxed),
            requests: self.requests.load(Relaxed),
            retries: self.retries.load(Relaxed),
            bytes_fetched: self.bytes_fetched.load(Relaxed),
            bytes_hashed: self.bytes_hashed.load(Relaxed),
            bytes_rehashed: self.bytes_rehashed.load(Relaxed),
        }
    }
}

/// Adds `n` to a counter.
pub(crate) fn count(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}
