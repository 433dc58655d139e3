//! `fetch-models` with a real pip and a wheel made here, found in a folder instead of an index.

use std::io::Write;
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{seen, xtask};

/// A manifest, a folder with the wheel, and a home for what comes of them.
struct World {
    folder: tempfile::TempDir,
}

const WEIGHTS: &[u8] = b"the weights";
const CONFIG: &[u8] = b"{}";

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("folder") };
        fs_err::create_dir(world.path("wheels")).expect("wheels");
        let wheel = wheel(WEIGHTS);
        fs_err::write(world.path("wheels/tiny_model-1.0-py3-none-any.whl"), &wheel).expect("wheel");
        world.write_manifest(&wheel, WEIGHTS, "");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write_manifest(&self, wheel: &[u8], weights: &[u8], more: &str) {
        let text = format!(
            r#"
            [[model]]
            name = "tiny"
            licence = "MIT"
            weights = "w.bin"
            [model.source.pypi]
            package = "tiny-model==1.0"
            folder = "tiny_model"
            sha256 = "{}"
            bytes = {}
            [[model.file]]
            path = "w.bin"
            sha256 = "{}"
            bytes = {}
            [[model.file]]
            path = "config.json"
            sha256 = "{}"
            bytes = {}
            {more}
            "#,
            fetch::Digest::of(wheel),
            wheel.len(),
            fetch::Digest::of(weights),
            weights.len(),
            fetch::Digest::of(CONFIG),
            CONFIG.len(),
        );
        fs_err::write(self.path("models.toml"), text).expect("manifest");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        xtask(&["fetch-models", "--manifest"])
            .arg(self.path("models.toml"))
            .args(arguments)
            .env("REELBENCH_HOME", self.path("home"))
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", self.path("wheels"))
            .env("HF_ENDPOINT", "http://127.0.0.1:1") // nobody listens there
            .output()
            .expect("xtask starts")
    }

    /// Runs it with `--json` and gives what came of each model.
    fn brought(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let output = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let models = document["models"].as_array().expect("models");
        models.iter().map(|model| model["brought"].clone()).collect()
    }

    /// Runs it and expects exit code 2 with all of `parts` on stderr.
    fn check_refused(&self, arguments: &[&str], parts: &[&str]) {
        let output = self.run(arguments);
        let seen = seen(&output);
        assert_eq!(output.status.code(), Some(2), "{seen}");
        for part in parts {
            assert!(seen.contains(part), "no {part:?} in:\n{seen}");
        }
        assert!(!self.path("home/models/tiny/model.json").exists());
        let left = fs_err::read_dir(self.path("home/store")).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|e| e.file_name().to_string_lossy().starts_with("wheel-"))
                .count()
        });
        assert_eq!(left, 0, "a temporary folder is left");
    }
}

/// The smallest wheel that pip takes.
fn wheel(weights: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let metadata: &[u8] = b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n";
    let about: &[u8] =
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    for (name, content) in [
        ("tiny_model/w.bin", weights),
        ("tiny_model/config.json", CONFIG),
        ("tiny_model-1.0.dist-info/METADATA", metadata),
        ("tiny_model-1.0.dist-info/WHEEL", about),
        ("tiny_model-1.0.dist-info/RECORD", b""),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).expect("member");
        zip.write_all(content).expect("content");
    }
    zip.finish().expect("zip").into_inner()
}

#[test]
fn a_model_comes_once_is_verified_and_mended() {
    let world = World::new();
    let fetched = serde_json::json!({"fetched": {"bytes": WEIGHTS.len() + CONFIG.len()}});
    assert_eq!(world.brought(&[]), [fetched]);
    let weights = world.path("home/models/tiny/w.bin");
    assert_eq!(fs_err::read(&weights).expect("weights"), WEIGHTS);
    let description = fs_err::read(world.path("home/models/tiny/model.json")).expect("model.json");
    let description: serde_json::Value = serde_json::from_slice(&description).expect("JSON");
    assert_eq!(description["weights"], "real");
    assert_eq!(description["sha256"], fetch::Digest::of(WEIGHTS).to_string());
    let lock = fs_err::read_to_string(world.path("models.lock")).expect("lock");
    assert!(lock.contains("pypi:tiny-model==1.0"), "{lock}");

    // Nothing to do: no pip, not even a wheel to find.
    fs_err::remove_dir_all(world.path("wheels")).expect("remove");
    let begun = Instant::now();
    let output = world.run(&["--offline"]);
    let took = begun.elapsed();
    assert!(seen(&output).contains("all models are there, nothing was done"), "{}", seen(&output));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.brought(&["--verify"]), ["present"]);

    // A folder that is gone is linked again.
    fs_err::remove_dir_all(world.path("home/models")).expect("remove");
    assert_eq!(world.brought(&["--offline"]), ["linked"]);
}

#[test]
fn damage_is_mended() {
    let world = World::new();
    world.brought(&[]);
    let weights = world.path("home/models/tiny/w.bin");
    let modified = fs_err::metadata(&weights).and_then(|m| m.modified()).expect("time");
    let damage = |path: &PathBuf| {
        fs_err::remove_file(path).expect("remove");
        fs_err::write(path, b"the weightz").expect("damage");
    };
    damage(&weights);
    assert_eq!(world.brought(&[]), ["linked"], "the store still has it");
    assert_eq!(fs_err::read(&weights).expect("weights"), WEIGHTS);

    // The store's file as well, and without a trace: only reading finds it.
    let store = fetch::Store::open(world.path("home/store")).expect("store");
    let blob = store.get(&fetch::Digest::of(WEIGHTS)).expect("store").expect("blob");
    for path in [&blob.path, &weights] {
        damage(path);
        let file = fs_err::File::options().write(true).open(path).expect("open");
        file.set_modified(modified).expect("time");
    }
    assert_eq!(world.brought(&[]), ["present"]);
    let fetched = serde_json::json!({"fetched": {"bytes": WEIGHTS.len()}});
    assert_eq!(world.brought(&["--verify"]), [fetched], "and only what is damaged");
    assert_eq!(fs_err::read(&weights).expect("weights"), WEIGHTS);
}

#[test]
fn what_is_not_what_the_manifest_says_is_refused() {
    let world = World::new();
    // Another build of the wheel than the manifest knows.
    world.write_manifest(&wheel(b"others"), b"others", "");
    let expected = format!("expected sha256 {}", fetch::Digest::of(&wheel(b"others")));
    world.check_refused(&[], &[&expected, "got ", "tiny-model==1.0", "hint: "]);
    // The wheel is right, a file in it is not.
    world.write_manifest(&wheel(WEIGHTS), b"others", "");
    let expected = format!("expected sha256 {}", fetch::Digest::of(b"others"));
    world.check_refused(&[], &["tiny_model/w.bin in tiny_model-1.0", &expected]);
    assert!(!world.path("models.lock").exists(), "nothing was verified");

    fs_err::remove_dir_all(world.path("wheels")).expect("remove");
    world.check_refused(&[], &["pip cannot download tiny-model==1.0", "hint: pip looks where"]);
    world.check_refused(&["--offline"], &["w.bin, config.json must be downloaded"]);
}

#[test]
fn a_lock_that_contradicts_is_refused() {
    let world = World::new();
    world.brought(&[]);
    fs_err::remove_dir_all(world.path("home")).expect("remove");
    world.write_manifest(&wheel(b"others"), b"others", "");
    world.check_refused(&[], &["contradicts the manifest about tiny/w.bin", "delete the lock"]);
}

#[test]
fn without_pip_there_is_advice() {
    let world = World::new();
    let output = xtask(&["fetch-models", "--manifest"])
        .arg(world.path("models.toml"))
        .env("REELBENCH_HOME", world.path("home"))
        .env("PATH", world.path("wheels"))
        .output()
        .expect("xtask starts");
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(2), "{seen}");
    assert!(seen.contains("`python3`") && seen.contains("hint: `cargo xtask setup`"), "{seen}");
}

#[test]
fn an_optional_model_is_left_out_unless_it_is_named() {
    let more = r#"
        [[model]]
        name = "far"
        licence = "MIT"
        weights = "f.bin"
        optional = true
        source.url = "https://huggingface.co/a/b/"
        [[model.file]]
        path = "f.bin"
        sha256 = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
        bytes = 4
    "#;
    let world = World::new();
    world.write_manifest(&wheel(WEIGHTS), WEIGHTS, more);
    let brought = world.brought(&[]);
    let reason = brought[1]["skipped"]["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("cannot reach http://127.0.0.1:1/a/b/f.bin"), "{reason}");
    let lock = fs_err::read_to_string(world.path("models.lock")).expect("lock");
    assert!(lock.contains("tiny") && !lock.contains("far"), "{lock}");

    let output = world.run(&["far"]);
    assert_eq!(output.status.code(), Some(2), "{}", seen(&output));
    let output = world.run(&["near"]);
    assert!(seen(&output).contains("expected one of tiny, far"), "{}", seen(&output));
}
