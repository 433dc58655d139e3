//! Answers to begin with: written by one service, read by the next, as lines of JSON.

use std::collections::HashMap;
use std::io::{self, BufRead as _, Write};
use std::path::Path;

use fetch::Digest;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::files::{Folder, is_answer, present};

/// The folders below `cache/` whose answers are exported, as their shelves are called.
const SHELVES: [&str; 2] = ["llm", "search"];

/// One line: an answer as it lies in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    cache: String,
    key: Digest,
    entry: Box<RawValue>,
}

/// A file of answers that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WarmUpError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// A line is no answer.
    #[error(
        "{path}, line {line}: expected an answer as `pipeline cache export` writes it: {source}"
    )]
    Line {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Answers by their shelf.
#[derive(Debug, Default)]
pub(super) struct WarmUp(HashMap<String, Vec<(Digest, Box<RawValue>)>>);

impl WarmUp {
    /// Reads the file at `path`; empty lines are none.
    pub(super) fn read(path: &Path) -> Result<Self, WarmUpError> {
        let mut answers = Self::default();
        let lines = io::BufReader::new(fs_err::File::open(path)?).lines();
        for (number, text) in lines.enumerate() {
            let text = text?;
            if text.trim().is_empty() {
                continue;
            }
            let read: Result<Line, _> = serde_json::from_str(&text);
            let Line { cache, key, entry } = read.map_err(|source| WarmUpError::Line {
                path: path.display().to_string(),
                line: number + 1,
                source,
            })?;
            answers.0.entry(cache).or_default().push((key, entry));
        }
        Ok(answers)
    }

    /// Puts the answers of a shelf into its files, beside those that are there: they are as new at least.
    /// How old an answer may be is asked when it is read.
    pub(super) fn fill(&self, shelf: &str, folder: &Folder) {
        let answers = self.0.get(shelf).map(Vec::as_slice).unwrap_or_default();
        let mut n_new = 0;
        for (key, entry) in answers {
            if folder.file(*key).exists() {
                continue;
            }
            match folder.write(*key, entry.get().as_bytes()) {
                Ok(()) => n_new += 1,
                Err(error) => tracing::warn!(shelf, %error, "an answer to begin with is not kept"),
            }
        }
        if !answers.is_empty() {
            tracing::info!(shelf, n_new, n = answers.len(), "answers to begin with");
        }
    }
}

/// Writes the answers that are kept in the files below `data_dir`, a line each, and says how many.
///
/// # Errors
///
/// A file cannot be read, or `out` not written. A folder that is absent has no answers.
pub fn export(data_dir: &Path, out: &mut impl Write) -> io::Result<usize> {
    let mut n = 0;
    for cache in SHELVES {
        let Some(files) = present(fs_err::read_dir(data_dir.join("cache").join(cache)))? else {
            continue;
        };
        let mut paths = Vec::new();
        for file in files {
            paths.push(file?.path());
        }
        paths.sort_unstable();
        for path in paths.iter().filter(|path| is_answer(path)) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            // What goes meanwhile is no answer any more; what is damaged is none.
            let Some(text) = present(fs_err::read_to_string(path))? else { continue };
            let (Ok(key), Ok(entry)) = (name.parse(), RawValue::from_string(text)) else {
                continue;
            };
            serde_json::to_writer(&mut *out, &Line { cache: cache.to_owned(), key, entry })?;
            out.write_all(b"\n")?;
            n += 1;
        }
    }
    out.flush()?;
    Ok(n)
}
