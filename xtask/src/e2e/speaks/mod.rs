//! `cargo xtask load-test --url … --speaks …` as a user types it, each against a server of its kind.

mod comfyui;
mod native;
mod openai_speech;
mod runpod;

use std::process::{Output, Stdio};

use bench::{Outcome, Parts, Run, Sample};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::walk;
use crate::paths::Paths;
use crate::services::{Addresses, Fixtures, Server};

/// In the environment of a load, and nowhere else, where the service takes any.
const TOKEN: &str = "fixture-token-of-the-load-test";
/// Its name.
const TOKEN_ENV: &str = "LOAD_TEST_TOKEN";

/// A folder of a load: the body of its requests, and what it leaves.
struct Load {
    folder: TempDir,
    paths: Paths,
    token: &'static str,
}

impl Load {
    fn new(body: &Value) -> Self {
        Self::with_token(body, TOKEN)
    }

    fn with_token(body: &Value, token: &'static str) -> Self {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let load = Self {
            folder: tempfile::tempdir().expect("temporary folder"),
            paths: Paths::from_env().expect("a checkout"),
            token,
        };
        fs_err::write(load.folder.path().join("body.json"), body.to_string()).expect("written");
        load
    }

    /// `cargo xtask load-test --url URL --input body.json` with `more`.
    fn command(&self, url: &str, more: &[&str]) -> Command {
        let mut command = Command::new(self.paths.binary("debug", "xtask"));
        command.args(["load-test", "--json", "--url", url, "--input"]);
        command
            .arg(self.folder.path().join("body.json"))
            .arg("--out")
            .arg(self.folder.path().join("out"));
        command.args(["--token-env", TOKEN_ENV]).args(more).env(TOKEN_ENV, self.token);
        command.env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs it and gives its exit code and all that it said.
    async fn said(&self, url: &str, more: &[&str]) -> (Option<i32>, String) {
        let output = self.command(url, more).output().await.expect("xtask is built");
        (output.status.code(), said(&output))
    }

    /// Runs it, which must end well, and gives its run file.
    async fn run(&self, url: &str, more: &[&str]) -> Run {
        let (code, said) = self.said(url, more).await;
        check_ended_well(code, &said);
        self.run_file()
    }

    fn run_file(&self) -> Run {
        let text = fs_err::read_to_string(self.folder.path().join("out/run.json"));
        let run = Run::from_json(&text.expect("a run file")).expect("a run");
        self.check_secret();
        run
    }

    fn report(&self) -> String {
        fs_err::read_to_string(self.folder.path().join("out/report.md")).expect("a report")
    }

    /// No file has the token.
    fn check_secret(&self) {
        let mut n_files = 0;
        walk(self.folder.path(), &mut |path| {
            n_files += 1;
            let content = fs_err::read(path).expect("a file");
            let token = self.token.as_bytes();
            let is_in = content.windows(token.len()).any(|window| window == token);
            assert!(!is_in, "the token is in {}", path.display());
        });
        assert!(n_files > 4, "only {n_files} files were looked at");
    }

    /// Nothing was begun: there is no folder of a run.
    fn check_nothing_begun(&self) {
        assert!(!self.folder.path().join("out").exists());
    }
}

/// All that was printed.
fn said(output: &Output) -> String {
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    out + &err
}

/// The fixture servers alone.
async fn servers(load: &Load, behaviour: &str) -> (Server, Addresses) {
    let file = load.folder.path().join("behaviour.toml");
    fs_err::write(&file, behaviour).expect("written");
    let fixtures = Fixtures::new(load.paths.binary("debug", "fixtures"));
    let log = load.folder.path().join("fixtures.log");
    fixtures.serve(&load.paths.media(), Some(&file), &log).await.expect("fixture servers")
}

/// It ended with the code `expected`. Where other tests keep the machine busy, the driver may be late with
/// jobs as short as these; that is then the only doubt.
#[track_caller]
fn check_code(code: Option<i32>, said: &str, expected: i32) {
    let is_late =
        said.contains("INVALID: the driver was late") && said.matches("warning: ").count() == 1;
    assert!(code == Some(expected) || (code == Some(4) && is_late), "{code:?}: {said}");
}

/// Every job ended well.
#[track_caller]
fn check_ended_well(code: Option<i32>, said: &str) {
    check_code(code, said, 0);
    assert!(said.contains("\"n_failed\": 0"), "{said}");
}

/// A job that ended well, whose parts add up to its latency.
#[track_caller]
fn check_parts(sample: &Sample) -> Parts {
    assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
    let parts = Parts::of(sample);
    assert!(parts.closure_error(sample) <= 0.01, "{parts:?} of {sample:?}");
    parts
}

/// How long the stages of that name ran.
fn stage_us(sample: &Sample, name: &str) -> u64 {
    let of_name = sample.stages.iter().filter(|stage| stage.name == name);
    let lengths: Vec<u64> = of_name.map(|stage| stage.end_us - stage.start_us).collect();
    assert!(!lengths.is_empty(), "no {name} in {:?}", sample.stages);
    lengths.iter().sum()
}
