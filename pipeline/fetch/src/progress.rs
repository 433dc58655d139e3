//! How a caller sees a download going on.

use std::fmt::Debug;

/// Told what happens to each download. Called from many tasks at once; must not block.
pub trait Progress: Debug + Send + Sync {
    /// `name` begins, or begins again at 0. `total` is its size where that is known.
    fn started(&self, name: &str, total: Option<u64>);
    /// `n` more bytes of `name` are there: downloaded, or found from an earlier attempt.
    fn advanced(&self, name: &str, n: u64);
    /// `name` came to its end: in the store, or `failed`.
    fn finished(&self, name: &str, failed: bool);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn started(&self, _: &str, _: Option<u64>) {}
    fn advanced(&self, _: &str, _: u64) {}
    fn finished(&self, _: &str, _: bool) {}
}
