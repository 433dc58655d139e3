//! NVIDIA cards, asked through NVML, which comes with the driver
//! (<https://docs.nvidia.com/deploy/nvml-api/>). It is loaded when it is asked for: a machine without
//! the driver has no card, and that is no error.

use bench::GpuUsage;
use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::Clock;
use nvml_wrapper::error::NvmlError;

/// The cards of this machine.
#[derive(Debug)]
pub struct Cards(Option<Nvml>);

impl Cards {
    /// Those that the driver shows.
    pub fn find() -> Self {
        Self(Nvml::init().ok())
    }

    /// What each does now. A card that does not answer is left out.
    pub fn look(&self) -> Vec<GpuUsage> {
        let Some(nvml) = &self.0 else { return Vec::new() };
        let n_cards = nvml.device_count().unwrap_or(0);
        (0..n_cards).filter_map(|number| look(nvml, number).ok()).collect()
    }
}

fn look(nvml: &Nvml, number: u32) -> Result<GpuUsage, NvmlError> {
    let card = nvml.device_by_index(number)?;
    Ok(GpuUsage {
        busy: f64::from(card.utilization_rates()?.gpu) / 100.0,
        memory_bytes: card.memory_info()?.used,
        power_w: card.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
        clock_mhz: card.clock_info(Clock::SM).ok(),
        memory_clock_mhz: card.clock_info(Clock::Memory).ok(),
        throttled_by: card.current_throttle_reasons().map(held_down_by).unwrap_or_default(),
    })
}

/// What holds clocks down against the owner's will: neither an idle card, nor clocks that somebody has set.
fn held_down_by(reasons: ThrottleReasons) -> Vec<String> {
    let wanted = ThrottleReasons::GPU_IDLE
        | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING
        | ThrottleReasons::DISPLAY_CLOCK_SETTING;
    reasons.difference(wanted).iter_names().map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_wants_holds_a_card_down() {
        let set = ThrottleReasons::GPU_IDLE | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING;
        assert_eq!(held_down_by(set), Vec::<String>::new());
        let hot = set | ThrottleReasons::SW_POWER_CAP | ThrottleReasons::HW_THERMAL_SLOWDOWN;
        assert_eq!(held_down_by(hot), ["SW_POWER_CAP", "HW_THERMAL_SLOWDOWN"]);
    }

    #[test]
    fn every_card_is_seen_or_there_is_none() {
        let cards = Cards::find();
        let n_cards = cards.0.as_ref().map_or(0, |nvml| nvml.device_count().unwrap_or(0));
        assert_eq!(cards.look().len(), n_cards as usize);
        assert!(cards.look().iter().all(|card| (0.0..=1.0).contains(&card.busy)));
    }
}
