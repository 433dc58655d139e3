//! A job as pieces of time, in each of which the same things happen.

use crate::Sample;

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was sent, and work has not begun.
    Wait,
    /// Work has begun, and no stage runs.
    Rest,
    /// The stage of this index runs.
    Stage(usize),
}

/// From when to when, and the share of the height: stages that run at once divide it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Piece {
    pub from_us: u64,
    pub to_us: u64,
    pub state: State,
    /// Which of the stages that run at once, from the top.
    pub slot: usize,
    /// How many run at once.
    pub n_slots: usize,
}

/// Takes a job apart, from sent to finished; `names` are all stages. Stages outside of the job are cut
/// off at its limits.
pub(super) fn pieces(sample: &Sample, names: &[String]) -> Vec<Piece> {
    let (sent, finished) = (sample.sent_us, sample.finished_us.max(sample.sent_us));
    let within = |us: u64| us.clamp(sent, finished);
    let began = within(sample.began_us().or(sample.accepted_us).unwrap_or(sent));
    let mut spans: Vec<(usize, u64, u64)> = sample
        .stages
        .iter()
        .filter_map(|span| {
            let index = names.iter().position(|name| *name == span.name)?;
            Some((index, within(span.start_us), within(span.end_us)))
        })
        .filter(|(_, start, end)| start < end)
        .collect();
    spans.sort_unstable();
    let mut cuts = vec![sent, began, finished];
    cuts.extend(spans.iter().flat_map(|(_, start, end)| [*start, *end]));
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces: Vec<Piece> = Vec::new();
    for cut in cuts.windows(2) {
        let (from_us, to_us) = (cut[0], cut[1]);
        let runs = |(_, start, end): &&(usize, u64, u64)| *start <= from_us && to_us <= *end;
        let mut states: Vec<State> =
            spans.iter().filter(runs).map(|(index, ..)| State::Stage(*index)).collect();
        states.dedup();
        if states.is_empty() {
            states.push(if to_us <= began { State::Wait } else { State::Rest });
        }
        let n_slots = states.len();
        for (slot, state) in states.into_iter().enumerate() {
            let same = pieces.iter_mut().rev().take(n_slots).find(|last| {
                (last.to_us, last.state, last.slot, last.n_slots) == (from_us, state, slot, n_slots)
            });
            match same {
                Some(last) => last.to_us = to_us,
                None => pieces.push(Piece { from_us, to_us, state, slot, n_slots }),
            }
        }
    }
    pieces
}

/// A lane for each of `samples`: the first that is free when it is sent, as a worker would take it.
/// Also how many lanes there are.
pub(super) fn lanes(samples: &[Sample]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|&index| (samples[index].sent_us, samples[index].job, index));
    let mut free_at: Vec<u64> = Vec::new();
    let mut lane_of = vec![0; samples.len()];
    for index in order {
        let sample = &samples[index];
        let free = free_at.iter().position(|&at| at <= sample.sent_us);
        let lane = free.unwrap_or_else(|| {
            free_at.push(0);
            free_at.len() - 1
        });
        free_at[lane] = sample.finished_us;
        lane_of[index] = lane;
    }
    (lane_of, free_at.len())
}

/// How many jobs were in flight at once, at most: as many lanes as [`lanes`] finds, without a place for
/// each job.
pub(super) fn most_at_once(samples: &[Sample]) -> usize {
    let sorted = |of: fn(&Sample) -> u64| {
        let mut instants: Vec<u64> = samples.iter().map(of).collect();
        instants.sort_unstable();
        instants
    };
    let (sent, ended) = (sorted(|sample| sample.sent_us), sorted(|sample| sample.finished_us));
    let mut n_ended = 0;
    let in_flight = sent.iter().enumerate().map(|(n_before, at)| {
        n_ended += ended[n_ended..].iter().take_while(|end| *end <= at).count();
        (n_before + 1).saturating_sub(n_ended)
    });
    in_flight.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::tests::{sample, span};

    const NAMES: [&str; 3] = ["script", "materials", "narration"];

    #[track_caller]
    fn check(sample: &Sample, expected: &[(u64, u64, State, &str)]) {
        let found = pieces(sample, &NAMES.map(str::to_owned));
        let found: Vec<_> = found
            .iter()
            .map(|piece| {
                let slot = format!("{}/{}", piece.slot, piece.n_slots);
                (piece.from_us, piece.to_us, piece.state, slot)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(from, to, state, slot)| (from, to, state, slot.to_owned()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_job_waits_runs_and_rests() {
        use State::{Rest, Stage, Wait};
        check(&sample(0, 0), &[]);
        check(&sample(0, 100), &[(0, 100, Rest, "0/1")]);
        let stages =
            vec![span("script", 30, 50), span("narration", 50, 80), span("materials", 60, 90)];
        let job = Sample { accepted_us: Some(5), stages, ..sample(0, 100) };
        check(
            &job,
            &[
                (0, 30, Wait, "0/1"),
                (30, 50, Stage(0), "0/1"),
                (50, 60, Stage(2), "0/1"),
                (60, 80, Stage(1), "0/2"),
                (60, 80, Stage(2), "1/2"),
                (80, 90, Stage(1), "0/1"),
                (90, 100, Rest, "0/1"),
            ],
        );
        let wild = vec![span("script", 0, 500), span("unknown", 0, 20), span("materials", 7, 7)];
        check(
            &Sample { sent_us: 10, stages: wild, ..sample(0, 100) },
            &[(10, 100, Stage(0), "0/1")],
        );
    }

    #[test]
    fn a_lane_is_taken_again_when_it_is_free() {
        let at = |sent_us, finished_us| Sample { sent_us, ..sample(0, finished_us) };
        let samples = [at(0, 30), at(0, 10), at(10, 25), at(26, 40), at(29, 31)];
        assert_eq!(lanes(&samples), (vec![0, 1, 1, 1, 2], 3));
        assert_eq!(lanes(&[]), (vec![], 0));
        assert_eq!((most_at_once(&samples), most_at_once(&[])), (3, 0));
    }

    proptest! {
        #[test]
        fn pieces_cover_the_job_once(
            limits in proptest::collection::vec(0_u64..1000, 2),
            began in proptest::option::of(0_u64..1000),
            stages in proptest::collection::vec((0..3_usize, 0_u64..1000, 0_u64..1000), 0..8),
        ) {
            let stages = stages.iter().map(|&(name, a, b)| span(NAMES[name], a.min(b), a.max(b)));
            let job = Sample {
                sent_us: limits[0].min(limits[1]),
                started_us: began,
                stages: stages.collect(),
                ..sample(0, limits[0].max(limits[1]))
            };
            let found = pieces(&job, &NAMES.map(str::to_owned));
            let area: f64 = found
                .iter()
                .map(|piece| (piece.to_us - piece.from_us) as f64 / piece.n_slots as f64)
                .sum();
            prop_assert!((area - (job.finished_us - job.sent_us) as f64).abs() < 1e-6, "{found:?}");
            prop_assert!(found.iter().all(|piece| piece.from_us < piece.to_us));
        }
    }
}
