//! How numbers read: three digits, a unit, and no percentile that the sample does not carry.

use crate::{Distribution, Estimate};

/// A time with three digits: `853 µs`, `12.4 s`, `3 min 20 s`.
pub fn duration(us: u64) -> String {
    let whole_seconds = (us + 500_000) / 1_000_000;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", three_digits(us as f64 / 1e3)),
        1_000_000..120_000_000 => format!("{} s", three_digits(us as f64 / 1e6)),
        _ => format!("{} min {} s", whole_seconds / 60, whole_seconds % 60),
    }
}

fn three_digits(value: f64) -> String {
    // Thresholds are where rounding would add a digit.
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// What is known about quantile `q` of `times`: `p95 6.10 s (5.90 s to 6.40 s)`, or
/// `p99 > 6.10 s (n = 80; needs 368)`.
pub fn quantile(times: &Distribution, q: f64) -> String {
    format!("{} {}", percentile(q), estimate(times, q))
}

/// The name of quantile `q`: `p50`, `p99.9`.
pub fn percentile(q: f64) -> String {
    format!("p{}", (q * 1e5).round() / 1e3)
}

/// How sure an interval is, in percent: `99`, `99.85`.
pub fn confidence(share: f64) -> String {
    ((share * 1e5).round() / 1e3).to_string()
}

/// A share as a change: `+1.2 %`.
pub fn change(share: f64) -> String {
    format!("{:+.1} %", share * 100.0)
}

/// The ends of an interval of a change, one of which may be infinite: `-0.3 % to +2.7 %`, `less than +2.7 %`.
pub fn changes([low, high]: [f64; 2]) -> String {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("{} to {}", change(low), change(high)),
        (true, false) => format!("more than {}", change(low)),
        (false, true) => format!("less than {}", change(high)),
        (false, false) => "of any size".to_owned(),
    }
}

/// [`quantile`] without its name, for a cell of a table. Where jobs wait for one another, what was seen is
/// told beside what it is worth: `9.87 s seen, > 9.12 s (n = 80, worth 10; needs 72)`.
pub fn estimate(times: &Distribution, q: f64) -> String {
    let (low, needs) = match times.quantile(q) {
        Estimate::Carried { value, low, high } => {
            return format!("{} ({} to {})", duration(value), duration(low), duration(high));
        }
        Estimate::Bounded { low, needs } => (low, needs),
    };
    let seen = times.seen(q).map(|us| format!("{} seen, ", duration(us))).unwrap_or_default();
    let bound = low.map_or_else(|| "unknown".to_owned(), |low| format!("> {}", duration(low)));
    let (n, worth) = (times.n(), times.worth());
    let worth = if worth < n { format!(", worth {worth}") } else { String::new() };
    format!("{seen}{bound} (n = {n}{worth}; needs {needs})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_sure_an_interval_is_has_no_digits_of_a_float() {
        let found = [0.99, 0.95, 1.0 - 0.001 - 0.0005].map(confidence);
        assert_eq!(found, ["99", "95", "99.85"]);
    }

    #[test]
    fn an_interval_may_have_one_end() {
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        let found = [[-0.003, 0.027], [low, 0.027], [-0.003, high], [low, high]].map(changes);
        let expected = ["-0.3 % to +2.7 %", "less than +2.7 %", "more than -0.3 %", "of any size"];
        assert_eq!(found, expected);
    }

    #[test]
    fn times_have_three_digits() {
        let cases = [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_000, "1.00 ms"),
            (9_994, "9.99 ms"),
            (9_996, "10.0 ms"),
            (99_960, "100 ms"),
            (999_400, "999 ms"),
            (6_100_000, "6.10 s"),
            (61_234_567, "61.2 s"),
            (119_400_000, "119 s"),
            (120_000_000, "2 min 0 s"),
            (200_499_999, "3 min 20 s"),
        ];
        for (us, expected) in cases {
            assert_eq!(duration(us), expected, "{us}");
        }
    }

    #[track_caller]
    fn check(n: u64, q: f64, expected: &str) {
        let times: Distribution = (1..=n).map(|second| second * 1_000_000).collect();
        assert_eq!(quantile(&times, q), expected);
    }

    #[test]
    fn a_percentile_is_an_interval_a_bound_or_unknown() {
        check(0, 0.5, "p50 unknown (n = 0; needs 6)");
        check(5, 0.5, "p50 unknown (n = 5; needs 6)");
        check(1, 0.99, "p99 > 1.00 s (n = 1; needs 368)");
        check(80, 0.99, "p99 > 77.0 s (n = 80; needs 368)");
        check(10, 0.5, "p50 5.00 s (2.00 s to 9.00 s)");
        check(100, 0.95, "p95 95.0 s (90.0 s to 100 s)");
        check(100, 0.999, "p99.9 > 99.0 s (n = 100; needs 3688)");
    }

    #[test]
    fn what_was_seen_of_jobs_that_wait_for_one_another_is_told_with_its_worth() {
        let rising: Vec<u64> = (1..=80).map(|second| second * 1_000_000).collect();
        let times = Distribution::of_series(&rising);
        let expected =
            format!("p95 76.0 s seen, > 40.0 s (n = 80, worth {}; needs 100)", times.worth());
        assert_eq!(quantile(&times, 0.95), expected);
    }
}
