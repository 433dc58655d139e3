//! A verdict after each look, and the interval of a pooled percentile, must cost nothing beside a run.

use std::hint::black_box;

use bench::comparison::Better;
use bench::gate::{Metric, Order, Pair, Role, Rule, Values, judge};
use bench::statistics::Bootstrap;
use criterion::{Criterion, criterion_group, criterion_main};

const N_PAIRS: u64 = 30;
const N_METRICS: u64 = 20;
const N_JOBS: u64 = 1_000;

/// A number from 1 to 2 that a multiplicative hash spreads out.
fn spread(n: u64) -> f64 {
    1.0 + (n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64
        / (1_u64 << 53) as f64
}

fn name(metric: u64) -> String {
    format!("stage {metric} p50")
}

fn verdict(criterion: &mut Criterion) {
    let metrics: Vec<Metric> = (0..N_METRICS)
        .map(|metric| Metric {
            name: name(metric),
            unit: "s".to_owned(),
            better: Better::Lower,
            role: if metric == 0 { Role::Primary } else { Role::Advisory },
        })
        .collect();
    let values = |run: u64| -> Values {
        (0..N_METRICS).map(|metric| (name(metric), spread(run * N_METRICS + metric))).collect()
    };
    let pairs: Vec<Pair> = (0..N_PAIRS)
        .map(|pair| Pair {
            order: if pair % 2 == 0 { Order::BaseFirst } else { Order::CandidateFirst },
            base: values(2 * pair),
            candidate: values(2 * pair + 1),
            null: None,
        })
        .collect();
    let rule = Rule::default();
    criterion.bench_function("judge/30 pairs x 20 metrics", |bencher| {
        bencher.iter(|| judge(&metrics, black_box(&pairs), &rule));
    });
}

fn bootstrap(criterion: &mut Criterion) {
    let run =
        |run: u64| -> Vec<f64> { (0..N_JOBS).map(|job| spread(run * N_JOBS + job)).collect() };
    let runs: Vec<[Vec<f64>; 2]> =
        (0..N_PAIRS).map(|pair| [run(2 * pair), run(2 * pair + 1)]).collect();
    let pairs: Vec<[&[f64]; 2]> = runs.iter().map(|[a, b]| [a.as_slice(), b]).collect();
    let draws = Bootstrap { seed: 1, n_draws: 2_000, confidence: 0.95 };
    for (name, q) in [("p50", 0.5), ("p95", 0.95)] {
        criterion.bench_function(
            &format!("bootstrap/{name} of 30 pairs x 1,000 jobs"),
            |bencher| {
                bencher.iter(|| draws.ratio(black_box(&pairs), q));
            },
        );
    }
}

criterion_group!(benches, verdict, bootstrap);
criterion_main!(benches);
