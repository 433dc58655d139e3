use std::os::unix::fs::{MetadataExt, PermissionsExt};

use proptest::prelude::*;

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("store")).expect("store");
    (folder, store)
}

fn n_partials(store: &Store) -> usize {
    fs_err::read_dir(store.partials()).expect("partial").count()
}

#[test]
fn what_cannot_be_a_store_is_named() {
    let error = Store::open("/dev/null/store").expect_err("not a folder").to_string();
    assert!(error.contains("/dev/null/store"), "{error}");
}

#[test]
fn wrong_content_is_refused_and_leaves_nothing() {
    let (_folder, store) = store();
    let expected = Digest::of(b"right");
    let error = store.insert(&b"wrong"[..], Some(&expected), "the test").expect_err("wrong");
    let actual = Digest::of(b"wrong");
    assert_eq!(error.to_string(), format!("the test: expected sha256 {expected}, got {actual}"));
    assert_eq!(store.get(&actual).expect("get"), None);
    assert_eq!(n_partials(&store), 0);
}

#[test]
fn a_file_that_is_inserted_is_found_read_only_and_once() {
    let (folder, store) = store();
    let blob = store.insert(&b"bytes"[..], None, "the test").expect("insert");
    let hex = Digest::of(b"bytes").to_string();
    let expected_path = store.root().join("blobs/sha256").join(&hex[..2]).join(&hex);
    assert_eq!((&blob.path, blob.bytes), (&expected_path, 5));
    let metadata = fs_err::metadata(&blob.path).expect("metadata");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o444);
    assert_eq!(fs_err::read(&blob.path).expect("read"), b"bytes");

    let copy = folder.path().join("copy");
    fs_err::write(&copy, b"bytes").expect("write");
    assert_eq!(store.insert_file(&copy, Some(&blob.digest)).expect("again"), blob);
    assert_eq!(fs_err::metadata(&blob.path).expect("metadata").ino(), metadata.ino());
    assert_eq!(store.get(&blob.digest).expect("get"), Some(blob));
    assert_eq!(n_partials(&store), 0);
}

#[test]
fn damage_is_found_and_can_be_evicted() {
    let (_folder, store) = store();
    let blob = store.insert(&b"bytes"[..], None, "the test").expect("insert");
    store.verify(&blob).expect("whole");
    fs_err::remove_file(&blob.path).expect("remove");
    fs_err::write(&blob.path, b"bytez").expect("damage");
    let error = store.verify(&blob).expect_err("damaged").to_string();
    for part in [blob.path.display().to_string(), Digest::of(b"bytez").to_string()] {
        assert!(error.contains(&part), "{error}");
    }
    store.evict(&blob.digest).expect("evict");
    assert_eq!(store.get(&blob.digest).expect("get"), None);
    store.evict(&blob.digest).expect("nothing to evict");
}

#[test]
fn a_link_replaces_what_is_there_in_one_step() {
    let (folder, store) = store();
    let target = folder.path().join("models/m/weights");
    let missing = store.link_to(&Digest::of(b"none"), &target).expect_err("missing");
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");

    let old = store.insert(&b"old"[..], None, "the test").expect("insert");
    let new = store.insert(&b"new"[..], None, "the test").expect("insert");
    assert_eq!(store.link_to(&old.digest, &target).expect("link"), Linked::HardLink);
    assert_eq!(store.link_to(&old.digest, &target).expect("link"), Linked::Present);
    assert_eq!(store.link_to(&new.digest, &target).expect("link"), Linked::HardLink);
    assert_eq!(fs_err::read(&target).expect("read"), b"new");
    assert_eq!(fs_err::read(&old.path).expect("read"), b"old", "the store's file is untouched");
    let folder = target.parent().expect("parent");
    assert_eq!(fs_err::read_dir(folder).expect("folder").count(), 1, "no temporary name");

    // A folder cannot be replaced by a file: the error names it, nothing is left.
    let error = store.link_to(&new.digest, folder).expect_err("a folder").to_string();
    assert!(error.contains(&folder.display().to_string()), "{error}");
    let around = folder.parent().expect("parent");
    assert_eq!(fs_err::read_dir(around).expect("folder").count(), 1, "no temporary name");
}

#[test]
fn a_link_to_another_file_system_is_a_copy() {
    let (_folder, store) = store();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    let device = |path| fs_err::metadata(path).expect("metadata").dev();
    let target = other.path().join("copy");
    let blob = store.insert(&b"bytes"[..], None, "the test").expect("insert");
    let expected =
        if device(other.path()) == device(store.root()) { Linked::HardLink } else { Linked::Copy };
    assert_eq!(store.link_to(&blob.digest, &target).expect("link"), expected);
    assert_eq!(fs_err::read(&target).expect("read"), b"bytes");
}

#[test]
fn one_at_a_time_holds_a_partial_file() {
    let (_folder, store) = store();
    let digest = Digest::of(b"bytes");
    let Claim::Ours(ours) = Partial::resumable(&store, &digest).expect("claim") else {
        panic!("nobody else is here");
    };
    assert!(matches!(Partial::resumable(&store, &digest), Ok(Claim::Taken)));
    let mut writer = ours.restart().expect("restart");
    writer.write(b"by").expect("write");
    drop((ours, writer));

    let Claim::Ours(ours) = Partial::resumable(&store, &digest).expect("claim") else {
        panic!("it was let go");
    };
    let mut writer = ours.resume().expect("resume");
    assert_eq!(writer.len(), 2);
    writer.write(b"tes").expect("write");
    assert_eq!(writer.digest(), digest);
    drop(writer);
    let blob = ours.publish(&store, &digest).expect("publish");
    assert_eq!(fs_err::read(blob.path).expect("read"), b"bytes");
    assert_eq!(n_partials(&store), 0);
}

#[test]
fn opening_removes_what_nobody_holds_and_keeps_what_can_go_on() {
    let (_folder, store) = store();
    let at = |name: &str| store.partials().join(name);
    let part = format!("{}.part", Digest::of(b"young"));
    let old = format!("{}.part", Digest::of(b"old"));
    for name in ["dead.tmp", &part, &old] {
        fs_err::write(at(name), b"x").expect("write");
    }
    let long_ago = std::time::SystemTime::now() - KEEP_PARTIAL * 2;
    fs_err::File::options()
        .write(true)
        .open(at(&old))
        .and_then(|file| file.set_modified(long_ago))
        .expect("age");
    let held = Partial::anonymous(&store).expect("held");
    Store::open(store.root()).expect("open again");
    assert!(!at("dead.tmp").exists() && !at(&old).exists() && at(&part).exists());
    assert_eq!(n_partials(&store), 2, "the young one and the one that is held");
    drop(held);
    assert_eq!(n_partials(&store), 1);
}

#[test]
fn racing_writers_of_one_content_all_get_the_same_file() {
    let (_folder, store) = store();
    let content = vec![7; 300_000];
    std::thread::scope(|scope| {
        let race = || {
            let store = Store::open(store.root()).expect("store"); // a sweep in the race, too
            store.insert(&content[..], None, "the test").expect("insert")
        };
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
        for racer in racers {
            let blob = racer.join().expect("racer");
            assert_eq!((blob.digest, blob.bytes), (Digest::of(&content), 300_000));
        }
    });
    assert_eq!(n_partials(&store), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_content_comes_back(content in prop::collection::vec(any::<u8>(), 0..5000)) {
        let (_folder, store) = store();
        let blob = store.insert(&content[..], Some(&Digest::of(&content)), "the test").expect("insert");
        prop_assert_eq!(fs_err::read(&blob.path).expect("read"), content);
        prop_assert!(store.verify(&blob).is_ok());
    }
}
