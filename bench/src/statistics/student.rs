//! The normal distribution and Student's t, to the last digits that doubles have.

use std::f64::consts::{FRAC_2_PI, PI};

/// P(Z <= x) of the standard normal distribution: a series of positive terms (Marsaglia, *Journal of
/// Statistical Software* 11(4), 2004).
pub fn normal_cdf(x: f64) -> f64 {
    const FAR: f64 = 9.0; // beyond it the rest is less than 1e-18
    if x.abs() > FAR {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let terms = std::iter::successors(Some((x, 1.0)), |&(term, k)| {
        Some((term * x * x / (k + 2.0), k + 2.0))
    });
    let series: f64 = terms.map(|(term, _)| term).take_while(|term| term.abs() > 1e-18).sum();
    0.5 + series * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// P(T <= t) of Student's t with `freedom` degrees, at least one: the finite sums for whole degrees
/// (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4).
pub fn student_cdf(t: f64, freedom: usize) -> f64 {
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    // Terms from the power of the cosine that the degrees begin with, each two powers on.
    let first = if is_odd { cosine } else { 1.0 };
    let mut power = if is_odd { 1 } else { 0 };
    let mut term = first;
    let mut sum = 0.0;
    while power + 2 <= freedom {
        sum += term;
        power += 2;
        term *= cosine * cosine * (power - 1) as f64 / power as f64;
    }
    let inside = if is_odd { FRAC_2_PI * (angle + sine * sum) } else { sine * sum };
    0.5 + 0.5 * inside
}

/// The `t` that a share `p` of Student's t with `freedom` degrees does not exceed, `p` between 0 and 1.
pub fn student_quantile(p: f64, freedom: usize) -> f64 {
    if p < 0.5 {
        return -student_quantile(1.0 - p, freedom);
    }
    inverse(|t| student_cdf(t, freedom), p)
}

/// The `x` that a share `p` of the standard normal distribution does not exceed, `p` between 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    if p < 0.5 { -normal_quantile(1.0 - p) } else { inverse(normal_cdf, p) }
}

/// Where a rising `cdf` comes to `p`, from zero up: halved until no double is left between two.
fn inverse(cdf: impl Fn(f64) -> f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while cdf(high) < p && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return high;
        }
        if cdf(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, freedom, expected) in
            [(0.975, 9, 2.262), (0.95, 1, 6.314), (0.99, 2, 6.965), (0.025, 30, -2.042)]
        {
            let found = student_quantile(p, freedom);
            assert!((found - expected).abs() < 5e-4, "{found} for {expected}");
        }
        assert!((normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-15);
        assert!((normal_quantile(0.025) + 1.959_963_984_540_054).abs() < 1e-12);
        assert_eq!((normal_cdf(-40.0), normal_cdf(0.0), normal_cdf(40.0)), (0.0, 0.5, 1.0));
        assert_eq!(student_quantile(0.5, 4), student_quantile(0.5, 5));
    }
}
