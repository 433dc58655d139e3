//! Seeded numbers that are the same on every machine.
//!
//! A schedule must be the same bit for bit wherever it is made, today and after an upgrade of a library.
//! `rand_distr` promises no such thing (its samplers may change with a minor version, and they take `ln` of
//! the platform). So: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014), which passes BigCrush and can be asked for job number n without the n - 1 before it; and
//! transforms that use nothing but arithmetic, `sqrt`, which IEEE 754 defines to the last bit, and the
//! logarithm of the `libm` crate, which is the same code everywhere.

/// A generator of one seed and one purpose.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Random {
    /// The numbers of `seed` for `purpose`.
    pub const fn new(seed: u64, purpose: u64) -> Self {
        Self { state: mix(mix(seed).wrapping_add(purpose.wrapping_mul(STEP))) }
    }

    /// The numbers of one job among many: reached at once, whatever came before.
    pub const fn stream(&self, number: u64) -> Self {
        Self { state: mix(self.state ^ mix(number.wrapping_add(STEP))) }
    }

    const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// Evenly spread over (0, 1], in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        ((self.bits() >> 11) + 1) as f64 * SCALE
    }

    /// Evenly spread over the numbers below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Exponential with mean 1, by inversion.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Normal with mean 0 and deviation 1, by Marsaglia's polar method.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Gamma with shape `shape` and mean 1 (Marsaglia and Tsang, "A simple method for generating gamma
    /// variables", ACM TOMS 26, 2000; below 1 by their boost).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::exp(libm::log(self.unit()) / shape);
            return self.gamma(shape + 1.0) * (shape + 1.0) * boost / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if libm::log(self.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v / shape;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of 200,000 draws.
    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        let mut random = Random::new(7, 0);
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| draw(&mut random)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean, variance / f64::from(n))
    }

    #[track_caller]
    fn check(draw: impl FnMut(&mut Random) -> f64, mean: f64, variance: f64) {
        let found = moments(draw);
        // Five standard errors of the mean.
        let near = 5.0 * (variance / 200_000.0).sqrt();
        assert!((found.0 - mean).abs() < near, "mean {} for {mean}", found.0);
        assert!((found.1 / variance - 1.0).abs() < 0.05, "variance {} for {variance}", found.1);
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        check(Random::unit, 0.5, 1.0 / 12.0);
        check(Random::exponential, 1.0, 1.0);
        check(Random::normal, 0.0, 1.0);
        for shape in [0.25, 0.5, 1.0, 2.0, 10.0] {
            check(|random| random.gamma(shape), 1.0, 1.0 / shape);
        }
        check(|random| random.below(10) as f64, 4.5, 8.25);
    }

    #[test]
    fn the_numbers_of_a_seed_are_these_for_ever() {
        let mut random = Random::new(42, 1);
        let found: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(
            found,
            [6_168_158_941_143_839_527, 15_426_830_967_218_710_751, 17_079_193_091_237_527_819]
        );
        let mut random = Random::new(42, 1);
        let found = [random.exponential(), random.normal(), random.gamma(0.5), random.gamma(3.0)];
        let bits = [
            4_607_612_456_167_414_634,
            4_606_730_587_143_246_974,
            4_589_446_625_473_466_171,
            4_612_498_310_040_038_679,
        ];
        assert_eq!(found.map(f64::to_bits), bits);
        let [mut fifth, mut sixth] = [5, 6].map(|job| Random::new(42, 1).stream(job));
        assert_ne!(fifth.bits(), sixth.bits());
    }
}
