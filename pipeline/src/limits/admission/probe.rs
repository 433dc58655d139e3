//! What is in use on this machine.

use std::path::{Path, PathBuf};

use nvml_wrapper::Nvml;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::gate::{Gate, Reading, Reason};

/// Looks at what has a limit. Reading blocks: files below `/proc` and `/sys`, and the driver.
#[derive(Debug)]
pub(super) struct Probe {
    reasons: Vec<Reason>,
    /// None: this system cannot be read.
    system: Option<System>,
    /// Opened at run time: a machine without a driver has no cards.
    cards: Option<Nvml>,
    data_dir: PathBuf,
}

impl Probe {
    pub(super) fn new(gate: &Gate, data_dir: &Path) -> Self {
        let reasons: Vec<Reason> = gate.limited().collect();
        let cards = reasons.contains(&Reason::Gpu).then(|| Nvml::init().ok()).flatten();
        let mut system = System::new().ok();
        // How busy they were is known from the second look on.
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        Self { reasons, system, cards, data_dir: data_dir.to_owned() }
    }

    pub(super) fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        for reason in &self.reasons {
            let (system, cards) = (self.system.as_mut(), self.cards.as_ref());
            match reason {
                Reason::Cpu => reading.cpu_percent = system.map(processors),
                Reason::Memory => reading.memory_percent = system.and_then(memory),
                Reason::Gpu => reading.gpu_memory_percent = cards.and_then(fullest),
                Reason::Disk => reading.disk_free_bytes = free(&self.data_dir),
            }
        }
        reading
    }
}

fn processors(system: &mut System) -> f64 {
    system.refresh_cpu_usage();
    system.global_cpu_usage().into()
}

/// Of the machine, or of our control group where that is fuller. What the kernel keeps of files counts
/// in neither: it goes when it is needed.
fn memory(system: &mut System) -> Option<f64> {
    system.refresh_memory();
    let total = system.total_memory();
    let machine = percent(total.saturating_sub(system.available_memory()), total);
    let group = group(system).and_then(|(used, limit)| percent(used, limit));
    machine.into_iter().chain(group).reduce(f64::max)
}

/// What our control group uses, and the least of its limits and those of the groups around it.
fn group(system: &mut System) -> Option<(u64, u64)> {
    let own = Pid::from_u32(std::process::id());
    let nothing = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, nothing);
    let limits = system.process(own)?.cgroup_limits()?;
    Some((limits.rss, limits.total_memory))
}

/// Bytes that a user may still write to the file system of `folder`. None: it is not there.
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

fn fullest(nvml: &Nvml) -> Option<f64> {
    let cards = 0..nvml.device_count().ok()?;
    let memories = cards.filter_map(|card| nvml.device_by_index(card).ok()?.memory_info().ok());
    memories.filter_map(|memory| percent(memory.used, memory.total)).reduce(f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn percent(used: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| used as f64 * 100.0 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn this_machine_has_processors_memory_and_a_disk() {
        let settings = settings::Limits {
            cpu_percent: 80.0,
            memory_percent: 85.0,
            gpu_memory_percent: 90.0,
            disk_free_bytes: 1,
            ..settings::Limits::default()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let mut probe = Probe::new(&Gate::new(&settings), folder.path());
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let reading = probe.read();
        let share = 0.0..=100.0;
        assert!(reading.cpu_percent.is_some_and(|percent| share.contains(&percent)), "{reading:?}");
        let memory = reading.memory_percent.expect("it is known");
        assert!(memory > 0.0 && share.contains(&memory), "{reading:?}");
        assert!(reading.disk_free_bytes.is_some_and(|free| free > 0), "{reading:?}");
        assert_eq!(reading.gpu_memory_percent.is_some(), Nvml::init().is_ok(), "{reading:?}");
        assert_eq!(free(&folder.path().join("gone")), None);
        assert_eq!((percent(1, 4), percent(1, 0)), (Some(25.0), None));
    }

    #[test]
    fn what_has_no_limit_is_not_read() {
        let settings = settings::Limits { memory_percent: 100.0, ..settings::Limits::default() };
        let gate = Gate::new(&settings::Limits { disk_free_bytes: 0, ..settings });
        let reading = Probe::new(&gate, Path::new("/")).read();
        assert!(reading.memory_percent.is_none() && reading.disk_free_bytes.is_none());
    }
}
