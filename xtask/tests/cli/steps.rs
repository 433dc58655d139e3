//! `cargo xtask test` over a cargo that only writes down what it was asked: the steps, the closing
//! table, the exit code, and what Ctrl-C leaves behind.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{seen, xtask};

/// A folder with programs that stand in for cargo and `fixtures`.
struct Stand {
    folder: TempDir,
}

impl Stand {
    /// `cargo` is a shell script with this body; it finds its arguments in `$*`.
    fn new(cargo: &str) -> Self {
        let stand = Self { folder: tempfile::tempdir().expect("a temp folder") };
        stand.program("cargo", cargo);
        stand.program("cargo-nextest", "");
        stand.program("cargo-deny", "");
        stand.program("debug/fixtures", r#"echo "fixtures $1" >> "$REELBENCH_HOME/asked""#);
        // The models and packages of the outer test run: what is there is not made or brought again.
        let models = std::env::var_os("REELBENCH_MODELS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/reelbench/models"),
            Into::into,
        );
        assert!(models.is_dir(), "{} is made by `cargo xtask test`", models.display());
        let python = models.join("../python");
        std::os::unix::fs::symlink(models, stand.path().join("models")).expect("a link");
        std::os::unix::fs::symlink(python, stand.path().join("python")).expect("a link");
        stand
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs_err::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a program");
        let mode = PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(&path, mode).expect("a program");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn test(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["test"];
        all.extend(arguments);
        let mut command = xtask(&all);
        let path = std::env::var("PATH").expect("a PATH");
        command
            .env("CARGO", self.path().join("cargo"))
            .env("CARGO_TARGET_DIR", self.path())
            .env("REELBENCH_HOME", self.path())
            .env("PATH", format!("{}:{path}", self.path().display()));
        command
    }

    /// What the programs were asked, in order.
    fn asked(&self) -> String {
        fs_err::read_to_string(self.path().join("asked")).unwrap_or_default()
    }
}

const WRITE_DOWN: &str = r#"echo "cargo $*" >> "$REELBENCH_HOME/asked""#;

#[test]
fn a_failed_step_is_named_and_does_not_hide_the_others() {
    let stand = Stand::new(&format!("{WRITE_DOWN}; [ $1 != clippy ]"));
    let output = stand.test(&[]).output().expect("xtask starts");
    let mut filters = insta::Settings::clone_current();
    filters.add_filter(r"\d+\.\d+", "[s]");
    filters.bind(|| {
        insta::assert_snapshot!(format!("{}----- asked\n{}", seen(&output), stand.asked()));
    });
}

#[test]
fn nothing_is_tested_that_was_not_built() {
    let stand = Stand::new(&format!("{WRITE_DOWN}; [ $1 != build ]"));
    let output = stand.test(&["percentile"]).output().expect("xtask starts");
    assert_eq!(stand.asked(), "cargo build --workspace --all-targets\n");
    let seen = seen(&output);
    for part in ["exit: 1\n", "error: failed: build\n", "tests left out: the build failed"] {
        assert!(seen.contains(part), "no {part:?} in\n{seen}");
    }
}

#[test]
fn with_json_stdout_is_one_document() {
    let stand = Stand::new("echo noise");
    let output = stand.test(&["--json"]).output().expect("xtask starts");
    let steps: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(steps.as_array().map(Vec::len), Some(8), "{steps:#}");
    assert_eq!(steps[7]["result"], "passed");
}

#[test]
fn ctrl_c_ends_what_was_started_and_exits_with_130() {
    let stand = Stand::new(r#"echo $$ > "$REELBENCH_HOME/pid"; sleep 64.25 & wait"#);
    let mut xtask =
        stand.test(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("xtask");
    let pid_file = stand.path().join("pid");
    let group = wait_for(|| fs_err::read_to_string(&pid_file).ok()?.trim().parse().ok());
    let group = Pid::from_raw(group).expect("a process id");
    let pid = Pid::from_raw(xtask.id().cast_signed()).expect("a process id");
    kill_process(pid, Signal::INT).expect("xtask is there");
    assert_eq!(xtask.wait().expect("xtask ends").code(), Some(130));
    wait_for(|| rustix::process::test_kill_process_group(group).is_err().then_some(()));
}

/// Asks until there is an answer.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
