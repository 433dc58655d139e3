//! Against a real redis-server. Two caches with folders of their own are two services.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::tests::SHELF;
use super::*;
use crate::providers::Key;
use crate::settings;
use crate::test_redis::{Server, server};

/// Long: a loaded machine is no Redis that is gone.
const TIMEOUT: Duration = Duration::from_secs(5);
const FLIGHT: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

fn redis(server: &Server, timeout: Duration, flight: Duration) -> Redis {
    let address = Key::read("THE_REDIS", Some(server.address().as_ref())).expect("an address");
    Redis::new(&address, timeout, flight).expect("an address")
}

/// A cache with a folder of its own.
struct Service {
    kept: Kept<String>,
    _folder: TempDir,
}

fn service(redis: &Redis) -> Service {
    let folder = tempfile::tempdir().expect("a folder");
    let keeping = Keeping::new(&settings::Cache::default()).expect("nothing is named");
    let kept = keeping.with_redis(redis.clone()).keep(SHELF, folder.path().join("llm"), HOUR);
    Service { kept, _folder: folder }
}

fn key(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

impl Service {
    /// The answer, where asking takes some time and is counted.
    async fn get(
        &self,
        number: u64,
        answer: Result<&str, i32>,
        n: &AtomicUsize,
    ) -> Result<String, i32> {
        let ask = async {
            n.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer.map(str::to_owned)
        };
        let found = self.kept.get_or_ask(key(number), |_| true, ask).await;
        found.map(|answer| (*answer).clone())
    }
}

/// Ten services, a hundred identical requests each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn services_that_share_a_redis_ask_once() {
    let Some(server) = server().await else { return };
    let services: Vec<Service> =
        (0..10).map(|_| service(&redis(&server, TIMEOUT, FLIGHT))).collect();
    let n = AtomicUsize::new(0);
    let requests =
        services.iter().flat_map(|service| (0..100).map(|_| service.get(1, Ok("Waves."), &n)));
    for answer in futures::future::join_all(requests).await {
        assert_eq!(answer.as_deref(), Ok("Waves."));
    }
    assert_eq!(n.load(Ordering::SeqCst), 1);
    // One that comes later, and has nothing of its own.
    let later = service(&redis(&server, TIMEOUT, FLIGHT));
    assert_eq!(later.get(1, Err(7), &n).await.as_deref(), Ok("Waves."));
    assert_eq!(later.get(2, Ok("Wind."), &n).await.as_deref(), Ok("Wind."), "another question");
    assert_eq!(n.load(Ordering::SeqCst), 2);

    let keys = server.keys().await;
    let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    let mut expected = [1, 2].map(|number| format!("reelbench:llm:{}", key(number)));
    expected.sort();
    assert_eq!(names, expected, "no mark is left");
    let hour = 1..=3_600_000;
    assert!(keys.iter().all(|(_, left_ms)| hour.contains(left_ms)), "{keys:?}");

    later.kept.forget(key(1)).await;
    assert_eq!(server.keys().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_error_and_who_goes_away_leave_the_question_to_the_next() {
    let Some(server) = server().await else { return };
    let [first, second] = [(); 2].map(|()| service(&redis(&server, TIMEOUT, FLIGHT)));
    let n = AtomicUsize::new(0);
    let failing = first.get(1, Err(7), &n);
    let waiting = async {
        while n.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        second.get(1, Ok("Waves."), &n).await
    };
    let (failed, found) = tokio::join!(failing, waiting);
    assert_eq!((failed, found.as_deref()), (Err(7), Ok("Waves.")));
    assert_eq!(n.load(Ordering::SeqCst), 2, "an error is not kept");

    // Dropped in the middle: the mark goes at once, not after its half minute.
    let n = AtomicUsize::new(0);
    let given_up = async {
        let never = std::future::pending::<Result<String, i32>>();
        let ask = async {
            n.fetch_add(1, Ordering::SeqCst);
            never.await
        };
        first.kept.get_or_ask(key(2), |_| true, ask).await
    };
    let begun = async {
        while n.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = given_up => panic!("it never ends"),
        () = begun => {}
    }
    let soon = tokio::time::timeout(FLIGHT / 2, second.get(2, Ok("Wind."), &n)).await;
    assert_eq!(soon.expect("soon").as_deref(), Ok("Wind."));
}

/// A service that died while it asked: its mark ends by itself. One that is late takes away no mark but
/// its own.
#[tokio::test]
async fn a_mark_ends_by_itself_and_is_taken_away_by_its_owner_alone() {
    let Some(server) = server().await else { return };
    let short = redis(&server, TIMEOUT, Duration::from_millis(300));
    let nothing = |_: &[u8]| None::<()>;
    let died = short.turn("llm", key(1), nothing).await.expect("a Redis");
    let Turn::Ours(died) = died else { panic!("nobody answered") };
    let long = redis(&server, TIMEOUT, FLIGHT);
    let next = long.turn("llm", key(1), nothing).await.expect("a Redis");
    let Turn::Ours(next) = next else { panic!("nobody answered") };
    died.land(b"late", HOUR).await;
    let names = async || server.keys().await.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let answer = format!("reelbench:llm:{}", key(1));
    assert_eq!(names().await, [answer.clone(), format!("{answer}:asked")], "the next one's mark");
    next.land(b"soon", HOUR).await;
    assert_eq!(names().await, [answer]);
}

/// Gone from the start, and gone while it is used: it costs no answer, and not much time. It is used
/// again when it is back.
#[tokio::test]
async fn a_redis_that_is_gone_is_an_answer_that_is_not_kept() {
    let Some(mut server) = server().await else { return };
    let redis = redis(&server, TIMEOUT, FLIGHT);
    let n = AtomicUsize::new(0);
    let ask = async |number| service(&redis).get(number, Ok("Waves."), &n).await;
    ask(1).await.expect("an answer");
    ask(1).await.expect("an answer");
    assert_eq!(n.load(Ordering::SeqCst), 1, "the second one is Redis'");
    server.stop().await;
    for number in [2, 2, 3] {
        assert_eq!(ask(number).await.as_deref(), Ok("Waves."));
    }
    assert_eq!(n.load(Ordering::SeqCst), 4, "each is asked");

    server.start().await.expect("it starts again");
    for round in 0.. {
        assert!(round < 100, "it is not used again");
        let before = n.load(Ordering::SeqCst);
        ask(4).await.expect("an answer");
        ask(4).await.expect("an answer");
        if n.load(Ordering::SeqCst) - before < 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// It takes connections and says nothing.
#[tokio::test]
async fn a_redis_that_is_slow_is_waited_for_once_a_second() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let redis = redis(&Server::at(port), Duration::from_millis(100), FLIGHT);
    let n = AtomicUsize::new(0);
    let began = Instant::now();
    let services: Vec<Service> = (0..20).map(|_| service(&redis)).collect();
    for service in &services {
        let ask = async {
            n.fetch_add(1, Ordering::SeqCst);
            Ok::<_, i32>("Waves.".to_owned())
        };
        service.kept.get_or_ask(key(1), |_| true, ask).await.expect("an answer");
    }
    assert_eq!(n.load(Ordering::SeqCst), 20);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(100) * 20, "{took:?}: it rests after a failure");
}

#[tokio::test]
async fn it_is_asked_as_it_is_set() {
    let settings = settings::Cache {
        // A variable that is always there, and holds no address.
        redis_url_env: Some("PATH".to_owned()),
        redis_timeout_ms: 70,
        flight_s: 0.5,
        ..settings::Cache::default()
    };
    let error = Keeping::new(&settings).expect_err("no address").to_string();
    assert!(error.starts_with("PATH: expected the address of a Redis"), "{error}");
    let address = Key::read("R", Some("redis://:secret@127.0.0.1".as_ref())).expect("an address");
    let redis = Keeping::redis(&settings, &address).expect("an address");
    assert_eq!(format!("{redis:?}"), "Redis { timeout: 70ms, flight: 500ms }");
}

#[test]
fn an_address_is_named_by_its_variable_and_never_shown() {
    let check = |value: Option<&str>| {
        let address = Key::read("THE_REDIS", value.map(str::as_ref)).expect("characters");
        let error = Redis::new(&address, TIMEOUT, FLIGHT).expect_err("no address").to_string();
        let expected =
            "THE_REDIS: expected the address of a Redis, such as redis://127.0.0.1:6379/0";
        assert_eq!(error, expected);
    };
    check(None);
    check(Some("http://:secret@127.0.0.1"));
    check(Some("127.0.0.1"));
}
