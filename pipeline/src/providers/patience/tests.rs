use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::providers::ProviderError;

#[test]
fn a_pause_obeys_the_provider_within_what_is_left() {
    let check = |left_s, asked_s: Option<u64>, expected_s: Option<u64>| {
        let [left, pause] = [left_s, 2].map(Duration::from_secs);
        let pause = pause_within(left, pause, asked_s.map(Duration::from_secs));
        assert_eq!(pause, expected_s.map(Duration::from_secs), "{left_s} {asked_s:?}");
    };
    check(0, None, None);
    check(2, None, None);
    check(2, Some(0), None);
    check(20, Some(20), None);
    check(20, Some(86_400), None);
    check(20, Some(19), Some(19));
    check(99_999, Some(86_400), Some(30));
    check(20, None, Some(2));
    check(20, Some(0), Some(2));
}

fn away(retry_after_s: u64) -> Failure {
    let (url, reason) = ("u".to_owned(), "away".to_owned());
    let error = ProviderError::Unavailable { url, attempts: 1, status: 503, reason };
    let retry_after = Some(Duration::from_secs(retry_after_s));
    Failure { retry_after, ..error.into() }
}

/// Attempts of a provider that stays away and asks for 10 s before each; the first place is free after
/// `wait_s`.
async fn attempts(time_s: u64, wait_s: u64) -> usize {
    let (slots, n) = (Slots::new("x", 1), AtomicUsize::new(0));
    let before = slots.take().await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(wait_s)).await;
        drop(before);
    });
    let patience = Patience { time: Duration::from_secs(time_s), slots: Some(&slots), first: None };
    let tried = patiently(
        patience,
        |_| true,
        |number, slot| {
            let (n, in_use) = (&n, slots.in_use());
            async move {
                assert!(slot.is_some() && in_use == 1, "a place for each attempt");
                n.store(number, Ordering::Relaxed);
                Err::<(), _>(away(10))
            }
        },
    );
    let _ = tried.await.expect_err("it stays away");
    n.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_place_costs_no_patience() {
    for wait_s in [0, 500] {
        assert_eq!(attempts(1_000, wait_s).await, ATTEMPTS);
        assert_eq!(attempts(25, wait_s).await, 3, "after {wait_s} s");
        assert_eq!(attempts(5, wait_s).await, 1);
    }
}

/// Another one works meanwhile.
#[tokio::test(start_paused = true)]
async fn who_sleeps_holds_no_place() {
    let slots = Slots::new("x", 1);
    let failing = async {
        let patience = Patience { time: Duration::MAX, slots: Some(&slots), first: None };
        let tried = patiently(
            patience,
            |_| true,
            |number, slot| async move {
                drop(slot);
                if number < ATTEMPTS { Err(away(20)) } else { Ok(()) }
            },
        );
        tried.await.expect("the last time");
    };
    let others = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        for _ in 0..100 {
            let _place = slots.take().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        began.elapsed()
    };
    let ((), took) = tokio::join!(failing, others);
    assert_eq!(took, Duration::from_secs(10), "as if nobody else were here");
    assert_eq!(slots.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_place_goes_on_with_what_the_attempt_gives() {
    let slots = Slots::new("x", 1);
    let first = Some(slots.take().await);
    let patience = Patience { time: Duration::MAX, slots: Some(&slots), first };
    let made = patiently(patience, |_| true, |_, slot| async move { Ok(slot) });
    let held = made.await.expect("made");
    assert_eq!((held.is_some(), slots.in_use()), (true, 1));
    drop(held);
    assert_eq!(slots.in_use(), 0);
}
