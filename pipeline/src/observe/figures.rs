//! Counters, gauges and exact distributions by name and labels.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;
use metrics::atomics::AtomicU64;
use metrics::{Counter, Gauge, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::registry::{Registry, Storage};
use serde::Serialize;

/// Decimal digits that a distribution keeps.
const DIGITS: u8 = 3;
/// Distributions are of seconds; they are kept in microseconds.
const US: f64 = 1e6;

/// Everything that was recorded in this process. Clones are the same.
#[derive(Clone)]
pub struct Figures(Arc<Registry<Key, Exact>>);

/// Labels of one series.
pub type Labels = BTreeMap<String, String>;

/// What a distribution of times says. Hits and misses of a cache, and errors, are series of their own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Milliseconds.
    pub avg_ms: f64,
    /// The least.
    pub min_ms: f64,
    /// The most.
    pub max_ms: f64,
    /// Half of them took less.
    pub p50_ms: f64,
    /// None: fewer than 20 say nothing of it.
    pub p95_ms: Option<f64>,
    /// None: fewer than 100 say nothing of it.
    pub p99_ms: Option<f64>,
}

/// Atomic counters and gauges, histograms of three digits.
struct Exact;

/// Times, in microseconds. None: there is no room for it.
struct Times(Mutex<Option<Histogram<u64>>>);

impl HistogramFn for Times {
    fn record(&self, seconds: f64) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = times.as_mut() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float that is out of range becomes the nearest integer"
            )]
            let us = (seconds * US).round() as u64;
            // It grows with what is recorded; a time of millions of years is left out.
            let _ = times.record(us);
        }
    }
}

impl Storage<Key> for Exact {
    type Counter = Arc<AtomicU64>;
    type Gauge = Arc<AtomicU64>;
    type Histogram = Arc<Times>;

    fn counter(&self, _: &Key) -> Self::Counter {
        Arc::default()
    }

    fn gauge(&self, _: &Key) -> Self::Gauge {
        Arc::default()
    }

    fn histogram(&self, _: &Key) -> Self::Histogram {
        Arc::new(Times(Mutex::new(Histogram::new(DIGITS).ok())))
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self(Arc::new(Registry::new(Exact)))
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.0.get_or_create_counter(key, |counter| Counter::from_arc(Arc::clone(counter)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.get_or_create_gauge(key, |gauge| Gauge::from_arc(Arc::clone(gauge)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        self.0.get_or_create_histogram(key, |times| metrics::Histogram::from_arc(Arc::clone(times)))
    }
}

impl Figures {
    /// The counters of that name.
    pub fn counters(&self, name: &str) -> Vec<(Labels, u64)> {
        let mut found = Vec::new();
        self.0.visit_counters(|key, counter| {
            if key.name() == name {
                found.push((labels(key), counter.load(Ordering::Acquire)));
            }
        });
        found.sort();
        found
    }

    /// The gauges of that name.
    pub fn gauges(&self, name: &str) -> Vec<(Labels, f64)> {
        let mut found = Vec::new();
        self.0.visit_gauges(|key, gauge| {
            if key.name() == name {
                found.push((labels(key), f64::from_bits(gauge.load(Ordering::Acquire))));
            }
        });
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    /// The distributions of that name.
    pub fn times(&self, name: &str) -> Vec<(Labels, Summary)> {
        let mut found = Vec::new();
        self.0.visit_histograms(|key, times| {
            let times = times.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let (true, Some(times)) = (key.name() == name, times.as_ref()) {
                found.push((labels(key), summary(times)));
            }
        });
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }
}

fn labels(key: &Key) -> Labels {
    key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect()
}

fn summary(times: &Histogram<u64>) -> Summary {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of years fit")]
    let ms = |us: u64| us as f64 / 1000.0;
    let count = times.len();
    let percentile = |p: f64| ms(times.value_at_quantile(p));
    Summary {
        count,
        avg_ms: times.mean() / 1000.0,
        min_ms: ms(times.min()),
        max_ms: ms(times.max()),
        p50_ms: percentile(0.5),
        p95_ms: (count >= 20).then(|| percentile(0.95)),
        p99_ms: (count >= 100).then(|| percentile(0.99)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_told_by_name_and_labels() {
        let figures = Figures::default();
        metrics::with_local_recorder(&figures, || {
            metrics::counter!("jobs", "outcome" => "failed").increment(2);
            metrics::counter!("jobs", "outcome" => "succeeded").increment(5);
            metrics::gauge!("in_use", "class" => "light").set(3.0);
            metrics::gauge!("in_use", "class" => "light").decrement(1.0);
            for ms in 1..=100 {
                metrics::histogram!("took", "stage" => "script").record(f64::from(ms) / 1000.0);
            }
            metrics::histogram!("took", "stage" => "terms").record(0.5);
        });
        let labelled =
            |name: &str, value: &str| Labels::from_iter([(name.to_owned(), value.to_owned())]);
        let jobs = [(labelled("outcome", "failed"), 2), (labelled("outcome", "succeeded"), 5)];
        assert_eq!(figures.counters("jobs"), jobs);
        assert_eq!(figures.gauges("in_use"), [(labelled("class", "light"), 2.0)]);
        let took = figures.times("took");
        assert_eq!(took[0].0, labelled("stage", "script"));
        let Summary { count, avg_ms, min_ms, max_ms, p50_ms, p95_ms, p99_ms } = took[0].1;
        // Three digits.
        let near = |one: f64, other: f64| (one - other).abs() <= other / 1000.0;
        assert_eq!(count, 100);
        assert!(near(avg_ms, 50.5) && near(p50_ms, 50.0), "{avg_ms} {p50_ms}");
        assert!(near(min_ms, 1.0) && near(max_ms, 100.0), "{min_ms} {max_ms}");
        assert!(p95_ms.is_some_and(|p95| near(p95, 95.0)), "{p95_ms:?}");
        assert!(p99_ms.is_some_and(|p99| near(p99, 99.0)), "{p99_ms:?}");
        assert_eq!((took[1].1.p95_ms, took[1].1.p99_ms), (None, None), "one time is no percentile");
        assert_eq!(figures.counters("nothing"), []);
    }
}
