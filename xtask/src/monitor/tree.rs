//! CPU time, memory and disk traffic of a process and all its descendants, from `/proc/<pid>/stat` and
//! `/proc/<pid>/io` (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use std::collections::HashMap;
use std::time::Duration;

use bench::Flow;
use procfs::process::{Process, Stat, all_processes};

use super::counters::per_second;

/// A process tree at an instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// CPU time of everything that it has ever done, also by children that are gone.
    cpu: Duration,
    /// Resident memory, pages that processes share counted once for each.
    pub memory_bytes: u64,
    /// Living processes.
    pub n_processes: u32,
    /// Bytes read from and written to disks, also by children that are gone. None: the kernel does not
    /// tell.
    disk: Option<(u64, u64)>,
}

impl Tree {
    /// The tree under `root`. None: it is gone, or there is no `/proc`.
    pub fn of(root: u32) -> Option<Self> {
        let root = i32::try_from(root).ok()?;
        let stats: Vec<Stat> =
            all_processes().ok()?.flatten().filter_map(|p| p.stat().ok()).collect();
        let ticks = procfs::ticks_per_second();
        let (tree, pids) = Self::sum(root, &stats, ticks, procfs::page_size())?;
        let io = |pid: &i32| Process::new(*pid).ok()?.io().ok();
        let disk = pids.iter().filter_map(io).fold(None, |sum: Option<(u64, u64)>, io| {
            let (read, written) = sum.unwrap_or_default();
            Some((read + io.read_bytes, written + io.write_bytes))
        });
        Some(Self { disk, ..tree })
    }

    /// A process has the time of its children once it has waited for them, so the sum over the living
    /// ones leaves nothing out and counts nothing twice.
    fn sum(root: i32, stats: &[Stat], ticks: u64, page_bytes: u64) -> Option<(Self, Vec<i32>)> {
        let mut children: HashMap<i32, Vec<&Stat>> = HashMap::new();
        for stat in stats {
            children.entry(stat.ppid).or_default().push(stat);
        }
        let mut open = vec![stats.iter().find(|stat| stat.pid == root && stat.state != 'Z')?];
        let (mut tree, mut pids) = (Self::default(), Vec::new());
        let mut n_ticks = 0;
        while let Some(stat) = open.pop() {
            n_ticks += stat.utime + stat.stime;
            n_ticks += u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
            tree.memory_bytes += stat.rss * page_bytes;
            tree.n_processes += 1;
            pids.push(stat.pid);
            open.extend(children.get(&stat.pid).into_iter().flatten());
        }
        tree.cpu = Duration::from_secs_f64(n_ticks as f64 / ticks.max(1) as f64);
        Some((tree, pids))
    }

    /// Cores that were busy on average since `earlier`, `passed` ago.
    pub fn busy_since(&self, earlier: &Self, passed: Duration) -> f64 {
        // A process that nobody waited for takes its time with it: that is no negative work.
        self.cpu.saturating_sub(earlier.cpu).as_secs_f64() / passed.as_secs_f64().max(1e-6)
    }
}

impl Tree {
    /// Bytes a second from and to disks since `earlier`, `passed` ago.
    pub fn disk_since(&self, earlier: &Self, passed: Duration) -> Option<Flow> {
        let ((read, written), before) = self.disk.zip(earlier.disk)?;
        let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), passed);
        Some(Flow { in_per_s: rate(read, before.0), out_per_s: rate(written, before.1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc/<pid>/stat` of a process with so many ticks of its own and of children that are gone.
    fn stat(pid: i32, ppid: i32, own: u64, gone: u64) -> Stat {
        let line = format!(
            "{pid} (a b) S {ppid} 1 1 0 -1 0 0 0 0 0 {own} 0 {gone} 0 20 0 1 0 100 4096 10 \
             18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
        );
        procfs::FromRead::from_read(line.as_bytes()).expect("a line of /proc")
    }

    #[test]
    fn only_descendants_count_and_the_gone_ones_too() {
        let stats = [stat(1, 0, 900, 0), stat(7, 1, 50, 30), stat(8, 7, 10, 0), stat(9, 8, 5, 5)];
        let (tree, pids) = Tree::sum(7, &stats, 100, 4096).expect("a tree");
        let expected = Tree {
            cpu: Duration::from_secs(1),
            memory_bytes: 3 * 10 * 4096,
            n_processes: 3,
            disk: None,
        };
        assert_eq!((tree, pids), (expected, vec![7, 8, 9]));
        assert_eq!(Tree::sum(12, &stats, 100, 4096), None);
    }

    #[test]
    fn busy_cores_are_work_over_time_and_never_negative() {
        let at = |seconds| Tree { cpu: Duration::from_secs(seconds), ..Tree::default() };
        assert!((at(5).busy_since(&at(2), Duration::from_secs(2)) - 1.5).abs() < 1e-9);
        assert!(at(2).busy_since(&at(5), Duration::from_secs(2)).abs() < 1e-9);
    }

    #[test]
    fn disk_traffic_is_a_rate_and_unknown_where_the_kernel_is_silent() {
        let at = |disk| Tree { disk, ..Tree::default() };
        let flow = at(Some((900, 50))).disk_since(&at(Some((100, 50))), Duration::from_secs(2));
        assert_eq!(flow, Some(Flow { in_per_s: 400.0, out_per_s: 0.0 }));
        assert_eq!(at(None).disk_since(&at(Some((1, 1))), Duration::from_secs(1)), None);
        assert!(Tree::of(std::process::id()).expect("this process").disk.is_some());
    }
}
