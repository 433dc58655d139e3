//! Summing up a run and reporting it must stay far below the time of one job.

use std::hint::black_box;

use bench::{Ending, Plan, Run, Sample, Scenario, StageSpan, Summary, report};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Ten stages a job, as the pipeline has, at times that a multiplicative hash spreads out.
fn samples(n_jobs: u64) -> Vec<Sample> {
    (0..n_jobs)
        .map(|job| {
            let planned_us = job * 1_000_000;
            let spread = job.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44; // 0 to 1,048,575
            let stages = (0..10).map(|stage| StageSpan {
                name: format!("stage {stage}"),
                start_us: planned_us + stage * 500_000,
                end_us: planned_us + stage * 500_000 + 400_000 + spread,
            });
            Sample {
                sent_us: planned_us + 50,
                accepted_us: Some(planned_us + 900),
                started_us: Some(planned_us + 1_000),
                stages: stages.collect(),
                ..Sample::new(job, planned_us, planned_us + 7_000_000 + spread)
            }
        })
        .collect()
}

fn summary(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("summary");
    for n_jobs in [100, 10_000] {
        let samples = samples(n_jobs);
        group.throughput(Throughput::Elements(n_jobs));
        group.bench_with_input(
            BenchmarkId::from_parameter(n_jobs),
            &samples,
            |bencher, samples| {
                bencher.iter(|| Summary::of(black_box(samples)));
            },
        );
    }
    group.finish();
}

fn quantiles(criterion: &mut Criterion) {
    let latency = Summary::of(&samples(10_000)).latency;
    criterion.bench_function("quantile/p99 of 10,000", |bencher| {
        bencher.iter(|| black_box(&latency).quantile(black_box(0.99)));
    });
}

/// Markdown, three pictures and the HDR log.
fn reports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("report");
    for n_jobs in [80, 1_000] {
        let scenario = Scenario {
            name: "short".to_owned(),
            title: "Short".to_owned(),
            payload: serde_json::Value::Null,
        };
        let mut run = Run::new(scenario, Plan::single(), "native", 0);
        (run.ending, run.samples) = (Ending::Complete, samples(n_jobs));
        group.throughput(Throughput::Elements(n_jobs));
        group.bench_with_input(BenchmarkId::from_parameter(n_jobs), &run, |bencher, run| {
            bencher.iter(|| report::files(black_box(run)));
        });
    }
    group.finish();
}

criterion_group!(benches, summary, quantiles, reports);
criterion_main!(benches);
