//! A disk that refuses.

use std::os::unix::fs::symlink;

use fetch::{Digest, FetchError, Request, StoreError};

use crate::server::{Fault, Server};
use crate::world::{World, noise, verified};

#[tokio::test]
async fn a_full_disk_is_named_with_the_path() {
    let content = noise(300_000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    // Every write to this device fails as on a full disk.
    let part = world.folder.path().join("partial").join(format!("{}.part", Digest::of(&content)));
    symlink("/dev/full", &part).expect("symlink");
    let error = world.fetch(&verified(&server, &content)).await.expect_err("full");
    let FetchError::Store(StoreError::Io(cause)) = &error else { panic!("{error}") };
    assert_eq!(cause.kind(), std::io::ErrorKind::StorageFull);
    assert!(error.to_string().contains(&part.display().to_string()), "{error}");
    assert_eq!(server.requests().len(), 1, "another attempt would not help");
    world.check_blobs(0);
}

#[tokio::test]
async fn what_cannot_fit_is_refused_before_a_byte_is_written() {
    let world = World::new();
    let server = Server::start(b"", [Fault::Status("200 OK", "")]).await;
    let asked = Request { bytes: Some(0), ..verified(&server, b"") };
    world.fetch(&asked).await.expect("an empty file fits");

    let huge = Server::start(b"", [Fault::Promise(1 << 60)]).await;
    let error = world.fetch(&verified(&huge, b"huge")).await.expect_err("an exbibyte");
    let FetchError::Store(StoreError::NoSpace { path, needed, available }) = &error else {
        panic!("{error}")
    };
    assert_eq!((path.as_path(), *needed), (world.folder.path(), 1 << 60));
    assert!(available < needed);
    assert_eq!(world.partials(), [""; 0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_named() {
    let content = noise(1000);
    let world = World::new();
    let server = Server::start(&content, []).await;
    let partials = world.folder.path().join("partial");
    fs_err::remove_dir(&partials).expect("remove");
    let error = world.fetch(&verified(&server, &content)).await.expect_err("gone").to_string();
    assert!(error.contains(&partials.display().to_string()), "{error}");
    assert_eq!(server.requests(), []);
}
