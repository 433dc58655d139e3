//! What stands in the files of the checkout.

use std::path::Path;

use crate::{assert_none, output, root};

/// A file has one subject; beyond this many lines it has two.
const LONGEST: usize = 400;

/// Every text file of the checkout that git knows or would add, with its content.
fn files() -> Vec<(String, String)> {
    let list = output("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files: Vec<(String, String)> = list
        .split('\0')
        .filter(|path| !path.is_empty())
        .filter_map(|path| Some((path.to_owned(), fs_err::read_to_string(root().join(path)).ok()?)))
        .collect();
    assert!(files.len() > 20, "git lists only {} text files", files.len());
    files
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

#[test]
fn a_file_has_one_subject() {
    let long: Vec<String> = files()
        .iter()
        .filter(|(path, _)| is_rust(path))
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, n_lines)| *n_lines > LONGEST)
        .map(|(path, n_lines)| format!("{path}: {n_lines} lines"))
        .collect();
    assert_none(&format!("a file of Rust has at most {LONGEST} lines"), &long);
}

#[test]
fn files_are_opened_by_fs_err() {
    // clippy.toml bans single functions; this also finds types and whole imports.
    let banned = [concat!("std", "::fs::"), concat!("use std", "::fs")];
    let found = lines_with(&banned, |path| is_rust(path) && path.contains("src/"));
    assert_none("fs_err names the path in its errors", &found);
}

#[test]
fn nothing_is_left_for_later() {
    let banned = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ign", "ore")];
    let found = lines_with(&banned, is_rust);
    assert_none("finish it, or open an issue", &found);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/runner")];
    let found = lines_with(&folders, |_| true);
    let absolute = |line: &String| folders.iter().any(|folder| has_absolute(line, folder));
    let found: Vec<String> = found.into_iter().filter(absolute).collect();
    assert_none("no path of the author's machine", &found);
}

/// Whether `folder` begins a path in `line`, and is not the middle of a longer one.
fn has_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}/".contains(c))
    })
}

#[test]
fn no_package_registry_is_named() {
    // Package managers know their registries; users behind a mirror configure them there.
    let hosts = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("registry.npm", "js.org"),
        concat!("deb.deb", "ian.org"),
        concat!("archive.ubu", "ntu.com"),
        concat!("artif", "actory"),
    ];
    assert_none("no host name of a registry", &lines_with(&hosts, |_| true));
}

/// `path:line: text` of every line that contains one of `words`.
fn lines_with(words: &[&str], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| wanted(path)) {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_rules_find_what_they_look_for() {
    let folder = concat!("/wo", "rk/");
    assert!(has_absolute(&format!("open({folder}main)"), folder));
    assert!(has_absolute(&format!("{folder}main"), folder));
    assert!(!has_absolute(&format!("target{folder}main"), folder));
    let this = lines_with(&["fn the_rules_find_what"], is_rust);
    assert_eq!(this.len(), 2, "its definition and this line: {this:?}");
}
