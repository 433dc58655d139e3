//! The keys of a site take turns; one that is refused or used up rests until the site takes it again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;

use crate::providers::Key;

/// A refused key is tried again after this: somebody may have paid.
const REFUSED_REST: Duration = Duration::from_secs(600);
/// Rest of one key among several where the site does not say how long: Pixabay counts by the minute.
const UNKNOWN_REST: Duration = Duration::from_secs(60);
/// One key among several rests at least so long, whatever the site says: `Retry-After: 0` is no rest.
const LEAST_REST: Duration = Duration::from_secs(1);
/// A number above this is an instant, one below it a number of seconds: both are sent as
/// `X-Ratelimit-Reset`, by Pexels and by Pixabay.
const LEAST_INSTANT: i64 = 1_000_000_000;

/// All keys of a site, one of which may be none at all.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The key whose turn it is.
    turn: usize,
    rests: Vec<Rest>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    until: Option<Timestamp>,
    /// Refused, not used up: waiting alone does not help.
    refused: bool,
    /// The end of a quota of which the last answer said that nothing is left: Pexels leaves that out
    /// of a 429. Of one that is not used up the end means nothing: Pexels tells the one of the month,
    /// and refuses what is too much for an hour.
    spent_until: Option<Timestamp>,
}

/// What a head says of the quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) remaining: Option<u64>,
    pub(super) reset: Option<Timestamp>,
}

/// Which key to ask with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// This one.
    Key(usize),
    /// None before this instant.
    Resting(Timestamp),
}

impl Keys {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        let rests = vec![Rest::default(); keys.len()];
        Self { keys, state: Mutex::new(State { turn: 0, rests }) }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key with this number.
    pub(super) fn get(&self, index: usize) -> &Key {
        &self.keys[index]
    }

    /// The next key that does not rest. Where all were refused, the next one all the same: the site's
    /// own reason is worth more than ours.
    pub(super) fn take(&self, now: Timestamp) -> Turn {
        let mut state = self.lock();
        let n = self.keys.len();
        let order: Vec<usize> = (0..n).map(|offset| (state.turn + offset) % n).collect();
        let is_awake = |&&index: &&usize| state.rests[index].until.is_none_or(|until| until <= now);
        let found = order.iter().find(is_awake).copied();
        let tired = state.rests.iter().filter(|rest| !rest.refused);
        let first = tired.filter_map(|rest| rest.until).min();
        match (found, first) {
            (None, Some(until)) => Turn::Resting(until),
            (found, _) => {
                let index = found.unwrap_or(order[0]);
                state.turn = (index + 1) % n;
                Turn::Key(index)
            }
        }
    }

    /// Whether another key than this one could be asked with.
    pub(super) fn has_other(&self, index: usize, now: Timestamp) -> bool {
        let state = self.lock();
        let mut others = state.rests.iter().enumerate().filter(|&(other, _)| other != index);
        others.any(|(_, rest)| rest.until.is_none_or(|until| until <= now))
    }

    /// The site answered, and told this of its quota.
    pub(super) fn answered(&self, index: usize, quota: Quota, now: Timestamp) {
        let mut state = self.lock();
        let rest = &mut state.rests[index];
        let spent_until = quota.reset.filter(|&reset| quota.remaining == Some(0) && reset > now);
        *rest = Rest { until: spent_until, spent_until, refused: false };
    }

    /// The site does not take this key.
    pub(super) fn refused(&self, index: usize, now: Timestamp) {
        let mut state = self.lock();
        let rest = &mut state.rests[index];
        (rest.until, rest.refused) = (Some(later(now, REFUSED_REST)), true);
    }

    /// The site was asked too often with this key. A single key of which nothing is known does not
    /// rest: then every request finds out for itself.
    pub(super) fn used_up(&self, index: usize, retry_after: Option<Duration>, now: Timestamp) {
        let alone = self.keys.len() == 1;
        let mut state = self.lock();
        let rest = &mut state.rests[index];
        let spent_until = rest.spent_until.filter(|&end| end > now);
        let told = retry_after.map(|wait| later(now, wait)).or(spent_until);
        rest.until = match alone {
            true => told,
            false => {
                let until = told.unwrap_or_else(|| later(now, UNKNOWN_REST));
                Some(until.max(later(now, LEAST_REST)))
            }
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quota {
    /// What `X-Ratelimit-Remaining` and `X-Ratelimit-Reset` say.
    pub(super) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        let number = |name| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let reset = number("x-ratelimit-reset").and_then(|reset| match reset {
            LEAST_INSTANT.. => Timestamp::from_second(reset).ok(),
            _ => now.checked_add(SignedDuration::from_secs(reset)).ok(),
        });
        let remaining = number("x-ratelimit-remaining").and_then(|left| left.try_into().ok());
        Self { remaining, reset }
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(2_000_000_000 + second).expect("an instant")
    }

    fn keys(value: &str) -> Keys {
        Keys::new(Key::read_all("K", Some(OsStr::new(value))).expect("keys"))
    }

    #[test]
    fn keys_take_turns_and_a_tired_one_is_passed_over() {
        let keys = keys("a,b,c");
        let take = |second| keys.take(at(second));
        assert_eq!([take(0), take(0), take(0), take(0)], [0, 1, 2, 0].map(Turn::Key));
        keys.used_up(1, Some(Duration::from_secs(30)), at(0));
        assert_eq!([take(1), take(1), take(1)], [2, 0, 2].map(Turn::Key));
        assert!(keys.has_other(2, at(1)));
        keys.answered(0, Quota { remaining: Some(0), reset: Some(at(20)) }, at(1));
        assert!(!keys.has_other(2, at(1)));
        keys.refused(2, at(1));
        assert_eq!(take(2), Turn::Resting(at(20)), "the refused one is not waited for");
        assert_eq!([take(20), take(31)], [0, 1].map(Turn::Key), "they have rested");
    }

    #[test]
    fn where_all_are_refused_one_is_asked_with_all_the_same() {
        let keys = keys("a,b");
        keys.refused(0, at(0));
        keys.refused(1, at(0));
        assert_eq!([keys.take(at(1)), keys.take(at(1))], [0, 1].map(Turn::Key));
    }

    #[test]
    fn a_single_key_rests_only_where_its_quota_is_known_to_be_used_up() {
        let keys = keys("a");
        let answered = |remaining, now| {
            keys.answered(0, Quota { remaining: Some(remaining), reset: Some(at(9)) }, at(now));
        };
        keys.used_up(0, None, at(0));
        assert_eq!(keys.take(at(0)), Turn::Key(0), "nothing is known");
        answered(5, 0);
        keys.used_up(0, None, at(1));
        assert_eq!(keys.take(at(2)), Turn::Key(0), "something is left of the month");
        answered(0, 3);
        keys.used_up(0, None, at(4));
        assert_eq!(keys.take(at(5)), Turn::Resting(at(9)), "nothing is left of it");
        assert_eq!(keys.take(at(9)), Turn::Key(0));
    }

    #[test]
    fn one_key_of_several_rests_whatever_the_site_says() {
        let keys = keys("a,b");
        keys.answered(0, Quota { remaining: Some(0), reset: Some(at(5)) }, at(0));
        keys.used_up(0, None, at(6)); // that quota has ended
        keys.used_up(1, Some(Duration::ZERO), at(6));
        assert_eq!(keys.take(at(6)), Turn::Resting(at(7)), "a moment, where none is asked for");
        assert_eq!([keys.take(at(7)), keys.take(at(66))], [1, 0].map(Turn::Key));
    }

    #[track_caller]
    fn check_quota(head: &[(&'static str, &str)], remaining: Option<u64>, reset: Option<i64>) {
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.insert(*name, value.parse().expect("a value"));
        }
        let expected = Quota { remaining, reset: reset.map(at) };
        assert_eq!(Quota::of(&headers, at(0)), expected, "{head:?}");
    }

    #[test]
    fn both_ways_to_tell_the_end_of_a_quota_are_read() {
        let (left, reset) = ("x-ratelimit-remaining", "x-ratelimit-reset");
        check_quota(&[], None, None);
        check_quota(&[(left, "0"), (reset, "60")], Some(0), Some(60));
        check_quota(&[(left, "17"), (reset, "2000000100")], Some(17), Some(100));
        check_quota(&[(left, "-1"), (reset, "soon")], None, None);
    }
}
