//! Runs that were kept: those of folders, or of another gate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bench::gate::Arm as Side;
use bench::{Ending, Run, Runs};

use super::series::{RUNS, folder_name, order};
use crate::exit::Failure;
use crate::record::RUN;

/// Runs that were kept: those of the folder `before` with those of `after`. Of the folder of a gate the runs
/// of that side are taken, pair by pair, with its null runs where both are of one gate; of any other folder all
/// runs in the order of their names.
///
/// # Errors
///
/// A folder without runs, a run that cannot be read, another number of runs on either side, the same runs on
/// both: usage.
pub fn kept(before: &Path, after: &Path) -> anyhow::Result<Vec<Runs>> {
    let is_one = fs_err::canonicalize(before)? == fs_err::canonicalize(after)?;
    if is_one && let Some(runs) = of_gate(before)? {
        return Ok(runs);
    }
    if is_one {
        let message = format!("{}: expected two folders, found one twice", before.display());
        let hint = "the folder of a gate, which has the runs of both sides, may stand twice";
        return Err(Failure::usage(message).with_hint(hint).into());
    }
    let side = |folder: &Path, side| match numbered(folder, side)? {
        runs if runs.is_empty() => read_all(folder),
        runs => Ok(runs.into_values().collect()),
    };
    let (bases, candidates) = (side(before, Side::Base)?, side(after, Side::Candidate)?);
    if bases.len() != candidates.len() {
        let message = format!(
            "expected as many runs on either side, found {} in {} and {} in {}",
            bases.len(),
            before.display(),
            candidates.len(),
            after.display()
        );
        return Err(Failure::usage(message).into());
    }
    let pair = |(base, candidate)| pair(base, candidate, None);
    Ok(bases.into_iter().zip(candidates).map(pair).collect())
}

/// The whole pairs of a gate. None: it is none.
fn of_gate(folder: &Path) -> anyhow::Result<Option<Vec<Runs>>> {
    let bases = numbered(folder, Side::Base)?;
    let mut candidates = numbered(folder, Side::Candidate)?;
    let mut nulls = numbered(folder, Side::Null)?;
    let has_null = !nulls.is_empty();
    let whole = bases.into_iter().filter_map(|(number, base)| {
        let null = nulls.remove(&number);
        if has_null && null.is_none() {
            return None;
        }
        Some(pair(base, candidates.remove(&number)?, null))
    });
    let whole: Vec<Runs> = whole.collect();
    Ok((!whole.is_empty()).then_some(whole))
}

fn pair(base: Run, candidate: Run, null: Option<Run>) -> Runs {
    Runs { order: order(&base, &candidate), base, candidate, null }
}

/// The runs of a side in the folder of a gate that came to their end, by the numbers of their pairs. None: it is
/// no such folder.
fn numbered(folder: &Path, side: Side) -> anyhow::Result<BTreeMap<usize, Run>> {
    let runs = folder.join(RUNS);
    let mut found = BTreeMap::new();
    if !runs.is_dir() {
        return Ok(found);
    }
    for entry in fs_err::read_dir(&runs)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.split_once('-').and_then(|(number, _)| number.parse().ok());
        let Some(number) = number.filter(|&number| folder_name(number, side) == name) else {
            continue;
        };
        let file = entry.path().join(RUN);
        // A run that was stopped before its first job has no file, and one that was stopped or whose target died is
        // of no pair.
        let run = file.is_file().then(|| read(&file)).transpose()?;
        if let Some(run) = run.filter(|run| run.ending == Ending::Complete) {
            found.insert(number, run);
        }
    }
    Ok(found)
}

/// Every run below a folder, one level deep.
fn read_all(folder: &Path) -> anyhow::Result<Vec<Run>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let run = if path.is_dir() { path.join(RUN) } else { path };
        if run.is_file() && run.extension().is_some_and(|kind| kind == "json") {
            files.push(run);
        }
    }
    files.sort_unstable();
    if files.is_empty() {
        let message = format!("{}: expected folders of runs, found none", folder.display());
        return Err(Failure::usage(message)
            .with_hint("`cargo xtask load-test --out` makes one")
            .into());
    }
    files.iter().map(|file| read(file)).collect()
}

fn read(path: &Path) -> anyhow::Result<Run> {
    let text = fs_err::read_to_string(path)?;
    let run = Run::from_json(&text);
    run.map_err(|error| Failure::usage(format!("{}: {error}", path.display())).into())
}
