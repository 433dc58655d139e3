//! RunPod tells how long, never when: the instants of a job follow from what we saw around it. Pure.

use bench::StageSpan;

/// The work of a worker.
const EXECUTION: &str = "execution";
/// RunPod's milliseconds are rounded, each of the two times by one at most.
const ROUNDING_US: u64 = 2_000;

/// What the driver saw of a job, on the clock of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The job was sent.
    pub sent_us: u64,
    /// RunPod named it. None: it did so with its end only (`/runsync`).
    pub answered_us: Option<u64>,
    /// The first look at which a worker had it was answered.
    pub running_us: Option<u64>,
    /// The last look at which it had not ended was sent.
    pub open_us: Option<u64>,
    /// The head of the answer that tells its end was there.
    pub head_us: u64,
}

/// The instants of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// RunPod took it.
    pub accepted_us: Option<u64>,
    /// A worker began.
    pub started_us: Option<u64>,
    /// The work was done; neither the time until we looked nor the way of the output is in it.
    pub finished_us: u64,
    /// Execution.
    pub stages: Vec<StageSpan>,
    /// Whether RunPod told them; else they are as exact as the looks.
    pub are_told: bool,
}

impl Times {
    /// Of `delayTime` and `executionTime`, milliseconds.
    ///
    /// RunPod took the job between the instants at which it was sent and named; of these the last one
    /// counts that does not put the end after the answer that told of it. A job that was not over when it
    /// was looked at has ended after that look: what its times do not tell (a try that was lost) is then
    /// neither queue wait nor execution.
    pub fn of(seen: Seen, delay_ms: Option<f64>, execution_ms: Option<f64>) -> Self {
        let (Some(delay), Some(work)) = (delay_ms.map(us), execution_ms.map(us)) else {
            return Self::as_seen(seen, delay_ms.map(us));
        };
        let known = seen.head_us.saturating_sub(seen.sent_us);
        let excess = (delay + work).saturating_sub(known);
        let work = if excess <= ROUNDING_US { work.saturating_sub(excess) } else { work };
        let latest = seen.head_us.saturating_sub(delay + work);
        let named = seen.answered_us.unwrap_or(seen.head_us);
        let taken = latest.min(named).max(seen.sent_us);
        let started = taken + delay;
        let executed = started + work;
        let ended = executed.max(seen.open_us.unwrap_or(0).min(seen.head_us));
        Self {
            accepted_us: Some(taken),
            started_us: Some(started),
            finished_us: ended.min(seen.head_us),
            stages: vec![execution(started, executed)],
            are_told: true,
        }
    }

    /// Where RunPod does not tell both times, as its own local server does not.
    fn as_seen(seen: Seen, delay_us: Option<u64>) -> Self {
        let waited = seen.answered_us.zip(delay_us).map(|(taken, delay)| taken + delay);
        let started = waited.or(seen.running_us).map(|us| us.min(seen.head_us));
        let begun = started.unwrap_or(seen.answered_us.unwrap_or(seen.sent_us));
        Self {
            accepted_us: seen.answered_us,
            started_us: started,
            finished_us: seen.head_us,
            stages: vec![execution(begun, seen.head_us)],
            are_told: false,
        }
    }
}

fn us(ms: f64) -> u64 {
    (ms.max(0.0) * 1e3).round() as u64
}

fn execution(start_us: u64, end_us: u64) -> StageSpan {
    StageSpan { name: EXECUTION.to_owned(), start_us, end_us }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sent at 1 ms, named at 11 ms; the answer with the end has its head at 1,000 ms.
    const SEEN: Seen = Seen {
        sent_us: 1_000,
        answered_us: Some(11_000),
        running_us: Some(400_000),
        open_us: Some(890_000),
        head_us: 1_000_000,
    };

    #[track_caller]
    fn check(seen: Seen, told: [Option<f64>; 2], expected: [Option<u64>; 3], worked: [u64; 2]) {
        let times = Times::of(seen, told[0], told[1]);
        let found = [times.accepted_us, times.started_us, Some(times.finished_us)];
        assert_eq!(found, expected, "{times:?}");
        let spans: Vec<[u64; 2]> = times.stages.iter().map(|s| [s.start_us, s.end_us]).collect();
        assert_eq!(spans, [worked]);
        assert_eq!(times.are_told, told.iter().all(Option::is_some));
    }

    #[test]
    fn what_runpod_tells_counts_from_when_it_took_the_job() {
        // It ended at 911 ms; that we looked 89 ms later is nobody's wait.
        check(
            SEEN,
            [Some(300.0), Some(600.0)],
            [Some(11_000), Some(311_000), Some(911_000)],
            [311_000, 911_000],
        );
        // It was taken before we knew: else it would have ended after the answer that told of it.
        check(
            SEEN,
            [Some(300.0), Some(695.0)],
            [Some(5_000), Some(305_000), Some(1_000_000)],
            [305_000, 1_000_000],
        );
        // A millisecond too much is rounding.
        check(
            SEEN,
            [Some(300.0), Some(700.0)],
            [Some(1_000), Some(301_000), Some(1_000_000)],
            [301_000, 1_000_000],
        );
    }

    #[test]
    fn a_job_that_was_seen_to_go_on_did_not_end_before() {
        // 200 ms told, and at 890 ms it was not over.
        check(
            SEEN,
            [Some(100.0), Some(100.0)],
            [Some(11_000), Some(111_000), Some(890_000)],
            [111_000, 211_000],
        );
    }

    #[test]
    fn runsync_names_the_job_with_its_end() {
        let sync = Seen { answered_us: None, running_us: None, open_us: None, ..SEEN };
        check(
            sync,
            [Some(300.0), Some(600.0)],
            [Some(100_000), Some(400_000), Some(1_000_000)],
            [400_000, 1_000_000],
        );
        check(sync, [None, None], [None, None, Some(1_000_000)], [1_000, 1_000_000]);
    }

    #[test]
    fn where_nothing_is_told_the_looks_count() {
        check(
            SEEN,
            [None, None],
            [Some(11_000), Some(400_000), Some(1_000_000)],
            [400_000, 1_000_000],
        );
        check(
            SEEN,
            [Some(100.0), None],
            [Some(11_000), Some(111_000), Some(1_000_000)],
            [111_000, 1_000_000],
        );
    }

    #[test]
    fn times_that_cannot_be_are_left_for_the_closure_to_show() {
        let times = Times::of(SEEN, Some(500.0), Some(900.0));
        assert_eq!(times.stages[0].end_us, 1_401_000, "{times:?}");
        assert_eq!(times.finished_us, 1_000_000, "nothing ends after it was seen");
    }

    proptest! {
        #[test]
        fn the_parts_of_a_job_add_up(
            gaps in proptest::collection::vec(0_u64..2_000_000, 3),
            shares in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let sent_us = gaps[0];
            let answered_us = sent_us + gaps[1];
            let head_us = answered_us + gaps[2];
            let seen = Seen { sent_us, answered_us: Some(answered_us), running_us: None,
                              open_us: None, head_us };
            // Whatever RunPod can tell of a job that lies within what was seen of it.
            let known_ms = (head_us - sent_us) as f64 / 1e3;
            let delay_ms = known_ms * shares.0;
            let execution_ms = (known_ms - delay_ms) * shares.1;
            let times = Times::of(seen, Some(delay_ms), Some(execution_ms));
            let sample = bench::Sample {
                accepted_us: times.accepted_us, started_us: times.started_us, stages: times.stages,
                ..bench::Sample::new(0, sent_us, times.finished_us)
            };
            let parts = bench::Parts::of(&sample);
            prop_assert_eq!(parts.total_us(), sample.latency_us());
            prop_assert_eq!(sample.disorder(), None);
            prop_assert!(times.finished_us <= head_us);
            prop_assert!(parts.queue_us.abs_diff(us(delay_ms)) <= 1);
        }
    }
}
