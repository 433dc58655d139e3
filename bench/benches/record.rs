//! What a million jobs cost: to record, merge, sum up, report and export them, each in under a second.

use std::hint::black_box;

use bench::{
    Comparison, Ending, Labels, Outcome, Plan, Record, Run, Sample, Scenario, Slice, StageSpan,
    Summary, hdr_log, hgrm, raw, report,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const MILLION: u64 = 1_000_000;

/// Eight stages a job, as the pipeline has, at times that a multiplicative hash spreads out, in four
/// priorities.
fn samples(n_jobs: u64) -> Vec<Sample> {
    let names = [
        "script",
        "terms",
        "narration",
        "materials",
        "subtitles",
        "selection",
        "render",
        "publish",
    ];
    let priorities = ["LOW", "NORMAL", "HIGH", "URGENT"];
    (0..n_jobs)
        .map(|job| {
            let planned_us = job * 1_000;
            let spread = job.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44; // 0 to 1,048,575
            let stages = (0..8_u64).map(|stage| StageSpan {
                name: names[stage as usize].to_owned(),
                start_us: planned_us + 1_000 + stage * 500_000,
                end_us: planned_us + 1_000 + stage * 500_000 + 300_000 + spread / 8,
            });
            Sample {
                job,
                planned_us,
                sent_us: planned_us + 50,
                accepted_us: Some(planned_us + 900),
                started_us: Some(planned_us + 1_000),
                finished_us: planned_us + 7_000_000 + spread,
                observed_us: None,
                stages: stages.collect(),
                outcome: Outcome::Ok,
                extra: serde_json::json!({ "priority": priorities[(job % 4) as usize] }),
            }
        })
        .collect()
}

fn run(samples: Vec<Sample>) -> Run {
    let scenario = Scenario {
        name: "short".to_owned(),
        title: "Short".to_owned(),
        payload: serde_json::Value::Null,
    };
    let mut run = Run::new(scenario, Plan::single(), "native", 0);
    (run.ending, run.samples) = (Ending::CutShort, samples);
    run
}

fn million(criterion: &mut Criterion) {
    let run = run(samples(MILLION));
    let record = Record::of(&run.samples);
    let summary = Summary::of(&run.samples);
    let mut group = criterion.benchmark_group("million");
    group.sample_size(10).throughput(Throughput::Elements(MILLION));
    group.bench_function("labels", |bencher| {
        let label = |sample| Labels::of(sample).priority.is_some();
        bencher.iter(|| black_box(&run.samples).iter().filter(|sample| label(sample)).count());
    });
    group.bench_function("record", |bencher| {
        bencher.iter(|| Record::of(black_box(&run.samples)));
    });
    group.bench_function("merge", |bencher| {
        bencher.iter(|| {
            let mut merged = Record::default();
            merged.merge(black_box(&record));
            merged.merge(black_box(&record));
            merged
        });
    });
    group.bench_function("summary", |bencher| {
        bencher.iter(|| Summary::of(black_box(&run.samples)));
    });
    group.bench_function("report", |bencher| {
        bencher.iter(|| report::files(black_box(&run)));
    });
    group.bench_function("compare", |bencher| {
        bencher.iter(|| Comparison::of(black_box(&run), black_box(&run)));
    });
    group.bench_function("page", |bencher| {
        bencher.iter(|| report::page_of(black_box(&run), &summary, &record).html());
    });
    group.bench_function("hlog", |bencher| {
        bencher.iter(|| hdr_log(black_box(&run), &record, summary.span_us));
    });
    group.bench_function("hgrm", |bencher| {
        let latency = record.times(&Slice::All).latency;
        bencher.iter(|| hgrm(black_box(latency.histogram()), 1e6));
    });
    group.finish();
}

fn lines(criterion: &mut Criterion) {
    let samples = samples(100_000);
    let text: String = samples.iter().filter_map(|sample| raw::line(sample).ok()).collect();
    let mut group = criterion.benchmark_group("raw");
    group.sample_size(10).throughput(Throughput::Elements(100_000));
    group.bench_function("write 100,000", |bencher| {
        let lines = || samples.iter().filter_map(|sample| raw::line(black_box(sample)).ok());
        bencher.iter(|| lines().map(|line| line.len()).sum::<usize>());
    });
    group.bench_function("read 100,000", |bencher| {
        bencher.iter(|| raw::read(black_box(&text)).map(|lines| lines.samples.len()));
    });
    group.finish();
}

criterion_group!(benches, million, lines);
criterion_main!(benches);
