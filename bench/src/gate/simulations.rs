//! What the rule does on noise: false alarms, power, and how many pairs it takes.
//!
//! Quick here; `REELBENCH_LONG=1` makes them long and prints the tables of `reports/gate`.

mod advice;
mod power;

use std::collections::BTreeMap;

use rand::rngs::Xoshiro256PlusPlus;

use super::*;
use crate::comparison::Better;
use crate::statistics::simulated::{ar_1, generator, is_long, normal, uniform};

/// What makes the runs of one gate differ, where nothing else does.
#[derive(Clone, Copy, Debug)]
enum Machine {
    /// Independent runs; the share is the standard deviation of the logarithm of a pair's ratio.
    Steady(f64),
    /// As steady as that, and one run of twenty stalls for 10 to 40 % of its time.
    Stalling(f64),
    /// Runs that are like their neighbours, correlated by one half.
    Drifting(f64),
    /// As steady as that, and the second run of each pair takes so much longer.
    Biased(f64, f64),
    /// Times that were recorded, one run after the other from a place drawn at random.
    Recorded(&'static [f64]),
}

impl Machine {
    /// The time of each of `n` runs in a row, of which `place` is where in its pair.
    fn times(self, n: usize, generator: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        // Two runs of a pair share its spread.
        let of = |sd: f64, normal: f64| (sd / 2.0_f64.sqrt() * normal).exp();
        match self {
            Self::Steady(sd) => (0..n).map(|_| of(sd, normal(generator))).collect(),
            Self::Stalling(sd) => {
                let mut run = || {
                    let stall = if uniform(generator) < 0.05 {
                        0.1 + 0.3 * uniform(generator)
                    } else {
                        0.0
                    };
                    of(sd, normal(generator)) * (1.0 + stall)
                };
                (0..n).map(|_| run()).collect()
            }
            Self::Drifting(sd) => {
                ar_1(n, 0.5, generator).into_iter().map(|normal| of(sd, normal)).collect()
            }
            Self::Biased(sd, bias) => (0..n)
                .map(|run| of(sd, normal(generator)) * if run % 2 == 1 { 1.0 + bias } else { 1.0 })
                .collect(),
            Self::Recorded(times) => {
                let first = (uniform(generator) * (times.len() - n + 1) as f64) as usize;
                times[first..first + n].to_vec()
            }
        }
    }
}

fn metric() -> Metric {
    Metric {
        name: "latency p50".to_owned(),
        unit: "s".to_owned(),
        better: Better::Lower,
        role: Role::Primary,
    }
}

fn values(time: f64) -> Values {
    BTreeMap::from([("latency p50".to_owned(), time)])
}

/// Pairs of runs.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// On which they are made.
    machine: Machine,
    /// The candidate takes so many times as long.
    factor: f64,
    /// Whether each has a null run.
    has_null: bool,
}

/// As many pairs of `trial` as the rule takes at most.
fn pairs(trial: Trial, rule: &Rule, generator: &mut Xoshiro256PlusPlus) -> Vec<Pair> {
    let Trial { machine, factor, has_null } = trial;
    let n_pairs = rule.last_look().expect("a look").pairs;
    let schedule = Schedule { seed: (uniform(generator) * 1e15) as u64, has_null };
    let slots = schedule.slots(n_pairs);
    let times = machine.times(slots.len(), generator);
    let mut pairs: Vec<Pair> = schedule
        .orders(n_pairs)
        .into_iter()
        .map(|order| Pair { order, base: Values::new(), candidate: Values::new(), null: None })
        .collect();
    for (slot, time) in slots.iter().zip(times) {
        match slot.arm {
            Arm::Candidate => pairs[slot.pair].candidate = values(time * factor),
            Arm::Base => pairs[slot.pair].base = values(time),
            Arm::Null => pairs[slot.pair].null = Some(values(time)),
        }
    }
    pairs
}

/// How gates ended.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    n: usize,
    n_passed: usize,
    n_failed: usize,
    n_invalid: usize,
    n_pairs: usize,
}

impl Ends {
    /// Of `n` gates by `rule`, each run to its verdict look by look.
    fn of(trial: Trial, rule: &Rule, n: usize) -> Self {
        let mut generator = generator(n as u64);
        let mut ends = Self { n, ..Self::default() };
        for _ in 0..n {
            let pairs = pairs(trial, rule, &mut generator);
            for look in &rule.looks {
                let judged =
                    judge(&[metric()], &pairs[..look.pairs], rule).expect("it can be judged");
                let next = match judged.verdict {
                    Verdict::Inconclusive { next_look, .. } => next_look,
                    _ => None,
                };
                if next.is_some() {
                    continue;
                }
                ends.n_passed += usize::from(judged.verdict == Verdict::Pass);
                ends.n_failed += usize::from(judged.verdict.as_str() == "regression");
                ends.n_invalid += usize::from(judged.verdict.as_str() == "invalid");
                ends.n_pairs += judged.n_pairs;
                break;
            }
        }
        ends
    }

    fn failed(&self) -> f64 {
        self.n_failed as f64 / self.n as f64
    }

    fn passed(&self) -> f64 {
        self.n_passed as f64 / self.n as f64
    }

    fn pairs(&self) -> f64 {
        self.n_pairs as f64 / self.n as f64
    }

    fn row(&self, name: &str) -> String {
        let invalid = self.n_invalid as f64 / self.n as f64;
        let [failed, invalid, passed] =
            [self.failed(), invalid, self.passed()].map(|share| share * 100.0);
        let pairs = self.pairs();
        format!("| {name} | {failed:.3} % | {invalid:.1} % | {passed:.1} % | {pairs:.1} |\n")
    }
}

/// Noise that was recorded: wall and CPU time of runs of one job, one after the other.
const QUIET: &str = include_str!("../../tests/noise/quiet.txt");
const PREFERRED: &str = include_str!("../../tests/noise/preferred.txt");
const BUSY: &str = include_str!("../../tests/noise/busy.txt");

fn recorded(text: &str, column: usize) -> &'static [f64] {
    let of = |line: &str| -> f64 {
        line.split(' ').nth(column).expect("a column").parse().expect("a number")
    };
    text.lines().filter(|line| !line.starts_with('#')).map(of).collect::<Vec<_>>().leak()
}

/// Every simulated machine with its name.
fn simulated() -> Vec<(String, Machine)> {
    let mut machines = Vec::new();
    for sd in [0.01, 0.02, 0.04, 0.08] {
        let percent = sd * 100.0;
        machines.push((format!("independent, sd {percent} %"), Machine::Steady(sd)));
        machines.push((format!("5 % of runs stall, sd {percent} %"), Machine::Stalling(sd)));
        machines.push((format!("AR(1) 0.5, sd {percent} %"), Machine::Drifting(sd)));
        machines
            .push((format!("second run 5 % slower, sd {percent} %"), Machine::Biased(sd, 0.05)));
        machines
            .push((format!("second run 5 % quicker, sd {percent} %"), Machine::Biased(sd, -0.05)));
    }
    machines.push(("independent, sd 40 %".to_owned(), Machine::Steady(0.4)));
    machines
}

/// Each clock of each recording with its name.
fn replayed() -> Vec<(String, Machine)> {
    let recordings =
        [("idle", QUIET), ("real-time priority", PREFERRED), ("4x oversubscribed", BUSY)];
    let machine = |(name, text): (&'static str, &'static str)| {
        ["wall", "CPU"].into_iter().enumerate().map(move |(column, clock)| {
            let name = format!("recorded, {name}, {clock} time");
            (name, Machine::Recorded(recorded(text, column)))
        })
    };
    recordings.into_iter().flat_map(machine).collect()
}

#[track_caller]
fn check_false_alarms(machines: &[(String, Machine)]) {
    let rule = Rule::default();
    let n = if is_long() { 20_000 } else { 100 };
    let mut table =
        "| machine | failed | invalid | passed | pairs |\n|---|---|---|---|---|\n".to_owned();
    let mut n_failed = 0;
    let mut is_within = true;
    for (name, machine) in machines {
        // As shipped: with null runs. Between them a pair would have no second place to be biased.
        let has_null = !matches!(machine, Machine::Biased(..));
        let ends = Ends::of(Trial { machine: *machine, factor: 1.0, has_null }, &rule, n);
        table.push_str(&ends.row(name));
        n_failed += ends.n_failed;
        is_within &= ends.failed() <= 0.001;
    }
    if is_long() {
        println!("{table}");
        assert!(is_within, "{table}");
    }
    // All machines together: a quick simulation has too few gates of each.
    assert!(n_failed as f64 <= 0.001 * (n * machines.len()) as f64, "{table}");
}

#[test]
fn a_gate_without_a_difference_fails_in_one_of_a_thousand_at_most() {
    check_false_alarms(&simulated());
}

#[test]
fn a_replay_of_recorded_noise_fails_in_one_of_a_thousand_at_most() {
    check_false_alarms(&replayed());
}

#[test]
fn the_default_looks_spend_one_false_alarm_in_a_thousand() {
    let rule = Rule::default();
    let sum = |of: fn(&Look) -> f64| rule.looks.iter().map(of).sum::<f64>();
    assert!(sum(|look| look.alarm) <= 0.001 + 1e-12, "{}", sum(|look| look.alarm));
    assert!(sum(|look| look.fail) <= 0.01 + 1e-12, "{}", sum(|look| look.fail));
    assert!(sum(|look| look.pass) <= 0.01 + 1e-12, "{}", sum(|look| look.pass));
}
