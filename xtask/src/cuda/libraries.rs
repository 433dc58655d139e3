//! The shared libraries that a program needs of a toolkit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use object::elf::DT_NEEDED;
use object::read::elf::ElfFile64;
use object::{Endianness, ReadCache, ReadRef};

use super::find::LIBRARY_FOLDERS;
use crate::exit::Failure;

/// A shared library that must be there when the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// The name by which it is looked for: `libcublas.so.13`.
    pub soname: String,
    /// The file.
    pub path: PathBuf,
}

/// Libraries of every Linux system (glibc, the compiler's), and the driver, which comes with the card.
const OF_THE_SYSTEM: [&str; 10] = [
    "ld-linux",
    "libc.so",
    "libm.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libgcc_s.so",
    "libstdc++.so",
    "libutil.so",
    "libcuda.so",
];

/// The libraries of `toolkit` that `program` needs, and those that they need, in the order in which
/// they are met.
///
/// # Errors
///
/// A file cannot be read, or a library is neither in the toolkit nor one of every system.
pub fn of(program: &Path, toolkit: &Path) -> Result<Vec<Library>> {
    let place = |soname: &str| {
        let paths = LIBRARY_FOLDERS.map(|folder| toolkit.join(folder).join(soname));
        paths.into_iter().find(|path| path.is_file())
    };
    walk(program, place, needed)
}

/// Follows `needs` from `program` on; `place` says where a library is.
fn walk(
    program: &Path,
    place: impl Fn(&str) -> Option<PathBuf>,
    needs: impl Fn(&Path) -> Result<Vec<String>>,
) -> Result<Vec<Library>> {
    let mut libraries: Vec<Library> = Vec::new();
    let mut known = BTreeSet::new();
    let mut next = 0;
    let mut asked = program.to_owned();
    loop {
        for soname in needs(&asked)? {
            let is_systems = OF_THE_SYSTEM.iter().any(|system| soname.starts_with(system));
            if is_systems || !known.insert(soname.clone()) {
                continue;
            }
            let Some(path) = place(&soname) else {
                let message =
                    format!("{} needs {soname}, which the toolkit has not", asked.display());
                return Err(Failure::environment(message).into());
            };
            libraries.push(Library { soname, path });
        }
        let Some(library) = libraries.get(next) else { return Ok(libraries) };
        asked.clone_from(&library.path);
        next += 1;
    }
}

/// What the loader must find for the file at `path`, a program or a library of 64 bits.
fn needed(path: &Path) -> Result<Vec<String>> {
    // The headers alone are read: libraries have half a gigabyte.
    let file = ReadCache::new(fs_err::File::open(path)?);
    read_needed(&file).with_context(|| format!("cannot read `{}`", path.display()))
}

fn read_needed<'data>(file: impl ReadRef<'data>) -> object::Result<Vec<String>> {
    let elf = ElfFile64::<Endianness, _>::parse(file)?;
    let dynamic = elf.elf_dynamic_table()?;
    let names = dynamic.iter().filter(|entry| entry.tag == DT_NEEDED);
    names.map(|entry| Ok(String::from_utf8_lossy(dynamic.string(entry)?).into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `program` and its libraries, and what each needs.
    const NEEDS: [(&str, &[&str]); 6] = [
        ("program", &["libcublas.so.13", "libcudart.so.13", "libstdc++.so.6", "libc.so.6"]),
        ("libcublas.so.13", &["libcublasLt.so.13", "libm.so.6", "ld-linux-x86-64.so.2"]),
        ("libcublasLt.so.13", &["libcublas.so.13", "librt.so.1", "libcuda.so.1"]),
        ("libcudart.so.13", &["libdl.so.2"]),
        ("broken", &["libfun.so.1"]),
        ("leaf", &["libc.so.6"]),
    ];

    fn walked(program: &str) -> Result<Vec<String>> {
        let needs = |path: &Path| {
            let found = NEEDS.iter().find(|(name, _)| path.ends_with(name)).expect("known");
            Ok(found.1.iter().map(|&name| name.to_owned()).collect())
        };
        let has = |soname: &str| NEEDS.iter().any(|(name, _)| *name == soname);
        let place = |soname: &str| has(soname).then(|| Path::new("/lib64").join(soname));
        let libraries = walk(Path::new(program), place, needs)?;
        assert!(libraries.iter().all(|library| library.path.ends_with(&library.soname)));
        Ok(libraries.into_iter().map(|library| library.soname).collect())
    }

    #[test]
    fn libraries_are_followed_to_their_end_and_each_is_named_once() {
        let all = ["libcublas.so.13", "libcudart.so.13", "libcublasLt.so.13"];
        assert_eq!(walked("program").expect("libraries"), all);
        assert_eq!(walked("leaf").expect("libraries"), [""; 0]);
        let error = walked("broken").expect_err("not there").to_string();
        assert_eq!(error, "broken needs libfun.so.1, which the toolkit has not");
    }

    #[test]
    fn what_a_program_needs_stands_in_it() {
        let this = std::env::current_exe().expect("this test");
        let needs = needed(&this).expect("an ELF file");
        assert!(needs.iter().any(|name| name == "libc.so.6"), "{needs:?}");
        assert_eq!(of(&this, Path::new("/no/toolkit")).expect("none"), []);
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let error = format!("{:#}", needed(&text).expect_err("no ELF file"));
        assert!(error.starts_with("cannot read `") && error.contains("Cargo.toml"), "{error}");
    }
}
