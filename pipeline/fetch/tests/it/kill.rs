//! A program that is killed in mid-download, and the next one.

use std::process::{Command, Stdio};
use std::time::Duration;

use fetch::Digest;

use crate::server::{Fault, Server};
use crate::world::{World, fetcher, noise, policy, silent, verified};

/// Where the child finds its orders: folder of the store, URL, digest.
const ORDERS: &str = "FETCH_TEST_CHILD";

/// Not a test of its own: what the child of the next test runs. Without orders there is nothing to do.
#[tokio::test]
async fn child() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Vec<&str> = orders.split('\n').collect();
    let [root, url, digest] = orders[..] else { panic!("{orders:?}") };
    let mut request = fetch::Request::new(url.parse().expect("url"), "f.bin");
    request.sha256 = digest.parse().ok();
    fetcher(root.as_ref(), policy()).fetch(&request, &silent()).await.expect("killed before");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_program_goes_on_where_a_killed_one_stopped() {
    let content = noise(1_000_000);
    let world = World::new();
    let slow = Fault::Slow(10_000, Duration::from_millis(10));
    // Killed at three points; each program goes on from the last.
    let server = Server::start(&content, vec![slow; 3]).await;
    let request = verified(&server, &content);
    let part = world.folder.path().join("partial").join(format!("{}.part", Digest::of(&content)));
    let orders =
        format!("{}\n{}\n{}", world.folder.path().display(), request.url, Digest::of(&content));
    let mut kept = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "kill::child", "--test-threads", "1"])
            .env(ORDERS, &orders)
            .stdout(Stdio::null())
            .spawn()
            .expect("child");
        let enough = kept + 100_000;
        for _ in 0..2000 {
            if fs_err::metadata(&part).is_ok_and(|metadata| metadata.len() >= enough) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        child.kill().expect("kill -9");
        child.wait().expect("wait");
        kept = fs_err::metadata(&part).expect("a beginning is left").len();
        assert!(kept >= enough, "{kept}");
        world.check_blobs(0);
    }

    let blob = world.fetch(&request).await.expect("fetch");
    assert!(fs_err::read(blob.path).expect("blob") == content, "wrong bytes");
    assert_eq!(world.partials(), [""; 0]);
    let stats = world.fetcher.stats();
    assert_eq!((stats.bytes_rehashed, stats.bytes_fetched), (kept, 1_000_000 - kept));
    assert_eq!(server.ranges().last(), Some(&Some(format!("bytes={kept}-"))));
}
