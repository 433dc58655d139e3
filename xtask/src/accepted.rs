//! `reports/baseline.toml`: the changes for the worse that were wanted.

use std::path::Path;

use anyhow::Context as _;
use bench::gate::Accepted;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// Where they are written down, from the root of a checkout.
pub const FILE: &str = "reports/baseline.toml";

/// What stands above the first of them.
const HEAD: &str = "\
# Changes for the worse that were wanted, as `cargo xtask baseline accept RUN --reason TEXT` writes them.
# `cargo xtask gate --base COMMIT` lets through what stands here and not in COMMIT's own file.
";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Baseline {
    #[serde(default)]
    accepted: Vec<Accepted>,
}

/// Those of `text`.
///
/// # Errors
///
/// It says something else: usage.
pub fn read(text: &str) -> anyhow::Result<Vec<Accepted>> {
    let baseline: Baseline =
        toml::from_str(text).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(baseline.accepted)
}

/// Those of a file; none where there is no file.
///
/// # Errors
///
/// As [`read`].
pub fn of(file: &Path) -> anyhow::Result<Vec<Accepted>> {
    if !file.is_file() {
        return Ok(Vec::new());
    }
    read(&fs_err::read_to_string(file)?).with_context(|| format!("{}", file.display()))
}

/// Adds one at the end of `file`; what stands there stays as it is.
///
/// # Errors
///
/// The file says something else, or cannot be written.
pub fn add(file: &Path, accepted: &Accepted) -> anyhow::Result<()> {
    of(file)?;
    let before = if file.is_file() { fs_err::read_to_string(file)? } else { HEAD.to_owned() };
    let added = toml::to_string(&Baseline { accepted: vec![accepted.clone()] })?;
    if let Some(folder) = file.parent() {
        fs_err::create_dir_all(folder)?;
    }
    crate::record::replace(file, &format!("{}\n\n{added}", before.trim_end()))
}

/// Those that came with a change: what `here` has and `base` has not.
pub fn new(here: Vec<Accepted>, base: &[Accepted]) -> Vec<Accepted> {
    here.into_iter().filter(|accepted| !base.contains(accepted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(reason: &str) -> Accepted {
        Accepted {
            scenario: "short".to_owned(),
            reason: reason.to_owned(),
            day: "2026-11-22".to_owned(),
            metric: "latency p50".to_owned(),
            worse_by: Some(0.12),
            counters: [("requests to chat".to_owned(), 81.0)].into(),
        }
    }

    #[test]
    fn one_is_added_behind_another_and_what_stands_there_stays() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("reports/baseline.toml");
        assert_eq!(of(&file).expect("none"), []);
        add(&file, &accepted("first \"one\"")).expect("added");
        let first = fs_err::read_to_string(&file).expect("a file");
        add(&file, &accepted("second")).expect("added");
        let both = fs_err::read_to_string(&file).expect("a file");
        assert!(both.starts_with(first.trim_end()), "{both}");
        assert!(both.starts_with("# Changes for the worse"), "{both}");
        let found = of(&file).expect("two");
        assert_eq!(found, [accepted("first \"one\""), accepted("second")]);
        assert_eq!(new(found, &[accepted("first \"one\"")]), [accepted("second")]);
    }

    #[test]
    fn a_file_that_says_something_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let file = folder.path().join("baseline.toml");
        fs_err::write(&file, "accepted = 3\n").expect("written");
        let error = format!("{:#}", add(&file, &accepted("x")).expect_err("refused"));
        assert!(error.contains("baseline.toml") && error.contains("invalid type"), "{error}");
        assert_eq!(fs_err::read_to_string(&file).expect("a file"), "accepted = 3\n");
    }
}
