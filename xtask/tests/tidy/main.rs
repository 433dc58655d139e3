//! Rules of the house that a compiler does not hold: what may depend on what, how long a file may be,
//! what may stand in it, and which licences come in.

mod action;
mod arrows;
mod files;
mod supply;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask is in the checkout").to_owned()
}

/// What `program` writes to stdout, run in the checkout; it must succeed.
fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    // Root may look at another user's checkout.
    command.env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// As [`output`], of the cargo that runs the tests.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    output(&cargo, arguments)
}

/// The lines of `cargo tree`, each once.
fn tree(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["tree", "--locked", "--prefix", "none"];
    all.extend(arguments);
    let text = cargo(&all);
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

/// Fails with every line of `found`, each of which breaks `rule`.
#[track_caller]
fn assert_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}
