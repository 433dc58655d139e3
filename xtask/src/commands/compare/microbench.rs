//! Results of criterion: `target/criterion`, or a copy of it that was kept.

use std::path::{Path, PathBuf};

use bench::criterion::Microbench;

use crate::exit::Failure;

/// What criterion calls the folder of its last results.
const LAST: &str = "new";

/// The benchmarks below `folder`, in the order of their names. None: it is no folder of criterion's.
///
/// # Errors
///
/// A result that cannot be read.
pub fn read(folder: &Path) -> anyhow::Result<Option<Vec<Microbench>>> {
    let mut found = Vec::new();
    if folder.is_dir() {
        results(folder, &mut found)?;
    }
    found.sort_unstable();
    let read = |path: &PathBuf| {
        let text = |name: &str| fs_err::read_to_string(path.join(name));
        let read = Microbench::from_json(&text("benchmark.json")?, &text("sample.json")?);
        read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())).into())
    };
    let benches: anyhow::Result<Vec<Microbench>> = found.iter().map(read).collect();
    Ok(Some(benches?).filter(|benches| !benches.is_empty()))
}

/// Every folder of last results below `folder`.
fn results(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let is_last = path.file_name().is_some_and(|name| name == LAST);
        if is_last && path.join("sample.json").is_file() {
            into.push(path);
        } else if path.is_dir() {
            results(&path, into)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_results_of_every_benchmark_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, place, time) in [("a", "new", 4), ("a", "base", 9), ("b", "new", 6)] {
            let at = folder.path().join(format!("group/{name}/{place}"));
            fs_err::create_dir_all(&at).expect("made");
            let id = format!(r#"{{"full_id":"group/{name}"}}"#);
            fs_err::write(at.join("benchmark.json"), id).expect("written");
            let sample = format!(r#"{{"iters":[2.0],"times":[{time}.0]}}"#);
            fs_err::write(at.join("sample.json"), sample).expect("written");
        }
        let found = read(folder.path()).expect("read").expect("criterion's");
        let found: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.ns[0])).collect();
        assert_eq!(found, [("group/a", 2.0), ("group/b", 3.0)]);
        assert!(read(&folder.path().join("gone")).expect("read").is_none());
        fs_err::write(folder.path().join("group/a/new/sample.json"), "{").expect("written");
        let error = read(folder.path()).expect_err("half a document").to_string();
        assert!(error.contains("group/a/new: not criterion's"), "{error}");
    }
}
