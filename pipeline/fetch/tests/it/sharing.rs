//! What is not downloaded twice.

use std::time::Duration;

use fetch::{Digest, Request, Stats};
use futures::future::join_all;

use crate::server::{Fault, Server};
use crate::world::{World, fetcher, noise, policy, request, silent, verified};

#[tokio::test]
async fn a_known_digest_is_fetched_once() {
    let content = noise(1000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    let asked = verified(&server, &content);
    let first = world.fetch(&asked).await.expect("fetch");
    assert_eq!(world.fetch(&asked).await.expect("hit"), first);
    // The same content from a URL that is not there.
    let elsewhere = Request { url: "http://127.0.0.1:1/gone".parse().expect("url"), ..asked };
    assert_eq!(world.fetch(&elsewhere).await.expect("hit"), first);
    assert_eq!(server.requests().len(), 1);
    let expected =
        Stats { hits: 2, requests: 1, bytes_fetched: 1000, bytes_hashed: 1000, ..Stats::default() };
    assert_eq!(world.fetcher.stats(), expected);
}

#[tokio::test]
async fn an_unknown_digest_is_fetched_once_where_it_is_remembered() {
    let content = noise(1000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    let asked = Request { remember: true, ..request(&server) };
    let first = world.fetch(&asked).await.expect("fetch");
    let later = fetcher(world.folder.path(), policy()); // another program
    assert_eq!(later.fetch(&asked, &silent()).await.expect("hit"), first);
    assert_eq!(server.requests().len(), 1);

    // What the memo names may be gone, and who does not ask for it gets none.
    world.fetcher.store().evict(&first.digest).expect("evict");
    assert_eq!(later.fetch(&asked, &silent()).await.expect("fetch"), first);
    later.fetch(&request(&server), &silent()).await.expect("fetch");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn who_asks_meanwhile_waits_for_the_same_download() {
    let content = noise(100_000);
    let world = World::new();
    let slow = Fault::Slow(20_000, Duration::from_millis(50));
    let server = Server::start(&content, [slow]).await;
    for asked in [request(&server), verified(&server, &content)] {
        let before = server.requests().len();
        let all = join_all((0..10).map(|_| world.fetch(&asked))).await;
        for blob in all {
            assert_eq!(blob.expect("fetch").digest, Digest::of(&content));
        }
        assert!(server.requests().len() - before <= 1);
    }
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn one_who_stops_waiting_does_not_stop_the_others() {
    let content = noise(100_000);
    let world = World::new();
    let slow = Fault::Slow(20_000, Duration::from_millis(50));
    let server = Server::start(&content, [slow]).await;
    let asked = request(&server);
    // The first one begins the download and goes first.
    let impatient = tokio::time::timeout(Duration::from_millis(80), world.fetch(&asked));
    let (impatient, patient) = tokio::join!(impatient, world.fetch(&asked));
    assert!(impatient.is_err());
    assert_eq!(patient.expect("fetch").digest, Digest::of(&content));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn two_programs_take_turns() {
    let content = noise(100_000);
    let world = World::new();
    let slow = Fault::Slow(20_000, Duration::from_millis(30));
    let server = Server::start(&content, [slow]).await;
    let asked = verified(&server, &content);
    let other = fetcher(world.folder.path(), policy()); // locks do not know whose program they are
    let progress = silent();
    let (one, two) = tokio::join!(world.fetch(&asked), other.fetch(&asked, &progress));
    assert_eq!(one.expect("one"), two.expect("two"));
    assert_eq!(server.requests().len(), 1);
    assert_eq!(world.partials(), [""; 0]);
    world.check_blobs(1);
}

#[tokio::test]
async fn a_store_that_lost_bytes_is_mended_where_the_size_tells() {
    let content = noise(1000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    let asked = Request { bytes: Some(1000), ..verified(&server, &content) };
    let blob = world.fetch(&asked).await.expect("fetch");
    fs_err::remove_file(&blob.path).expect("remove");
    fs_err::write(&blob.path, &content[..10]).expect("damage");
    assert_eq!(world.fetch(&asked).await.expect("fetch again"), blob);
    world.check_blobs(1);

    let wrong = Request { bytes: Some(999), ..asked };
    let error = world.fetch(&wrong).await.expect_err("the request is wrong").to_string();
    assert!(error.contains("expected 999 bytes, got 1000"), "{error}");
}
