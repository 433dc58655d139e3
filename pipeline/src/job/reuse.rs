//! Results that a later job may take: under the key of everything they follow from, with their files.
//!
//! ```text
//! <data_dir>/cache/stages/<key>/result.json   the document
//! <data_dir>/cache/stages/<key>/<file>        its files, hard links to those of the job that made them
//! ```
//!
//! An entry is seen whole or not at all. Those that were not used for longest go when all together are too
//! large.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::inputs::Key;
use super::{JobFolder, folder};
use crate::artefacts::Artefact;

const DOCUMENT: &str = "result.json";

/// What is unfinished for so long was left by a program that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The results that are kept. Clones are the same ones.
#[derive(Clone, Debug)]
pub struct Reuse {
    root: PathBuf,
    max_bytes: u64,
    /// What all entries take, as this process knows. None: nobody has looked yet.
    bytes: Arc<Mutex<Option<u64>>>,
}

impl Reuse {
    /// Keeps results below `data_dir`, `max_bytes` of them at most.
    pub fn new(data_dir: &Path, max_bytes: u64) -> Self {
        let root = data_dir.join("cache").join("stages");
        Self { root, max_bytes, bytes: Arc::default() }
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
    pub async fn keep<T: Artefact>(&self, key: &Key, result: &T, folder: &JobFolder) {
        let files = result.files().into_iter().map(Path::to_owned).collect();
        let (reuse, key, folder) = (self.clone(), key.clone(), folder.path().to_owned());
        let kept = async {
            let document = serde_json::to_vec(result)?;
            let work = move || reuse.try_keep(&key, &document, files, &folder);
            tokio::task::spawn_blocking(work).await?
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "a result is not kept for later jobs");
        }
    }

    fn try_keep(
        &self,
        key: &Key,
        document: &[u8],
        files: Vec<PathBuf>,
        folder: &Path,
    ) -> io::Result<()> {
        fs_err::create_dir_all(&self.root)?;
        let entry = self.root.join(key.as_str());
        let unfinished = tempfile::Builder::new().prefix(".").tempdir_in(&self.root)?;
        for file in files {
            link(&folder.join(&file), &unfinished.path().join(file))?;
        }
        fs_err::write(unfinished.path().join(DOCUMENT), document)?;
        match fs_err::rename(unfinished.path(), &entry) {
            // From now on there is nothing to remove under its old name.
            Ok(()) => drop(unfinished.keep()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(()),
            Err(error) => return Err(error),
        }
        // One at a time; and who comes meanwhile is counted after it.
        let mut all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.map(|known| known + bytes(&entry));
        let fits = known.filter(|&known| known <= self.max_bytes);
        *all = Some(fits.map_or_else(|| self.shrink(), Ok)?);
        Ok(())
    }

    /// Removes what a killed program left, and the entries that were not used for longest until the
    /// others fit; gives how much these take.
    fn shrink(&self) -> io::Result<u64> {
        let mut entries = Vec::new();
        for entry in fs_err::read_dir(&self.root)? {
            let path = entry?.path();
            let is_unfinished =
                path.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.');
            let changed = |file: &Path| fs_err::metadata(file).and_then(|file| file.modified());
            if !is_unfinished {
                // Without a document it is being removed by somebody else.
                entries
                    .extend(changed(&path.join(DOCUMENT)).map(|used| (used, bytes(&path), path)));
            } else if changed(&path).is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED)) {
                folder::remove_if_there(fs_err::remove_dir_all(&path))?;
            }
        }
        entries.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        let mut kept = 0;
        for (_, bytes, path) in entries {
            if kept + bytes > self.max_bytes {
                folder::remove_if_there(fs_err::remove_dir_all(&path))?;
            } else {
                kept += bytes;
            }
        }
        Ok(kept)
    }
}

/// What the files in `folder` take; none where somebody removes it meanwhile.
fn bytes(folder: &Path) -> u64 {
    let files = fs_err::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
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

    #[tokio::test]
    async fn a_kept_result_comes_with_its_files_and_another_key_has_none() {
        let data = tempfile::tempdir().expect("temporary folder");
        let reuse = Reuse::new(data.path(), 1 << 20);
        let (first, second) = (job(data.path(), "a"), job(data.path(), "b"));
        first.write("narration.wav", b"RIFF").expect("written");
        assert_eq!(reuse.take::<Narration>(&key("sea"), &second), None);

        reuse.keep(&key("sea"), &narration(7), &first).await;
        reuse.keep(&key("sea"), &narration(7), &first).await; // another job was faster
        fs_err::remove_dir_all(first.path()).expect("removed");
        assert_eq!(reuse.take(&key("sea"), &second), Some(narration(7)));
        assert_eq!(fs_err::read(second.file("narration.wav")).expect("a file"), b"RIFF");
        assert_eq!(reuse.take::<Narration>(&key("night"), &second), None);
        let left = fs_err::read_dir(data.path().join("cache/stages")).expect("a folder");
        assert_eq!(left.count(), 1);
    }

    #[tokio::test]
    async fn what_was_not_used_for_longest_goes_first() {
        let data = tempfile::tempdir().expect("temporary folder");
        let reuse = Reuse::new(data.path(), 3000);
        let folder = job(data.path(), "a");
        folder.write("narration.wav", &[0; 1000]).expect("written");
        for (age_s, text) in [(30, "old, used again"), (20, "old"), (10, "new")] {
            reuse.keep(&key(text), &narration(1), &folder).await;
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

    #[tokio::test]
    async fn what_a_killed_program_left_goes_and_what_is_being_written_stays() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = job(data.path(), "a");
        folder.write("narration.wav", b"RIFF").expect("written");
        let root = data.path().join("cache/stages");
        for (name, age_s) in [(".tmpOld", 4000), (".tmpNew", 10)] {
            fs_err::create_dir_all(root.join(name)).expect("made");
            fs_err::write(root.join(name).join("narration.wav"), "x").expect("written");
            let left = fs_err::File::open(root.join(name)).expect("a folder");
            let at = SystemTime::now() - Duration::from_secs(age_s);
            left.file().set_modified(at).expect("aged");
        }
        // Whoever has just removed it, or not finished it: no reason to keep nothing.
        fs_err::create_dir_all(root.join("half")).expect("made");
        let reuse = Reuse::new(data.path(), 1 << 20);
        reuse.keep(&key("sea"), &narration(1), &folder).await;
        assert!(!root.join(".tmpOld").exists() && root.join(".tmpNew").exists());
        assert!(reuse.take::<Narration>(&key("sea"), &folder).is_some());
    }

    #[tokio::test]
    async fn nothing_larger_than_the_limit_is_kept() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = job(data.path(), "a");
        folder.write("narration.wav", &[0; 1000]).expect("written");
        let reuse = Reuse::new(data.path(), 0);
        reuse.keep(&key("sea"), &narration(1), &folder).await;
        assert_eq!(reuse.take::<Narration>(&key("sea"), &folder), None);
    }
}
