//! What the machine counts: bytes over its network interfaces, and the time for which the cgroup of a
//! process was held back.

use std::time::Duration;

use bench::Flow;
use procfs::process::Process;

/// Counts since the machine or the cgroup began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes received and sent, loopback left out. None: there is no `/proc/net/dev`.
    network: Option<(u64, u64)>,
    /// Microseconds for which the cgroup was held back. None: it has no limit, or is not of version 2.
    throttled_us: Option<u64>,
}

impl Counters {
    /// Those that `root` lives with.
    pub fn of(root: u32) -> Self {
        let devices = procfs::net::dev_status().ok();
        let network = devices.map(|devices| {
            let real = devices.values().filter(|device| device.name != "lo");
            real.fold((0, 0), |(received, sent), device| {
                (received + device.recv_bytes, sent + device.sent_bytes)
            })
        });
        Self { network, throttled_us: cpu_stat(root).as_deref().and_then(throttled_us) }
    }

    /// Bytes a second over the network since `earlier`, `passed` ago.
    pub fn network_since(&self, earlier: &Self, passed: Duration) -> Option<Flow> {
        let ((received, sent), before) = self.network.zip(earlier.network)?;
        let rate = |now: u64, before: u64| per_second(now.saturating_sub(before), passed);
        Some(Flow { in_per_s: rate(received, before.0), out_per_s: rate(sent, before.1) })
    }

    /// Share of the time since `earlier`, `passed` ago, for which the cgroup was held back: 1 at most,
    /// however many of its processes waited.
    pub fn throttled_since(&self, earlier: &Self, passed: Duration) -> Option<f64> {
        let us = self.throttled_us?.saturating_sub(earlier.throttled_us?);
        Some((us as f64 / 1e6 / passed.as_secs_f64().max(1e-6)).min(1.0))
    }
}

/// So many in a second.
pub fn per_second(n: u64, passed: Duration) -> f64 {
    n as f64 / passed.as_secs_f64().max(1e-6)
}

/// `cpu.stat` of the cgroup (version 2) of `root`
/// (<https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files>).
fn cpu_stat(root: u32) -> Option<String> {
    let process = Process::new(i32::try_from(root).ok()?).ok()?;
    let groups = process.cgroups().ok()?;
    let group = groups.into_iter().find(|group| group.hierarchy == 0)?;
    let path = group.pathname.trim_start_matches('/');
    fs_err::read_to_string(format!("/sys/fs/cgroup/{path}/cpu.stat")).ok()
}

fn throttled_us(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("throttled_usec ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rates_of_the_time_between() {
        let before = Counters { network: Some((1_000, 500)), throttled_us: Some(100_000) };
        let now = Counters { network: Some((3_000, 500)), throttled_us: Some(350_000) };
        let second = Duration::from_millis(500);
        let flow = Flow { in_per_s: 4_000.0, out_per_s: 0.0 };
        assert_eq!(now.network_since(&before, second), Some(flow));
        assert_eq!(now.throttled_since(&before, second), Some(0.5));
        let unknown = Counters::default();
        assert_eq!(now.network_since(&unknown, second), None);
        assert_eq!(unknown.throttled_since(&before, second), None);
        let restarted = before.network_since(&now, second).expect("both are known");
        assert!(restarted.in_per_s.abs() < 1e-9, "an interface that began again");
    }

    #[test]
    fn throttled_time_is_read_from_cpu_stat() {
        let stat = "usage_usec 5\nnr_periods 4\nnr_throttled 1\nthrottled_usec 1234\n";
        assert_eq!(throttled_us(stat), Some(1234));
        assert_eq!(throttled_us("usage_usec 5\n"), None, "no limit");
    }

    #[test]
    fn this_machine_has_a_network() {
        assert!(Counters::of(std::process::id()).network.is_some());
    }
}
