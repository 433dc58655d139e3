//! The percentiles of a histogram as text, `.hgrm`: byte for byte what the Java library's
//! `outputPercentileDistribution(out, 5, scaling)` prints, which plotters of HdrHistogram read
//! (<https://hdrhistogram.github.io/HdrHistogram/plotFiles.html>, `wrk2`, `vegeta`).
//!
//! The Rust library has no such text. Its iterator of quantiles is close, and not the same: Java counts
//! percentiles to 100 and not to 1, which rounds otherwise. So the walk over the recorded values is
//! written here, after `PercentileIterator` and `AbstractHistogram` of HdrHistogram 2.2.2.

use std::fmt::Write;

use hdrhistogram::Histogram;

/// Percentiles are listed so often on each way that halves the distance to 100 %.
const TICKS: f64 = 5.0;

/// The text; values are divided by `scale`, so `1e6` makes microseconds seconds.
pub fn hgrm(histogram: &Histogram<u64>, scale: f64) -> String {
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let digits = usize::from(histogram.sigfig());
    let number = |value: f64| format!("{:>12}", fixed(value, digits));
    for Row { value, percentile, count } in rows(histogram) {
        let share = percentile / 100.0;
        let value = number(value as f64 / scale);
        let _ = write!(text, "{value} {} {count:>10}", fixed(share, 12));
        if percentile < 100.0 {
            let _ = write!(text, " {:>14}", fixed(1.0 / (1.0 - share), 2));
        }
        text.push('\n');
    }
    let (mean, deviation) = moments(histogram);
    let (mean, deviation) = (number(mean / scale), number(deviation / scale));
    let _ = writeln!(text, "#[Mean    = {mean}, StdDeviation   = {deviation}]");
    let (most, n) = (number(histogram.max() as f64 / scale), histogram.len());
    let _ = writeln!(text, "#[Max     = {most}, Total count    = {n:>12}]");
    let buckets = histogram.buckets();
    let _ = writeln!(
        text,
        "#[Buckets = {buckets:>12}, SubBuckets     = {:>12}]",
        sub_buckets(histogram)
    );
    text
}

/// A line of the text.
struct Row {
    value: u64,
    percentile: f64,
    count: u64,
}

fn rows(histogram: &Histogram<u64>) -> Vec<Row> {
    let n = histogram.len();
    let (mut rows, mut count, mut percentile) = (Vec::new(), 0, 0.0);
    for step in histogram.iter_recorded() {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to();
        let reached = 100.0 * count as f64 / n as f64;
        while reached >= percentile {
            rows.push(Row { value, percentile, count });
            percentile = next(percentile);
            if count == n {
                rows.push(Row { value, percentile: 100.0, count });
                break;
            }
        }
    }
    rows
}

/// The percentile that comes after `percentile`.
fn next(percentile: f64) -> f64 {
    let halvings = ((100.0 / (100.0 - percentile)).ln() / std::f64::consts::LN_2).trunc();
    percentile + 100.0 / (TICKS * (halvings + 1.0).exp2())
}

/// Mean and standard deviation, of the middles of the buckets.
fn moments(histogram: &Histogram<u64>) -> (f64, f64) {
    let n = histogram.len() as f64;
    if histogram.is_empty() {
        return (0.0, 0.0);
    }
    let middles = || {
        let steps = histogram.iter_recorded();
        steps.map(|step| {
            let middle = histogram.median_equivalent(step.value_iterated_to()) as f64;
            (middle, step.count_at_value() as f64)
        })
    };
    let mean = middles().fold(0.0, |sum, (middle, count)| sum + middle * count) / n;
    let squares = middles().fold(0.0, |sum, (middle, count)| {
        let away = middle - mean;
        sum + away * away * count
    });
    (mean, (squares / n).sqrt())
}

/// How many values a bucket tells apart: the library keeps it to itself, and a half of them is counted for
/// each bucket and once more for the first.
fn sub_buckets(histogram: &Histogram<u64>) -> usize {
    histogram.distinct_values() / (usize::from(histogram.buckets()) + 1) * 2
}

/// `value` with so many decimals, as Java writes it: the shortest decimal that is this number, rounded
/// half up. C and Rust round the binary number, and 1.2345 is a little less in binary.
fn fixed(value: f64, decimals: usize) -> String {
    let shortest = value.to_string();
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    if fraction.len() <= decimals {
        return format!("{value:.decimals$}");
    }
    let kept = [whole, &fraction[..decimals]].concat();
    let mut digits: Vec<u8> = kept.into_bytes();
    if fraction.as_bytes()[decimals] >= b'5' {
        add_one(&mut digits);
    }
    let mut text = String::from_utf8_lossy(&digits).into_owned();
    if decimals > 0 {
        text.insert(text.len() - decimals, '.');
    }
    text
}

/// Adds one to a number of decimal digits.
fn add_one(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests;
