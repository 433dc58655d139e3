//! How much happens at once: places for calls of providers, by class, and for pictures; and whether
//! the machine has room for another job.
//!
//! A place covers a call from its first byte sent to its last byte read, and is given back while we
//! sleep between two attempts: who waits for a provider to recover is not at work.
//!
//! Knows nothing of providers and jobs.

mod admission;
mod cluster;
mod slots;

use protocol::Class;

pub use self::admission::{Admission, Admitted, Door};
pub use self::cluster::Cluster;
pub use self::slots::{Slot, Slots};
use crate::settings;

/// The limits of one service. Clones share them.
#[derive(Clone, Debug)]
pub struct Limits {
    light: Slots,
    heavy: Slots,
    comic: Slots,
    /// Looks at clips and pictures, each of which keeps a core busy (claim 002-3).
    pub visual: Slots,
}

impl Limits {
    /// Limits as they are set. With `limits.shared` the three classes are one (claims 003-1 to 003-3);
    /// with a `cluster` their places are those of all services that share it. Looks at clips load this
    /// machine alone.
    pub fn new(settings: &settings::Limits, cluster: Option<&Cluster>) -> Self {
        let visual = Slots::new("visual", settings.visual);
        if settings.shared > 0 {
            let shared = Slots::over("shared", settings.shared, cluster);
            return Self { light: shared.clone(), heavy: shared.clone(), comic: shared, visual };
        }
        Self {
            light: Slots::over("light", settings.light, cluster),
            heavy: Slots::over("heavy", settings.heavy, cluster),
            comic: Slots::over("comic", settings.comic, cluster),
            visual,
        }
    }

    /// The places for calls of this class.
    pub fn of(&self, class: Class) -> &Slots {
        match class {
            Class::Light => &self.light,
            Class::Heavy => &self.heavy,
            Class::Comic => &self.comic,
        }
    }
}

#[cfg(test)]
mod tests;
