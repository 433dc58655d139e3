//! Each fault ends in the right bytes or in the error that names it, and leaves nothing behind that
//! is wrong.

use std::time::{Duration, Instant};

use fetch::{Digest, Policy, Request};

use crate::server::Fault::{self, *};
use crate::server::Server;
use crate::world::{World, noise, policy, request, verified};

const SIZE: usize = 300_000;

/// What comes of a download.
enum End {
    /// The server's first file.
    Right,
    /// Another file, which the server has since.
    Other(Vec<u8>),
    /// An error whose message has this in it.
    Error(&'static str),
}
use End::{Error, Other, Right};

/// Runs `faults` against a request with the digest known and one without, and expects both ends.
async fn check(faults: &[Fault], with_digest: End, without: End) {
    let content = noise(SIZE);
    for (known, end) in [(true, with_digest), (false, without)] {
        let world = World::new();
        let server = Server::start(&content, faults.iter().cloned()).await;
        let asked = if known { verified(&server, &content) } else { request(&server) };
        let result = world.fetch(&asked).await;
        let what = format!("{faults:.60?}, digest known: {known}");
        let expected = match end {
            Right => content.clone(),
            Other(content) => content,
            Error(part) => {
                let message = result.expect_err(&what).to_string();
                assert!(message.contains(part), "{what}: {message}");
                assert!(message.contains(&format!("{}", server.url("f.bin"))), "{what}: {message}");
                world.check_blobs(0);
                check_partials(&world, &content, known);
                continue;
            }
        };
        let blob = result.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(fs_err::read(&blob.path).expect("blob") == expected, "{what}: wrong bytes");
        assert_eq!(blob.digest, Digest::of(&expected), "{what}");
        assert_eq!(world.partials(), [""; 0], "{what}");
        world.check_blobs(1);
        let stats = world.fetcher.stats();
        assert_eq!(stats.bytes_hashed, stats.bytes_fetched, "{what}");
        assert_eq!(stats.requests, 1 + stats.retries, "{what}");
    }
}

/// After an error nothing is left but the right beginning of a file of known digest.
fn check_partials(world: &World, content: &[u8], known: bool) {
    for name in world.partials() {
        assert_eq!((known, name.as_str()), (true, &*format!("{}.part", Digest::of(content))));
        let left = fs_err::read(world.folder.path().join("partial").join(name)).expect("partial");
        assert!(!left.is_empty() && content.starts_with(&left));
    }
}

#[tokio::test]
async fn a_server_that_is_honest_or_ignores_the_range() {
    check(&[], Right, Right).await;
    check(&[CutAfter(1000), IgnoresRange], Right, Right).await;
    check(&[ResetAfter(1000), IgnoresRange, None], Right, Right).await;
}

#[tokio::test]
async fn a_body_that_is_cut_or_reset() {
    check(&[CutAfter(0), CutAfter(1000), CutAfter(2000)], Right, Right).await;
    check(&[ResetAfter(0), ResetAfter(100_000), ResetAfter(1000)], Right, Right).await;
    let every = [CutAfter(10), CutAfter(10), CutAfter(10), CutAfter(10), CutAfter(10)];
    let ended = "ended after 50 of 300000 bytes";
    check(&every, Error(ended), Error(ended)).await;
}

#[tokio::test]
async fn a_connection_that_stalls() {
    check(&[StallAfter(0), StallAfter(1000)], Right, Right).await;
    let every = [1, 1, 1, 1, 1].map(StallAfter);
    let stalled = "sent nothing for 0.4 s after 5 bytes (5 attempts)";
    check(&every, Error(stalled), Error(stalled)).await;
}

#[tokio::test]
async fn a_flipped_bit() {
    check(&[Flip(SIZE / 2)], Right, Other(flipped(SIZE / 2))).await;
    // In the rest after a resume, too.
    check(&[CutAfter(1000), Flip(0)], Right, Other(flipped(1000))).await;
    let actual = "got 9331303e25f5bc6f";
    assert!(Digest::of(&flipped(7)).to_string().starts_with(&actual[4..]));
    check(&[Flip(7), Flip(7)], Error(actual), Other(flipped(7))).await;
}

fn flipped(index: usize) -> Vec<u8> {
    let mut content = noise(SIZE);
    content[index] ^= 1;
    content
}

#[tokio::test]
async fn a_file_that_is_replaced_on_the_way() {
    let new = vec![b'n'; 200_000];
    let same_size = vec![b's'; SIZE];
    let mismatch = "expected sha256";
    check(&[ReplacedAfter(1000, new.clone())], Error(mismatch), Other(new.clone())).await;
    check(&[ReplacedAfter(1000, same_size.clone())], Error(mismatch), Other(same_size)).await;
    // Shorter than what was read already.
    check(&[ReplacedAfter(1000, vec![b't'; 10])], Error(mismatch), Other(vec![b't'; 10])).await;
    // Replaced at each request: never two answers from one file.
    let each = [1, 2, 3, 4, 5].map(|n| ReplacedAfter(1000, vec![n; SIZE]));
    let ended = "bytes";
    check(&each, Error(ended), Error(ended)).await;
    check(&[Replaced(new.clone())], Error(mismatch), Other(new)).await;
}

#[tokio::test]
async fn without_a_mark_or_a_digest_nothing_is_appended() {
    let (content, new) = (noise(SIZE), vec![b'n'; SIZE]);
    let world = World::new();
    let server = Server::start(&content, [ReplacedAfter(1000, new.clone())]).await.unmarked();
    let blob = world.fetch(&request(&server)).await.expect("the new file");
    assert!(fs_err::read(blob.path).expect("blob") == new, "a mixture of two files");
    assert_eq!(server.ranges(), [Option::None, Option::None]);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again_when_it_says_so() {
    let busy = [
        Status("503 Service Unavailable", ""),
        Status("429 Too Many Requests", "retry-after: 1\r\n"),
        Status("408 Request Timeout", ""),
    ];
    let begun = Instant::now();
    check(&busy, Right, Right).await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "a second for each of two downloads");

    let far = [Status("503 Later", "retry-after: Wed, 21 Oct 2099 07:28:00 GMT\r\n")];
    check(&far, Right, Right).await; // at most max_retry_after
    let refused = "expected status 200, got 500 (5 attempts)";
    let every = vec![Status("500 Internal Server Error", ""); 5];
    check(&every, Error(refused), Error(refused)).await;
}

#[tokio::test]
async fn what_cannot_help_is_not_retried() {
    let gone = "expected status 200, got 404 (1 attempt)";
    check(&[Status("404 Not Found", "")], Error(gone), Error(gone)).await;
    let page = "expected the file f.bin, got a page of type text/html";
    check(&[Html], Error(page), Error(page)).await;
    check(&[CutAfter(1000), Html], Error(page), Error(page)).await;
    let encoded = "expected the plain bytes, got content encoding gzip";
    let gzip = Status("200 OK", "content-encoding: gzip\r\n");
    check(&[gzip], Error(encoded), Error(encoded)).await;
    let range = "expected the whole file, got bytes 0-9/10";
    let partial = vec![Status("206 Partial Content", "content-range: bytes 0-9/10\r\n"); 5];
    check(&partial, Error(range), Error(range)).await;
}

#[tokio::test]
async fn a_wrong_range_is_begun_again() {
    check(&[CutAfter(1000), WrongRange], Right, Right).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_held_against_the_promised_size() {
    let content = noise(SIZE);
    let check = async |promised: u64, faults: Vec<Fault>, expected: Result<(), &str>| {
        let world = World::new();
        let server = Server::start(&content, faults).await;
        let asked = Request { bytes: Some(promised), ..request(&server) };
        let result = world.fetch(&asked).await;
        let actual = result.map(drop).map_err(|error| error.to_string());
        match expected {
            Ok(()) => assert_eq!(actual, Ok(())),
            Err(part) => assert!(actual.as_ref().is_err_and(|m| m.contains(part)), "{actual:?}"),
        }
        assert_eq!(world.partials(), [""; 0]);
        world.check_blobs(usize::from(expected.is_ok()));
    };
    check(300_000, vec![NoLengthCutAfter(1000)], Ok(())).await;
    check(299_999, vec![NoLengthCutAfter(SIZE); 5], Err("expected 299999 bytes, got ")).await;
    check(300_001, vec![], Err("expected 300001 bytes, got 300000 (2 attempts)")).await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_or_while_it_comes() {
    let content = noise(SIZE);
    for fault in [None, NoLengthCutAfter(SIZE)] {
        let world = World::with(Policy { max_bytes: Some(100_000), ..policy() });
        let server = Server::start(&content, [fault]).await;
        let error = world.fetch(&request(&server)).await.expect_err("too large").to_string();
        assert!(error.contains("is too large: limit 100000 bytes, got "), "{error}");
        assert_eq!((world.partials(), server.requests().len()), (vec![], 1));
        world.check_blobs(0);
    }
}

#[tokio::test]
async fn nobody_there_is_named_after_all_attempts() {
    let world = World::new();
    let server = Server::start(b"", []).await;
    let asked = request(&server);
    drop(server);
    tokio::time::sleep(Duration::from_millis(50)).await; // until its port is closed
    let error = world.fetch(&asked).await.expect_err("nobody").to_string();
    assert!(error.starts_with("cannot reach http://127.0.0.1"), "{error}");
    assert!(error.contains("refused") && error.ends_with("(5 attempts)"), "{error}");

    let asked = Request::new("ftp://127.0.0.1/f.bin".parse().expect("url"), "f.bin");
    let error = world.fetch(&asked).await.expect_err("no such scheme").to_string();
    assert!(error.starts_with("cannot request ftp://127.0.0.1/f.bin"), "{error}");
    assert_eq!(world.partials(), [""; 0]);
}
