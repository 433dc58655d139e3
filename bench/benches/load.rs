//! What the driver does beside waiting must stay far below the time of one job.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

use bench::{
    Arrivals, Doubt, Driven, Ending, Figures, Job, Load, Looks, Outcome, Plan, Rate, Run, Sample,
    Scenario, Summary, Target, Until, load,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn some(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not zero")
}

fn poisson(jobs: u32) -> Plan {
    let rate = Rate::try_from(100.0).expect("a rate");
    Plan::of(Load::Open {
        arrivals: Arrivals::Poisson { rate },
        until: Some(Until::Jobs(some(jobs))),
        max_in_flight: NonZeroU32::MAX,
    })
}

fn scenario() -> Scenario {
    Scenario { name: "s".to_owned(), title: String::new(), payload: serde_json::Value::Null }
}

fn schedules(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schedule");
    for jobs in [1_000, 100_000] {
        let plan = poisson(jobs);
        group.throughput(Throughput::Elements(jobs.into()));
        group.bench_with_input(BenchmarkId::from_parameter(jobs), &plan, |bencher, plan| {
            bencher.iter(|| black_box(plan).schedule());
        });
    }
    group.finish();
}

/// Ends at once.
struct Instantly;

impl Target for Instantly {
    async fn drive(&self, _: Job) -> Driven {
        Driven::new(Outcome::Ok)
    }
}

/// All that is done for a job: its turn, its task, its sample.
fn jobs(criterion: &mut Criterion) {
    const JOBS: u32 = 10_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let mut group = criterion.benchmark_group("load");
    group.throughput(Throughput::Elements(JOBS.into()));
    let at_once = Arrivals::Trace { at_us: vec![0; JOBS as usize] };
    let load_ = Load::Open { arrivals: at_once, until: None, max_in_flight: NonZeroU32::MAX };
    for (name, plan) in [
        ("closed, 10 workers", Plan::closed(some(10), some(JOBS))),
        ("open, all at once", Plan::of(load_)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let never = std::future::pending();
                runtime.block_on(load(&plan, scenario(), Arc::new(Instantly), never, |_| {}))
            });
        });
    }
    group.finish();
}

fn validity(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validity");
    for jobs in [100, 10_000] {
        let plan = poisson(jobs);
        let due = plan.schedule();
        let sample = |(job, due): (usize, &bench::Due)| {
            let spread = (job as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
            let finished_us = due.planned_us + 7_000_000 + spread;
            let observed_us = Some(finished_us + 20_000);
            Sample { observed_us, ..Sample::new(job as u64, due.planned_us, finished_us) }
        };
        let mut run = Run::new(scenario(), plan, "native", 0);
        run.samples = due.iter().enumerate().map(sample).collect();
        run.ending = Ending::Complete;
        let summary = Summary::of(&run.samples);
        group.throughput(Throughput::Elements(jobs.into()));
        group.bench_function(BenchmarkId::new("figures", jobs), |bencher| {
            bencher.iter(|| Figures::of(black_box(&run)));
        });
        group.bench_function(BenchmarkId::new("doubts", jobs), |bencher| {
            bencher.iter(|| Doubt::of(black_box(&run), &summary));
        });
    }
    group.finish();
}

fn looks(criterion: &mut Criterion) {
    let mut looks = Looks::default();
    (0..50).for_each(|job| looks.ended(5_000_000 + job * 1_000));
    criterion.bench_function("looks/next", |bencher| {
        bencher.iter(|| black_box(&looks).next_us(black_box(5_000_000), Looks::PER_S));
    });
}

criterion_group!(benches, schedules, jobs, validity, looks);
criterion_main!(benches);
