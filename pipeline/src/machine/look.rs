//! What was seen, as values. Bytes are bytes, `_s` are seconds; a part that cannot be seen is absent.

use serde::Serialize;

/// One look at everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Look {
    /// This process alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// What it started: ffmpeg, speech.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<Children>,
    /// The control group that we are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Cgroup>,
    /// All of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Whole>,
    /// Where the data folder is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// The cards that answer. Absent: there is no driver, or no card.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Gpu>,
}

/// A process, in the terms of Prometheus' clients
/// (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Process {
    /// CPU time since it started.
    pub cpu_s: f64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// As many may be open. Absent: there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u64>,
    /// When it started, seconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at_s: Option<f64>,
}

/// The processes below ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Children {
    /// How many live.
    pub living: u64,
    /// CPU time of the living ones, and of all that are gone.
    pub cpu_s: f64,
    /// Resident memory, pages that processes share counted once for each.
    pub memory_bytes: u64,
}

/// A control group (version 1 or 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cgroup {
    /// What it holds, with what the kernel keeps of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The least of its limit and those of the groups around it. Absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// CPU time of all that was ever in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// The least share of the processors that it and the groups around it may use. Absent: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit_cores: Option<f64>,
    /// Periods in which it ran, where its CPU time is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periods: Option<u64>,
    /// Of those, how many in which it was held up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_periods: Option<u64>,
    /// How long it was held up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_s: Option<f64>,
}

/// The machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Whole {
    /// Processors.
    pub cores: usize,
    /// Of all processors, since the look before.
    pub cpu_percent: f64,
    /// Memory.
    pub memory_bytes: u64,
    /// In use; what the kernel keeps of files is not, since it goes when it is needed.
    pub memory_used_bytes: u64,
    /// In use, of the machine or of our control group, where that is fuller: what admission goes by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<f64>,
}

/// A file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Disk {
    /// Its size.
    pub total_bytes: u64,
    /// What a user may still write.
    pub free_bytes: u64,
}

/// A card, as its driver tells (NVML). What it does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gpu {
    /// Its number.
    pub index: u32,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Share of the time in which something ran on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_percent: Option<u32>,
    /// Its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// In use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
    /// What it draws now, watts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_w: Option<f64>,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<u32>,
}
