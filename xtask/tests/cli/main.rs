//! The commands as a user meets them: exit code, stdout, stderr.

mod bench;
mod build_cuda;
mod build_image;
mod clean;
mod compare;
mod engine;
mod fetch_models;
mod load_test;
mod steps;

use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;

/// `cargo xtask` with `arguments`, without what the environment says about colours and build servers.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").env_remove("CI");
    command
}

/// Runs it and writes down all that is seen of it.
fn run(arguments: &[&str]) -> String {
    seen(&xtask(arguments).output().expect("xtask starts"))
}

fn seen(output: &Output) -> String {
    let code = output.status.code().expect("xtask ends by itself");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("exit: {code}\n----- stdout\n{stdout}----- stderr\n{stderr}")
}

/// Every command that `--help` lists.
fn commands() -> Vec<String> {
    let help = run(&["--help"]);
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<String> = list
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   ")) // a description that goes on
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(names.len() >= 3, "found only {names:?}");
    names
}

#[test]
fn help_teaches_the_exit_codes() {
    assert_snapshot!(run(&["--help"]));
}

#[test]
fn every_command_has_help_with_an_example_and_its_exit_codes() {
    for command in commands() {
        let seen = run(&[&command, "--help"]);
        for part in ["exit: 0", "Example", &format!("cargo xtask {command}"), "Exit codes: "] {
            assert!(seen.contains(part), "{command} --help has no {part:?}:\n{seen}");
        }
    }
}

#[test]
fn every_command_stands_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs_err::read_to_string(readme).expect("a README.md");
    let mut commands = commands();
    commands.retain(|command| !readme.contains(&format!("cargo xtask {command}")));
    assert!(commands.is_empty(), "README.md does not name {commands:?}");
}

#[test]
fn an_unknown_command_is_wrong_usage() {
    assert_snapshot!(run(&["tets"]));
}

#[test]
fn an_unknown_goal_names_those_that_are_known() {
    assert_snapshot!(run(&["setup", "--for", "fun"]));
}

#[test]
fn a_dry_run_of_setup_shows_what_is_needed() {
    let mut filters = insta::Settings::clone_current();
    filters.add_filter(r"(?m)  (found|missing|state  ) +", "  [state] ");
    filters.add_filter(r"(?s)(----- stderr\n).+", "$1[what would be done]");
    filters.bind(|| assert_snapshot!(run(&["setup", "--for", "test", "--dry-run"])));
}

#[test]
fn doctor_gives_one_document() {
    let output = xtask(&["doctor", "--json"]).output().expect("xtask starts");
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keys: Vec<&String> = document.as_object().expect("an object").keys().collect();
    insta::assert_json_snapshot!(keys);
    assert_eq!(document["encoders"][0]["name"], "libx264");
    assert_eq!(document["encoders"][0]["works"], true, "the tests need it: {document:#}");
}
