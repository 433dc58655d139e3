//! When to look at a job that tells nothing by itself.
//!
//! A service without events is asked again and again. Asked once a second, as SGLang's benchmark does, a
//! job of five seconds seems ten per cent longer than it is; asked forty times a second, the service is
//! busy answering. Jobs of one load are alike, so the end of the next one can be foretold from those
//! before: looks are rare until then, dense around it, and rare again if it stays away.

use std::collections::VecDeque;

/// Jobs from which the next one is foretold.
const REMEMBERED: usize = 50;
/// Jobs with which foretelling begins.
const FEWEST: usize = 5;
/// So many deviations around the mean are looked at densely.
const DEVIATIONS: f64 = 3.0;
/// Looks are never denser.
const FLOOR_US: u64 = 20_000;
/// Looks a second over the whole life of a job, on average.
const PER_S: f64 = 2.0;
/// Between two looks when nothing is foretold, and until the foretold end is near.
const RARE_US: u64 = 500_000;
/// The share of all looks that is kept for the time around the end. Half of the jobs end in its first
/// half, so on average only half of these looks are needed: twice as many are planned.
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
    /// Takes the time that a job took.
    pub fn ended(&mut self, duration_us: u64) {
        if self.durations_us.len() == REMEMBERED {
            self.durations_us.pop_front();
        }
        self.durations_us.push_back(duration_us);
    }

    /// The age at which a job of age `age_us`, which has not ended, is looked at next.
    pub fn next_us(&self, age_us: u64) -> u64 {
        let Some(Expected { begin_us, end_us, gap_us }) = self.expected() else {
            return age_us + RARE_US;
        };
        if age_us < begin_us {
            return begin_us;
        }
        if age_us < end_us {
            return age_us + gap_us;
        }
        // It is late, and the later the more so: the gap grows with what it is late by.
        age_us + gap_us.max((age_us - end_us) / 4).min(RARE_US.max(gap_us))
    }

    /// How far apart looks are around the expected end: ends are seen at most that much too late, and half
    /// of it on average.
    pub fn resolution_us(&self) -> u64 {
        self.expected().map_or(RARE_US, |expected| expected.gap_us)
    }

    fn expected(&self) -> Option<Expected> {
        let n = self.durations_us.len();
        if n < FEWEST {
            return None;
        }
        let mean = self.durations_us.iter().sum::<u64>() as f64 / n as f64;
        let squares = self.durations_us.iter().map(|&us| (us as f64 - mean).powi(2)).sum::<f64>();
        // A prediction is less sure than the mean, all the more of few jobs.
        let deviation = (squares / (n - 1) as f64 * (1.0 + 3.0 / n as f64)).sqrt();
        let half = (DEVIATIONS * deviation).max(FLOOR_US as f64);
        let (begin, end) = ((mean - half).max(0.0), mean + half);
        let n_looks = 2.0 * AROUND_THE_END * PER_S * mean / 1e6;
        let gap_us = ((end - begin) / n_looks.max(1.0)) as u64;
        let gap_us = gap_us.clamp(FLOOR_US, RARE_US.max((end - begin) as u64));
        Some(Expected { begin_us: begin as u64, end_us: end as u64, gap_us })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Random;

    /// Looks at a job of `duration_us` until its end is seen: how late that is, and how many looks it took.
    fn watch(looks: &Looks, duration_us: u64) -> (u64, u64) {
        let (mut age_us, mut n_looks) = (0, 0);
        while age_us < duration_us {
            age_us = looks.next_us(age_us);
            n_looks += 1;
        }
        (age_us - duration_us, n_looks)
    }

    /// 2,000 jobs of `mean_us` with a relative deviation: the 99th percentile of how late an end is seen,
    /// and looks a second.
    fn simulate(mean_us: u64, deviation: f64) -> (u64, f64) {
        let mut random = Random::new(11, 0);
        let mut looks = Looks::default();
        let (mut late, mut n_looks, mut total_us) = (Vec::new(), 0, 0);
        for job in 0..2_000 {
            let factor = (1.0 + deviation * random.normal()).max(0.01);
            let duration_us = (mean_us as f64 * factor) as u64;
            let (late_us, n) = watch(&looks, duration_us);
            looks.ended(duration_us);
            // Those before anything can be foretold are few in a load, and none in a warm one.
            if job >= 20 {
                late.push(late_us);
                n_looks += n;
                total_us += duration_us;
            }
        }
        late.sort_unstable();
        (late[late.len() * 99 / 100], n_looks as f64 * 1e6 / total_us as f64)
    }

    #[test]
    fn ends_that_can_be_foretold_are_seen_within_25_ms_by_two_looks_a_second() {
        for (seconds, deviation) in [(5, 0.005), (5, 0.01), (30, 0.01), (300, 0.001)] {
            let (p99_us, per_s) = simulate(seconds * 1_000_000, deviation);
            println!("{seconds} s, {deviation}: p99 {p99_us} us, {per_s:.2} looks a second");
            assert!(p99_us <= 25_000, "{seconds} s, {deviation}: {p99_us} us");
            assert!(per_s <= 2.0, "{seconds} s, {deviation}: {per_s} looks a second");
        }
    }

    #[test]
    fn where_they_cannot_the_resolution_is_told() {
        for (seconds, deviation) in [(5, 0.2), (30, 0.1), (60, 0.5)] {
            let mean_us = seconds * 1_000_000;
            let (p99_us, per_s) = simulate(mean_us, deviation);
            let mut looks = Looks::default();
            let mut random = Random::new(12, 0);
            for _ in 0..50 {
                let factor = (1.0 + deviation * random.normal()).max(0.01);
                looks.ended((mean_us as f64 * factor) as u64);
            }
            let told = looks.resolution_us();
            println!("{seconds} s, {deviation}: p99 {p99_us} us of {told}, {per_s:.2} a second");
            assert!(told > 25_000, "{told}");
            assert!(p99_us <= told * 3 / 2, "{seconds} s, {deviation}: {p99_us} us of {told} us");
            assert!(per_s <= 2.2, "{seconds} s, {deviation}: {per_s} looks a second");
        }
    }

    #[test]
    fn before_anything_can_be_foretold_looks_are_even() {
        let mut looks = Looks::default();
        (0..4).for_each(|_| looks.ended(9_000_000));
        assert_eq!((looks.next_us(0), looks.next_us(700_000)), (500_000, 1_200_000));
        assert_eq!(looks.resolution_us(), 500_000);
        looks.ended(9_000_000);
        assert_eq!((looks.next_us(0), looks.resolution_us()), (8_980_000, 20_000));
    }

    proptest! {
        #[test]
        fn looks_go_forward_and_are_never_denser_than_the_floor(
            durations in proptest::collection::vec(1_u64..600_000_000, 0..60),
            age_us in 0_u64..1_200_000_000,
        ) {
            let mut looks = Looks::default();
            durations.iter().for_each(|&us| looks.ended(us));
            let next = looks.next_us(age_us);
            // The first look may be at the beginning of what is expected, however soon that is.
            let is_first = age_us < looks.expected().map_or(0, |expected| expected.begin_us);
            prop_assert!(next > age_us && (is_first || next - age_us >= FLOOR_US));
        }

        #[test]
        fn a_job_is_seldom_looked_at_too_often(
            durations in proptest::collection::vec(500_000_u64..60_000_000, 5..60),
            duration_us in 1_u64..120_000_000,
        ) {
            let mut looks = Looks::default();
            durations.iter().for_each(|&us| looks.ended(us));
            let (_, n_looks) = watch(&looks, duration_us);
            // A single job may take up to twice the looks of its expected life and then two a second.
            let life = duration_us.max(*durations.iter().max().expect("some")) as f64 / 1e6;
            prop_assert!((n_looks as f64) < 2.0 * PER_S * life + 20.0, "{} in {}", n_looks, life);
        }
    }
}
