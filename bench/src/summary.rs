use std::collections::BTreeMap;

use crate::{Distribution, Outcome, Parts, Sample};

/// What the samples of a run say. Times are those of jobs that ended well; all others are counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Jobs that ended well.
    pub n_ok: u64,
    /// Jobs that failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Jobs that the end of the run cut short.
    pub n_cancelled: u64,
    /// From planned to finished: what a user waits.
    pub latency: Distribution,
    /// From started to finished: what the work takes. Only of jobs whose start is known.
    pub service: Distribution,
    /// From planned to sent: how late the driver was.
    pub lag: Distribution,
    /// From sent to accepted.
    pub submit: Distribution,
    /// From accepted to started.
    pub queue: Distribution,
    /// Between started and finished, when no stage ran.
    pub rest: Distribution,
    /// Each stage, in the order of their mean start within a job.
    pub stages: Vec<StageSummary>,
    /// Parts of all jobs together.
    pub parts: Parts,
    /// The largest share by which the parts of a job miss its latency; 0.01 is the limit.
    pub closure_error: f64,
    /// From the first planned instant to the last end.
    pub span_us: u64,
}

/// One stage over all jobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageSummary {
    /// Its name.
    pub name: String,
    /// How long it ran.
    pub duration: Distribution,
}

impl Summary {
    /// Sums up samples, in any order.
    pub fn of(samples: &[Sample]) -> Self {
        let mut summary = Self { span_us: span_us(samples), ..Self::default() };
        let mut stages: BTreeMap<&str, Stage> = BTreeMap::new();
        for sample in samples {
            match &sample.outcome {
                Outcome::Ok => {
                    summary.add(sample);
                    for span in &sample.stages {
                        let stage = stages.entry(&span.name).or_default();
                        stage.duration.add(span.end_us.saturating_sub(span.start_us));
                        stage.starts_us += u128::from(span.start_us.saturating_sub(sample.sent_us));
                    }
                }
                Outcome::Failed(code) => *summary.failed.entry(code.clone()).or_default() += 1,
                Outcome::Cancelled => summary.n_cancelled += 1,
            }
        }
        summary.stages = in_order(stages);
        summary
    }

    fn add(&mut self, sample: &Sample) {
        let parts = Parts::of(sample);
        self.n_ok += 1;
        self.latency.add(sample.latency_us());
        if let Some(started) = sample.started_us {
            self.service.add(sample.finished_us.saturating_sub(started));
        }
        self.lag.add(parts.lag_us);
        self.submit.add(parts.submit_us);
        self.queue.add(parts.queue_us);
        self.rest.add(parts.rest_us);
        self.parts = self.parts + parts;
        self.closure_error = self.closure_error.max(parts.closure_error(sample));
    }

    /// Jobs that failed, whatever the reason.
    pub fn n_failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Jobs that ended well in an hour, over the whole run. None of a run that took no time.
    pub fn ok_per_hour(&self) -> Option<f64> {
        (self.span_us > 0).then(|| self.n_ok as f64 * 3.6e9 / self.span_us as f64)
    }
}

#[derive(Default)]
struct Stage {
    duration: Distribution,
    /// Starts after the job was sent, added up.
    starts_us: u128,
}

fn in_order(stages: BTreeMap<&str, Stage>) -> Vec<StageSummary> {
    let mut stages: Vec<(&str, Stage)> = stages.into_iter().collect();
    stages.sort_by_key(|(_, stage)| stage.starts_us / u128::from(stage.duration.n().max(1)));
    stages
        .into_iter()
        .map(|(name, stage)| StageSummary { name: name.to_owned(), duration: stage.duration })
        .collect()
}

fn span_us(samples: &[Sample]) -> u64 {
    let first = samples.iter().map(|sample| sample.planned_us).min();
    let last = samples.iter().map(|sample| sample.finished_us).max();
    first.zip(last).map_or(0, |(first, last)| last.saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::{sample, span};

    #[test]
    fn no_samples_say_nothing() {
        let summary = Summary::of(&[]);
        assert_eq!(summary, Summary::default());
        assert_eq!(summary.ok_per_hour(), None);
    }

    #[test]
    fn a_failed_job_is_counted_and_its_time_is_not_mixed_in() {
        let failed =
            |code: &str| Sample { outcome: Outcome::Failed(code.to_owned()), ..sample(0, 1) };
        let cancelled = Sample { outcome: Outcome::Cancelled, ..sample(0, 1) };
        let samples =
            [sample(0, 500), failed("timeout"), failed("llm"), failed("timeout"), cancelled];
        let summary = Summary::of(&samples);
        assert_eq!((summary.n_ok, summary.n_failed(), summary.n_cancelled), (1, 3, 1));
        assert_eq!(summary.failed, [("llm".to_owned(), 1), ("timeout".to_owned(), 2)].into());
        assert_eq!((summary.latency.n(), summary.latency.min_us()), (1, Some(500)));
    }

    #[test]
    fn stages_stand_in_the_order_in_which_they_run() {
        let job = |at: u64| Sample {
            sent_us: at,
            stages: vec![span("render", at + 50, at + 90), span("script", at + 10, at + 40)],
            ..sample(at, at + 100)
        };
        let summary = Summary::of(&[job(0), job(1_000_000)]);
        let stages: Vec<(&str, Option<u64>)> = summary
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.duration.max_us()))
            .collect();
        assert_eq!(stages, [("script", Some(30)), ("render", Some(40))]);
        assert_eq!((summary.parts.queue_us, summary.parts.stages_us), (20, 140));
        assert_eq!(summary.parts.total_us(), 200);
        assert!(summary.closure_error.abs() < f64::EPSILON);
        assert_eq!(summary.span_us, 1_000_100);
    }

    #[test]
    fn the_worst_closure_is_kept() {
        let wrong = Sample { stages: vec![span("render", 0, 1100)], ..sample(0, 1000) };
        let summary = Summary::of(&[sample(0, 1000), wrong, sample(0, 1000)]);
        assert!((summary.closure_error - 0.1).abs() < 1e-9, "{}", summary.closure_error);
    }

    #[test]
    fn throughput_is_of_good_jobs_over_the_whole_run() {
        let minute = 60_000_000;
        let failed = Sample { outcome: Outcome::Failed("x".to_owned()), ..sample(0, 2 * minute) };
        let summary = Summary::of(&[sample(0, minute), failed]);
        assert_eq!(summary.ok_per_hour(), Some(30.0));
    }
}
