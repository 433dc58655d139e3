use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

fn residence(preload: bool, keep: bool) -> Residence {
    Residence { preload, keep, bytes: 1, memory: Arc::new(Memory::new(None)) }
}

fn kept() -> Residence {
    residence(true, true)
}

/// Doubles numbers, and panics at 13. Waits for the gate before each answer if there is one, and
/// notes which numbers it was given together.
struct Doubler {
    served: Arc<Mutex<Vec<Vec<u32>>>>,
    gate: Option<std_mpsc::Receiver<()>>,
}

impl Model for Doubler {
    type Input = u32;
    type Output = u32;

    fn serve(&mut self, waiting: Vec<Request<u32, u32>>) {
        let together = waiting.iter().map(|request| request.input).collect();
        self.served.lock().expect("not poisoned").push(together);
        if let Some(gate) = &self.gate {
            gate.recv().expect("the test opens the gate");
        }
        for Request { input, reply } in waiting {
            assert_ne!(input, 13, "an unlucky number");
            let _ = reply.send(Ok(input * 2));
        }
    }
}

/// An owner of a [`Doubler`], what it served, and how often it was loaded.
struct Fixture {
    owner: Arc<Owner<Doubler>>,
    served: Arc<Mutex<Vec<Vec<u32>>>>,
    loads: Arc<AtomicU32>,
    gate: std_mpsc::Sender<()>,
}

fn start(residence: Residence, gated: bool) -> Fixture {
    start_with(residence, Gathering::AT_ONCE, gated)
}

fn start_with(residence: Residence, gathering: Gathering, gated: bool) -> Fixture {
    let (served, loads) = (Arc::default(), Arc::new(AtomicU32::new(0)));
    let (gate, receiver) = std_mpsc::channel();
    let receiver = Mutex::new(gated.then_some(receiver));
    let (noted, counted) = (Arc::clone(&served), Arc::clone(&loads));
    let owner = Owner::start("doubler", residence, gathering, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let gate = receiver.lock().expect("not poisoned").take();
        Ok(Doubler { served: Arc::clone(&noted), gate })
    });
    Fixture { owner: Arc::new(owner.expect("a thread")), served, loads, gate }
}

impl Fixture {
    fn ask(&self, input: u32) -> tokio::task::JoinHandle<Result<u32, MlError>> {
        let owner = Arc::clone(&self.owner);
        tokio::spawn(async move { owner.ask(input).await })
    }

    /// Waits until the model was given `n` times what waited.
    async fn served(&self, n: usize) -> Vec<Vec<u32>> {
        for _ in 0..500 {
            let served = self.served.lock().expect("not poisoned").clone();
            if served.len() >= n {
                return served;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the model was not asked {n} times");
    }

    fn loads(&self) -> u32 {
        self.loads.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_next_request_finds_a_fresh_model() {
    let fixture = start(kept(), false);
    let panicked = MlError::Panicked { name: "doubler".into() };
    assert_eq!(fixture.owner.ask(13).await, Err(panicked));
    assert_eq!(fixture.owner.ask(4).await, Ok(8));
    assert_eq!(fixture.loads(), 2);
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_tried_again_with_each_request() {
    let attempts = AtomicU32::new(0);
    let failed = MlError::Load { name: "doubler".into(), reason: "no weights".into() };
    let failure = failed.clone();
    let owner = Owner::start("doubler", kept(), Gathering::AT_ONCE, move || {
        match attempts.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(failure.clone()),
            2 => panic!("a panic while loading"),
            _ => Ok(Doubler { served: Arc::default(), gate: None }),
        }
    })
    .expect("a thread");
    assert_eq!(owner.wait_ready().await, Err(failed.clone()));
    assert!(owner.not_ready().is_some());
    assert_eq!(owner.ask(1).await, Err(failed));
    assert_eq!(owner.ask(1).await, Err(MlError::Panicked { name: "doubler".into() }));
    assert_eq!(owner.ask(1).await, Ok(2));
    assert_eq!(owner.wait_ready().await, Ok(()));
    assert_eq!(owner.not_ready(), None);
}

#[tokio::test]
async fn requests_that_wait_together_are_served_together_without_those_that_were_dropped() {
    let fixture = start(kept(), true);
    let first = fixture.ask(1);
    fixture.served(1).await;
    // The model is busy: these wait. One goes away meanwhile.
    let (second, third, dropped) = (fixture.ask(2), fixture.ask(3), fixture.ask(4));
    tokio::time::sleep(Duration::from_millis(50)).await;
    dropped.abort();
    assert!(dropped.await.is_err_and(|error| error.is_cancelled()));
    for _ in 0..2 {
        fixture.gate.send(()).expect("the model waits");
    }
    for (asked, answer) in [(first, 2), (second, 4), (third, 6)] {
        assert_eq!(asked.await.expect("no panic"), Ok(answer));
    }
    assert_eq!(fixture.served(2).await, [vec![1], vec![2, 3]]);
}

#[tokio::test]
async fn a_request_dropped_while_it_is_served_does_not_hold_up_the_next() {
    let fixture = start(kept(), true);
    let dropped = fixture.ask(1);
    fixture.served(1).await;
    dropped.abort();
    for _ in 0..2 {
        fixture.gate.send(()).expect("the model waits");
    }
    assert_eq!(fixture.owner.ask(2).await, Ok(4));
}

#[tokio::test]
async fn a_model_is_loaded_once_or_for_each_request_as_it_is_set() {
    for (residence, before, after) in
        [(kept(), 1, 1), (residence(false, true), 0, 1), (residence(false, false), 0, 3)]
    {
        let fixture = start(residence.clone(), false);
        fixture.owner.wait_ready().await.expect("nothing fails here");
        assert_eq!(fixture.owner.not_ready(), None);
        assert_eq!(fixture.loads(), before, "{residence:?}");
        for _ in 0..3 {
            assert_eq!(fixture.owner.ask(1).await, Ok(2));
        }
        assert_eq!(fixture.loads(), after, "{residence:?}");
    }
}

#[tokio::test]
async fn requests_within_the_window_are_answered_together_up_to_a_batch() {
    // Three fill a batch: they do not wait for the end of the window.
    let gathering = Gathering { batch: 3, wait: Duration::from_secs(600) };
    let fixture = start_with(kept(), gathering, false);
    let asked = [fixture.ask(1), fixture.ask(2), fixture.ask(3)];
    for (asked, answer) in asked.into_iter().zip([2, 4, 6]) {
        assert_eq!(asked.await.expect("no panic"), Ok(answer));
    }
    let mut together = fixture.served(1).await;
    together[0].sort_unstable();
    assert_eq!(together, [vec![1, 2, 3]]);

    // One alone is answered when the window ends.
    let gathering = Gathering { batch: 3, wait: Duration::from_millis(20) };
    let fixture = start_with(kept(), gathering, false);
    assert_eq!(fixture.owner.ask(1).await, Ok(2));
}

#[tokio::test]
async fn a_model_that_comes_sends_away_the_one_that_was_idle_longest() {
    let memory = Arc::new(Memory::new(Some(20)));
    let owner = |name: &'static str, bytes| {
        let loads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&loads);
        let residence =
            Residence { preload: false, keep: true, bytes, memory: Arc::clone(&memory) };
        let owner = Owner::start(name, residence, Gathering::AT_ONCE, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Doubler { served: Arc::default(), gate: None })
        });
        (owner.expect("a thread"), loads)
    };
    let names = || memory.resident().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let ((a, a_loads), (b, b_loads), (c, _)) = (owner("a", 8), owner("b", 8), owner("c", 8));
    for owner in [&a, &b, &a] {
        assert_eq!(owner.ask(1).await, Ok(2));
    }
    assert_eq!(c.ask(1).await, Ok(2));
    assert_eq!(names(), ["a", "c"], "b was idle longest");
    assert_eq!(a.ask(1).await, Ok(2));
    assert_eq!(b.ask(1).await, Ok(2), "asked again, it is loaded again");
    assert_eq!(names(), ["a", "b"]);
    let loads = (a_loads.load(Ordering::Relaxed), b_loads.load(Ordering::Relaxed));
    assert_eq!(loads, (1, 2));
}
