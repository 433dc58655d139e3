//! How often a provider is tried, and how long we wait in between.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::Instant;

use super::http::Failure;
use crate::limits::{Slot, Slots};

/// How often a provider is asked, the first time included.
pub(crate) const ATTEMPTS: usize = 4;
/// The pause before the second attempt; it doubles, and chance makes it up to twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause that a `Retry-After` brings about.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long a provider is tried, and against which limit its calls count.
#[derive(Debug)]
pub(crate) struct Patience<'a> {
    /// Time for all attempts, without the waits for a place: none begins after it, and a provider that
    /// wants to be left alone for longer is not asked again.
    pub(crate) time: Duration,
    /// Where each attempt takes a place. None: it is part of a call that has one.
    pub(crate) slots: Option<&'a Slots>,
    /// The place of the first attempt, where it was waited for before.
    pub(crate) first: Option<Slot>,
}

/// Tries until there is something, a refusal, or the attempts are used up. Each attempt is given its
/// number and a place, which it drops when the call is over, or hands on with what it gives; no pause
/// holds one. What passes is only waited for where `is_worth_it`.
///
/// # Errors
///
/// [`Failure`], of the last attempt.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
    patience: Patience<'_>,
    is_worth_it: impl Fn(&Failure) -> bool,
    attempt: impl Fn(usize, Option<Slot>) -> F,
) -> Result<T, Failure> {
    let Patience { time, slots, first } = patience;
    let began = Instant::now();
    let (first, waited) = (&Mutex::new(first), &Mutex::new(Duration::ZERO));
    let (mut attempts, attempt) = (0, &attempt);
    let once = || {
        attempts += 1;
        let number = attempts;
        async move {
            let (ready, began) = (taken(first), Instant::now());
            let slot = match (ready, slots) {
                (None, Some(slots)) => Some(slots.take().await),
                (ready, _) => ready,
            };
            *waited.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
            attempt(number, slot).await
        }
    };
    let pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(ATTEMPTS - 1)
        .with_jitter();
    once.retry(pauses)
        .when(|failure: &Failure| failure.error.is_passing() && is_worth_it(failure))
        .adjust(|failure, pause| {
            let waited = *waited.lock().unwrap_or_else(PoisonError::into_inner);
            let left = time.saturating_sub(began.elapsed().saturating_sub(waited));
            pause_within(left, pause?, failure.retry_after)
        })
        .notify(|failure, pause| tracing::warn!(error = %failure.error, ?pause, "asking again"))
        .await
}

fn taken(first: &Mutex<Option<Slot>>) -> Option<Slot> {
    first.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The pause before the next attempt where backing off says `pause`, the provider `asked` for one, and
/// so much time is `left`. None: to wait helps nobody.
fn pause_within(left: Duration, pause: Duration, asked: Option<Duration>) -> Option<Duration> {
    let wanted = asked.map_or(pause, |asked| asked.min(MAX_RETRY_AFTER).max(pause));
    (asked.unwrap_or(pause).max(wanted) < left).then_some(wanted)
}

#[cfg(test)]
mod tests;
