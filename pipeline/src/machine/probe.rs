//! Looks at everything at once. Blocks: files below `/proc` and `/sys`, and the driver.

use std::path::{Path, PathBuf};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::cards::Cards;
use super::cgroup::Groups;
use super::look::{Disk, Look, Whole};
use super::process;

/// What is kept between looks.
#[derive(Debug)]
pub(super) struct Probe {
    /// None: this system cannot be read.
    system: Option<System>,
    groups: Groups,
    cards: Cards,
    data_dir: PathBuf,
}

impl Probe {
    pub(super) fn new(data_dir: &Path) -> Self {
        let mut system = System::new().ok();
        // How busy they were is known from the second look on.
        if let Some(system) = &mut system {
            system.refresh_cpu_usage();
        }
        let (groups, cards) = (Groups::of_this_process(), Cards::default());
        Self { system, groups, cards, data_dir: data_dir.to_owned() }
    }

    pub(super) fn look(&mut self) -> Look {
        let (process, children) = process::look().unzip();
        Look {
            process,
            children,
            cgroup: self.groups.look(),
            machine: self.system.as_mut().map(whole),
            disk: disk(&self.data_dir),
            gpus: self.cards.look(),
        }
    }
}

fn whole(system: &mut System) -> Whole {
    system.refresh_cpu_usage();
    system.refresh_memory();
    let total = system.total_memory();
    let used = total.saturating_sub(system.available_memory());
    let group = group(system).and_then(|(used, limit)| percent(used, limit));
    Whole {
        cores: system.cpus().len(),
        cpu_percent: system.global_cpu_usage().into(),
        memory_bytes: total,
        memory_used_bytes: used,
        memory_percent: percent(used, total).into_iter().chain(group).reduce(f64::max),
    }
}

/// What our control group uses without what the kernel keeps of files, and the least of its limits and
/// those of the groups around it.
fn group(system: &mut System) -> Option<(u64, u64)> {
    let own = Pid::from_u32(std::process::id());
    let nothing = ProcessRefreshKind::nothing();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, nothing);
    let limits = system.process(own)?.cgroup_limits()?;
    Some((limits.rss, limits.total_memory))
}

/// The file system of `folder`. None: it is not there.
fn disk(folder: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { total_bytes: bytes(found.f_blocks), free_bytes: bytes(found.f_bavail) })
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn percent(used: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| used as f64 * 100.0 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_processors_memory_and_a_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut probe = Probe::new(folder.path());
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let look = probe.look();
        let machine = look.machine.expect("a machine");
        assert!(machine.cores > 0 && (0.0..=100.0).contains(&machine.cpu_percent), "{machine:?}");
        let memory = machine.memory_percent.expect("it is known");
        assert!(memory > 0.0 && memory <= 100.0, "{machine:?}");
        assert!(machine.memory_used_bytes < machine.memory_bytes, "{machine:?}");
        let disk = look.disk.expect("a disk");
        assert!(0 < disk.free_bytes && disk.free_bytes <= disk.total_bytes, "{disk:?}");
        let process = look.process.expect("a process");
        assert!(process.memory_bytes > 1 << 20 && process.threads > 0, "{process:?}");
        assert!(process.open_files.is_some_and(|n| n > 2), "{process:?}");
        // 2020, and not the time since boot.
        assert!(process.started_at_s.is_some_and(|at| at > 1.5e9), "{process:?}");
    }

    #[test]
    fn what_is_not_there_is_absent_and_not_zero() {
        assert_eq!(disk(Path::new("/no/such/folder")), None);
        assert_eq!((percent(1, 4), percent(1, 0)), (Some(25.0), None));
        let told = serde_json::to_value(Look::default()).expect("a document");
        assert_eq!(told, serde_json::json!({}));
    }
}
