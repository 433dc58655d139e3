//! Plans over a home of their own.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::paths::Paths;

/// A checkout and a home with everything in it that the commands make, and things of the user's own.
struct World {
    folder: tempfile::TempDir,
    paths: Paths,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let root = folder.path().join("checkout");
        let paths = Paths {
            target: root.join("target"),
            home: folder.path().join("home"),
            root: root.clone(),
        };
        let world = Self { folder, paths };
        for (path, bytes) in [
            ("home/runs/run-old/jobs.sqlite", 1000),
            ("home/runs/run-old/lock", 0),
            ("home/runs/mine/notes.txt", 10),
            ("home/models/minilm/model.json", 100),
            ("home/models/mine/weights.bin", 10),
            ("home/store/blobs/sha256/ab/abcd", 5000),
            ("home/store/memo/a.json", 10),
            ("home/store/partial/a.part", 20),
            ("home/media/manifest.json", 30),
            ("home/media/clips/a.mp4", 3000),
            ("home/cuda/13.0-0123456789ab/bin/nvcc", 7000),
            ("home/cuda/fetch-abc/tree/nvcc", 700),
            ("home/cuda/mine/notes.txt", 10),
            ("home/image/lock", 0),
            ("home/image/layers.json", 40),
            ("home/documents/letter.txt", 10),
            ("checkout/reports/runs/20260101-000000-short/run.json", 200),
            ("checkout/reports/images/frames.jpg", 10),
        ] {
            world.write(path, bytes);
        }
        // The model's file is the store's.
        let blob = world.path("home/store/blobs/sha256/ab/abcd");
        let weights = world.path("home/models/minilm/weights.bin");
        fs_err::hard_link(blob, weights).expect("a link");
        world.age("home/cuda/fetch-abc");
        world
    }

    /// Makes a folder older than what counts as new.
    fn age(&self, path: &str) {
        let folder = fs_err::File::open(self.path(path)).expect("the folder").into_parts().0;
        folder.set_modified(SystemTime::now() - Duration::from_secs(90)).expect("older");
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, bytes: usize) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs_err::write(path, vec![b'x'; bytes]).expect("a file");
    }

    /// What is planned, below the world's folder, with sizes.
    fn planned(&self, args: &Args, living: &Living) -> (Vec<(String, u64)>, Vec<String>) {
        let (removed, kept) = plan(args, &self.paths, living, false).expect("a plan");
        let name = |path: &Path| {
            path.strip_prefix(self.folder.path()).expect("inside").display().to_string()
        };
        let removed = removed.iter().map(|target| (name(&target.path), target.bytes)).collect();
        let kept = kept.iter().map(|kept| format!("{}: {}", name(&kept.path), kept.reason));
        (removed, kept.collect())
    }
}

/// What goes without a flag, and then what is expected.
#[track_caller]
fn check(args: &Args, expected: &[(&str, u64)]) {
    let (removed, kept) = World::new().planned(args, &Living::default());
    let always = [("home/runs/run-old", 1000), ("home/cuda/fetch-abc", 700)];
    let expected = always.iter().chain(expected);
    let expected: Vec<(String, u64)> =
        expected.map(|&(path, bytes)| (path.to_owned(), bytes)).collect();
    assert_eq!((removed, kept), (expected, Vec::new()));
}

#[test]
fn each_flag_takes_what_it_says_and_never_what_is_not_ours() {
    check(&Args::default(), &[]);
    let run = ("checkout/reports/runs/20260101-000000-short", 200);
    check(&Args { runs: true, ..Args::default() }, &[run]);
    // The weights have two names and are counted at the first.
    let models = [
        ("home/models/minilm", 5100),
        ("home/store/blobs", 0),
        ("home/store/memo", 10),
        ("home/store/partial", 20),
    ];
    check(&Args { models: true, ..Args::default() }, &models);
    let media = ("home/media", 3030);
    check(&Args { media: true, ..Args::default() }, &[media]);
    let cuda = ("home/cuda/13.0-0123456789ab", 7000);
    check(&Args { cuda: true, ..Args::default() }, &[cuda]);
    let image = ("home/image", 40);
    check(&Args { images: true, ..Args::default() }, &[image]);
    let mut all = vec![run];
    all.extend(models);
    all.extend([media, cuda, image]);
    check(&Args { all: true, ..Args::default() }, &all);
}

#[test]
fn a_home_without_anything_is_clean() {
    let world = World::new();
    fs_err::remove_dir_all(world.path("home")).expect("gone");
    let (removed, kept) =
        world.planned(&Args { models: true, ..Args::default() }, &Living::default());
    assert_eq!((removed.len(), kept.len()), (0, 0));
}

#[test]
fn data_whose_lock_is_held_stay() {
    use rustix::fs::{FlockOperation, flock};
    let world = World::new();
    let lock = fs_err::File::open(world.path("home/runs/run-old/lock")).expect("a lock");
    flock(&lock, FlockOperation::LockExclusive).expect("locked");
    let planned = |world: &World| world.planned(&Args::default(), &Living::default());
    let held = vec!["home/runs/run-old: its lock is held".to_owned()];
    assert_eq!(planned(&world).1, held);
    drop(lock);
    assert_eq!(planned(&world).1, Vec::<String>::new());
}

#[test]
fn data_that_were_just_made_stay() {
    let world = World::new();
    let made = world.path("home/runs/run-new");
    fs_err::create_dir(&made).expect("a folder");
    let new = vec!["home/runs/run-new: it was made less than a minute ago".to_owned()];
    assert_eq!(world.planned(&Args::default(), &Living::default()).1, new);
    world.age("home/runs/run-new");
    let (removed, kept) = world.planned(&Args::default(), &Living::default());
    assert!(removed.contains(&("home/runs/run-new".to_owned(), 0)) && kept.is_empty(), "{kept:?}");
}

#[test]
fn what_a_process_uses_stays() {
    let world = World::new();
    let start = |command: &mut std::process::Command| {
        let command = command.arg("77.5").stdout(std::process::Stdio::null());
        command.spawn().expect("sleep starts")
    };
    let run = world.path("checkout/reports/runs/20260101-000000-short");
    let log = fs_err::File::create(run.join("pipeline.log")).expect("a log").into_parts().0;
    let mut writes = start(std::process::Command::new("sleep").stderr(log));
    let data = world.path("home/runs/run-old");
    let mut is_there = start(std::process::Command::new("sleep").current_dir(&data));
    let mut is_told = std::process::Command::new("sh")
        .args(["-c", "read line", "--set"])
        .arg(format!("models.dir='{}'", world.path("home/models/minilm").display()))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("sh starts");
    let args = Args { runs: true, models: true, ..Args::default() };
    let (removed, kept) = world.planned(&args, &Living::look());
    for child in [&mut writes, &mut is_there, &mut is_told] {
        child.kill().expect("it is there");
        child.wait().expect("it ends");
    }
    let kept: Vec<&str> = kept.iter().map(|line| line.split(':').next().expect("a path")).collect();
    assert_eq!(
        kept,
        ["home/runs/run-old", "checkout/reports/runs/20260101-000000-short", "home/models/minilm",]
    );
    let is_free = |path: &str| path.starts_with("home/store") || path.ends_with("fetch-abc");
    assert!(removed.iter().all(|(path, _)| is_free(path)), "{removed:?}");
}

#[test]
fn of_a_link_only_the_link_goes() {
    let world = World::new();
    let theirs = world.path("theirs");
    fs_err::create_dir(&theirs).expect("a folder");
    fs_err::write(theirs.join("model.json"), "{}").expect("a file");
    let link = world.path("home/models/linked");
    std::os::unix::fs::symlink(&theirs, &link).expect("a link");
    let args = Args { models: true, ..Args::default() };
    let (removed, _) = world.planned(&args, &Living::default());
    assert!(removed.contains(&("home/models/linked".to_owned(), 0)), "{removed:?}");
    remove::remove(&link).expect("removed");
    assert!(theirs.join("model.json").is_file() && !link.exists());
}
