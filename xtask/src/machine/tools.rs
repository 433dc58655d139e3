//! Versions of programs, and cards.

use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use tokio::process::Command;

/// A program that says its version within this time works.
const LIMIT: Duration = Duration::from_secs(20);

/// A program and its version.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// What people call it.
    pub name: &'static str,
    /// Its version. None: it is not there, or it does not start.
    pub version: Option<String>,
}

/// Name, and the command line that prints the version.
const TOOLS: &[(&str, &[&str])] = &[
    ("rustc", &["rustc", "--version"]),
    ("cargo", &["cargo", "--version"]),
    ("cargo-nextest", &["cargo", "nextest", "--version"]),
    ("cargo-deny", &["cargo", "deny", "--version"]),
    ("git", &["git", "--version"]),
    ("ffmpeg", &["ffmpeg", "-version"]),
    ("espeak-ng", &["espeak-ng", "--version"]),
    ("cmake", &["cmake", "--version"]),
    ("C++ compiler", &["c++", "--version"]),
    ("python3", &["python3", "--version"]),
    ("pip", &["python3", "-m", "pip", "--version"]),
    ("fontconfig", &["fc-list", "--version"]),
    ("mmdebstrap", &["mmdebstrap", "--version"]),
    ("nvcc", &["nvcc", "--version"]),
];

/// Asks every program for its version, all at once.
pub async fn look() -> Vec<Tool> {
    join_all(TOOLS.iter().map(async |&(name, command)| {
        let said = output(command).await;
        Tool { name, version: said.and_then(|said| version_in(&said)) }
    }))
    .await
}

/// NVIDIA cards as `nvidia-smi` names them; none without it.
pub async fn gpus() -> Vec<String> {
    let query =
        ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
    let said = output(&query).await.unwrap_or_default();
    said.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What `command` says on stdout or, where that is empty, on stderr.
async fn output(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.ok()?.ok()?;
    let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    output.status.success().then(|| String::from_utf8_lossy(said).into_owned())
}

/// The first thing that looks like a version, `1.2` or longer.
fn version_in(said: &str) -> Option<String> {
    said.split([' ', '(', ',', '\n']).find_map(|word| {
        let is_part = |c: char| c.is_ascii_digit() || c == '.';
        let version = word.find(|c| !is_part(c)).map_or(word, |end| &word[..end]);
        let version = version.trim_end_matches('.');
        let is_version = version.contains('.') && version.starts_with(|c: char| c.is_ascii_digit());
        is_version.then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expected: Option<&str>) {
        assert_eq!(version_in(said).as_deref(), expected, "{said}");
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        check("", None);
        check("unknown option --version", None);
        check("copyright 2026", None);
        check("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000-2026", Some("5.1.9"));
        check("eSpeak NG text-to-speech: 1.51  Data at: /usr/lib/espeak-ng-data", Some("1.51"));
        check("g++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", Some("12.2.0"));
        check("pip 23.2.1 from /usr/lib/python3/pip (python 3.11)", Some("23.2.1"));
        check("rustc 1.95.0 (59807616e 2026-04-14)", Some("1.95.0"));
        check("rustc 1.97.0-nightly (59807616e 2026-04-14)", Some("1.97.0"));
        check("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143", Some("0.9.143"));
        check("nvcc: NVIDIA (R) Cuda compiler\nCuda tools, release 13.0, V13.0.88", Some("13.0"));
        check("Docker version 28.2.2, build e6534b4", Some("28.2.2"));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_says_nothing() {
        assert_eq!(output(&["no-such-program", "--version"]).await, None);
        assert_eq!(output(&["sh", "-c", "echo 1.2 >&2; exit 1"]).await, None);
        assert_eq!(output(&["sh", "-c", "echo 1.2 >&2"]).await.as_deref(), Some("1.2\n"));
    }
}
