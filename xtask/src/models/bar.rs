//! Many downloads on one bar.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::ui::Progress;

/// Adds up what each download has; one that begins again takes back what it had.
pub struct Bar {
    progress: Box<dyn Progress>,
    done: Mutex<HashMap<String, u64>>,
}

impl Bar {
    /// Shows the sum on `progress`.
    pub fn new(progress: Box<dyn Progress>) -> Self {
        Self { progress, done: Mutex::default() }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut u64)) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        change(done.entry(name.to_owned()).or_default());
        self.progress.done_bytes(done.values().sum());
    }
}

impl fmt::Debug for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bar").field("done", &self.done).finish_non_exhaustive()
    }
}

impl fetch::Progress for Bar {
    fn started(&self, name: &str, _: Option<u64>) {
        self.progress.message(name);
        self.change(name, |done| *done = 0);
    }

    fn advanced(&self, name: &str, n: u64) {
        self.change(name, |done| *done += n);
    }

    fn finished(&self, _: &str, _: bool) {}
}
