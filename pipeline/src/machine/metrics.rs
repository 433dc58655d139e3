//! A look as gauges: Prometheus' standard names for the process, ours for the rest. What only grows ends
//! with `_total`, as there; it is set, since the kernel counts it and not we.

use metrics::gauge;

use super::look::{Cgroup, Children, Disk, Gpu, Look, Process, Whole};

/// Publishes what was seen; what was not seen is not there.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
pub(super) fn publish(look: &Look) {
    if let Some(Process { cpu_s, memory_bytes, virtual_bytes, threads, .. }) = look.process {
        gauge!("process_cpu_seconds_total").set(cpu_s);
        gauge!("process_resident_memory_bytes").set(memory_bytes as f64);
        gauge!("process_virtual_memory_bytes").set(virtual_bytes as f64);
        gauge!("process_threads").set(threads as f64);
    }
    if let Some(process) = &look.process {
        set("process_open_fds", process.open_files);
        set("process_max_fds", process.max_files);
        set_f64("process_start_time_seconds", process.started_at_s);
    }
    if let Some(Children { living, cpu_s, memory_bytes }) = look.children {
        gauge!("reelbench_children").set(living as f64);
        gauge!("reelbench_children_cpu_seconds_total").set(cpu_s);
        gauge!("reelbench_children_resident_memory_bytes").set(memory_bytes as f64);
    }
    if let Some(group) = &look.cgroup {
        let Cgroup { memory_bytes, memory_limit_bytes, periods, throttled_periods, .. } = *group;
        set("reelbench_cgroup_memory_bytes", memory_bytes);
        set("reelbench_cgroup_memory_limit_bytes", memory_limit_bytes);
        set("reelbench_cgroup_cpu_periods_total", periods);
        set("reelbench_cgroup_cpu_throttled_periods_total", throttled_periods);
        set_f64("reelbench_cgroup_cpu_seconds_total", group.cpu_s);
        set_f64("reelbench_cgroup_cpu_limit_cores", group.cpu_limit_cores);
        set_f64("reelbench_cgroup_cpu_throttled_seconds_total", group.throttled_s);
    }
    if let Some(Whole { cores, cpu_percent, memory_bytes, memory_used_bytes, memory_percent }) =
        look.machine
    {
        gauge!("reelbench_machine_cores").set(cores as f64);
        gauge!("reelbench_machine_cpu_percent").set(cpu_percent);
        gauge!("reelbench_machine_memory_bytes").set(memory_bytes as f64);
        gauge!("reelbench_machine_memory_used_bytes").set(memory_used_bytes as f64);
        set_f64("reelbench_machine_memory_percent", memory_percent);
    }
    if let Some(Disk { total_bytes, free_bytes }) = look.disk {
        gauge!("reelbench_disk_bytes").set(total_bytes as f64);
        gauge!("reelbench_disk_free_bytes").set(free_bytes as f64);
    }
    for gpu in &look.gpus {
        publish_gpu(gpu);
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn publish_gpu(gpu: &Gpu) {
    let set = |name: &'static str, value: Option<f64>| {
        if let Some(value) = value {
            gauge!(name, "gpu" => gpu.index.to_string()).set(value);
        }
    };
    set("reelbench_gpu_busy_percent", gpu.busy_percent.map(f64::from));
    set("reelbench_gpu_memory_bytes", gpu.memory_bytes.map(|bytes| bytes as f64));
    set("reelbench_gpu_memory_used_bytes", gpu.memory_used_bytes.map(|bytes| bytes as f64));
    set("reelbench_gpu_power_watts", gpu.power_w);
    set("reelbench_gpu_temperature_celsius", gpu.temperature_c.map(f64::from));
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn set(name: &'static str, value: Option<u64>) {
    set_f64(name, value.map(|value| value as f64));
}

fn set_f64(name: &'static str, value: Option<f64>) {
    if let Some(value) = value {
        gauge!(name).set(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Figures;

    #[test]
    fn what_was_seen_is_published_and_what_was_not_is_not_there() {
        let figures = Figures::default();
        let process = Process { cpu_s: 1.5, open_files: Some(9), ..Process::default() };
        let gpu = Gpu { index: 1, power_w: Some(80.5), ..Gpu::default() };
        let look = Look { process: Some(process), gpus: vec![gpu], ..Look::default() };
        metrics::with_local_recorder(&figures, || publish(&look));
        let value = |name: &str| figures.gauges(name).first().map(|(_, value)| *value);
        assert_eq!(value("process_cpu_seconds_total"), Some(1.5));
        assert_eq!(value("process_open_fds"), Some(9.0));
        for absent in ["process_max_fds", "reelbench_gpu_busy_percent", "reelbench_disk_bytes"] {
            assert_eq!(value(absent), None, "{absent}");
        }
        let (labels, watts) = &figures.gauges("reelbench_gpu_power_watts")[0];
        assert_eq!((labels["gpu"].as_str(), *watts), ("1", 80.5));
    }
}
