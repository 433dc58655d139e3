use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;

use super::*;

/// What `build` makes, and the gauges that it has.
fn gauged<T>(build: impl FnOnce() -> T) -> (T, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    (metrics::with_local_recorder(&recorder, build), handle)
}

fn gauge(metrics: &PrometheusHandle, name: &str, class: &str) -> usize {
    let rendered = metrics.render();
    let start = format!("reelbench_limiter_{name}{{class=\"{class}\"}} ");
    let value = rendered.lines().find_map(|line| line.strip_prefix(start.as_str()));
    value.unwrap_or_else(|| panic!("{start} in {rendered}")).parse().expect("a whole number")
}

/// What happens to somebody who wants a place.
#[derive(Clone, Copy, Debug)]
enum Event {
    Come,
    /// One that is at work, or waits, by its number: it ends, panics or is cancelled.
    End(usize),
    Panic(usize),
    Cancel(usize),
}

struct Worker {
    task: JoinHandle<()>,
    end: oneshot::Sender<bool>,
}

fn worker(slots: &Slots) -> Worker {
    let slots = slots.clone();
    let (end, ended) = oneshot::channel();
    let task = tokio::spawn(async move {
        let _slot = slots.take().await;
        assert_ne!(ended.await, Ok(true), "a panic that is wanted");
    });
    Worker { task, end }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Come),
        1 => (0_usize..8).prop_map(Event::End),
        1 => (0_usize..8).prop_map(Event::Panic),
        1 => (0_usize..8).prop_map(Event::Cancel),
    ]
}

async fn play(limit: usize, events: &[Event]) {
    let (slots, metrics) = gauged(|| Slots::new("x", limit));
    assert_eq!(gauge(&metrics, "limit", "x"), limit);
    // In the order of their coming; the first `limit` are at work.
    let mut workers: Vec<Worker> = Vec::new();
    for event in events {
        let n = workers.len();
        match *event {
            Event::Come => workers.push(worker(&slots)),
            // Who waits is told when it works: it ends at once then.
            Event::End(which) | Event::Panic(which) if n > 0 && which % n < limit => {
                let worker = workers.remove(which % n);
                worker.end.send(matches!(event, Event::Panic(_))).expect("it waits to be told");
                assert_eq!(worker.task.await.is_err(), matches!(event, Event::Panic(_)));
            }
            Event::Cancel(which) if n > 0 => {
                let worker = workers.remove(which % n);
                worker.task.abort();
                assert!(worker.task.await.is_err_and(|error| error.is_cancelled()));
            }
            _ => {}
        }
        for _ in 0..3 {
            yield_now().await;
        }
        let expected = (workers.len().min(limit), workers.len().saturating_sub(limit));
        let found = (gauge(&metrics, "in_use", "x"), gauge(&metrics, "waiting", "x"));
        assert_eq!(found, expected, "{event:?}");
        assert_eq!(slots.in_use(), expected.0);
    }
    for worker in workers {
        worker.task.abort();
        let _ = worker.task.await;
    }
    assert_eq!((gauge(&metrics, "in_use", "x"), gauge(&metrics, "waiting", "x")), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Ends, panics and cancellations, of those that work and those that wait.
    #[test]
    fn gauges_are_exact_whatever_happens(
        limit in 1_usize..5,
        events in proptest::collection::vec(event(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(play(limit, &events));
    }
}

/// On several threads somebody looks all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gauge_is_never_above_its_limit() {
    let (slots, metrics) = gauged(|| Slots::new("x", 3));
    let work = async |number: u64| {
        let slot = slots.take().await;
        for _ in 0..number % 7 {
            yield_now().await;
        }
        drop(slot);
    };
    let all = futures::future::join_all((0..4).map(|_| async {
        for number in 0..500 {
            work(number).await;
        }
    }));
    let busy: Vec<_> = (0..6)
        .map(|_| {
            let slots = slots.clone();
            tokio::spawn(async move {
                for _ in 0..500 {
                    let _slot = slots.take().await;
                    yield_now().await;
                }
            })
        })
        .collect();
    let looker = std::thread::spawn({
        let (metrics, slots) = (metrics.clone(), slots.clone());
        move || {
            let mut most = 0;
            for _ in 0..500 {
                most = most.max(gauge(&metrics, "in_use", "x")).max(slots.in_use());
            }
            most
        }
    });
    all.await;
    for task in busy {
        task.await.expect("no panic");
    }
    assert!(looker.join().expect("no panic") <= 3);
    assert_eq!((gauge(&metrics, "in_use", "x"), slots.in_use()), (0, 0));
}

#[tokio::test]
async fn classes_have_limits_of_their_own_unless_they_share_one() {
    let set = |shared| settings::Limits {
        light: 2,
        heavy: 1,
        comic: 3,
        shared,
        visual: 5,
        ..settings::Limits::default()
    };
    let (own, metrics) = gauged(|| Limits::new(&set(0), None));
    let _heavy = own.of(Class::Heavy).take().await;
    let found = Class::ALL.map(|class| (own.of(class).limit(), own.of(class).in_use()));
    assert_eq!(found, [(2, 0), (1, 1), (3, 0)]);
    assert_eq!(gauge(&metrics, "in_use", "heavy"), 1);
    assert_eq!(own.visual.limit(), 5);

    let (shared, metrics) = gauged(|| Limits::new(&set(4), None));
    let _heavy = shared.of(Class::Heavy).take().await;
    let found = Class::ALL.map(|class| (shared.of(class).limit(), shared.of(class).in_use()));
    assert_eq!(found, [(4, 1); 3]);
    assert_eq!((gauge(&metrics, "in_use", "shared"), gauge(&metrics, "limit", "shared")), (1, 4));
}

/// The 95th percentile, in ms, of light calls of 100 ms, one each 50 ms, beside `n_heavy` clients that
/// have a call of 2 s each, one after the other. The time is virtual: a provider's latency and nothing
/// else.
async fn p95_of_light(settings: &settings::Limits, n_heavy: usize) -> u128 {
    let limits = Limits::new(settings, None);
    let backlog: Vec<_> = (0..n_heavy)
        .map(|_| {
            let slots = limits.of(Class::Heavy).clone();
            tokio::spawn(async move {
                loop {
                    let _slot = slots.take().await;
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            })
        })
        .collect();
    let calls: Vec<_> = (0..200)
        .map(|number| {
            let slots = limits.of(Class::Light).clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(50 * number)).await;
                let planned = Instant::now();
                let _slot = slots.take().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                planned.elapsed().as_millis()
            })
        })
        .collect();
    let mut took = Vec::new();
    for call in calls {
        took.push(call.await.expect("an end"));
    }
    for task in backlog {
        task.abort();
    }
    took.sort_unstable();
    took[took.len() * 95 / 100]
}

/// Claims 003-1 to 003-3.
#[tokio::test(start_paused = true)]
async fn a_heavy_backlog_delays_light_calls_only_where_the_limit_is_shared() {
    let own = settings::Limits::default();
    let shared = settings::Limits { shared: 2, ..settings::Limits::default() };
    assert_eq!((p95_of_light(&own, 0).await, p95_of_light(&own, 12).await), (100, 100));
    let (alone, beside) = (p95_of_light(&shared, 0).await, p95_of_light(&shared, 12).await);
    assert!(alone <= 150 && beside > 20 * alone, "{alone} ms alone, {beside} ms beside heavy ones");
}
