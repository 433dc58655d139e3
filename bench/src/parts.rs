use std::ops::Add;

use crate::{Sample, StageSpan};

/// Where the time of a job went. The parts add up to its latency where the clocks agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Due, and not yet sent: the driver was late.
    pub lag_us: u64,
    /// Sent, and not yet taken.
    pub submit_us: u64,
    /// Taken, and not yet begun.
    pub queue_us: u64,
    /// At least one stage ran. Stages may overlap, so this is no sum of stages.
    pub stages_us: u64,
    /// Begun, and no stage ran: dispatch between stages, the way back to us.
    pub rest_us: u64,
}

impl Parts {
    /// Takes the latency of `sample` apart.
    ///
    /// Where the target does not say when work began, it began with the first stage, or else when the
    /// job was taken. Stages count in full, also outside of the job's own limits: then the parts do not
    /// add up, and [`Parts::closure_error`] shows it.
    pub fn of(sample: &Sample) -> Self {
        let accepted = sample.accepted_us.unwrap_or(sample.sent_us);
        let started = sample.began_us().unwrap_or(accepted);
        let finished = sample.finished_us;
        let stages_us = union(sample.stages.iter().map(StageSpan::limits));
        let is_inside = |stage: &StageSpan| stage.start_us >= started && stage.end_us <= finished;
        let inside_us = if sample.stages.iter().all(is_inside) {
            stages_us
        } else {
            let cut = |stage: &StageSpan| (stage.start_us.max(started), stage.end_us.min(finished));
            union(sample.stages.iter().map(cut))
        };
        Self {
            lag_us: sample.sent_us.saturating_sub(sample.planned_us),
            submit_us: accepted.saturating_sub(sample.sent_us),
            queue_us: started.saturating_sub(accepted),
            stages_us,
            rest_us: finished.saturating_sub(started).saturating_sub(inside_us),
        }
    }

    /// All of them.
    pub fn total_us(&self) -> u64 {
        [self.lag_us, self.submit_us, self.queue_us, self.stages_us, self.rest_us]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// How far the parts are from the latency of `sample`, as a share of it. More than 0.01 makes a
    /// measurement doubtful.
    pub fn closure_error(&self, sample: &Sample) -> f64 {
        let latency = sample.latency_us();
        let error = self.total_us().abs_diff(latency);
        if error == 0 { 0.0 } else { error as f64 / latency.max(1) as f64 }
    }
}

impl Add for Parts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            lag_us: self.lag_us.saturating_add(other.lag_us),
            submit_us: self.submit_us.saturating_add(other.submit_us),
            queue_us: self.queue_us.saturating_add(other.queue_us),
            stages_us: self.stages_us.saturating_add(other.stages_us),
            rest_us: self.rest_us.saturating_add(other.rest_us),
        }
    }
}

impl StageSpan {
    /// When it began and ended.
    const fn limits(&self) -> (u64, u64) {
        (self.start_us, self.end_us)
    }
}

/// How much time at least one of `intervals` covers. They mostly come in the order of their starts, and
/// then nothing is put aside for them.
fn union(intervals: impl Iterator<Item = (u64, u64)> + Clone) -> u64 {
    let intervals = intervals.filter(|(start, end)| start < end);
    if intervals.clone().is_sorted_by_key(|(start, _)| start) {
        return covered(intervals);
    }
    let mut intervals: Vec<(u64, u64)> = intervals.collect();
    intervals.sort_unstable();
    covered(intervals.into_iter())
}

/// The same of intervals in the order of their starts.
fn covered(intervals: impl Iterator<Item = (u64, u64)>) -> u64 {
    let (mut covered, mut reached) = (0, 0);
    for (start, end) in intervals {
        covered += end.saturating_sub(start.max(reached));
        reached = reached.max(end);
    }
    covered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::tests::{sample, span};

    #[track_caller]
    fn check(sample: &Sample, expected: [u64; 5], error: f64) {
        let parts = Parts::of(sample);
        let Parts { lag_us, submit_us, queue_us, stages_us, rest_us } = parts;
        assert_eq!([lag_us, submit_us, queue_us, stages_us, rest_us], expected);
        assert!((parts.closure_error(sample) - error).abs() < 1e-9, "{parts:?}");
    }

    #[test]
    fn a_clock_that_disagrees_shows_in_the_closure() {
        // The service says it worked until 1,200, and we saw the end at 1,000.
        let after_the_end = Sample { stages: vec![span("render", 0, 1200)], ..sample(0, 1000) };
        check(&after_the_end, [0, 0, 0, 1200, 0], 0.2);
        let started = Some(500);
        let before_the_start = Sample {
            started_us: started,
            stages: vec![span("render", 400, 1000)],
            ..sample(0, 1000)
        };
        check(&before_the_start, [0, 0, 500, 600, 0], 0.1);
        check(&Sample { started_us: started, ..sample(0, 400) }, [0, 0, 500, 0, 0], 0.25);
    }

    #[test]
    fn overlapping_stages_count_once() {
        let stages = vec![
            span("narration", 300, 600),
            span("materials", 200, 500),
            span("render", 700, 900),
        ];
        let full = Sample {
            planned_us: 0,
            sent_us: 10,
            accepted_us: Some(30),
            started_us: Some(150),
            stages,
            ..sample(0, 1000)
        };
        // Between 150 and 1,000 a stage runs from 200 to 600 and from 700 to 900.
        check(&full, [10, 20, 120, 600, 250], 0.0);
    }

    #[test]
    fn what_a_target_does_not_say_is_no_gap() {
        check(&sample(0, 0), [0; 5], 0.0);
        check(&sample(100, 400), [0, 0, 0, 0, 300], 0.0);
        let stages = vec![span("render", 250, 400)];
        check(&Sample { stages, ..sample(100, 400) }, [0, 0, 150, 150, 0], 0.0);
        check(&Sample { accepted_us: Some(150), ..sample(100, 400) }, [0, 50, 0, 0, 250], 0.0);
    }

    proptest! {
        #[test]
        fn parts_add_up_where_instants_are_in_order(
            mut instants in proptest::collection::vec(0_u64..10_000_000, 5),
            stages in proptest::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 0..8),
        ) {
            instants.sort_unstable();
            let [planned_us, sent_us, accepted, started, finished_us] = instants[..] else {
                panic!("five instants");
            };
            let within = |share: f64| started + ((finished_us - started) as f64 * share) as u64;
            let stages = stages.iter().map(|&(a, b)| span("x", within(a.min(b)), within(a.max(b))));
            let sample = Sample {
                planned_us,
                sent_us,
                accepted_us: Some(accepted),
                started_us: Some(started),
                stages: stages.collect(),
                ..sample(planned_us, finished_us)
            };
            prop_assert_eq!(Parts::of(&sample).total_us(), sample.latency_us());
            prop_assert_eq!(sample.disorder(), None);
        }
    }
}
