//! This process and what it started, from `/proc/<pid>/stat`
//! (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use procfs::process::{LimitValue, Process as Proc, Stat};

use super::look::{Children, Process};

/// This process and its children. None: there is no `/proc`.
pub(super) fn look() -> Option<(Process, Children)> {
    let own = Proc::myself().ok()?;
    let stat = own.stat().ok()?;
    let limit = own.limits().ok().map(|limits| limits.max_open_files.soft_limit);
    let boot = procfs::boot_time_secs().ok();
    let ticks = procfs::ticks_per_second();
    let process = Process {
        cpu_s: seconds(stat.utime + stat.stime, ticks),
        memory_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        threads: u64::try_from(stat.num_threads).unwrap_or(0),
        open_files: own.fd_count().ok().and_then(|n| u64::try_from(n).ok()),
        max_files: limit.and_then(|limit| match limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        }),
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        started_at_s: boot.map(|boot| boot as f64 + seconds(stat.starttime, ticks)),
    };
    Some((process, sum(&stat, &descendants(own), ticks, procfs::page_size())))
}

/// Those that live. A kernel that lists no children (`CONFIG_PROC_CHILDREN`) has none for us.
fn descendants(root: Proc) -> Vec<Stat> {
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(process) = open.pop() {
        // Each is the child of the thread that started it.
        let threads = process.tasks().into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| thread.children().ok()).flatten();
        for child in children.filter_map(|pid| Proc::new(pid.cast_signed()).ok()) {
            found.extend(child.stat());
            open.push(child);
        }
    }
    found
}

/// A process has the time of its children once it has waited for them: the sum over ours and the living
/// ones leaves nothing out and counts nothing twice.
fn sum(own: &Stat, living: &[Stat], ticks: u64, page_bytes: u64) -> Children {
    let gone = |stat: &Stat| u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
    let of_living = living.iter().map(|stat| stat.utime + stat.stime + gone(stat));
    Children {
        living: living.len() as u64,
        cpu_s: seconds(gone(own) + of_living.sum::<u64>(), ticks),
        memory_bytes: living.iter().map(|stat| stat.rss * page_bytes).sum(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks of years fit")]
fn seconds(n: u64, ticks: u64) -> f64 {
    n as f64 / ticks.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc/<pid>/stat` of a process with so many ticks of its own and of children that are gone.
    fn stat(own: u64, gone: u64) -> Stat {
        let line = format!(
            "7 (a b) S 1 1 1 0 -1 0 0 0 0 0 {own} 0 {gone} 0 20 0 1 0 100 4096 10 \
             18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
        );
        procfs::FromRead::from_read(line.as_bytes()).expect("a line of /proc")
    }

    #[test]
    fn children_are_those_that_live_and_those_that_are_gone() {
        let found = sum(&stat(900, 30), &[stat(50, 0), stat(15, 5)], 100, 4096);
        assert_eq!(found, Children { living: 2, cpu_s: 1.0, memory_bytes: 2 * 10 * 4096 });
        let none = sum(&stat(900, 30), &[], 100, 4096);
        assert_eq!(none, Children { living: 0, cpu_s: 0.3, memory_bytes: 0 });
    }
}
