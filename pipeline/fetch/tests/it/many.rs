//! Many downloads at a time, and stopping early.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fetch::{Digest, FetchError, Progress, Request};
use futures::StreamExt;

use crate::server::{Fault, Server};
use crate::world::{World, noise, request, silent};

fn at_once(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

fn requests(server: &Server, n: usize) -> Vec<Request> {
    (0..n).map(|i| Request::new(server.url(&format!("{i}.bin")), format!("{i}.bin"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_as_they_are_done_with_their_index() {
    let content = noise(50_000);
    let world = World::new();
    let slow_first = [Fault::Slow(10_000, Duration::from_millis(100))];
    let server = Server::start(&content, slow_first).await;
    let mut all = requests(&server, 6);
    // Alone at first, so that it is the one that meets the fault.
    let first = all.remove(0);
    let mut stream = world.fetcher.fetch_all(vec![first], at_once(3), &silent());
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let missing = Request::new("http://127.0.0.1:1/none".parse().expect("url"), "none");
    all.push(missing);
    let rest: Vec<_> = world.fetcher.fetch_all(all, at_once(2), &silent()).collect().await;
    let indices: BTreeSet<usize> = rest.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, (0..6).collect());
    for (index, result) in rest {
        match result {
            Ok(blob) => assert_eq!(blob.digest, Digest::of(&content)),
            Err(error) => assert!(index == 5 && matches!(error, FetchError::Unreachable { .. })),
        }
    }
    let (index, result) = stream.next().await.expect("the slow one");
    assert_eq!((index, result.expect("fetch").digest), (0, Digest::of(&content)));
    assert!(stream.next().await.is_none());
    world.check_blobs(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_asked_for_run_at_once_in_the_order_given() {
    let world = World::new();
    let slow = Fault::Slow(100, Duration::from_millis(40));
    let server = Server::start(&noise(500), vec![slow; 6]).await;
    let mut stream = world.fetcher.fetch_all(requests(&server, 6), at_once(2), &silent());
    for n_done in 1..=6 {
        stream.next().await.expect("a result").1.expect("fetch");
        assert!(server.requests().len() <= n_done + 2 + 2, "running, and waiting to be taken");
    }
    let paths: Vec<String> = server.requests().into_iter().map(|seen| seen.path).collect();
    for (place, path) in paths.iter().enumerate() {
        let index: usize = path.trim_end_matches(".bin").parse().expect("index");
        assert!(index.abs_diff(place) <= 1, "{paths:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_go_on_while_the_caller_is_busy() {
    let content = noise(50_000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    let mut stream = world.fetcher.fetch_all(requests(&server, 3), at_once(3), &silent());
    stream.next().await.expect("a result").1.expect("fetch");
    for _ in 0..500 {
        if world.fetcher.stats().bytes_fetched == 150_000 {
            return; // although nobody asked for the other results
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", world.fetcher.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_stops_the_downloads_and_removes_their_files() {
    let world = World::new();
    let endless = Fault::Slow(1000, Duration::from_millis(20));
    let server = Server::start(&noise(1_000_000), vec![endless; 4]).await;
    let mut stream = world.fetcher.fetch_all(requests(&server, 8), at_once(4), &silent());
    while world.fetcher.stats().bytes_fetched < 10_000 {
        let nothing = tokio::time::timeout(Duration::from_millis(5), stream.next()).await;
        assert!(nothing.is_err(), "it takes 20 s");
    }
    assert_eq!(world.partials().len(), 4);
    drop(stream);
    for _ in 0..500 {
        if world.partials().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.partials(), [""; 0]);
    let fetched = world.fetcher.stats().bytes_fetched;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.fetcher.stats().bytes_fetched, fetched);
    assert_eq!(server.requests().len(), 4, "nothing new was begun");
    world.check_blobs(0);
}

#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<String>>);

impl Progress for Recorder {
    fn started(&self, name: &str, total: Option<u64>) {
        self.0.lock().expect("log").push(format!("{name} of {total:?}"));
    }

    fn advanced(&self, name: &str, n: u64) {
        let mut log = self.0.lock().expect("log");
        // Chunks are as the network cuts them: only their sum is the same each time.
        let last = log.last_mut().expect("started first");
        let (head, sum) = last.split_once(" + ").unwrap_or((last, "0"));
        assert!(head.starts_with(name));
        *last = format!("{head} + {}", sum.parse::<u64>().expect("sum") + n);
    }

    fn finished(&self, name: &str, failed: bool) {
        self.0.lock().expect("log").push(format!("{name} failed: {failed}"));
    }
}

#[tokio::test]
async fn progress_adds_up_over_attempts() {
    let check = async |faults: Vec<Fault>, expected: &[&str]| {
        let world = World::new();
        let server = Server::start(&noise(50_000), faults).await;
        let log = Arc::new(Recorder::default());
        let progress: Arc<dyn Progress> = Arc::<Recorder>::clone(&log);
        let _ = world.fetcher.fetch(&request(&server), &progress).await;
        assert_eq!(*log.0.lock().expect("log"), expected);
    };
    let whole = "f.bin of Some(50000) + 50000";
    check(vec![], &[whole, "f.bin failed: false"]).await;
    check(vec![Fault::CutAfter(10)], &[whole, "f.bin failed: false"]).await;
    let again = [Fault::CutAfter(10), Fault::IgnoresRange];
    check(again.to_vec(), &["f.bin of Some(50000) + 10", whole, "f.bin failed: false"]).await;
    check(vec![Fault::Html], &["f.bin failed: true"]).await;
}
