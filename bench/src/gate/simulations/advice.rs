//! How often figures that advise are called better or worse where nothing is.

use super::*;
use crate::comparison::Word;

/// Figures beside the one that decides.
const N_OTHERS: usize = 12;

/// Pairs of equal arms: each figure has the noise of its run by the share `rho`, and noise of its own.
fn pairs(sd: f64, rho: f64, rule: &Rule, generator: &mut Xoshiro256PlusPlus) -> Vec<Pair> {
    let n_pairs = rule.last_look().expect("a look").pairs;
    let schedule = Schedule { seed: (uniform(generator) * 1e15) as u64, has_null: false };
    let mut run = || -> Values {
        let of_run = normal(generator);
        let mut time = |rho: f64| {
            let own = (1.0 - rho * rho).sqrt() * normal(generator);
            (sd / 2.0_f64.sqrt() * (rho * of_run + own)).exp()
        };
        let primary = [("latency p50".to_owned(), time(1.0))];
        let others = (0..N_OTHERS).map(|number| (format!("other {number}"), time(rho)));
        primary.into_iter().chain(others.collect::<Vec<_>>()).collect()
    };
    let orders = schedule.orders(n_pairs).into_iter();
    orders.map(|order| Pair { order, base: run(), candidate: run(), null: None }).collect()
}

fn metrics() -> Vec<Metric> {
    let other =
        |number| Metric { name: format!("other {number}"), role: Role::Advisory, ..metric() };
    [metric()].into_iter().chain((0..N_OTHERS).map(other)).collect()
}

/// The share of gates at whose end a figure is called better or worse.
fn advised(sd: f64, rho: f64, n: usize) -> f64 {
    let rule = Rule::default();
    let mut generator = generator(n as u64);
    let is_advised = |_: &usize| {
        let pairs = pairs(sd, rho, &rule, &mut generator);
        let judged = rule.looks.iter().find_map(|look| {
            let judged = judge(&metrics(), &pairs[..look.pairs], &rule).expect("it can be judged");
            let goes_on =
                matches!(judged.verdict, Verdict::Inconclusive { next_look: Some(_), .. });
            (!goes_on).then_some(judged)
        });
        let judged = judged.expect("the last look ends it");
        judged.advisory.iter().any(|effect| matches!(effect.word, Word::Better | Word::Worse))
    };
    (0..n).filter(is_advised).count() as f64 / n as f64
}

#[test]
fn figures_that_advise_are_wrong_in_one_of_a_hundred_gates_at_most_whenever_the_gate_ends() {
    let n = if is_long() { 10_000 } else { 400 };
    let sds: &[f64] = if is_long() { &[0.02, 0.05, 0.1, 0.4] } else { &[0.4] };
    let rhos: &[f64] = if is_long() { &[0.0, 0.7, 1.0] } else { &[0.7] };
    let mut table = "| sd | correlation with the run | advised |\n|---|---|---|\n".to_owned();
    let mut is_within = true;
    for &sd in sds {
        for &rho in rhos {
            let advised = advised(sd, rho, n);
            table.push_str(&format!("| {sd} | {rho} | {:.2} % |\n", advised * 100.0));
            // Three standard errors for the few of a quick simulation.
            let margin = 3.0 * (0.01 * 0.99 / n as f64).sqrt();
            is_within &= advised <= 0.01 + if is_long() { 0.0 } else { margin };
        }
    }
    if is_long() {
        println!("{table}");
    }
    assert!(is_within, "{table}");
}
