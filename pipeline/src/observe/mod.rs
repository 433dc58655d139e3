//! What the service counts and times, told in two ways from the same records: Prometheus text with
//! buckets, for those who collect, and exact percentiles as JSON, for those who look.
//!
//! Who records uses the macros of `metrics` and knows of neither.

mod document;
mod figures;

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::FanoutBuilder;

pub use self::document::{Observed, document};
pub use self::figures::Figures;

/// Upper bounds of the histograms of times, in seconds.
const BUCKETS: [f64; 12] = [0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0];

/// How long kept answers and new ones take: the first are there within microseconds.
const CACHE_SECONDS: &str = "reelbench_cache_seconds";
/// Upper bounds of its histogram.
const CACHE_BUCKETS: [f64; 12] =
    [0.000_01, 0.000_1, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 5.0, 20.0, 60.0, 180.0];

/// Both ways.
#[derive(Clone)]
pub struct Observer {
    /// Renders the Prometheus text.
    pub prometheus: PrometheusHandle,
    /// Gives the numbers.
    pub figures: Figures,
}

impl Observer {
    /// Records everything from now on, in this process, or nothing (claim 003-11).
    ///
    /// # Errors
    ///
    /// Somebody records already.
    pub fn install(records: bool) -> anyhow::Result<Self> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
            .set_buckets_for_metric(Matcher::Full(CACHE_SECONDS.to_owned()), &CACHE_BUCKETS)?
            .build_recorder();
        let (prometheus, figures) = (recorder.handle(), Figures::default());
        if !records {
            return Ok(Self { prometheus, figures });
        }
        let both =
            FanoutBuilder::default().add_recorder(recorder).add_recorder(figures.clone()).build();
        metrics::set_global_recorder(both).ok().context("cannot start the metrics")?;
        Ok(Self { prometheus, figures })
    }
}

/// What `record` records, and nothing else, as Prometheus text.
pub fn text_of(record: impl FnOnce()) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, record);
    recorder.handle().render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_recorded_costs_and_tells_nothing() {
        let observer = Observer::install(false).expect("nobody is asked");
        metrics::counter!("reelbench_job_retries_total").increment(1);
        assert_eq!(observer.prometheus.render(), "");
        assert_eq!(observer.figures.counters("reelbench_job_retries_total"), []);
    }

    #[test]
    fn text_is_of_what_it_is_made_of() {
        let text = text_of(|| metrics::gauge!("a", "b" => "c").set(1.5));
        assert_eq!(text, "# TYPE a gauge\na{b=\"c\"} 1.5\n\n");
    }
}
