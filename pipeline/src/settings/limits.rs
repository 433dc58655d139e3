use serde::Deserialize;

use super::SettingsError;

/// No machine does more at once.
const MAX_COUNT: usize = 1024;
/// Below this the kernel's own counters do not move.
const LEAST_SAMPLE_S: f64 = 0.2;
const MAX_SAMPLE_S: f64 = 3_600.0;

/// How much happens at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Texts, searches and small pictures that providers are asked for at once (claim 003-1).
    pub light: usize,
    /// Pictures and videos of large models (claim 003-2).
    pub heavy: usize,
    /// Comics (claim 003-3).
    pub comic: usize,
    /// One limit for the three classes together, in place of theirs: 2 before. 0: each has its own.
    pub shared: usize,
    /// Environment variable that holds the address of a Redis, `redis://:password@host:6379/0`: the
    /// places of the classes are those of all services together that share it. None, or one that is
    /// gone: each service has its own.
    pub redis_url_env: Option<String>,
    /// Clips and pictures that are looked at and made smaller at once, over all jobs (claim 002-3:
    /// unlimited before, 4 after).
    pub visual: usize,
    /// Percent of the machine's processors at which no further job starts, unless none runs (claim
    /// 002-4: none before, 80 after). 100: no limit.
    pub cpu_percent: f64,
    /// Percent of the memory, of the machine or of our control group, at which no further job starts
    /// (claim 002-5: none before, 85 after). 100: no limit.
    pub memory_percent: f64,
    /// Percent of the memory at which what is not needed now is given back, once each time: models, and
    /// answers in memory (claim 002-6: none before, 70 after). 100: never.
    pub cleanup_percent: f64,
    /// Percent of a card's memory at which no further job starts. 100: no limit.
    pub gpu_memory_percent: f64,
    /// Bytes that must be free where `data_dir` is, or no further job starts. 0: no limit.
    pub disk_free_bytes: u64,
    /// How often the machine is looked at, seconds (claim 002-7: 30 before).
    pub sample_s: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            light: 8,
            heavy: 4,
            comic: 2,
            shared: 0,
            redis_url_env: None,
            visual: 4,
            // A machine that renders is meant to be busy.
            cpu_percent: 100.0,
            memory_percent: 85.0,
            cleanup_percent: 70.0,
            gpu_memory_percent: 100.0,
            disk_free_bytes: 256 << 20,
            sample_s: 1.0,
        }
    }
}

/// Refuses what can mean nothing.
pub(super) fn validate(limits: &Limits) -> Result<(), SettingsError> {
    let counts = [
        ("limits.light", limits.light, 1, "1 to 1024"),
        ("limits.heavy", limits.heavy, 1, "1 to 1024"),
        ("limits.comic", limits.comic, 1, "1 to 1024"),
        ("limits.shared", limits.shared, 0, "0 to 1024"),
        ("limits.visual", limits.visual, 1, "1 to 1024"),
    ];
    for (key, value, least, expected) in counts {
        if !(least..=MAX_COUNT).contains(&value) {
            return Err(SettingsError::OutOfRange { key, value: value.to_string(), expected });
        }
    }
    let shares = [
        ("limits.cpu_percent", limits.cpu_percent),
        ("limits.memory_percent", limits.memory_percent),
        ("limits.cleanup_percent", limits.cleanup_percent),
        ("limits.gpu_memory_percent", limits.gpu_memory_percent),
    ];
    for (key, value) in shares {
        if !(value > 0.0 && value <= 100.0) {
            let (value, expected) = (value.to_string(), "percent above 0, up to 100");
            return Err(SettingsError::OutOfRange { key, value, expected });
        }
    }
    if !(LEAST_SAMPLE_S..=MAX_SAMPLE_S).contains(&limits.sample_s) {
        let (key, value) = ("limits.sample_s", limits.sample_s.to_string());
        return Err(SettingsError::OutOfRange { key, value, expected: "seconds, 0.2 to 3600" });
    }
    Ok(())
}
