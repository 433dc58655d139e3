//! NVIDIA cards, asked through NVML, which comes with the driver
//! (<https://docs.nvidia.com/deploy/nvml-api/>). It is opened at the first look: a machine without a
//! driver has no card, and that is no error.

use std::sync::OnceLock;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

use super::look::Gpu;

/// The cards of this machine.
#[derive(Debug, Default)]
pub(super) struct Cards(OnceLock<Option<Nvml>>);

impl Cards {
    /// What each does now; none where there is no driver. A card that answers nothing is left out.
    pub(super) fn look(&self) -> Vec<Gpu> {
        let Some(nvml) = self.0.get_or_init(|| Nvml::init().ok()) else { return Vec::new() };
        (0..nvml.device_count().unwrap_or(0)).filter_map(|index| look(nvml, index)).collect()
    }
}

fn look(nvml: &Nvml, index: u32) -> Option<Gpu> {
    let card = nvml.device_by_index(index).ok()?;
    let memory = card.memory_info().ok();
    Some(Gpu {
        index,
        name: card.name().ok(),
        busy_percent: card.utilization_rates().ok().map(|rates| rates.gpu),
        memory_bytes: memory.as_ref().map(|memory| memory.total),
        memory_used_bytes: memory.as_ref().map(|memory| memory.used),
        power_w: card.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1000.0),
        temperature_c: card.temperature(TemperatureSensor::Gpu).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_is_seen_or_there_is_none() {
        let n_cards = Nvml::init().and_then(|nvml| nvml.device_count()).unwrap_or(0);
        let seen = Cards::default().look();
        assert_eq!(seen.len(), n_cards as usize, "{seen:?}");
    }
}
