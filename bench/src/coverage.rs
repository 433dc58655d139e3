//! Whether intervals of percentiles hold the truth as often as they say: 95 % are promised.
//!
//! Quick here; `REELBENCH_LONG=1` makes it long and prints the tables of `reports/gate`.

use crate::Estimate;
use crate::dependence::{self, ENOUGH};
use crate::statistics::simulated::{ar_1, generator, is_long};
use crate::statistics::{normal_cdf, normal_quantile};

const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// The time, in microseconds, at the place in its distribution that a standard normal number has in its
/// own.
type Time = fn(f64) -> f64;

/// Times as services have them: skewed, memoryless, of two kinds of job, and with a tail that has no
/// variance.
const DISTRIBUTIONS: [(&str, Time); 4] = [
    ("lognormal", |z| 1e9 * (0.25 * z).exp()),
    ("exponential", |z| -1e9 * normal_cdf(-z).ln()),
    ("bimodal", |z| if z < 0.5 { 1e9 + z * 1e7 } else { 3e9 + z * 1e8 }),
    ("Pareto", |z| 1e9 * normal_cdf(-z).powf(-1.0 / 1.5)),
];

/// How often there was an interval, and how often it held the truth.
#[derive(Clone, Copy, Default)]
struct Held {
    n_series: usize,
    n: usize,
    n_held: usize,
}

impl Held {
    /// Of all intervals. None: there were none.
    fn share(self) -> Option<f64> {
        (self.n > 0).then(|| self.n_held as f64 / self.n as f64)
    }

    fn shown(self) -> String {
        let carried = self.n as f64 / self.n_series as f64;
        self.share().map_or_else(
            || "none".to_owned(),
            |share| format!("{:.2} % of {:.0} %", share * 100.0, carried * 100.0),
        )
    }

    fn count(&mut self, estimate: Estimate, truth: f64) {
        self.n_series += 1;
        if let Estimate::Carried { low, high, .. } = estimate {
            self.n += 1;
            // Times are whole microseconds.
            self.n_held += usize::from(low as f64 <= truth && truth < high as f64 + 1.0);
        }
    }
}

/// What intervals of each quantile hold, of `n_series` series of `n` times of which each is correlated with
/// the next one by `rho`: those of jobs, or where `rho` is 0 and they are few those of what is known to be independent.
fn held(n: usize, n_series: usize, rho: f64, (name, time): (&str, Time)) -> [Held; 4] {
    let mut generator = generator(n as u64 ^ (name.len() as u64) << 32);
    let truths = QUANTILES.map(|q| time(normal_quantile(q)));
    let mut held = [Held::default(); 4];
    for _ in 0..n_series {
        let places = ar_1(n, rho, &mut generator);
        let mut times: Vec<u64> = places.into_iter().map(|place| time(place) as u64).collect();
        // Few jobs cannot show that they are independent; who knows it of other values may say so.
        let is_known = rho == 0.0 && (n as u64) < ENOUGH;
        let worth = dependence::worth(&times);
        times.sort_unstable();
        for ((q, truth), held) in QUANTILES.iter().zip(truths).zip(&mut held) {
            let at_rank = |rank: u64| times[rank as usize - 1];
            let n = n as u64;
            let estimate = if is_known {
                Estimate::of(*q, n, &at_rank)
            } else {
                Estimate::of_series(*q, n, worth, &at_rank)
            };
            held.count(estimate, truth);
        }
    }
    held
}

/// Holds each cell of a table to `least`, and prints the table of a long simulation.
fn check(title: &str, rho: f64, ns: &[usize], n_series: usize, least: f64) {
    let mut table = format!(
        "{title}\n\n| distribution | n | p50 | p90 | p95 | p99 |\n|---|---|---|---|---|---|\n"
    );
    let mut short = Vec::new();
    for distribution in DISTRIBUTIONS {
        for &n in ns {
            let held = held(n, n_series, rho, distribution);
            let name = distribution.0;
            let cells = held.map(Held::shown).join(" | ");
            table.push_str(&format!("| {name} | {n} | {cells} |\n"));
            let is_short = |held: &Held| held.share().is_some_and(|share| share < least);
            if held.iter().filter(|held| held.n * 100 >= n_series).any(is_short) {
                short.push(format!("{name}, n = {n}: {cells}"));
            }
        }
    }
    if is_long() {
        println!("{table}");
    }
    assert!(short.is_empty(), "below {least}: {short:#?}");
}

#[test]
fn intervals_of_independent_times_hold_the_truth() {
    let title = "Independent times";
    if is_long() {
        let ns = [10, 20, 36, 50, 72, 100, 200, 368, 500, 1_000];
        check(title, 0.0, &ns, 10_000, 0.945);
    } else {
        check(title, 0.0, &[10, 36, 72, 100, 400], 500, 0.92);
    }
}

#[test]
fn intervals_of_times_like_their_neighbours_hold_the_truth_from_a_hundred_on() {
    let title = "AR(1), correlation 0.5";
    if is_long() {
        check(title, 0.5, &[100, 150, 200, 368, 500, 1_000], 10_000, 0.945);
    } else {
        check(title, 0.5, &[100, 200, 400], 500, 0.92);
    }
}

#[test]
fn below_a_hundred_times_like_their_neighbours_have_no_interval() {
    let n_series = if is_long() { 10_000 } else { 200 };
    for n in [2, 10, 20, 50, 72, 99] {
        for distribution in DISTRIBUTIONS {
            let n_intervals = held(n, n_series, 0.5, distribution).map(|held| held.n);
            assert_eq!(n_intervals, [0; 4], "{}, n = {n}", distribution.0);
        }
    }
}
