use serde::{Deserialize, Serialize};

/// What the driven processes used at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// When, microseconds since the run began.
    pub at_us: u64,
    /// Cores that the process tree kept busy since the last look: 1.5 is one and a half.
    pub cpu_cores: f64,
    /// Resident memory of the process tree.
    pub memory_bytes: u64,
    /// Processes in the tree.
    pub n_processes: u32,
    /// Each card, in the driver's order. Empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuUsage>,
}

/// What a card did at an instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuUsage {
    /// Share of the last sample period in which a kernel ran, 0 to 1.
    pub busy: f64,
    /// Memory in use, by all programs.
    pub memory_bytes: u64,
    /// Power drawn, watts. None: the card does not say.
    pub power_w: Option<f64>,
}
