//! `cargo xtask gate`, from what is typed to its page: a change that makes jobs slower, and runs that were kept.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::paths::Paths;

/// Jobs that only ask a language model, so that runs are short.
const JOB: &str = "name = \"terms\"\ntitle = \"Terms\"\ndescription = \"Two questions.\"\n\
    [job]\nvideo_subject = \"the sea\"\nstop_at = \"terms\"\n";
const BEHAVIOUR: &str = "[chat]\nlatency_ms = 60\n";
/// Five pairs, which all show it.
const POLICY: &str = "[run]\njobs = 8\nwarm_up = 2\nconcurrency = 4\nnull = false\n\
    [gate]\nlooks = [{ pairs = 5, alarm = 0.04, fail = 0.04, pass = 0.04 }]\n\
    [gate.calibration]\npairs = 3\nleast_visible = 10.0\n";

async fn gate(folder: &TempDir, arguments: &[&str]) -> Output {
    let paths = Paths::from_env().expect("a checkout");
    let mut command = Command::new(paths.binary("debug", "xtask"));
    command.args(["gate", "--json", "--policy", "policy.toml"]).args(arguments);
    command.current_dir(folder.path()).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("xtask starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

/// The runs of one side in a folder of their own.
fn side(folder: &Path, side: &str) {
    let to = folder.join(side);
    fs_err::create_dir_all(&to).expect("made");
    for pair in 1..=5 {
        let run = folder.join(format!("out/runs/{pair:02}-{side}/run.json"));
        fs_err::copy(run, to.join(format!("{pair}.json"))).expect("kept");
    }
}

/// With `REELBENCH_LONG` also a commit, which is built anew.
#[tokio::test(flavor = "multi_thread")]
async fn e2e_gate_finds_what_is_slower_and_judges_runs_that_were_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("job.toml", JOB), ("slow.toml", BEHAVIOUR), ("policy.toml", POLICY)] {
        fs_err::write(folder.path().join(name), text).expect("written");
    }
    let measured = ["--build", "dev", "--no-build", "--behaviour", "slow.toml", "--out", "out"];
    // Four jobs share one place for a question: each waits for three others.
    let slower = [&["job.toml"], measured.as_slice(), &["--after-set", "limits.light=1"]].concat();
    let output = gate(&folder, &slower).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let document = told(&output);
    let verdict = document["verdict"].as_str().expect("a verdict");
    assert!(verdict.starts_with("REGRESSION: latency p50 +"), "{verdict}");
    assert_eq!(document["n_pairs"], 5);
    let page = fs_err::read_to_string(folder.path().join("out/gate.md")).expect("a page");
    assert!(page.lines().take(4).any(|line| line.contains(verdict)), "{page}");
    for counter in ["requests to chat", "bytes from chat", "allocations of render graph"] {
        assert!(page.contains(counter), "no {counter}: {page}");
    }
    let summary = fs_err::read_to_string(folder.path().join("out/summary.md")).expect("a summary");
    assert!(summary.contains(verdict), "{summary}");

    let run = fs_err::read_to_string(folder.path().join("out/runs/01-base/run.json"));
    let run = bench::Run::from_json(&run.expect("a run")).expect("a run");
    assert_eq!((run.samples.len(), run.measured().count()), (10, 8), "two that warm up");

    accept(&folder).await;
    for name in ["base", "candidate"] {
        side(folder.path(), name);
    }
    let check = async |before: &str, after: &str, code: i32, word: &str| {
        let (before, after) = (format!("runs:{before}"), format!("runs:{after}"));
        let output = gate(&folder, &["--before", &before, "--after", &after]).await;
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        let document = told(&output);
        assert!(
            document["verdict"].as_str().is_some_and(|said| said.starts_with(word)),
            "{document}"
        );
    };
    check("out", "out", 1, "REGRESSION").await;
    check("base", "candidate", 1, "REGRESSION").await;
    check("candidate", "base", 0, "PASS").await;
    let same = [&["job.toml", "--same"], &measured[..5], &["--out", "same"]].concat();
    let output = gate(&folder, &same).await;
    let document = told(&output);
    let (verdict, n_pairs) = (&document["verdict"], &document["n_pairs"]);
    let is_fit = verdict.as_str().is_some_and(|said| said.starts_with("FIT: latency p50"));
    assert_eq!(output.status.code(), Some(if is_fit { 0 } else { 4 }), "{verdict}");
    assert_eq!(n_pairs, 3, "as many as the policy takes to calibrate");
    assert!(document["calibration"]["effects"][0]["sd"].is_number(), "{document}");
    let page = fs_err::read_to_string(folder.path().join("same/calibration.md")).expect("a page");
    assert!(page.contains("least change seen") && page.contains("| latency p50 "), "{page}");

    fs_err::remove_file(folder.path().join("base/5.json")).expect("removed");
    fs_err::remove_file(folder.path().join("candidate/5.json")).expect("removed");
    check("base", "candidate", 3, "INCONCLUSIVE").await;
    if std::env::var_os("REELBENCH_LONG").is_some() {
        builds_a_commit(&folder).await;
    }
}

/// A commit, built anew, against this checkout with a setting that makes it slower: it takes minutes.
async fn builds_a_commit(folder: &TempDir) {
    let measured = ["--build", "dev", "--behaviour", "slow.toml", "--out", "built"];
    let base = ["job.toml", "--base", "HEAD", "--after-set", "limits.light=1"];
    let output = gate(folder, &[base.as_slice(), &measured].concat()).await;
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let document = told(&output);
    let verdict = document["verdict"].as_str().expect("a verdict");
    assert!(verdict.starts_with("REGRESSION: latency p50 +"), "{verdict}");
    let page = fs_err::read_to_string(folder.path().join("built/gate.md")).expect("a page");
    // The settings of this checkout, which the commit does not have, and each side's commit.
    assert!(page.contains("limits.light") && page.matches("git checkout ").count() == 2, "{page}");
    let side = |name: &str| {
        let run = folder.path().join(format!("built/runs/01-{name}/run.json"));
        let run = fs_err::read_to_string(run).expect("a run");
        bench::Run::from_json(&run).expect("a run").environment["revision"].clone()
    };
    let (base, candidate) = (side("base"), side("candidate"));
    let head = base.as_str().expect("a commit").to_owned();
    assert!(candidate.as_str().is_some_and(|it| it.starts_with(&head[..12])), "{base} {candidate}");
}

/// Accepts what was found in `out`, in a checkout of its own.
async fn accept(folder: &TempDir) {
    fs_err::create_dir_all(folder.path().join("checkout/xtask")).expect("made");
    let accept = async |run: &str, reason: &str| {
        let paths = Paths::from_env().expect("a checkout");
        let mut command = Command::new(paths.binary("debug", "xtask"));
        command.args(["baseline", "accept", run, "--reason", reason]).current_dir(folder.path());
        command.env("CARGO_MANIFEST_DIR", folder.path().join("checkout/xtask"));
        command.stdin(Stdio::null()).output().await.expect("xtask starts")
    };
    let output = accept("out", "questions cost less one by one").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let file = folder.path().join("checkout/reports/baseline.toml");
    let text = fs_err::read_to_string(file).expect("written");
    assert!(text.contains("reason = \"questions cost less one by one\""), "{text}");
    assert!(text.contains("metric = \"latency p50\"") && text.contains("worse_by = "), "{text}");
    for (run, reason, expected) in [
        ("out", "", "expected why the change is wanted"),
        ("checkout", "x", "expected the folder of a gate"),
    ] {
        let output = accept(run, reason).await;
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_gate_refuses_what_makes_no_sense_before_any_work() {
    let folder = tempfile::tempdir().expect("a folder");
    fs_err::write(folder.path().join("policy.toml"), POLICY).expect("written");
    let check = async |arguments: &[&str], expected: &str| {
        let output = gate(&folder, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    };
    check(&[], "before and after are the same").await;
    check(&["--base", "no-such-commit"], "no-such-commit: expected a commit of this repository")
        .await;
    check(&["--before", "runs:a"], "runs:a is runs that were kept, here is what is started here")
        .await;
    check(&["--same", "--after-set", "jobs.concurrency=1"], "against itself").await;
    let kept = ["--same", "--before", "runs:a", "--after", "runs:a"];
    check(&kept, "runs that were kept are judged").await;
    check(&["--input", "body.json", "--same"], "are for url:URL").await;
    let services = ["--before", "url:http://127.0.0.1:9", "--after", "url:http://127.0.0.1:10"];
    check(&services, "expected the body of each request, --input FILE").await;
    let asked = [services.as_slice(), &["--input", "body.json"]].concat();
    check(&asked, "as many as 80 jobs would be sent to url:http://127.0.0.1:9/").await;
    check(&["--before", "runs:a", "--after", "runs:b"], "a").await;
    check(&["--after", "main"], "expected here, rev:COMMIT").await;
    check(&["--after-set", "jobs"], "expected KEY=VALUE").await;
    check(&["--same", "--concurrency", "64"], "as many jobs at least, found 64 and 8").await;
    check(&["--after", "url:http://127.0.0.1:9"], "they are not asked for the same").await;
    fs_err::create_dir_all(folder.path().join("old/runs")).expect("made");
    check(&["--after-set", "limits.light=1", "--out", "old"], "found the runs of a gate").await;
    let left = fs_err::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 2, "the policy, and what was there");
}
