//! `clean` over a checkout and a home that are made here.

use std::path::PathBuf;

use crate::engine::{Engine, Things};
use crate::{seen, xtask};

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("a temp folder") };
        fs_err::create_dir(world.path("xtask")).expect("a folder");
        for (path, bytes) in [
            ("home/runs/run-abc/lock", 0),
            ("home/runs/run-abc/jobs.sqlite", 2_500_000),
            ("home/media/manifest.json", 1_000_000),
            ("reports/runs/20260101-100000-short/run.json", 300_000),
            ("home/letter.txt", 7),
        ] {
            let path = world.path(path);
            fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs_err::write(path, vec![b'x'; bytes]).expect("a file");
        }
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        // Nobody listens there: no image of this machine is touched.
        self.run_at(&format!("unix://{}", self.path("no-engine").display()), arguments)
    }

    fn run_at(&self, engine: &str, arguments: &[&str]) -> std::process::Output {
        let mut all = vec!["clean"];
        all.extend(arguments);
        xtask(&all)
            .env("CARGO_MANIFEST_DIR", self.path("xtask"))
            .env("REELBENCH_HOME", self.path("home"))
            .env("DOCKER_HOST", engine)
            .output()
            .expect("xtask starts")
    }

    fn seen(&self, arguments: &[&str]) -> String {
        let shown = self.folder.path().display().to_string();
        seen(&self.run(arguments)).replace(&shown, "[checkout]")
    }

    /// Every file that is there.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs_err::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let inside = path.strip_prefix(self.folder.path()).expect("inside");
                    files.push(inside.display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

#[test]
fn a_dry_run_says_it_all_and_removes_nothing() {
    let world = World::new();
    let before = world.files();
    insta::assert_snapshot!(world.seen(&["--all", "--dry-run"]));
    assert_eq!(world.files(), before);
}

#[test]
fn what_was_said_is_removed_and_nothing_else() {
    let world = World::new();
    insta::assert_snapshot!(world.seen(&[]));
    assert_eq!(
        world.files(),
        [
            "home/letter.txt",
            "home/media/manifest.json",
            "reports/runs/20260101-100000-short/run.json",
        ]
    );
    assert!(world.seen(&[]).contains("no file to remove"));
    world.run(&["--all"]);
    assert_eq!(world.files(), ["home/letter.txt"]);
}

#[test]
fn images_need_an_engine_and_without_it_nothing_is_removed() {
    let world = World::new();
    let before = world.files();
    let seen = world.seen(&["--images"]);
    assert!(seen.starts_with("exit: 2\n") && seen.contains("no container engine"), "{seen}");
    assert_eq!(world.files(), before);
}

#[test]
fn the_result_is_a_document() {
    let world = World::new();
    let output = world.run(&["--media", "--json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["freed_bytes"], 3_500_000, "{document:#}");
    assert_eq!(document["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["removed"][1]["what"], "media");
    assert_eq!((&document["kept"], &document["dry_run"]), (&serde_json::json!([]), &false.into()));
}

/// A container and two images.
fn things() -> Things {
    Things {
        containers: vec![("smoke", "a-test".to_owned())],
        images: vec![
            ("sha256:a", "reelbench:cpu".to_owned()),
            ("sha256:b", "reelbench-base:b".to_owned()),
        ],
    }
}

#[test]
fn images_are_counted_and_then_removed_with_their_containers() {
    let world = World::new();
    let engine = Engine::start(world.folder.path(), things());
    let would = seen(&world.run_at(&engine.host, &["--images", "--dry-run"]));
    assert!(would.contains("would remove 2 images, 1 containers"), "{would}");
    assert!(engine.removed().is_empty(), "{:?}", engine.removed());
    let removed = seen(&world.run_at(&engine.host, &["--images"]));
    assert!(removed.contains("\nremoved 2 images, 1 containers"), "{removed}");
    let expected = ["/containers/smoke", "/images/reelbench:cpu", "/images/reelbench-base:b"];
    assert_eq!(engine.removed(), expected);
}

#[test]
fn images_stay_while_one_is_built() {
    use rustix::fs::{FlockOperation, flock};
    let world = World::new();
    let engine = Engine::start(world.folder.path(), things());
    fs_err::create_dir(world.path("home/image")).expect("a folder");
    let lock = fs_err::File::create(world.path("home/image/lock")).expect("a lock");
    flock(&lock, FlockOperation::LockExclusive).expect("locked");
    for more in [&["--images", "--dry-run"][..], &["--images"]] {
        let seen = seen(&world.run_at(&engine.host, more));
        assert!(seen.starts_with("exit: 0\n"), "{seen}");
        for part in ["home/image stays: a build-image is", "the images stay: a build-image is"] {
            assert!(seen.contains(part), "no {part:?} in:\n{seen}");
        }
    }
    assert!(engine.removed().is_empty(), "{:?}", engine.removed());
    assert!(world.path("home/image/lock").is_file());
    drop(lock);
    world.run_at(&engine.host, &["--images"]);
    assert_eq!(engine.removed().len(), 3, "{:?}", engine.removed());
    assert!(!world.path("home/image").exists());
}

/// What `build-image` here would name a call of `process`.
fn session(process: u32, host: Option<&str>) -> String {
    let here = fs_err::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let processes = fs_err::read_link("/proc/self/ns/pid").expect("a link");
    let machine = format!("{} {}", host.unwrap_or(here.trim()), processes.display());
    let machine = fetch::Digest::of(machine.as_bytes()).to_string();
    format!("5f00-{process:x}-{}", &machine[..8])
}

#[test]
fn what_a_killed_build_left_goes_without_a_flag_and_nothing_else_of_the_engine() {
    let world = World::new();
    let mut child = std::process::Command::new("true").spawn().expect("true");
    child.wait().expect("it ends");
    let (gone, living) = (session(child.id(), None), session(std::process::id(), None));
    let elsewhere = session(child.id(), Some("another.host"));
    let candidate = |id: &str| format!("reelbench-candidate:{id}");
    let images = vec![
        ("sha256:a", "reelbench:cpu".to_owned()),
        ("sha256:b", candidate(&gone)),
        ("sha256:c", candidate(&living)),
        ("sha256:d", candidate(&elsewhere)),
    ];
    let removed = ["/containers/gone".to_owned(), format!("/images/{}", candidate(&gone))];
    let containers = vec![("gone", gone), ("living", living), ("elsewhere", elsewhere)];
    let engine = Engine::start(world.folder.path(), Things { containers, images });
    let would = seen(&world.run_at(&engine.host, &["--dry-run"]));
    assert!(would.contains("would remove 1 images, 1 containers"), "{would}");
    assert!(engine.removed().is_empty(), "{:?}", engine.removed());
    let seen = seen(&world.run_at(&engine.host, &[]));
    assert!(seen.contains("\nremoved 1 images, 1 containers"), "{seen}");
    assert_eq!(engine.removed(), removed);
}
