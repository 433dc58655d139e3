//! Cold starts: a job that waits until a worker is there, or its model is loaded, tells another story than
//! those after it, and one number over both tells neither.
//!
//! `bench` does not know which job that is: a target that does puts `true` under [`COLD`] into the
//! sample's `extra`.

use crate::page::Block;
use crate::text::duration;
use crate::{Distribution, Outcome, Parts, Sample, text};

/// Key in [`Sample::extra`]: `true` on the first job of a worker, or of a target that was started for the
/// run.
pub const COLD: &str = "cold";

/// Latency and queue wait of the jobs that met a cold start, and of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColdStart {
    /// Jobs that did.
    pub cold: Wait,
    /// Jobs that did not.
    pub warm: Wait,
}

/// How long jobs of one sort took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wait {
    /// From planned to finished.
    pub latency: Distribution,
    /// From accepted to started.
    pub queue: Distribution,
}

impl ColdStart {
    /// Over the measured jobs that ended well, and those of a warm-up that met one: it is there to meet them.
    /// None: of no job it is known that it met one.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let is_cold = |sample: &Sample| sample.extra.get(COLD) == Some(&true.into());
        let counts = |sample: &&Sample| {
            sample.outcome == Outcome::Ok && (sample.phase.is_measured() || is_cold(sample))
        };
        let well = || samples.iter().filter(counts);
        if !well().any(is_cold) {
            return None;
        }
        let mut found = Self::default();
        for sample in well() {
            let wait = if is_cold(sample) { &mut found.cold } else { &mut found.warm };
            wait.latency.add(sample.latency_us());
            wait.queue.add(Parts::of(sample).queue_us);
        }
        Some(found)
    }

    /// `cold start: 2 of 80 jobs, mean latency 4.10 s, mean queue wait 3.00 s; the others: p50 1.00 s (…)`.
    pub fn line(&self) -> String {
        let (n_cold, n_warm) = (self.cold.latency.n(), self.warm.latency.n());
        let mean = |times: &Distribution| duration(times.mean_us().unwrap_or_default() as u64);
        let cold = format!(
            "cold start: {n_cold} of {} jobs, mean latency {}, mean queue wait {}",
            n_cold + n_warm,
            mean(&self.cold.latency),
            mean(&self.cold.queue)
        );
        if n_warm == 0 {
            return cold;
        }
        let warm = text::quantile(&self.warm.latency, 0.5);
        format!("{cold}; the others: {warm}, mean queue wait {}", mean(&self.warm.queue))
    }
}

/// The section of a report; none where nothing is known of cold starts.
pub(crate) fn section(samples: &[Sample]) -> Vec<Block> {
    let Some(found) = ColdStart::of(samples) else { return Vec::new() };
    let method = "The first job of each worker as far as the service names workers, or the first after a \
                  start of ours. They are in the percentiles above, but for those of a warm-up.";
    vec![
        Block::heading("Cold start"),
        Block::text(format!("{}.", found.line())),
        Block::text(method),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    fn job(is_cold: Option<bool>, started_us: u64, finished_us: u64) -> Sample {
        let extra =
            is_cold.map_or(serde_json::Value::Null, |cold| serde_json::json!({ COLD: cold }));
        Sample { started_us: Some(started_us), extra, ..sample(0, finished_us) }
    }

    #[test]
    fn cold_jobs_are_told_from_the_others() {
        let warm_up = |job| Sample { phase: crate::Phase::WarmUp, ..job };
        let jobs = [
            warm_up(job(Some(false), 10_000, 9_000_000)),
            warm_up(job(Some(true), 3_000_000, 4_000_000)),
            job(Some(false), 10_000, 1_000_000),
            job(None, 30_000, 1_200_000),
        ];
        let found = ColdStart::of(&jobs).expect("one is cold");
        assert_eq!((found.cold.latency.n(), found.warm.latency.n()), (1, 2));
        assert_eq!(found.cold.queue.max_us(), Some(3_000_000));
        assert_eq!(found.warm.queue.mean_us(), Some(20_000.0));
        let expected = "cold start: 1 of 3 jobs, mean latency 4.00 s, mean queue wait 3.00 s; the others: \
                        p50 unknown (n = 2; needs 6), mean queue wait 20.0 ms";
        assert_eq!(found.line(), expected);
        let Some(Block::Text { text }) = section(&jobs).into_iter().nth(1) else {
            panic!("no section")
        };
        assert!(text.starts_with("cold start: 1 of 3"), "{text}");
    }

    #[test]
    fn where_nobody_says_so_nothing_is_cold() {
        assert_eq!(ColdStart::of(&[]), None);
        assert_eq!(ColdStart::of(&[job(Some(false), 1, 2), job(None, 1, 2)]), None);
        let failed = Outcome::Failed("x".to_owned());
        assert_eq!(ColdStart::of(&[Sample { outcome: failed, ..job(Some(true), 1, 2) }]), None);
        let alone = ColdStart::of(&[job(Some(true), 1_000, 2_000)]).expect("one").line();
        assert_eq!(alone, "cold start: 1 of 1 jobs, mean latency 2.00 ms, mean queue wait 1.00 ms");
    }
}
