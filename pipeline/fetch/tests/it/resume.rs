//! Going on where an earlier program stopped.

use fetch::Digest;
use proptest::prelude::*;

use crate::server::{Fault, Server};
use crate::world::{World, noise, verified};

/// What an earlier program left of a file, and what it takes to finish it.
async fn check(content: &[u8], left: &[u8], faults: &[Fault]) -> Vec<Option<String>> {
    let world = World::new();
    let server = Server::start(content, faults.iter().cloned()).await;
    let part = world.folder.path().join("partial").join(format!("{}.part", Digest::of(content)));
    fs_err::write(&part, left).expect("write");
    let blob = world.fetch(&verified(&server, content)).await.expect("fetch");
    assert!(fs_err::read(&blob.path).expect("blob") == content, "wrong bytes");
    assert_eq!(world.partials(), [""; 0]);
    world.check_blobs(1);
    let stats = world.fetcher.stats();
    assert_eq!(stats.bytes_hashed, stats.bytes_fetched);
    assert_eq!(stats.bytes_rehashed, left.len() as u64);
    if content.starts_with(left) && faults.is_empty() {
        assert_eq!(
            stats.bytes_fetched,
            (content.len() - left.len()) as u64,
            "only what is missing"
        );
    }
    server.ranges()
}

#[tokio::test]
async fn a_whole_beginning_costs_no_request() {
    let content = noise(1000);
    assert_eq!(check(&content, &content, &[]).await, []);
}

#[tokio::test]
async fn more_than_the_file_is_thrown_away() {
    let content = noise(1000);
    let left = [&content[..], b"more"].concat();
    assert_eq!(check(&content, &left, &[]).await, [Some("bytes=1004-".to_owned()), None]);
}

#[tokio::test]
async fn a_wrong_beginning_is_noticed_and_fetched_again() {
    let content = noise(1000);
    assert_eq!(check(&content, &[0; 500], &[]).await, [Some("bytes=500-".to_owned()), None]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_beginning_is_finished(
        size in 1_usize..200_000,
        permille in 0_usize..=1000,
        cuts in prop::collection::vec(0_usize..200_000, 0..4),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("runtime");
        let content = noise(size);
        let left = size * permille / 1000;
        let faults: Vec<Fault> = cuts.into_iter().map(Fault::CutAfter).collect();
        let ranges = runtime.block_on(check(&content, &content[..left], &faults));
        let first = (left > 0).then(|| format!("bytes={left}-"));
        prop_assert!(left == size || ranges[0] == first, "{:?}", ranges);
    }
}
