//! Runs as a load test would record them: a closed loop over a service that works on some jobs at once.

use std::num::NonZeroU32;

use crate::{Ending, GpuUsage, Outcome, Plan, Run, Sample, Scenario, StageSpan, Usage};

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub workers: u32,
    pub jobs: u32,
    /// Jobs that are worked on at once.
    pub at_once: usize,
    /// Each so many-th job fails; 0: none.
    pub fails: u64,
    pub n_cards: usize,
    /// Stages take so many times as long.
    pub slow: f64,
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self { workers: 10, jobs: 80, at_once: 3, fails: 0, n_cards: 0, slow: 1.0, seed: 7 }
    }
}

/// A number between 0 and 1 (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) fn random(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// About so many seconds, in microseconds: skewed to the slow side.
fn about(seconds: f64, seed: &mut u64) -> u64 {
    let normal = (0..6).map(|_| random(seed)).sum::<f64>() / 6.0 - 0.5;
    (seconds * 1e6 * (normal * 2.2).exp()) as u64
}

pub(crate) fn run(shape: Shape) -> Run {
    let Shape { workers, jobs, at_once, fails, slow, .. } = shape;
    let mut seed = shape.seed;
    let mut ready = vec![0_u64; workers as usize];
    let mut slots = vec![0_u64; at_once];
    let least = |times: &[u64]| (0..times.len()).min_by_key(|&i| times[i]).expect("some");
    let mut samples = Vec::new();
    for job in 0..u64::from(jobs) {
        let (worker, slot) = (least(&ready), least(&slots));
        let planned_us = ready[worker];
        let sent_us = planned_us + about(0.0001, &mut seed);
        let accepted = sent_us + about(0.004, &mut seed);
        let started = (accepted + 500).max(slots[slot] + 300);
        let has_failed = fails > 0 && job % fails == fails - 1;
        let stages = stages(started + 800, slow, has_failed, &mut seed);
        let end = stages.iter().map(|stage| stage.end_us).max().unwrap_or(started);
        slots[slot] = end + 500;
        let finished_us = end + about(0.02, &mut seed);
        ready[worker] = finished_us + 60;
        let outcome = if has_failed { Outcome::Failed("no_clips".to_owned()) } else { Outcome::Ok };
        samples.push(Sample {
            sent_us,
            accepted_us: Some(accepted),
            started_us: Some(started),
            stages,
            outcome,
            ..Sample::new(job, planned_us, finished_us)
        });
    }
    samples.sort_by_key(|sample| sample.finished_us);
    let some = |n| NonZeroU32::new(n).expect("not zero");
    let plan = Plan::closed(some(workers), some(jobs));
    let scenario = Scenario {
        name: "short".to_owned(),
        title: "A short video".to_owned(),
        payload: serde_json::json!({ "video_subject": "the sea" }),
    };
    let mut run = Run::new(scenario, plan, "native", 1_795_000_000_000_000);
    run.environment.insert("weights".to_owned(), "fixture".into());
    run.ending = Ending::Complete;
    run.usage = usage(&samples, shape.n_cards, &mut seed);
    run.samples = samples;
    run
}

/// The stages of one job, in the order in which the pipeline runs them.
fn stages(begin: u64, slow: f64, has_failed: bool, seed: &mut u64) -> Vec<StageSpan> {
    let mut stages = Vec::new();
    let mut stage = |name: &str, start_us: u64, seconds: f64| {
        let end_us = start_us + about(seconds * slow, seed);
        stages.push(StageSpan { name: name.to_owned(), start_us, end_us });
        end_us + 400
    };
    let script = stage("script", begin, 0.45);
    let terms = stage("terms", script, 0.3);
    let narration = stage("narration", script, 1.3);
    let materials = stage("materials", terms, 1.1);
    if has_failed {
        return stages;
    }
    let subtitles = stage("subtitles", narration, 0.5);
    let selection = stage("selection", materials.max(subtitles), 0.35);
    let render = stage("render", selection, 2.6);
    stage("publish", render, 0.25);
    stages
}

/// Looks at the processes, ten a second.
fn usage(samples: &[Sample], n_cards: usize, seed: &mut u64) -> Vec<Usage> {
    const EVERY_US: u64 = 100_000;
    let end = samples.iter().map(|sample| sample.finished_us).max().unwrap_or(0);
    let n_looks = (end / EVERY_US + 1) as usize;
    let (mut busy, mut renders) = (vec![0.2; n_looks], vec![0.0; n_looks]);
    for span in samples.iter().flat_map(|sample| &sample.stages) {
        let cores = match span.name.as_str() {
            "render" => 0.9,
            "subtitles" => 1.0,
            "narration" => 0.4,
            _ => 0.05,
        };
        for look in span.start_us.div_ceil(EVERY_US)..span.end_us.div_ceil(EVERY_US) {
            busy[look as usize] += cores;
            renders[look as usize] += f64::from(u8::from(span.name == "render"));
        }
    }
    (0..n_looks)
        .map(|look| Usage {
            at_us: look as u64 * EVERY_US,
            cpu_cores: busy[look] * (0.9 + 0.2 * random(seed)),
            memory_bytes: (4e8 + renders[look] * 3e8 + 2e7 * random(seed)) as u64,
            n_processes: 3,
            gpus: (0..n_cards)
                .map(|_| GpuUsage {
                    busy: (renders[look] * 0.3).min(1.0),
                    memory_bytes: 6_000_000_000,
                    power_w: Some(230.0),
                    ..GpuUsage::default()
                })
                .collect(),
            ..Usage::default()
        })
        .collect()
}
