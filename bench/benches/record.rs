//! What a million jobs cost: to record, merge, sum up, compare, report and export them.
//!
//! Processor time of the whole process is measured, of all its threads together: machines on which this is
//! run have other work to do, which shall not count. How long somebody waits is measured of two of them, and
//! is worth something on an idle machine alone.

use std::hint::black_box;
use std::time::Duration;

use bench::{
    Comparison, Ending, Labels, Plan, Record, Run, Sample, Scenario, Slice, StageSpan, Summary,
    hdr_log, hgrm, raw, report,
};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustix::time::{ClockId, clock_gettime};

const MILLION: u64 = 1_000_000;

/// Time that processors worked for this process.
struct ProcessorTime;

impl ProcessorTime {
    fn now() -> Duration {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
    }
}

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, started: Duration) -> Duration {
        Self::now().saturating_sub(started)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

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
                sent_us: planned_us + 50,
                accepted_us: Some(planned_us + 900),
                started_us: Some(planned_us + 1_000),
                stages: stages.collect(),
                priority: Some(priorities[(job % 4) as usize].to_owned()),
                ..Sample::new(job, planned_us, planned_us + 7_000_000 + spread)
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

fn million(criterion: &mut Criterion<ProcessorTime>) {
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
        let half = self::run(samples(MILLION / 2));
        bencher.iter(|| Comparison::of(black_box(&half), black_box(&half)));
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

/// How long somebody waits, by the wall clock.
fn waited(criterion: &mut Criterion) {
    let (run, half) = (run(samples(MILLION)), run(samples(MILLION / 2)));
    let mut group = criterion.benchmark_group("million, by the clock");
    group.sample_size(10).throughput(Throughput::Elements(MILLION));
    group.bench_function("report", |bencher| bencher.iter(|| report::files(black_box(&run))));
    group.bench_function("compare", |bencher| {
        bencher.iter(|| Comparison::of(black_box(&half), black_box(&half)));
    });
    group.finish();
}

fn lines(criterion: &mut Criterion<ProcessorTime>) {
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

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ProcessorTime);
    targets = million, lines
}
criterion_group! {
    name = clock;
    config = Criterion::default();
    targets = waited
}
criterion_main!(benches, clock);
