//! How patient a fetcher is.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;

/// Limits of time, size and attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts of one file, the first included. Progress does not refill them.
    pub attempts: u32,
    /// For a TCP and TLS connection to stand.
    pub connect_timeout: Duration,
    /// For the next byte to come, and for the answer to begin.
    pub stall_timeout: Duration,
    /// Before the second attempt; doubled before each further one, and up to as much again at random
    /// is added, so that many clients do not come back at once.
    pub first_delay: Duration,
    /// No pause is longer, whatever the doubling says.
    pub max_delay: Duration,
    /// A server's `Retry-After` is obeyed up to this.
    pub max_retry_after: Duration,
    /// A larger file is refused.
    pub max_bytes: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(20),
            max_retry_after: Duration::from_secs(120),
            max_bytes: None,
        }
    }
}

impl Policy {
    /// A client that fits: HTTP/1.1, so that each download has a connection of its own (servers
    /// limit the speed of a connection, not of a client), no time limit for a whole body.
    ///
    /// # Errors
    ///
    /// No TLS provider is installed.
    pub fn client(&self) -> reqwest::Result<reqwest::Client> {
        self.client_builder().build()
    }

    /// As [`Self::client`], where more is to be said of it.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .connect_timeout(self.connect_timeout)
            .http1_only()
            .tcp_nodelay(true)
            .user_agent(concat!("reelbench-fetch/", env!("CARGO_PKG_VERSION")))
    }

    /// The pauses before the second attempt, the third, and so on: as many as there are attempts
    /// after the first.
    pub(crate) fn delays(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.max_delay)
            .with_max_times(self.attempts.saturating_sub(1) as usize)
            .build()
    }

    /// The pause before the next attempt, when backing off says `delay` and the server `asked`.
    pub(crate) fn pause(&self, delay: Duration, asked: Option<Duration>) -> Duration {
        asked.map_or(delay, |asked| asked.min(self.max_retry_after).max(delay))
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3) seen from `now`. None where it
/// is neither; a date in the past is no wait.
pub(crate) fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().expect("instant");
        let check = |value, seconds: Option<u64>| {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        };
        check("soon", None);
        check("", None);
        check("-5", None);
        check("1.5", None);
        check("Wed, 21 Oct 2015 25:00:00 GMT", None);
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30));
        check("Wed, 21 Oct 2015 07:27:30 GMT", Some(0));
    }

    #[test]
    fn a_pause_obeys_the_server_up_to_a_limit() {
        let policy = Policy { max_retry_after: Duration::from_secs(60), ..Policy::default() };
        let check = |delay, asked: Option<u64>, pause| {
            let asked = asked.map(Duration::from_secs);
            let actual = policy.pause(Duration::from_secs(delay), asked);
            assert_eq!(actual, Duration::from_secs(pause), "{delay} {asked:?}");
        };
        check(2, None, 2);
        check(2, Some(30), 30);
        check(2, Some(3600), 60);
        check(2, Some(0), 2);
    }

    #[test]
    fn pauses_grow_and_are_one_fewer_than_the_attempts() {
        let policy = Policy { attempts: 4, max_delay: Duration::from_secs(1), ..Policy::default() };
        let delays: Vec<Duration> = policy.delays().collect();
        let ms = Duration::from_millis;
        let limits = [(500, 1000), (1000, 2000), (1000, 2000)];
        assert_eq!(delays.len(), limits.len());
        for (delay, (least, most)) in delays.into_iter().zip(limits) {
            assert!((ms(least)..=ms(most)).contains(&delay), "{delay:?}");
        }
        assert_eq!(Policy { attempts: 1, ..policy.clone() }.delays().count(), 0);
        assert_eq!(Policy { attempts: 0, ..policy }.delays().count(), 0);
    }
}
