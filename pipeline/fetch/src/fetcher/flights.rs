//! One download at a time of each file: whoever asks for it meanwhile waits for the same one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};

use crate::digest::Digest;
use crate::error::FetchError;
use crate::request::Request;
use crate::store::Blob;

type Flight = BoxFuture<'static, Result<Blob, FetchError>>;

/// What makes two requests the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Digest(Digest),
    Url(String),
}

impl Key {
    pub(super) fn of(request: &Request) -> Self {
        match request.sha256 {
            Some(digest) => Self::Digest(digest),
            None => Self::Url(request.url.to_string()),
        }
    }
}

/// The downloads that are going on. Those who wait hold them: when the last one goes, it stops.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Key, WeakShared<Flight>>>);

impl Flights {
    /// The download of `key`: the one that is going on, or else the one that `start` makes.
    pub(super) fn join(&self, key: Key, start: impl FnOnce() -> Flight) -> Shared<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.upgrade().is_some());
        let flight = start().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key, weak);
        }
        flight
    }
}
