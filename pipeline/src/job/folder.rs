//! Where the files of a job are.
//!
//! ```text
//! <data_dir>/jobs/<id>/
//!   stages/<stage>.json   the result of a stage, written when it has ended (`crate::artefacts`)
//!   narration.wav  subtitles.srt  subtitles.ass  video.mp4
//!   *.part.*  .*          not finished yet; gone after every ending
//! ```

use std::io;
use std::path::{Path, PathBuf};

use protocol::Stage;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The folder of one job.
#[derive(Clone, Debug)]
pub struct JobFolder {
    root: PathBuf,
}

impl JobFolder {
    /// Opens the folder of the job `id`, making it where it is not there. What an attempt before left
    /// unfinished is removed; results of stages that ended stay.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn open(data_dir: &Path, id: &str) -> io::Result<Self> {
        let folder = Self { root: data_dir.join("jobs").join(id) };
        fs_err::create_dir_all(folder.root.join("stages"))?;
        folder.clean()?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A file of the job.
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Removes what must not outlive an attempt.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn clean(&self) -> io::Result<()> {
        for folder in [self.root.clone(), self.root.join("stages")] {
            for entry in fs_err::read_dir(folder)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if name.contains(".part.") || name.starts_with('.') {
                    remove_if_there(fs_err::remove_file(&path))?;
                }
            }
        }
        Ok(())
    }

    /// The result of `stage`, where an attempt has ended it. One that cannot be read counts as not
    /// there: the stage is run again.
    pub fn result<T: DeserializeOwned>(&self, stage: Stage) -> Option<T> {
        let text = fs_err::read(self.result_path(stage)).ok()?;
        serde_json::from_slice(&text)
            .inspect_err(|error| tracing::warn!(%stage, %error, "unreadable result, running again"))
            .ok()
    }

    /// Writes the result of `stage`: all of it or none.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn write_result<T: Serialize>(&self, stage: Stage, result: &T) -> io::Result<()> {
        let path = self.result_path(stage);
        let mut file = tempfile::NamedTempFile::new_in(self.root.join("stages"))?;
        serde_json::to_writer_pretty(&mut file, result)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn result_path(&self, stage: Stage) -> PathBuf {
        self.root.join("stages").join(format!("{stage}.json"))
    }
}

fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefacts::Script;

    #[test]
    fn an_opened_folder_keeps_results_and_drops_what_is_unfinished() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        let script = Script { text: "Biển đêm.".to_owned() };
        folder.write_result(Stage::Script, &script).expect("written");
        for name in [".narration-1.wav", "video.part.mp4", "stages/.tmpAbc", "video.mp4"] {
            fs_err::write(folder.file(name), "x").expect("written");
        }
        fs_err::write(folder.file("stages/terms.json"), "{\"terms\": [").expect("written");

        let folder = JobFolder::open(data.path(), "a").expect("opened");
        assert_eq!(folder.result(Stage::Script), Some(script));
        assert_eq!(folder.result::<Script>(Stage::Terms), None, "half a result is none");
        let left = |name| folder.file(name).exists();
        assert!(!left(".narration-1.wav") && !left("video.part.mp4") && !left("stages/.tmpAbc"));
        assert!(left("video.mp4"));
    }
}
