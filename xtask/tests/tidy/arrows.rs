//! Which package may depend on which, and how many crates a light one may pull in.

use std::collections::BTreeSet;

use crate::{cargo, tree};

/// Every arrow there may be, dev-dependencies included. `pipeline` never sees `bench`: a change of a
/// table must not change the program that is measured.
const ALLOWED: &[(&str, &str)] = &[
    ("fixtures", "protocol"),
    ("pipeline", "fetch"),
    ("pipeline", "protocol"),
    ("xtask", "bench"),
    ("xtask", "fetch"),
    ("xtask", "protocol"),
];

#[test]
fn packages_depend_on_each_other_as_drawn() {
    let text = cargo(&["metadata", "--no-deps", "--locked", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&text).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();

    let names: BTreeSet<String> = packages.iter().map(name).collect();
    let expected = ["bench", "fetch", "fixtures", "pipeline", "protocol", "xtask"];
    assert_eq!(names, expected.map(str::to_owned).into());

    let mut arrows = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().expect("a list of dependencies") {
            if names.contains(&name(dependency)) {
                arrows.insert((name(package), name(dependency)));
            }
        }
    }
    let allowed: BTreeSet<(String, String)> =
        ALLOWED.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect();
    let extra: Vec<_> = arrows.difference(&allowed).collect();
    assert!(extra.is_empty(), "arrows that are not drawn in DESIGN: {extra:?}");
}

#[track_caller]
fn check_at_most(package: &str, limit: usize) {
    let crates = tree(&["-p", package, "-e", "normal"]);
    assert!(crates.len() <= limit, "{package} pulls in {} crates: {crates:#?}", crates.len());
}

#[test]
fn light_packages_stay_light() {
    check_at_most("protocol", 8);
    // The HDR log is base64 of deflated histograms: eight crates.
    check_at_most("bench", 34);
}

#[test]
fn the_shell_and_the_core_link_no_machine_learning() {
    for package in ["bench", "protocol", "fetch", "xtask"] {
        let crates = tree(&["-p", package, "-e", "normal"]);
        let heavy = |line: &String| {
            ["candle", "whisper", "tokenizers"].iter().any(|name| line.starts_with(name))
        };
        assert!(!crates.iter().any(heavy), "{package}: {crates:#?}");
    }
}
