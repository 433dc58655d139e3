//! How many pieces are spoken at once, over all jobs (claim 002-2).

use crate::limits::Slots;

/// Turns at speaking. Clones share them.
#[derive(Clone, Debug)]
pub struct Turns(Slots);

impl Turns {
    /// At most `limit` at once, at least 1.
    pub fn new(limit: usize) -> Self {
        Self(Slots::new("speech", limit))
    }

    /// Where they are taken.
    pub(super) fn slots(&self) -> &Slots {
        &self.0
    }
}
