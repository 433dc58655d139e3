//! The metrics as one JSON document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use protocol::{JobState, QueueStatus};
use serde_json::{Map, Value, json};

use super::figures::{Figures, Labels, Summary};
use crate::life::Cause;
use crate::limits::Door;
use crate::machine::Look;
use crate::settings;

/// What is not in the records of this process: the truth about jobs is in the database.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Since the service started.
    pub uptime: Duration,
    /// Why the start before this one ended out of order.
    pub before: Option<Cause>,
    /// How many jobs are in each state, over all machines and restarts.
    pub states: Vec<(JobState, u64)>,
    /// How many wait and run in each class, and whether any is begun.
    pub queue: QueueStatus,
    /// How many of each class may run at once here.
    pub places: BTreeMap<&'static str, usize>,
    /// Whether the machine has room for another job.
    pub admission: Door,
    /// Shares and bytes at which it has none.
    pub limits: settings::Limits,
    /// What is in use.
    pub resources: Arc<Look>,
}

/// Totals that add up, and for each feature, cache, limiter and lane what this process has seen.
pub fn document(observed: &Observed, figures: &Figures) -> Value {
    let total: u64 = observed.states.iter().map(|(_, n)| n).sum();
    let mut totals = Map::from_iter([("submitted".to_owned(), json!(total))]);
    totals.extend(observed.states.iter().map(|(state, n)| (state.as_str().to_owned(), json!(n))));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": observed.uptime.as_secs_f64(),
        "start": start(observed, figures),
        "totals": totals,
        "queue": {
            "held": observed.queue.held,
            "closed": observed.queue.closed,
            "classes": observed.queue.lanes,
            "places": observed.places,
            "wait": by_label(&figures.times("reelbench_queue_wait_seconds"), "lane"),
            "retries": sum(&figures.counters("reelbench_job_retries_total")),
        },
        "jobs": by_label(&figures.times("reelbench_job_duration_seconds"), "outcome"),
        "features": features(figures),
        "models": models(figures),
        "cache": caches(figures),
        "limiters": limiters(figures),
        "admission": admission(observed, figures),
        "resources": *observed.resources,
    })
}

/// How long it took until it was ready (null: it is not), and what of that. Phases may overlap.
fn start(observed: &Observed, figures: &Figures) -> Value {
    let ready =
        figures.gauges("reelbench_start_ready_seconds").first().map(|(_, seconds)| *seconds);
    let phases = figures.gauges("reelbench_start_phase_seconds");
    let phases = phases.iter().map(|(labels, seconds)| (label(labels, "phase"), json!(seconds)));
    json!({
        "ready_s": ready,
        "phases_s": phases.collect::<Map<_, _>>(),
        "before": observed.before,
    })
}

/// Whether jobs are let in, why not, and at what they are not.
fn admission(observed: &Observed, figures: &Figures) -> Value {
    let waiting = figures.gauges("reelbench_admission_waiting");
    let mut told = json!(observed.admission);
    told["waiting"] = json!(waiting.first().map_or(0.0, |(_, n)| *n));
    let settings::Limits {
        cpu_percent, memory_percent, gpu_memory_percent, disk_free_bytes, ..
    } = observed.limits;
    told["limits"] = json!({
        "cpu_percent": cpu_percent,
        "memory_percent": memory_percent,
        "gpu_memory_percent": gpu_memory_percent,
        "disk_free_bytes": disk_free_bytes,
    });
    told
}

/// Stages: times of those that ended well, errors, and results that were taken from earlier jobs.
fn features(figures: &Figures) -> Value {
    let mut features = Map::new();
    for (labels, summary) in figures.times("reelbench_stage_duration_seconds") {
        features.insert(label(&labels, "stage"), told(&summary));
    }
    for (name, counter) in
        [("errors", "reelbench_stage_errors_total"), ("reused", "reelbench_stage_reused_total")]
    {
        for (labels, n) in figures.counters(counter) {
            let feature = features.entry(label(&labels, "stage")).or_insert_with(|| json!({}));
            feature[name] = json!(n);
        }
    }
    for feature in features.values_mut() {
        for (name, least) in [("count", 0), ("errors", 0), ("reused", 0)] {
            if feature.get(name).is_none() {
                feature[name] = json!(least);
            }
        }
    }
    features.into()
}

/// How often each was loaded: once, where memory keeps it.
fn models(figures: &Figures) -> Value {
    let loads = figures.counters("reelbench_model_loads_total");
    let loads = loads.iter().map(|(labels, n)| (label(labels, "model"), json!({ "loads": n })));
    loads.collect::<Map<_, _>>().into()
}

/// Hits and misses apart, each with its times.
fn caches(figures: &Figures) -> Value {
    let mut caches = Map::new();
    for (labels, summary) in figures.times("reelbench_cache_seconds") {
        let cache = caches.entry(label(&labels, "cache")).or_insert_with(|| json!({}));
        cache[label(&labels, "result")] = told(&summary);
    }
    caches.into()
}

fn limiters(figures: &Figures) -> Value {
    let mut limiters = Map::new();
    for name in ["limit", "in_use", "waiting"] {
        for (labels, n) in figures.gauges(&format!("reelbench_limiter_{name}")) {
            let limiter = limiters.entry(label(&labels, "class")).or_insert_with(|| json!({}));
            limiter[name] = json!(n);
        }
    }
    limiters.into()
}

fn by_label(series: &[(Labels, Summary)], name: &str) -> Value {
    let told = series.iter().map(|(labels, summary)| (label(labels, name), told(summary)));
    Value::Object(told.collect())
}

fn told(summary: &Summary) -> Value {
    // It has numbers alone: it can always be written.
    serde_json::to_value(summary).unwrap_or_default()
}

fn label(labels: &Labels, name: &str) -> String {
    labels.get(name).cloned().unwrap_or_default()
}

fn sum(series: &[(Labels, u64)]) -> u64 {
    series.iter().map(|(_, n)| n).sum()
}

#[cfg(test)]
mod tests {
    use protocol::LaneStatus;

    use super::*;
    use crate::machine::{Disk, Process};

    #[test]
    fn totals_add_up_and_hits_are_not_among_misses() {
        let figures = Figures::default();
        metrics::with_local_recorder(&figures, || {
            metrics::histogram!("reelbench_stage_duration_seconds", "stage" => "script")
                .record(2.0);
            metrics::counter!("reelbench_stage_errors_total", "stage" => "terms").increment(3);
            let cache = |result: &'static str, seconds| {
                metrics::histogram!("reelbench_cache_seconds", "cache" => "llm", "result" => result)
                    .record(seconds);
            };
            cache("hit", 0.001);
            cache("hit", 0.001);
            cache("miss", 2.0);
            metrics::gauge!("reelbench_limiter_limit", "class" => "light").set(8.0);
            metrics::gauge!("reelbench_limiter_in_use", "class" => "light").set(2.0);
            metrics::gauge!("reelbench_admission_waiting").set(1.0);
            metrics::counter!("reelbench_job_retries_total").increment(4);
            metrics::counter!("reelbench_model_loads_total", "model" => "minilm").increment(2);
            metrics::gauge!("reelbench_start_phase_seconds", "phase" => "fonts").set(0.25);
            metrics::gauge!("reelbench_start_ready_seconds").set(1.5);
        });
        let states = JobState::ALL.map(|state| (state, if state.is_final() { 2 } else { 1 }));
        let observed = Observed {
            uptime: Duration::from_millis(1500),
            before: Some(Cause { starts: 2, at_us: 7, cause: "no database".to_owned() }),
            states: states.to_vec(),
            queue: QueueStatus {
                held: false,
                closed: None,
                lanes: [
                    ("light".to_owned(), LaneStatus { queued: 1, running: 0 }),
                    ("video".to_owned(), LaneStatus { queued: 0, running: 1 }),
                ]
                .into(),
            },
            places: [("light", 8), ("video", 3)].into(),
            admission: Door {
                open: false,
                reasons: vec!["memory"],
                why: Some("memory: 91 % in use, jobs start again below 75 %".to_owned()),
                admitted: 2,
            },
            limits: settings::Limits::default(),
            resources: Arc::new(Look {
                process: Some(Process { cpu_s: 1.5, threads: 4, ..Process::default() }),
                disk: Some(Disk { total_bytes: 100, free_bytes: 25 }),
                ..Look::default()
            }),
        };
        let told = document(&observed, &figures);
        insta::assert_json_snapshot!(told, { ".version" => "[version]" });
        let totals = told["totals"].as_object().expect("totals");
        let submitted = totals["submitted"].as_u64();
        let parts = totals.iter().filter(|(name, _)| *name != "submitted");
        assert_eq!(submitted, Some(parts.filter_map(|(_, n)| n.as_u64()).sum()));
    }
}
