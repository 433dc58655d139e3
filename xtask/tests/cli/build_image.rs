//! `build-image` where it cannot even begin.

use std::time::{Duration, Instant};

use crate::{seen, xtask};

#[test]
fn an_engine_that_is_absent_is_named_at_once() {
    let begun = Instant::now();
    let output = xtask(&["build-image", "--variant", "cpu"])
        .env("DOCKER_HOST", "unix:///no/such/docker.sock")
        .output()
        .expect("xtask starts");
    let (seen, took) = (seen(&output), begun.elapsed());
    assert_eq!(output.status.code(), Some(2), "{seen}");
    for part in [
        "error: no container engine answers at unix:///no/such/docker.sock: ",
        "hint: start Docker",
        "DOCKER_HOST=",
    ] {
        assert!(seen.contains(part), "no {part:?} in:\n{seen}");
    }
    assert!(took < Duration::from_secs(5), "before anything is built: {took:?}");
}

#[test]
fn a_silent_engine_is_not_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("silent.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let output = xtask(&["build-image", "--variant", "cpu"])
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .output()
        .expect("xtask starts");
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(2), "{seen}");
    assert!(seen.contains("silent for 5 s"), "{seen}");
}

#[test]
fn a_variant_that_there_is_not_is_wrong_usage() {
    let output = xtask(&["build-image", "--variant", "tpu"]).output().expect("xtask starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(seen(&output).contains("[possible values: gpu, cpu]"), "{}", seen(&output));
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_any_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs_err::write(&file, "").expect("a file");
    for report in [file.clone(), file.join("report")] {
        let output = xtask(&["build-image", "--variant", "cpu", "--report"])
            .arg(&report)
            // What is asked before the engine is told before its absence.
            .env("DOCKER_HOST", "unix:///no/such/docker.sock")
            .output()
            .expect("xtask starts");
        let seen = seen(&output);
        assert_eq!(output.status.code(), Some(2), "{seen}");
        let expected = format!("error: --report {}: ", report.display());
        assert!(seen.contains(&expected) && seen.contains("hint: name a folder"), "{seen}");
    }
}

#[test]
fn a_tag_that_no_image_can_have_is_refused_before_any_work() {
    let output = xtask(&["build-image", "--variant", "cpu", "--tag", "team/Mine:1"])
        .env("DOCKER_HOST", "unix:///no/such/docker.sock")
        .output()
        .expect("xtask starts");
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(2), "{seen}");
    let expected = "error: --tag team/Mine:1: `Mine` is no part of a name";
    assert!(seen.contains(expected) && seen.contains("hint: for example --tag"), "{seen}");
}
