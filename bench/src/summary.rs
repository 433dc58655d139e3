use std::collections::BTreeMap;

use crate::beside::beside;
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
        in_turn.sort_by_key(|sample| (sample.sent_us, sample.job));
        let mut summary = Self::default();
        let mut series = Series::default();
        let (mut first_us, mut last_us) = (u64::MAX, 0);
        for sample in in_turn {
            first_us = first_us.min(sample.planned_us);
            last_us = last_us.max(sample.finished_us);
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
        summary.span_us = last_us.saturating_sub(first_us);
        summary.distribute(series);
        summary
    }

    /// Makes distributions of `series`; of the stages beside all others, since both are as much work.
    fn distribute(&mut self, series: Series<'_>) {
        let Series { latency, service, lag, submit, queue, rest, transfer, stages, .. } = series;
        let of_jobs = || {
            [latency, service, lag, submit, queue, rest, transfer]
                .map(|it| Distribution::of_series(&it))
        };
        let (stages, of_jobs) = beside(|| in_order(stages), of_jobs);
        [self.latency, self.service, self.lag, self.submit, self.queue, self.rest, self.transfer] =
            of_jobs;
        self.stages = stages;
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
    /// By name, in the order in which they were first met.
    stages: Vec<(&'a str, Stage)>,
    /// Where the stages of the job before stand in `stages`: the next one mostly has the same in the same
    /// order, and then no name is searched for.
    places: Vec<usize>,
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
        let Self { stages, places, .. } = self;
        places.resize(sample.stages.len().max(places.len()), 0);
        for (span, place) in sample.stages.iter().zip(places) {
            *place = self::place(stages, &span.name, *place);
            let stage = &mut stages[*place].1;
            stage.durations.push(span.end_us.saturating_sub(span.start_us));
            stage.starts_us += u128::from(span.start_us.saturating_sub(sample.sent_us));
        }
    }
}

/// Where `name` stands in `stages`, perhaps at `guess`; a new one comes last.
fn place<'a>(stages: &mut Vec<(&'a str, Stage)>, name: &'a str, guess: usize) -> usize {
    if stages.get(guess).is_some_and(|(known, _)| *known == name) {
        return guess;
    }
    stages.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        stages.push((name, Stage::default()));
        stages.len() - 1
    })
}

fn in_order(mut stages: Vec<(&str, Stage)>) -> Vec<StageSummary> {
    let start = |stage: &Stage| stage.starts_us / (stage.durations.len().max(1) as u128);
    stages.sort_by_key(|(name, stage)| (start(stage), *name));
    let summary = |(name, stage): (&str, Stage)| StageSummary {
        name: name.to_owned(),
        duration: Distribution::of_series(&stage.durations),
    };
    stages.into_iter().map(summary).collect()
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
    fn a_stage_is_found_wherever_it_stands_in_a_job() {
        let job = |names: &[(&str, u64)]| Sample {
            stages: names.iter().map(|&(name, us)| span(name, 0, us)).collect(),
            ..sample(0, 100)
        };
        let jobs = [
            job(&[("a", 1), ("b", 10)]),
            job(&[("b", 20), ("a", 2)]),
            job(&[("b", 30)]),
            job(&[]),
            job(&[("a", 3), ("c", 9), ("b", 40), ("a", 4)]),
            job(&[("c", 8)]),
        ];
        let expected = [("a", 4, 10), ("b", 4, 100), ("c", 2, 17)];
        let sums = |name: &str, times: &Distribution| {
            let n = times.n();
            (name.to_owned(), n, (times.mean_us().unwrap_or_default() * n as f64).round() as u64)
        };
        let expected = expected.map(|(name, n, sum)| (name.to_owned(), n, sum));
        let summary = Summary::of(&jobs);
        let found = summary.stages.iter().map(|stage| sums(&stage.name, &stage.duration));
        assert_eq!(found.collect::<Vec<_>>(), expected);
        let times = crate::Record::of(&jobs).times(&crate::Slice::All);
        let found = times.stages().iter().map(|(name, times)| sums(name, times));
        assert_eq!(found.collect::<Vec<_>>(), expected);
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
