//! The memory that the models share: who is loaded, and who has to go.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The loaded models of a process and what they take. A model that comes sends those away that were
/// idle longest, until all fit.
pub(super) struct Memory {
    /// None: all models stay.
    max_bytes: Option<u64>,
    /// Idle longest first.
    loaded: Mutex<Vec<Loaded>>,
}

struct Loaded {
    name: String,
    bytes: u64,
    /// Asks the owner to let the model go when it has answered what waits.
    unload: Box<dyn Fn() + Send>,
}

impl Memory {
    /// Memory for models of `max_bytes` together.
    pub(super) fn new(max_bytes: Option<u64>) -> Self {
        Self { max_bytes, loaded: Mutex::default() }
    }

    /// The model is going to be loaded. One that does not fit beside any other is loaded alone.
    pub(super) fn enter(&self, name: &str, bytes: u64, unload: impl Fn() + Send + 'static) {
        let mut loaded = self.lock();
        loaded.retain(|model| model.name != name);
        let n_gone = n_to_go(
            &loaded.iter().map(|model| model.bytes).collect::<Vec<_>>(),
            bytes,
            self.max_bytes,
        );
        for model in loaded.drain(..n_gone) {
            (model.unload)();
        }
        loaded.push(Loaded { name: name.to_owned(), bytes, unload: Box::new(unload) });
    }

    /// The model has answered.
    pub(super) fn used(&self, name: &str) {
        let mut loaded = self.lock();
        if let Some(at) = loaded.iter().position(|model| model.name == name) {
            loaded[at..].rotate_left(1);
        }
    }

    /// Every model is to go when it has answered what waits.
    pub(super) fn clear(&self) {
        for model in self.lock().drain(..) {
            (model.unload)();
        }
    }

    /// The model is not loaded any more.
    pub(super) fn left(&self, name: &str) {
        self.lock().retain(|model| model.name != name);
    }

    /// Names and bytes of the models that are loaded, idle longest first.
    pub(super) fn resident(&self) -> Vec<(String, u64)> {
        self.lock().iter().map(|model| (model.name.clone(), model.bytes)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Loaded>> {
        // The list is whole between any two statements.
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({:?} of {:?})", self.resident(), self.max_bytes)
    }
}

/// How many of the models, idle longest first, must go so that one of `bytes` fits too.
fn n_to_go(loaded: &[u64], bytes: u64, max_bytes: Option<u64>) -> usize {
    let Some(max_bytes) = max_bytes else { return 0 };
    let mut total: u64 = loaded.iter().sum::<u64>() + bytes;
    loaded
        .iter()
        .take_while(|&&model| {
            let is_too_much = total > max_bytes;
            total -= model;
            is_too_much
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(loaded: &[u64], bytes: u64, max_bytes: Option<u64>, expected: usize) {
        assert_eq!(n_to_go(loaded, bytes, max_bytes), expected);
    }

    #[test]
    fn as_many_go_as_must() {
        check(&[], 10, Some(5), 0);
        check(&[5, 5], 10, None, 0);
        check(&[5, 5], 10, Some(20), 0);
        check(&[5, 5], 10, Some(19), 1);
        check(&[5, 5], 10, Some(14), 2);
        check(&[5, 5], 10, Some(1), 2);
    }
}
