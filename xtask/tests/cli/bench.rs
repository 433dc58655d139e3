//! `cargo xtask bench`: what it refuses before it builds anything.

use crate::run;

#[track_caller]
fn check(arguments: &[&str], expected: &str) {
    let seen = run(&[&["bench"], arguments].concat());
    assert!(seen.starts_with("exit: 2\n") && seen.contains(expected), "{seen}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_built() {
    check(&["fetch", "--against", "before"], "--against is for criterion");
    check(&["criterion", "--rounds", "3"], "--rounds: criterion has no rounds");
    check(&["--against", "no/such"], "expected results of criterion, found none");
    check(&["image", "--build", "dev"], "--build: image has no bench program");
    check(&["speed"], "criterion, fetch, image, render, selection");
    check(&["fetch", "--rounds", "0"], "1..=1000");
}
