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
    /// From the end until what was made was here: no part of the latency. Only of jobs that were fetched.
    pub transfer: Distribution,
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
    /// Sums up the samples of measured jobs, in any order; those of a warm-up and a cool-down are left
    /// out.
    pub fn of(samples: &[Sample]) -> Self {
        // What the jobs are worth is seen in the order in which they were sent.
        let mut in_turn: Vec<&Sample> =
            samples.iter().filter(|sample| sample.phase.is_measured()).collect();
        let mut summary = Self { span_us: span_us(&in_turn), ..Self::default() };
        in_turn.sort_by_key(|sample| (sample.sent_us, sample.job));
        let mut series = Series::default();
        for sample in in_turn {
            match &sample.outcome {
                Outcome::Ok => {
                    let parts = Parts::of(sample);
                    summary.count(sample, parts);
                    series.add(sample, parts);
                }
                Outcome::Failed(code) => *summary.failed.entry(code.clone()).or_default() += 1,
                Outcome::Cancelled => summary.n_cancelled += 1,
            }
        }
        summary.distribute(series);
        summary
    }

    /// Makes distributions of `series`; of the stages beside all others, since both are as much work.
    fn distribute(&mut self, series: Series<'_>) {
        let Series { latency, service, lag, submit, queue, rest, transfer, stages } = series;
        std::thread::scope(|scope| {
            let stages = scope.spawn(|| in_order(stages));
            self.latency = Distribution::of_series(&latency);
            self.service = Distribution::of_series(&service);
            self.lag = Distribution::of_series(&lag);
            self.submit = Distribution::of_series(&submit);
            self.queue = Distribution::of_series(&queue);
            self.rest = Distribution::of_series(&rest);
            self.transfer = Distribution::of_series(&transfer);
            self.stages = stages.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }

    fn count(&mut self, sample: &Sample, parts: Parts) {
        self.n_ok += 1;
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

/// The times of the jobs that ended well, in the order in which they were sent.
#[derive(Default)]
struct Series<'a> {
    latency: Vec<u64>,
    service: Vec<u64>,
    lag: Vec<u64>,
    submit: Vec<u64>,
    queue: Vec<u64>,
    rest: Vec<u64>,
    transfer: Vec<u64>,
    stages: BTreeMap<&'a str, Stage>,
}

#[derive(Default)]
struct Stage {
    durations: Vec<u64>,
    /// Starts after the job was sent, added up.
    starts_us: u128,
}

impl<'a> Series<'a> {
    fn add(&mut self, sample: &'a Sample, parts: Parts) {
        self.latency.push(sample.latency_us());
        let service = sample.started_us.map(|start| sample.finished_us.saturating_sub(start));
        self.service.extend(service);
        self.lag.push(parts.lag_us);
        self.submit.push(parts.submit_us);
        self.queue.push(parts.queue_us);
        self.rest.push(parts.rest_us);
        self.transfer.extend(sample.transfer_us());
        for span in &sample.stages {
            let stage = self.stages.entry(&span.name).or_default();
            stage.durations.push(span.end_us.saturating_sub(span.start_us));
            stage.starts_us += u128::from(span.start_us.saturating_sub(sample.sent_us));
        }
    }
}

fn in_order(stages: BTreeMap<&str, Stage>) -> Vec<StageSummary> {
    let mut stages: Vec<(&str, Stage)> = stages.into_iter().collect();
    stages.sort_by_key(|(_, stage)| stage.starts_us / (stage.durations.len().max(1) as u128));
    let summary = |(name, stage): (&str, Stage)| StageSummary {
        name: name.to_owned(),
        duration: Distribution::of_series(&stage.durations),
    };
    stages.into_iter().map(summary).collect()
}

fn span_us(samples: &[&Sample]) -> u64 {
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
    fn a_warm_up_and_a_cool_down_say_nothing() {
        let of = |phase| Sample { phase, ..sample(0, 90) };
        let warm_up = [of(crate::Phase::WarmUp), of(crate::Phase::CoolDown), sample(5, 8)];
        assert_eq!(Summary::of(&warm_up), Summary::of(&[sample(5, 8)]));
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
    fn the_way_of_what_was_made_is_no_part_of_the_latency() {
        let fetched = Sample { downloaded_us: Some(130), ..sample(0, 100) };
        let summary = Summary::of(&[fetched, sample(0, 200)]);
        assert_eq!((summary.transfer.n(), summary.transfer.max_us()), (1, Some(30)));
        assert_eq!((summary.latency.n(), summary.latency.min_us()), (2, Some(100)));
        assert_eq!(summary.parts.total_us(), 300);
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
