//! What comes in from outside: the rules of `deny.toml`, held where cargo-deny is not installed, and
//! versions stated once.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::{assert_none, root, tree};

fn read(path: &str) -> Table {
    let text = fs_err::read_to_string(root().join(path)).expect("a file of the checkout");
    text.parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn strings<'a>(values: &'a Value, field: Option<&str>) -> BTreeSet<&'a str> {
    let values = values.as_array().expect("a list").iter();
    values.map(|value| field.map_or(value, |field| &value[field]).as_str().expect("text")).collect()
}

#[test]
fn every_licence_is_allowed() {
    let deny = read("deny.toml");
    let allowed = strings(&deny["licenses"]["allow"], None);
    let crates = tree(&["--workspace", "-e", "normal,build,dev", "--format", "{p}\t{l}"]);
    assert!(crates.len() > 300, "the whole workspace has only {} crates", crates.len());
    let refused: Vec<String> =
        crates.into_iter().filter(|line| !is_allowed(licence(line), &allowed)).collect();
    assert_none("a licence that deny.toml does not allow", &refused);
}

fn licence(line: &str) -> &str {
    line.split_once('\t').map_or("", |(_, licence)| licence)
}

/// Whether an SPDX expression can be met with `allowed` licences
/// (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>; `/` is an old way to say OR).
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    any_of(&mut words, allowed)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        is_met |= all_of(words, allowed);
    }
    is_met
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut is_met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        is_met &= one(words, allowed);
    }
    is_met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.next() else { return false };
    if word == "(" {
        let is_met = any_of(words, allowed);
        return words.next_if_eq(&")").is_some() && is_met;
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next().unwrap_or_default();
        return allowed.contains(format!("{word} WITH {exception}").as_str());
    }
    allowed.contains(word)
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "MIT AND ISC",
        "(GPL-3.0 OR MIT) AND ISC",
        "GPL-3.0 AND GPL-2.0 OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "MIT WITH LLVM-exception",
        "(MIT",
        "(MIT OR ISC) AND GPL-3.0",
        "AND",
    ] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

#[test]
fn banned_crates_stay_out_and_every_source_is_the_registry() {
    let deny = read("deny.toml");
    let banned = strings(&deny["bans"]["deny"], Some("crate"));
    let lock = read("Cargo.lock");
    let packages = lock["package"].as_array().expect("a list of packages");
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let source = package.get("source").and_then(Value::as_str);
        if banned.contains(name) {
            found.push(format!("{name} is banned"));
        }
        if source.is_some_and(|source| !source.ends_with("/rust-lang/crates.io-index")) {
            found.push(format!("{name} comes from {source:?}"));
        }
    }
    assert!(banned.len() >= 4 && packages.len() > 300, "nothing was looked at");
    assert_none("Cargo.lock", &found);
}

#[test]
fn a_version_is_stated_once() {
    let workspace = read("Cargo.toml");
    let stated = &workspace["workspace"]["dependencies"];
    let members = strings(&workspace["workspace"]["members"], None);
    assert!(members.len() >= 6, "{members:?}");
    let mut found = Vec::new();
    for member in members {
        for (name, version) in versions(&read(&format!("{member}/Cargo.toml"))) {
            // A member that wants fewer features than the workspace has cannot inherit; it may state
            // the same version.
            if version_of(stated.get(&name)) != Some(version.as_str()) {
                found.push(format!("{member}: {name} {version}"));
            }
        }
    }
    assert_none("versions stand in the Cargo.toml of the workspace", &found);
}

/// Versions that a manifest states, by name.
fn versions(manifest: &Table) -> BTreeMap<String, String> {
    ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), version_of(Some(value))?.to_owned())))
        .collect()
}

fn version_of(dependency: Option<&Value>) -> Option<&str> {
    match dependency? {
        Value::String(version) => Some(version),
        table => table.get("version")?.as_str(),
    }
}
