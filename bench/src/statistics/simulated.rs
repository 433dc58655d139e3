//! Numbers as machines make them, for simulations in tests.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

pub(crate) fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// A number between 0 and 1, and neither.
pub(crate) fn uniform(generator: &mut Xoshiro256PlusPlus) -> f64 {
    (generator.random_range(0..1_u64 << 52) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// A standard normal number (Box and Muller).
pub(crate) fn normal(generator: &mut Xoshiro256PlusPlus) -> f64 {
    let (radius, turn) = (uniform(generator), uniform(generator));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
}

/// `n` standard normal numbers, each correlated with the next one by `rho`.
pub(crate) fn ar_1(n: usize, rho: f64, generator: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut last = normal(generator);
    let mut next = || {
        let this = last;
        last = rho * last + (1.0 - rho * rho).sqrt() * normal(generator);
        this
    };
    (0..n).map(|_| next()).collect()
}

/// Whether simulations are to be long: thousands of repetitions more, with a table on stdout.
pub(crate) fn is_long() -> bool {
    std::env::var_os("REELBENCH_LONG").is_some_and(|value| value == "1")
}
