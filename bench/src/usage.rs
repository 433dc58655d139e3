//! What the machine did while jobs ran, on the clock of the run.
//!
//! Rates are of the time since the look before. What a machine does not tell is absent, which is not zero:
//! without a cgroup there is no throttling to be known.

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
    /// Bytes a second that the tree had written to and read from disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Flow>,
    /// Bytes a second over the network interfaces of the machine, loopback left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Flow>,
    /// Share of the time in which the cgroup held its processes back for having used up their CPU time,
    /// 0 to 1 (`throttled_usec` of `cpu.stat`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
    /// Each card, in the driver's order. Empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuUsage>,
}

/// Bytes a second, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Read from disk, or received.
    pub in_per_s: f64,
    /// Written to disk, or sent.
    pub out_per_s: f64,
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
    /// Clock of its multiprocessors, MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<u32>,
    /// Clock of its memory, MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_clock_mhz: Option<u32>,
    /// Why its clocks are held down, in NVML's words, such as `SW_POWER_CAP`. An idle card, and one whose
    /// clocks somebody has set, is not held down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub throttled_by: Vec<String>,
}

/// The looks of a run, summed up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageSummary {
    /// How many looks there were.
    pub n_looks: usize,
    /// CPU time of the tree over the time that was looked at, cores.
    pub cores_mean: f64,
    /// The most of a look.
    pub cores_most: f64,
    /// The most of a look.
    pub memory_most: u64,
    /// Bytes read from and written to disks. None: unknown.
    pub disk: Option<Moved>,
    /// Bytes received and sent. None: unknown.
    pub network: Option<Moved>,
    /// Share of the time in which the cgroup held the tree back. None: unknown.
    pub throttled: Option<f64>,
    /// Each card.
    pub gpus: Vec<GpuSummary>,
}

/// Bytes, both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moved {
    /// Read, or received.
    pub in_bytes: f64,
    /// Written, or sent.
    pub out_bytes: f64,
}

/// A card over a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuSummary {
    /// Share of the time in which a kernel ran.
    pub busy: f64,
    /// The most of a look.
    pub memory_most: u64,
    /// Watts. None: the card does not say.
    pub power_mean_w: Option<f64>,
    /// Energy, joules.
    pub energy_j: Option<f64>,
    /// The lowest and the highest clock of its multiprocessors while a kernel ran, MHz.
    pub clock_mhz: Option<(u32, u32)>,
    /// Why its clocks were held down, and in which share of the time; the longest first.
    pub throttled_by: Vec<(String, f64)>,
}

impl UsageSummary {
    /// Sums up looks in the order of time. None: nobody looked.
    pub fn of(looks: &[Usage]) -> Option<Self> {
        let seconds = whole_s(looks)?;
        let cpu_s = weighted(looks, |look| Some(look.cpu_cores)).unwrap_or_default();
        let moved = |of: fn(&Usage) -> Option<Flow>| {
            let in_bytes = weighted(looks, |look| of(look).map(|flow| flow.in_per_s))?;
            let out_bytes = weighted(looks, |look| of(look).map(|flow| flow.out_per_s))?;
            Some(Moved { in_bytes, out_bytes })
        };
        let n_cards = looks.iter().map(|look| look.gpus.len()).max().unwrap_or_default();
        Some(Self {
            n_looks: looks.len(),
            cores_mean: cpu_s / seconds,
            cores_most: looks.iter().map(|look| look.cpu_cores).fold(0.0, f64::max),
            memory_most: looks.iter().map(|look| look.memory_bytes).max().unwrap_or_default(),
            disk: moved(|look| look.disk),
            network: moved(|look| look.network),
            throttled: mean(looks, |look| look.throttled),
            gpus: (0..n_cards).map(|number| GpuSummary::of(looks, number)).collect(),
        })
    }
}

impl GpuSummary {
    fn of(looks: &[Usage], number: usize) -> Self {
        let cards = || looks.iter().filter_map(|look| look.gpus.get(number));
        let mean = |of: fn(&GpuUsage) -> Option<f64>| {
            mean(looks, |look| look.gpus.get(number).and_then(of))
        };
        let clocks = || cards().filter(|card| card.busy > 0.0).filter_map(|card| card.clock_mhz);
        let mut reasons: Vec<&String> = cards().flat_map(|card| &card.throttled_by).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let share = |reason: &String| {
            let is_held = |card: &GpuUsage| f64::from(u8::from(card.throttled_by.contains(reason)));
            self::mean(looks, |look| look.gpus.get(number).map(is_held)).unwrap_or_default()
        };
        let mut throttled_by: Vec<(String, f64)> =
            reasons.into_iter().map(|reason| (reason.clone(), share(reason))).collect();
        throttled_by.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        Self {
            busy: mean(|card| Some(card.busy)).unwrap_or_default(),
            memory_most: cards().map(|card| card.memory_bytes).max().unwrap_or_default(),
            power_mean_w: mean(|card| card.power_w),
            energy_j: weighted(looks, |look| look.gpus.get(number)?.power_w),
            clock_mhz: clocks().min().zip(clocks().max()),
            throttled_by,
        }
    }
}

/// From the start of the run to the last look, seconds.
fn whole_s(looks: &[Usage]) -> Option<f64> {
    Some(looks.last()?.at_us.max(1) as f64 / 1e6)
}

/// `value` times the seconds for which it stood, added up. None: no look has it.
fn weighted(looks: &[Usage], value: impl Fn(&Usage) -> Option<f64>) -> Option<f64> {
    let known: Vec<(f64, f64)> = spans(looks, value);
    (!known.is_empty()).then(|| known.iter().map(|(value, seconds)| value * seconds).sum())
}

/// The mean over the time in which it is known. None: no look has it.
fn mean(looks: &[Usage], value: impl Fn(&Usage) -> Option<f64>) -> Option<f64> {
    let known = spans(looks, value);
    let seconds: f64 = known.iter().map(|(_, seconds)| seconds).sum();
    let sum: f64 = known.iter().map(|(value, seconds)| value * seconds).sum();
    (seconds > 0.0).then(|| sum / seconds)
}

/// Each value with the seconds since the look before.
fn spans(looks: &[Usage], value: impl Fn(&Usage) -> Option<f64>) -> Vec<(f64, f64)> {
    let mut before_us = 0;
    let mut spans = Vec::new();
    for look in looks {
        let seconds = look.at_us.saturating_sub(before_us) as f64 / 1e6;
        before_us = look.at_us;
        spans.extend(value(look).filter(|value| value.is_finite()).map(|value| (value, seconds)));
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at_s: u64, cpu_cores: f64) -> Usage {
        Usage { at_us: at_s * 1_000_000, cpu_cores, memory_bytes: at_s * 100, ..Usage::default() }
    }

    #[test]
    fn a_value_stands_since_the_look_before() {
        let flow = |in_per_s| Some(Flow { in_per_s, out_per_s: 1.0 });
        let looks = [
            Usage { disk: flow(10.0), throttled: Some(0.5), ..look(1, 1.0) },
            Usage { disk: flow(0.0), throttled: Some(0.0), ..look(4, 2.0) },
        ];
        let summary = UsageSummary::of(&looks).expect("two looks");
        let expected = UsageSummary {
            n_looks: 2,
            cores_mean: 1.75,
            cores_most: 2.0,
            memory_most: 400,
            disk: Some(Moved { in_bytes: 10.0, out_bytes: 4.0 }),
            network: None,
            throttled: Some(0.125),
            gpus: Vec::new(),
        };
        assert_eq!(summary, expected);
        assert_eq!(UsageSummary::of(&[]), None);
    }

    #[test]
    fn a_card_has_its_power_clocks_and_what_held_them_down() {
        let card = |busy, power_w, clock_mhz, why: &[&str]| GpuUsage {
            busy,
            memory_bytes: 9,
            power_w: Some(power_w),
            clock_mhz: Some(clock_mhz),
            throttled_by: why.iter().map(|&reason| reason.to_owned()).collect(),
            ..GpuUsage::default()
        };
        let looks = [
            Usage { gpus: vec![card(0.0, 70.0, 210, &[])], ..look(1, 0.0) },
            Usage { gpus: vec![card(1.0, 700.0, 1500, &["SW_POWER_CAP"])], ..look(3, 0.0) },
            Usage { gpus: vec![card(0.5, 400.0, 1980, &["A", "SW_POWER_CAP"])], ..look(4, 0.0) },
            look(5, 0.0),
        ];
        let expected = GpuSummary {
            busy: 0.625,
            memory_most: 9,
            power_mean_w: Some(467.5),
            energy_j: Some(1870.0),
            clock_mhz: Some((1500, 1980)),
            throttled_by: vec![("SW_POWER_CAP".to_owned(), 0.75), ("A".to_owned(), 0.25)],
        };
        assert_eq!(UsageSummary::of(&looks).expect("looks").gpus, [expected]);
    }

    #[test]
    fn a_look_of_before_is_still_read() {
        let old = r#"{"at_us":5,"cpu_cores":1.5,"memory_bytes":7,"n_processes":2,
            "gpus":[{"busy":0.5,"memory_bytes":3,"power_w":null}]}"#;
        let look: Usage = serde_json::from_str(old).expect("a look");
        assert_eq!((look.disk, look.throttled, look.gpus[0].clock_mhz), (None, None, None));
        let again = serde_json::to_string(&look).expect("a document");
        assert!(!again.contains("null,") && !again.contains("throttled"), "{again}");
    }
}
