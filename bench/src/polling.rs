//! When to look at a job that tells nothing by itself.
//!
//! A service without events is asked again and again. Asked once a second, as SGLang's benchmark does, a
//! job of five seconds seems ten per cent longer than it is; asked forty times a second, the service is
//! busy answering. Jobs of one load are alike, so the end of the next one can be foretold from those
//! before: looks are rare until then, dense around it, and rare again if it stays away.
//!
//! What it gives, by the simulation in its tests, for jobs of 5 s and [`Looks::PER_S`]: the 99th percentile
//! of how late an end is seen is 20 ms where jobs deviate by 1 % (3.4 looks a second are made), 10 % (14.3) and
//! 20 % (26.4), and 25 ms at 60 % (40.1); longer jobs are the same. Of ten jobs at once at a service that is asked
//! 150 times a second, each has 15 looks: 23 ms at 10 %, 46 ms at 20 %; looks at even distances would give 73 and
//! 75 ms. Two looks a second would give 170 ms at 10 %: ends that are spread over seconds cannot be met by
//! few looks, so that many are made as it takes.

use std::collections::VecDeque;

/// Jobs from which the next one is foretold.
const REMEMBERED: usize = 50;
/// Jobs with which foretelling begins.
const FEWEST: usize = 5;
/// So many deviations before the mean looks become dense: of normal times 0.6 % end before, so that with
/// those that end very late 99 of 100 end where looks are dense.
const BEFORE: f64 = 2.5;
/// So many deviations after it they become rarer. The few jobs that last so long take no more looks by it.
const AFTER: f64 = 3.0;
/// Looks are never denser.
const FLOOR_US: u64 = 20_000;
/// Between two looks until the foretold end is near, at least.
const RARE_US: u64 = 500_000;
/// The share of all looks that is kept for the time around the end; the others are the rare ones before.
const AROUND_THE_END: f64 = 0.8;

/// A schedule of looks at jobs that are alike. Times are since a job was sent or, where the service tells
/// it, since work on it began: queue waits are not alike.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    durations_us: VecDeque<u64>,
}

/// When the end is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Expected {
    begin_us: u64,
    end_us: u64,
    gap_us: u64,
}

impl Looks {
    /// Looks a second over the life of a job, on average, by which 99 of 100 ends are seen within 25 ms
    /// however the times of jobs deviate. So many are made only where they deviate much.
    pub const PER_S: f64 = 50.0;

    /// Takes the time that a job took.
    pub fn ended(&mut self, duration_us: u64) {
        if self.durations_us.len() == REMEMBERED {
            self.durations_us.pop_front();
        }
        self.durations_us.push_back(duration_us);
    }

    /// The age at which a job of age `age_us`, which has not ended, is looked at next, where `per_s` looks
    /// a second may be made on average.
    pub fn next_us(&self, age_us: u64, per_s: f64) -> u64 {
        let Some(Expected { begin_us, end_us, gap_us }) = self.expected(per_s) else {
            return age_us + even_us(per_s);
        };
        let rare_us = RARE_US.max(even_us(per_s * (1.0 - AROUND_THE_END)));
        if age_us < begin_us {
            // Those that fail do so early.
            return begin_us.min(age_us + rare_us);
        }
        if age_us < end_us {
            return age_us + gap_us;
        }
        // It is late, and the later the more so: the gap grows with what it is late by.
        age_us + gap_us.max(even_us(per_s)).max(((age_us - end_us) / 4).min(rare_us))
    }

    /// How far apart looks are around the expected end: ends are seen at most that much too late, and half
    /// of it on average.
    pub fn resolution_us(&self, per_s: f64) -> u64 {
        self.expected(per_s).map_or_else(|| even_us(per_s), |expected| expected.gap_us)
    }

    fn expected(&self, per_s: f64) -> Option<Expected> {
        let n = self.durations_us.len();
        if n < FEWEST {
            return None;
        }
        let mean = self.durations_us.iter().sum::<u64>() as f64 / n as f64;
        let squares = self.durations_us.iter().map(|&us| (us as f64 - mean).powi(2)).sum::<f64>();
        // A prediction is less sure than the mean, all the more of few jobs.
        let deviation = (squares / (n - 1) as f64 * (1.0 + 3.0 / n as f64)).sqrt();
        let floor = FLOOR_US as f64;
        let begin = (mean - (BEFORE * deviation).max(floor)).max(0.0);
        let end = mean + (AFTER * deviation).max(floor);
        // From the beginning of the dense looks to the mean: however the ends lie around it, that is how
        // long they last on average.
        let n_looks = AROUND_THE_END * per_s * mean / 1e6;
        let gap_us = ((mean - begin) / n_looks.max(1.0)) as u64;
        Some(Expected { begin_us: begin as u64, end_us: end as u64, gap_us: gap_us.max(FLOOR_US) })
    }
}

/// Between two of `per_s` looks a second.
fn even_us(per_s: f64) -> u64 {
    ((1e6 / per_s) as u64).max(FLOOR_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Random;

    /// Looks at a job of `duration_us` until its end is seen: how late that is, and how many looks it took.
    fn watch(looks: &Looks, duration_us: u64, per_s: f64) -> (u64, u64) {
        let (mut age_us, mut n_looks) = (0, 0);
        while age_us < duration_us {
            age_us = looks.next_us(age_us, per_s);
            n_looks += 1;
        }
        (age_us - duration_us, n_looks)
    }

    /// 2,000 jobs of `seconds` with a relative deviation: the 99th percentile of how late an end is seen in
    /// milliseconds, and looks a second.
    fn simulate(seconds: f64, deviation: f64, per_s: f64) -> (f64, f64) {
        let mut random = Random::new(11, 0);
        let mut looks = Looks::default();
        let (mut late, mut n_looks, mut total_us) = (Vec::new(), 0, 0);
        for job in 0..2_000 {
            let factor = (1.0 + deviation * random.normal()).max(0.01);
            let duration_us = (seconds * 1e6 * factor) as u64;
            let (late_us, n) = watch(&looks, duration_us, per_s);
            looks.ended(duration_us);
            // Those before anything can be foretold are few in a load, and none in a warm one.
            if job >= 20 {
                late.push(late_us);
                n_looks += n;
                total_us += duration_us;
            }
        }
        late.sort_unstable();
        (late[late.len() * 99 / 100] as f64 / 1e3, n_looks as f64 * 1e6 / total_us as f64)
    }

    #[track_caller]
    fn check(seconds: f64, deviation: f64, per_s: f64, most_ms: f64, most_looks: f64) {
        let (p99_ms, looks) = simulate(seconds, deviation, per_s);
        println!("{seconds} s, {deviation}, {per_s} a second: p99 {p99_ms} ms, {looks:.1} looks");
        assert!(p99_ms <= most_ms, "{seconds} s, {deviation}: {p99_ms} ms");
        assert!(looks <= most_looks, "{seconds} s, {deviation}: {looks} looks a second");
    }

    #[test]
    fn ends_are_seen_within_25_ms() {
        for (seconds, deviation, looks) in [
            (0.4, 0.02, 8.0),
            (5.0, 0.01, 4.0),
            (30.0, 0.01, 4.0),
            (300.0, 0.001, 3.0),
            (1.0, 0.1, 16.0),
            (30.0, 0.1, 15.0),
            (5.0, 0.2, 28.0),
            (5.0, 0.6, 42.0),
        ] {
            check(seconds, deviation, Looks::PER_S, 25.0, looks);
        }
    }

    #[test]
    fn of_many_jobs_at_once_each_has_its_share_of_the_looks() {
        for seconds in [1.0, 5.0, 30.0] {
            check(seconds, 0.1, 15.0, 25.0, 15.0);
        }
        check(5.0, 0.2, 15.0, 50.0, 15.0);
        // However they deviate: no worse than as many looks at even distances.
        check(5.0, 0.6, 15.0, 100.0, 15.0);
        check(5.0, 0.1, 2.0, 180.0, 2.2);
        check(30.0, 0.01, 2.0, 25.0, 2.2);
    }

    #[test]
    fn before_anything_can_be_foretold_looks_are_even() {
        let mut looks = Looks::default();
        (0..4).for_each(|_| looks.ended(9_000_000));
        assert_eq!((looks.next_us(0, 10.0), looks.next_us(700_000, 10.0)), (100_000, 800_000));
        assert_eq!(looks.resolution_us(10.0), 100_000);
        looks.ended(9_000_000);
        assert_eq!(looks.resolution_us(10.0), 20_000);
        // Rare, then dense, then rarer again.
        let next =
            [0, 8_700_000, 8_980_000, 9_020_000, 9_500_000].map(|at| looks.next_us(at, 10.0));
        assert_eq!(next, [500_000, 8_980_000, 9_000_000, 9_120_000, 9_620_000]);
        assert_eq!(looks.next_us(60_000_000, 10.0), 60_500_000);
    }

    proptest! {
        #[test]
        fn looks_go_forward_and_are_never_denser_than_the_floor(
            durations in proptest::collection::vec(1_u64..600_000_000, 0..60),
            age_us in 0_u64..1_200_000_000,
            per_s in 0.1..100.0,
        ) {
            let mut looks = Looks::default();
            durations.iter().for_each(|&us| looks.ended(us));
            let next = looks.next_us(age_us, per_s);
            // The first look may be at the beginning of what is expected, however soon that is.
            let is_first = age_us < looks.expected(per_s).map_or(0, |expected| expected.begin_us);
            prop_assert!(next > age_us && (is_first || next - age_us >= FLOOR_US));
        }

        #[test]
        fn a_job_is_seldom_looked_at_too_often(
            durations in proptest::collection::vec(500_000_u64..60_000_000, 5..60),
            duration_us in 1_u64..120_000_000,
            per_s in 1.0..Looks::PER_S,
        ) {
            let mut looks = Looks::default();
            durations.iter().for_each(|&us| looks.ended(us));
            let (_, n_looks) = watch(&looks, duration_us, per_s);
            // A single job may end where the last of all would: that is BEFORE + AFTER by BEFORE of the
            // looks of an expected life, and then they grow rare.
            let life = duration_us.max(*durations.iter().max().expect("some")) as f64 / 1e6;
            prop_assert!((n_looks as f64) < 2.2 * per_s * life + 20.0, "{} in {}", n_looks, life);
        }
    }
}
