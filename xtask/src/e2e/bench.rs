//! `cargo xtask bench`, from what is typed to its page: each part that has a program, as the tests built it. What
//! takes how long is of no interest here; that the ways are measured and told is.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::paths::Paths;

fn is_long() -> bool {
    std::env::var_os("REELBENCH_LONG").is_some()
}

/// The document of a bench, and its page.
async fn benched(folder: &Path, part: &[&str]) -> (Value, String) {
    let paths = Paths::from_env().expect("a checkout");
    let mut command = Command::new(paths.binary("debug", "xtask"));
    command.args(["--json", "bench", "--build", "dev", "--out", "out"]).args(part);
    command.current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("xtask starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let document = serde_json::from_slice(&output.stdout).expect("one document");
    (document, fs_err::read_to_string(folder.join("out/bench.md")).expect("a page"))
}

#[track_caller]
fn check((document, page): (Value, String), names: &[&str], headline: &str) {
    assert_eq!(document["ways"]["names"], json!(names), "{document}");
    let verdict = document["verdict"].as_str().expect("a verdict");
    assert!(verdict.starts_with(headline), "{verdict}");
    assert!(page.starts_with(&format!("**{verdict}**")), "{page}");
    assert!(page.contains("| build ") && page.contains("cargo xtask --json bench"), "{page}");
}

/// With `REELBENCH_LONG` also the parts that take a minute each.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_bench_measures_the_parts_that_have_a_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = benched(folder.path(), &["fetch", "--rounds", "1"]).await;
    check(found, &["one at a time", "all at once"], "all at once: wall time 0.");
    if !is_long() {
        return;
    }
    let found = benched(folder.path(), &["selection", "--rounds", "1"]).await;
    check(found, &["pair by pair, scaled", "matrix"], "matrix: CPU time 0.0");
    let found = benched(folder.path(), &["render", "--rounds", "1", "--", "clips=1"]).await;
    check(found, &["by hand", "single-pass"], "single-pass: CPU time ");
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_bench_measures_what_criterion_measures() {
    let folder = tempfile::tempdir().expect("a folder");
    let quick = ["criterion", "--", "--quick", "judge"];
    let (page, markdown) = benched(folder.path(), &quick).await;
    assert!(page["verdict"].as_str().is_some_and(|it| markdown.contains(it)), "{page}");
    assert!(markdown.contains("judge"), "{markdown}");
    if !is_long() {
        return;
    }
    // The results, kept, against others.
    let before = folder.path().join("before");
    fs_err::rename(folder.path().join("out/criterion"), &before).expect("kept");
    let against = ["criterion", "--against", "before", "--", "--quick", "judge"];
    let (page, markdown) = benched(folder.path(), &against).await;
    assert!(page["verdict"].as_str().is_some_and(|it| markdown.contains(it)), "{page}");
}
