//! Results that a later job may take: under the key of everything they follow from, with their files.
//!
//! ```text
//! <data_dir>/cache/stages/<key>/result.json   the document
//! <data_dir>/cache/stages/<key>/<file>        its files, hard links to those of the job that made them
//! ```
//!
//! An entry is seen whole or not at all. The oldest ones go when all together are too large.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::inputs::Key;
use super::{JobFolder, folder};
use crate::artefacts::Artefact;

const DOCUMENT: &str = "result.json";

/// The results that are kept.
#[derive(Clone, Debug)]
pub struct Reuse {
    root: PathBuf,
    max_bytes: u64,
}

impl Reuse {
    /// Keeps results below `data_dir`, `max_bytes` of them at most.
    pub fn new(data_dir: &Path, max_bytes: u64) -> Self {
        Self { root: data_dir.join("cache").join("stages"), max_bytes }
    }

    /// The result with this key, its files brought into `folder`. None: there is none, or it cannot be
    /// read; then it is made as if there were none.
    pub fn take<T: Artefact>(&self, key: &Key, folder: &JobFolder) -> Option<T> {
        let entry = self.root.join(key.as_str());
        let document = fs_err::read(entry.join(DOCUMENT)).ok()?;
        let result: T = serde_json::from_slice(&document).ok()?;
        for file in result.files() {
            link(&entry.join(file), &folder.path().join(file))
                .inspect_err(|error| tracing::warn!(%error, "a kept result cannot be taken"))
                .ok()?;
        }
        // Used now: it goes last.
        let _ = fs_err::File::open(entry.join(DOCUMENT))
            .and_then(|file| file.file().set_modified(SystemTime::now()));
        Some(result)
    }

    /// Keeps `result` for later jobs. A disk that is full, or another job that was faster, is no error of
    /// this job.
    pub fn keep<T: Artefact>(&self, key: &Key, result: &T, folder: &JobFolder) {
        if let Err(error) = self.try_keep(key, result, folder) {
            tracing::warn!(%error, "a result is not kept for later jobs");
        }
    }

    fn try_keep<T: Artefact>(&self, key: &Key, result: &T, folder: &JobFolder) -> io::Result<()> {
        fs_err::create_dir_all(&self.root)?;
        let entry = self.root.join(key.as_str());
        let unfinished = tempfile::Builder::new().prefix(".").tempdir_in(&self.root)?;
        for file in result.files() {
            link(&folder.path().join(file), &unfinished.path().join(file))?;
        }
        fs_err::write(unfinished.path().join(DOCUMENT), serde_json::to_vec(result)?)?;
        match fs_err::rename(unfinished.path(), &entry) {
            // From now on there is nothing to remove under its old name.
            Ok(()) => drop(unfinished.keep()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => return Err(error),
        }
        self.shrink()
    }

    /// Removes the entries that were not used for longest until the others fit, and what a killed
    /// program left.
    fn shrink(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs_err::read_dir(&self.root)? {
            let path = entry?.path();
            let Ok(used) = fs_err::metadata(path.join(DOCUMENT)).and_then(|file| file.modified())
            else {
                continue; // being written, or removed by another job
            };
            entries.push((used, bytes(&path)?, path));
        }
        entries.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        let mut kept = 0;
        for (_, bytes, path) in entries {
            kept += bytes;
            if kept > self.max_bytes {
                folder::remove_if_there(fs_err::remove_dir_all(&path))?;
            }
        }
        Ok(())
    }
}

fn bytes(folder: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs_err::read_dir(folder)? {
        total += entry?.metadata()?.len();
    }
    Ok(total)
}

/// The same file under another name, or a copy where there can be no link.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    folder::remove_if_there(fs_err::remove_file(to))?;
    match fs_err::hard_link(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => fs_err::copy(from, to).map(drop),
        linked => linked,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::{JobSpec, TimingSource};

    use super::*;
    use crate::artefacts::{Narration, Script};
    use crate::job::inputs::Inputs;
    use crate::settings::Settings;

    fn key(text: &str) -> Key {
        let (spec, settings) = (JobSpec::default(), Settings::default());
        let inputs = Inputs { spec: &spec, settings: &settings, models: &[] };
        inputs.narration(&Script { text: text.to_owned() })
    }

    fn narration(ms: u64) -> Narration {
        let (file, engine) = ("narration.wav".to_owned(), "espeak:vi".to_owned());
        Narration { file, duration_ms: ms, engine, words: None, timing: TimingSource::Engine }
    }

    fn job(data: &Path, id: &str) -> JobFolder {
        JobFolder::open(data, id).expect("made")
    }

    #[test]
    fn a_kept_result_comes_with_its_files_and_another_key_has_none() {
        let data = tempfile::tempdir().expect("temporary folder");
        let reuse = Reuse::new(data.path(), 1 << 20);
        let (first, second) = (job(data.path(), "a"), job(data.path(), "b"));
        first.write("narration.wav", b"RIFF").expect("written");
        assert_eq!(reuse.take::<Narration>(&key("sea"), &second), None);

        reuse.keep(&key("sea"), &narration(7), &first);
        reuse.keep(&key("sea"), &narration(7), &first); // another job was faster
        fs_err::remove_dir_all(first.path()).expect("removed");
        assert_eq!(reuse.take(&key("sea"), &second), Some(narration(7)));
        assert_eq!(fs_err::read(second.file("narration.wav")).expect("a file"), b"RIFF");
        assert_eq!(reuse.take::<Narration>(&key("night"), &second), None);
        let left = fs_err::read_dir(data.path().join("cache/stages")).expect("a folder");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let data = tempfile::tempdir().expect("temporary folder");
        let reuse = Reuse::new(data.path(), 3000);
        let folder = job(data.path(), "a");
        folder.write("narration.wav", &[0; 1000]).expect("written");
        for (age_s, text) in [(30, "old, used again"), (20, "old"), (10, "new")] {
            reuse.keep(&key(text), &narration(1), &folder);
            let path = reuse.root.join(key(text).as_str()).join(DOCUMENT);
            let file = fs_err::File::open(path).expect("kept");
            let used = SystemTime::now() - Duration::from_secs(age_s);
            file.file().set_modified(used).expect("aged");
            if text == "old" {
                reuse.take::<Narration>(&key("old, used again"), &folder).expect("kept");
            }
        }
        let is_there = |text| reuse.take::<Narration>(&key(text), &folder).is_some();
        assert!(is_there("old, used again") && is_there("new") && !is_there("old"));
    }
}
