//! A straight line through ten windows.
//!
//! Jobs that follow one another are not independent, so a line through single jobs would look surer than it
//! is. Windows are cut long enough that their means nearly are (batch means; Law, *Simulation Modeling and
//! Analysis*, 5th ed., section 9.5.3), and the line is fitted to them.

/// Windows of a run.
pub const WINDOWS: usize = 10;

/// How sure an interval is: Student's t with eight degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Confidence {
    /// 95 %: for a probe, which is one of several.
    Usual,
    /// 99 %: for a change that is doubted only where it is large as well.
    High,
    /// 99.9 %: for a verdict on a run, which must not be doubted by chance.
    Highest,
}

impl Confidence {
    const fn t(self) -> f64 {
        match self {
            Self::Usual => 2.306_004,
            Self::High => 3.355_387,
            Self::Highest => 5.041_305,
        }
    }
}

/// What changes from one window to the next, with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The best guess.
    pub value: f64,
    /// It is not less.
    pub low: f64,
    /// It is not more.
    pub high: f64,
}

impl Slope {
    /// Least squares through `values`, one a window.
    pub fn of(values: &[f64; WINDOWS], confidence: Confidence) -> Self {
        let n = WINDOWS as f64;
        let middle = (n - 1.0) / 2.0;
        let mean = values.iter().sum::<f64>() / n;
        let at = |index: usize| index as f64 - middle;
        let spread: f64 = (0..WINDOWS).map(|index| at(index) * at(index)).sum();
        let value = values.iter().enumerate().map(|(index, y)| at(index) * (y - mean)).sum::<f64>()
            / spread;
        let residual: f64 = values
            .iter()
            .enumerate()
            .map(|(index, y)| (y - mean - value * at(index)).powi(2))
            .sum();
        let half = confidence.t() * (residual / (n - 2.0) / spread).sqrt();
        Self { value, low: value - half, high: value + half }
    }

    /// The same in other units.
    pub fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_scipy() {
        // scipy.stats.linregress(range(10), y) and t.ppf([0.975, 0.995, 0.9995], 8)
        let values = [1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 8.0, 7.0, 9.0, 10.0];
        let usual = Slope::of(&values, Confidence::Usual);
        let high = Slope::of(&values, Confidence::High);
        let highest = Slope::of(&values, Confidence::Highest);
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-6;
        assert!(near(usual.value, 0.963_636_363_636), "{usual:?}");
        assert!(near(usual.high - usual.value, 2.306_004 * 0.094_475_498_6), "{usual:?}");
        assert!(near(high.value - high.low, 3.355_387 * 0.094_475_498_6), "{high:?}");
        assert!(near(highest.value - highest.low, 5.041_305 * 0.094_475_498_6), "{highest:?}");
        let even: [f64; WINDOWS] = std::array::from_fn(|index| 2.0 + 2.0 * index as f64);
        let exact = Slope::of(&even, Confidence::High);
        assert!(near(exact.low, 2.0) && near(exact.high, 2.0), "{exact:?}");
    }
}
