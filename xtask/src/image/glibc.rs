//! Whether programs can run over a base: the symbol versions that they need of the C and C++ libraries
//! against those that the base's libraries define (<https://refspecs.linuxbase.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};

/// The libraries that are compared: they come from the base and from nowhere else.
const LIBRARIES: [&str; 4] = ["libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"];

/// Symbol versions by the library that has them.
pub type Versions = BTreeMap<String, BTreeSet<String>>;

/// A version that is needed and not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooOld {
    /// The library.
    pub library: String,
    /// The newest version that is needed and missing.
    pub needed: String,
    /// The newest version of that kind that is there.
    pub newest: String,
}

/// What the program at `path` needs of [`LIBRARIES`].
///
/// # Errors
///
/// It is no program of a 64-bit machine.
pub fn needed(path: &Path) -> anyhow::Result<Versions> {
    let elf = fs_err::read(path)?;
    parse_needed(&elf).with_context(|| format!("`{}` is no program", path.display()))
}

fn parse_needed(elf: &[u8]) -> anyhow::Result<Versions> {
    let (header, endian) = header(elf)?;
    let sections = header.sections(endian, elf)?;
    let mut all = Versions::new();
    let Some((mut needs, link)) = sections.gnu_verneed(endian, elf)? else { return Ok(all) };
    let strings = sections.strings(endian, elf, link)?;
    while let Some((need, mut versions)) = needs.next()? {
        let library = text(need.file(endian, strings)?);
        if !LIBRARIES.contains(&library.as_str()) {
            continue;
        }
        let needed = all.entry(library).or_default();
        while let Some(version) = versions.next()? {
            needed.insert(text(version.name(endian, strings)?));
        }
    }
    Ok(all)
}

/// What the library `elf` defines.
///
/// # Errors
///
/// It is no library of a 64-bit machine.
pub fn defined(elf: &[u8]) -> anyhow::Result<BTreeSet<String>> {
    let (header, endian) = header(elf)?;
    let sections = header.sections(endian, elf)?;
    let mut all = BTreeSet::new();
    let Some((mut definitions, link)) = sections.gnu_verdef(endian, elf)? else { return Ok(all) };
    let strings = sections.strings(endian, elf, link)?;
    while let Some((_, mut names)) = definitions.next()? {
        // The first name is the version's own; further ones are its predecessors'.
        if let Some(name) = names.next()? {
            all.insert(text(name.name(endian, strings)?));
        }
    }
    Ok(all)
}

fn header(elf: &[u8]) -> anyhow::Result<(&FileHeader64<Endianness>, Endianness)> {
    let header = FileHeader64::<Endianness>::parse(elf)?;
    let endian = header.endian()?;
    if header.sections(endian, elf)?.iter().all(|section| section.sh_size(endian) == 0) {
        bail!("it has no sections");
    }
    Ok((header, endian))
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Everything that several programs need.
pub fn union(all: impl IntoIterator<Item = Versions>) -> Versions {
    let mut union = Versions::new();
    for (library, versions) in all.into_iter().flatten() {
        union.entry(library).or_default().extend(versions);
    }
    union
}

/// Compares what programs need with what a base's libraries define. A library that is not there at all
/// is no matter of age: a later step may bring it.
pub fn compare(needed: &Versions, there: &Versions) -> Vec<TooOld> {
    let mut all = Vec::new();
    for (library, needed) in needed {
        let Some(there) = there.get(library) else { continue };
        let missing = needed.iter().filter(|version| !there.contains(*version));
        if let Some(newest_missing) = missing.max_by_key(|version| key(version)) {
            let kind = key(newest_missing).0;
            let newest =
                there.iter().filter(|version| key(version).0 == kind).max_by_key(|v| key(v));
            all.push(TooOld {
                library: library.clone(),
                needed: newest_missing.clone(),
                newest: newest.map_or_else(|| format!("no {kind}"), String::clone),
            });
        }
    }
    all
}

/// `GLIBC_2.34` as kind and numbers, so that 2.4 is older than 2.34. A name without numbers, such as
/// `GLIBC_PRIVATE`, is a kind of its own.
fn key(version: &str) -> (&str, Vec<u64>) {
    let numbered = version.split_once('_').and_then(|(kind, numbers)| {
        let numbers: Result<Vec<u64>, _> = numbers.split('.').map(str::parse).collect();
        Some((kind, numbers.ok()?))
    });
    numbered.unwrap_or((version, Vec::new()))
}

/// Where the libraries of [`LIBRARIES`] that `needed` names may be in an image.
pub fn places(library: &str) -> Vec<String> {
    let machine = std::env::consts::ARCH;
    [
        format!("/lib/{machine}-linux-gnu/{library}"),
        format!("/usr/lib/{machine}-linux-gnu/{library}"),
        format!("/lib64/{library}"),
        format!("/usr/lib64/{library}"),
        format!("/usr/lib/{library}"),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(library: &str, names: &[&str]) -> Versions {
        Versions::from([(library.to_owned(), names.iter().map(|&name| name.to_owned()).collect())])
    }

    #[track_caller]
    fn check(needed: &[&str], there: &[&str], expected: Option<(&str, &str)>) {
        let found = compare(&versions("libc.so.6", needed), &versions("libc.so.6", there));
        let found: Vec<_> =
            found.iter().map(|old| (old.needed.as_str(), old.newest.as_str())).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        check(&["GLIBC_2.4", "GLIBC_2.34"], &["GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.36"], None);
        let (bullseye, needs) =
            (["GLIBC_2.4", "GLIBC_2.31", "GLIBC_2.9"], ["GLIBC_2.4", "GLIBC_2.34"]);
        check(&needs, &bullseye, Some(("GLIBC_2.34", "GLIBC_2.31")));
        check(&["GLIBC_2.38", "GLIBC_2.4"], &["GLIBC_2.4"], Some(("GLIBC_2.38", "GLIBC_2.4")));
        check(&["GLIBCXX_3.4"], &["GLIBC_2.4"], Some(("GLIBCXX_3.4", "no GLIBCXX")));
        check(&["GLIBC_2.38"], &["GLIBC_2.4", "GLIBC_PRIVATE"], Some(("GLIBC_2.38", "GLIBC_2.4")));
        check(
            &["GLIBC_ABI_DT_RELR"],
            &["GLIBC_2.4"],
            Some(("GLIBC_ABI_DT_RELR", "no GLIBC_ABI_DT_RELR")),
        );
        check(&[], &[], None);
    }

    #[test]
    fn a_library_that_is_not_there_is_not_too_old() {
        let needed = versions("libstdc++.so.6", &["GLIBCXX_3.4.30"]);
        assert_eq!(compare(&needed, &versions("libc.so.6", &["GLIBC_2.36"])), []);
    }

    #[test]
    fn this_program_can_run_here_and_over_no_empty_library() {
        let program = std::env::current_exe().expect("this program");
        let needed = needed(&program).expect("a program");
        assert!(needed["libc.so.6"].iter().all(|version| version.starts_with("GLIBC_")));
        let libc = places("libc.so.6").into_iter().find_map(|path| fs_err::read(path).ok());
        let libc = defined(&libc.expect("a C library")).expect("a library");
        let there = Versions::from([("libc.so.6".to_owned(), libc)]);
        assert_eq!(compare(&needed, &there), []);
        let none = Versions::from([("libc.so.6".to_owned(), BTreeSet::new())]);
        assert_eq!(compare(&needed, &none).len(), 1);
    }

    #[test]
    fn what_is_no_program_is_refused_and_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("script");
        fs_err::write(&path, "#!/bin/sh\n").expect("written");
        let error = needed(&path).expect_err("a script").to_string();
        assert_eq!(error, format!("`{}` is no program", path.display()));
        assert!(defined(b"").is_err());
    }
}
