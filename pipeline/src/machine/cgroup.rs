//! The control group that we are in: version 2
//! (<https://docs.kernel.org/admin-guide/cgroup-v2.html>), version 1
//! (<https://docs.kernel.org/admin-guide/cgroup-v1/>), or a mixture.

use std::path::{Path, PathBuf};

use procfs::ProcessCGroup;
use procfs::process::{MountInfo, Process as Proc};

use super::look::Cgroup;

/// Version 1 writes a limit that is none as the most pages that there can be.
const NO_LIMIT_V1: u64 = 1 << 62;

/// Where our group is, for each controller.
#[derive(Debug, Default)]
pub(super) struct Groups {
    memory: Option<Group>,
    cpu: Option<Group>,
    /// Version 1 counts CPU time elsewhere than it limits it.
    cpu_time: Option<Group>,
}

/// A group's folder, and the one above which there is no other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    is_v2: bool,
    folder: PathBuf,
    top: PathBuf,
}

impl Groups {
    /// Those of this process. It stays in them for as long as it lives, as a rule.
    pub(super) fn of_this_process() -> Self {
        let found = Proc::myself().and_then(|own| Ok((own.cgroups()?, own.mountinfo()?)));
        let Ok((groups, mounts)) = found else { return Self::default() };
        let find = |controller| find(&groups.0, &mounts.0, controller);
        Self { memory: find("memory"), cpu: find("cpu"), cpu_time: find("cpuacct") }
    }

    /// What the group uses. None: there is no group that says anything.
    pub(super) fn look(&self) -> Option<Cgroup> {
        let mut found = Cgroup::default();
        if let Some(group) = &self.memory {
            let (used, limit) = match group.is_v2 {
                true => ("memory.current", "memory.max"),
                false => ("memory.usage_in_bytes", "memory.limit_in_bytes"),
            };
            found.memory_bytes = number(&group.folder.join(used));
            let limits = group.up().filter_map(|folder| number(&folder.join(limit)));
            found.memory_limit_bytes = limits.filter(|&bytes| bytes < NO_LIMIT_V1).min();
        }
        if let Some(group) = &self.cpu {
            let stat = text(&group.folder.join("cpu.stat")).unwrap_or_default();
            found.periods = value(&stat, "nr_periods");
            found.throttled_periods = value(&stat, "nr_throttled");
            let us = value(&stat, "throttled_usec");
            let ns = value(&stat, "throttled_time");
            found.throttled_s = us.map(|us| us as f64 / 1e6).or(ns.map(|ns| ns as f64 / 1e9));
            found.cpu_s = value(&stat, "usage_usec").map(|us| us as f64 / 1e6);
            found.cpu_limit_cores =
                group.up().filter_map(|folder| quota(group.is_v2, folder)).reduce(f64::min);
        }
        if let (None, Some(group)) = (found.cpu_s, &self.cpu_time) {
            found.cpu_s = number(&group.folder.join("cpuacct.usage")).map(|ns| ns as f64 / 1e9);
        }
        (found != Cgroup::default()).then_some(found)
    }
}

impl Group {
    /// Its folder and those around it.
    fn up(&self) -> impl Iterator<Item = &Path> {
        self.folder.ancestors().take_while(|folder| folder.starts_with(&self.top))
    }
}

/// The group that `controller` has us in: version 1 where it is mounted there, else version 2.
fn find(groups: &[ProcessCGroup], mounts: &[MountInfo], controller: &str) -> Option<Group> {
    let v1 = |mount: &&MountInfo| {
        mount.fs_type == "cgroup" && mount.super_options.contains_key(controller)
    };
    let (is_v2, mount, group) = match mounts.iter().find(v1) {
        Some(mount) => {
            let mine =
                |group: &&ProcessCGroup| group.controllers.iter().any(|one| one == controller);
            (false, mount, groups.iter().find(mine)?)
        }
        None => {
            let mount = mounts.iter().find(|mount| mount.fs_type == "cgroup2")?;
            (true, mount, groups.iter().find(|group| group.controllers.is_empty())?)
        }
    };
    // In a container the mount shows our group as its root, while our path may be the machine's.
    let top = mount.mount_point.clone();
    let below = Path::new(&group.pathname).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let folder = top.join(below);
    Some(Group { is_v2, folder: if folder.is_dir() { folder } else { top.clone() }, top })
}

/// Processors that a group may keep busy. None: as many as there are.
fn quota(is_v2: bool, folder: &Path) -> Option<f64> {
    let (quota, period) = if is_v2 {
        let text = text(&folder.join("cpu.max"))?;
        let (quota, period) = text.trim().split_once(' ')?;
        (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?)
    } else {
        (number(&folder.join("cpu.cfs_quota_us"))?, number(&folder.join("cpu.cfs_period_us"))?)
    };
    (period > 0).then(|| quota as f64 / period as f64)
}

/// The value of a key in a file of `key value` lines.
fn value(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find_map(|(name, value)| (name == key).then(|| value.trim().parse().ok())?)
}

/// A file of one number. None: it is not there, or says `max` or -1, which is none.
fn number(path: &Path) -> Option<u64> {
    text(path)?.trim().parse().ok()
}

fn text(path: &Path) -> Option<String> {
    fs_err::read_to_string(path).ok()
}

#[cfg(test)]
mod tests;
