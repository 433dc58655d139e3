//! When it closes, and when it opens again. Pure.

use crate::machine::{Gpu, Look};
use crate::settings;

/// Percent points below its limit at which a resource opens again.
const HYSTERESIS: f64 = 10.0;
/// At this many percent there is no limit.
const NO_LIMIT: f64 = 100.0;

/// What was seen. None: it cannot be seen here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// Of all processors, since the reading before.
    pub(super) cpu_percent: Option<f64>,
    /// Of the machine, or of the control group where that is fuller.
    pub(super) memory_percent: Option<f64>,
    /// Of the fullest card.
    pub(super) gpu_memory_percent: Option<f64>,
    pub(super) disk_free_bytes: Option<u64>,
}

impl Reading {
    /// What admission goes by of a look at the machine.
    pub(super) fn of(look: &Look) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let full = |gpu: &Gpu| {
            let (used, all) = (gpu.memory_used_bytes?, gpu.memory_bytes.filter(|&all| all > 0)?);
            Some(used as f64 * 100.0 / all as f64)
        };
        Self {
            cpu_percent: look.machine.map(|machine| machine.cpu_percent),
            memory_percent: look.machine.and_then(|machine| machine.memory_percent),
            gpu_memory_percent: look.gpus.iter().filter_map(full).reduce(f64::max),
            disk_free_bytes: look.disk.map(|disk| disk.free_bytes),
        }
    }
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Cpu,
    Memory,
    Gpu,
    Disk,
}

/// A resource of which there is too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) reason: Reason,
    /// For people: what was found, and what is waited for.
    pub(super) why: String,
}

/// The limits, and which of them are reached.
#[derive(Debug)]
pub(super) struct Gate {
    shares: Vec<Share>,
    /// Bytes that must be free, and whether fewer are. None: no limit.
    disk: Option<(u64, bool)>,
}

#[derive(Debug)]
struct Share {
    reason: Reason,
    percent: f64,
    is_closed: bool,
}

impl Reason {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Gpu => "gpu_memory",
            Self::Disk => "disk",
        }
    }
}

impl Gate {
    /// Open, with the limits that are set.
    pub(super) fn new(settings: &settings::Limits) -> Self {
        let shares = [
            (Reason::Cpu, settings.cpu_percent),
            (Reason::Memory, settings.memory_percent),
            (Reason::Gpu, settings.gpu_memory_percent),
        ];
        let shares = shares.into_iter().filter(|&(_, percent)| percent < NO_LIMIT);
        let disk = (settings.disk_free_bytes > 0).then_some((settings.disk_free_bytes, false));
        Self {
            shares: shares
                .map(|(reason, percent)| Share { reason, percent, is_closed: false })
                .collect(),
            disk,
        }
    }

    pub(super) fn has_limits(&self) -> bool {
        self.limited().next().is_some()
    }

    /// What has a limit.
    pub(super) fn limited(&self) -> impl Iterator<Item = Reason> {
        let shares = self.shares.iter().map(|share| share.reason);
        shares.chain(self.disk.map(|_| Reason::Disk))
    }

    /// What there is too little of, after this reading. What cannot be seen is no reason.
    pub(super) fn look(&mut self, reading: &Reading) -> Vec<Closed> {
        let mut closed: Vec<Closed> =
            self.shares.iter_mut().filter_map(|share| share.look(reading)).collect();
        closed.extend(self.look_at_disk(reading.disk_free_bytes));
        closed
    }

    fn look_at_disk(&mut self, free: Option<u64>) -> Option<Closed> {
        let (wanted, is_closed) = self.disk.as_mut()?;
        let free = free?;
        // A tenth more than where it closes.
        let opens_at = wanted.saturating_add(*wanted / 10);
        *is_closed = free < if *is_closed { opens_at } else { *wanted };
        is_closed.then(|| {
            let why = format!(
                "disk: {} MB are free, jobs start again at {} MB",
                free / 1_000_000,
                opens_at.div_ceil(1_000_000)
            );
            Closed { reason: Reason::Disk, why }
        })
    }
}

impl Share {
    fn look(&mut self, reading: &Reading) -> Option<Closed> {
        let (found, name) = match self.reason {
            Reason::Cpu => (reading.cpu_percent, "processors"),
            Reason::Memory => (reading.memory_percent, "memory"),
            Reason::Gpu => (reading.gpu_memory_percent, "memory of the card"),
            Reason::Disk => (None, "disk"),
        };
        let Some(found) = found else {
            self.is_closed = false;
            return None;
        };
        // Of a limit below 20 % the half: it must be able to open.
        let opens_below = (self.percent - HYSTERESIS).max(self.percent / 2.0);
        self.is_closed = found >= if self.is_closed { opens_below } else { self.percent };
        self.is_closed.then(|| {
            let why =
                format!("{name}: {found:.0} % in use, jobs start again below {opens_below:.0} %");
            Closed { reason: self.reason, why }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings() -> settings::Limits {
        settings::Limits {
            cpu_percent: 80.0,
            memory_percent: 85.0,
            gpu_memory_percent: 90.0,
            disk_free_bytes: 1_000_000_000,
            ..settings::Limits::default()
        }
    }

    /// Whether `reason` is closed after each of the readings, one after the other.
    #[track_caller]
    fn check(reason: Reason, readings: &[(f64, bool)]) {
        let mut gate = Gate::new(&settings());
        for &(found, expected) in readings {
            let mut reading = Reading::default();
            match reason {
                Reason::Cpu => reading.cpu_percent = Some(found),
                Reason::Memory => reading.memory_percent = Some(found),
                Reason::Gpu => reading.gpu_memory_percent = Some(found),
                Reason::Disk => reading.disk_free_bytes = Some(found as u64),
            }
            let closed = gate.look(&reading);
            let reasons: Vec<_> = closed.iter().map(|closed| closed.reason).collect();
            assert_eq!(reasons, if expected { vec![reason] } else { vec![] }, "{found}");
        }
    }

    #[test]
    fn each_closes_at_its_limit_and_opens_ten_points_below() {
        let (no, yes) = (false, true);
        let cpu = [(79.9, no), (80.0, yes), (75.0, yes), (70.0, yes), (69.9, no), (75.0, no)];
        check(Reason::Cpu, &cpu);
        check(Reason::Memory, &[(84.0, no), (85.0, yes), (75.0, yes), (74.9, no), (84.0, no)]);
        check(Reason::Gpu, &[(89.0, no), (95.0, yes), (80.0, yes), (79.0, no)]);
        check(Reason::Disk, &[(1e9, no), (0.9e9, yes), (1.05e9, yes), (1.1e9, no), (1.05e9, no)]);
    }

    #[test]
    fn what_is_off_or_cannot_be_seen_is_no_reason() {
        let off = settings::Limits {
            cpu_percent: 100.0,
            memory_percent: 100.0,
            gpu_memory_percent: 100.0,
            disk_free_bytes: 0,
            ..settings()
        };
        assert!(!Gate::new(&off).has_limits());
        let full = Reading {
            cpu_percent: Some(100.0),
            memory_percent: Some(100.0),
            gpu_memory_percent: Some(100.0),
            disk_free_bytes: Some(0),
        };
        assert_eq!(Gate::new(&off).look(&full), []);
        let mut gate = Gate::new(&settings());
        assert_eq!(gate.look(&full).len(), 4);
        assert_eq!(
            gate.look(&Reading { disk_free_bytes: Some(2 << 30), ..Reading::default() }),
            []
        );
        let whys: Vec<String> = gate.look(&full).into_iter().map(|closed| closed.why).collect();
        let expected = [
            "processors: 100 % in use, jobs start again below 70 %",
            "memory: 100 % in use, jobs start again below 75 %",
            "memory of the card: 100 % in use, jobs start again below 80 %",
            "disk: 0 MB are free, jobs start again at 1100 MB",
        ];
        assert_eq!(whys, expected);
    }

    #[test]
    fn it_goes_by_the_look_at_the_machine() {
        use crate::machine::{Disk, Whole};
        let gpu = |used, all| Gpu {
            memory_used_bytes: Some(used),
            memory_bytes: Some(all),
            ..Gpu::default()
        };
        let machine = Whole { cpu_percent: 12.5, memory_percent: Some(40.0), ..Whole::default() };
        let look = Look {
            machine: Some(machine),
            disk: Some(Disk { total_bytes: 9, free_bytes: 7 }),
            gpus: vec![gpu(1, 4), gpu(3, 4), gpu(1, 0), Gpu::default()],
            ..Look::default()
        };
        let expected = Reading {
            cpu_percent: Some(12.5),
            memory_percent: Some(40.0),
            gpu_memory_percent: Some(75.0),
            disk_free_bytes: Some(7),
        };
        assert_eq!(Reading::of(&look), expected);
        assert_eq!(Reading::of(&Look::default()), Reading::default());
    }

    proptest! {
        /// Below the lower bound it is open, at the limit closed, between them as it was.
        #[test]
        fn between_its_bounds_nothing_changes(
            limit in 1.0..99.9_f64,
            readings in proptest::collection::vec(0.0..100.0_f64, 1..50),
        ) {
            let settings = settings::Limits { cpu_percent: limit, ..settings() };
            let (mut gate, mut was_closed) = (Gate::new(&settings), false);
            let opens_below = f64::max(limit - 10.0, limit / 2.0);
            for found in readings {
                let reading = Reading { cpu_percent: Some(found), ..Reading::default() };
                let is_closed = !gate.look(&reading).is_empty();
                let expected = found >= limit || (was_closed && found >= opens_below);
                prop_assert_eq!(is_closed, expected);
                was_closed = is_closed;
            }
        }
    }
}
