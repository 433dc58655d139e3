//! Where the files of a job are.
//!
//! ```text
//! <data_dir>/jobs/<id>/
//!   stages/<stage>.json   the result of a stage, written when it has ended (`crate::artefacts`)
//!   stages/social.json    posts for social platforms, written beside the stages
//!   stages/heard.json     what Whisper heard in the narration
//!   narration.wav  subtitles.srt  subtitles.vtt  subtitles.ass  video.mp4  cover.jpg
//!   pieces/*.mp4          parts of a video, for the next attempt; gone when there is none
//!   *.part.*  .*          not finished yet; gone after every ending
//! ```

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use protocol::Stage;
use serde::{Deserialize, Serialize};

use super::inputs::Key;
use crate::artefacts::Artefact;
use crate::media::PIECES;

/// What is in `stages/<stage>.json`.
#[derive(Deserialize, Serialize)]
struct Written<'a, T> {
    /// Names the inputs.
    key: Cow<'a, str>,
    result: T,
}

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

    /// Removes the parts of videos of the job `id`, which an attempt keeps for the next one.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn remove_pieces(data_dir: &Path, id: &str) -> io::Result<()> {
        remove_if_there(fs_err::remove_dir_all(data_dir.join("jobs").join(id).join(PIECES)))
    }

    /// Removes what attempts of a process before left unfinished, in all folders: a job of theirs may be in
    /// the hands of another machine by now. Nothing may be running here.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn sweep(data_dir: &Path) -> io::Result<()> {
        let jobs = data_dir.join("jobs");
        if !jobs.is_dir() {
            return Ok(());
        }
        for entry in fs_err::read_dir(jobs)? {
            let root = entry?.path();
            if root.is_dir() {
                Self { root }.clean()?;
            }
        }
        Ok(())
    }

    /// Removes the folder of the job `id`, where there is one.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn remove(data_dir: &Path, id: &str) -> io::Result<()> {
        remove_if_there(fs_err::remove_dir_all(data_dir.join("jobs").join(id)))
    }

    /// Removes what must not outlive an attempt.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn clean(&self) -> io::Result<()> {
        for folder in [self.root.clone(), self.root.join("stages"), self.root.join(PIECES)] {
            if !folder.is_dir() {
                continue; // there are pieces in one mode only
            }
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

    /// The result of `stage`, where an attempt has ended it with these inputs. One that cannot be read,
    /// or whose files are gone, counts as not there: the stage is run again.
    pub fn result<T: Artefact>(&self, stage: Stage, key: &Key) -> Option<T> {
        let text = fs_err::read(self.result_path(stage)).ok()?;
        let written: Written<T> = serde_json::from_slice(&text)
            .inspect_err(|error| tracing::warn!(%stage, %error, "unreadable result, running again"))
            .ok()?;
        if written.key != key.as_str() {
            tracing::info!(%stage, "made of other inputs, running again");
            return None;
        }
        let result = written.result;
        let gone = result.files().into_iter().find(|file| !self.root.join(file).is_file());
        if let Some(file) = gone {
            tracing::warn!(%stage, file = %file.display(), "a file is gone, running again");
            return None;
        }
        Some(result)
    }

    /// Writes the result of `stage`: all of it or none.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn write_result<T: Artefact>(&self, stage: Stage, key: &Key, result: &T) -> io::Result<()> {
        let written = Written { key: key.as_str().into(), result };
        self.write(&format!("stages/{stage}.json"), &serde_json::to_vec_pretty(&written)?)
    }

    /// Writes a file of the job: all of it or none.
    ///
    /// # Errors
    ///
    /// The file system's, naming the path.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.root.join(name);
        let mut builder = tempfile::Builder::new();
        // Readable as every other file is, not by its owner alone; the umask still applies.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(path.parent().unwrap_or(&self.root))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    fn result_path(&self, stage: Stage) -> PathBuf {
        self.root.join("stages").join(format!("{stage}.json"))
    }
}

pub(super) fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use protocol::JobSpec;

    use super::*;
    use crate::artefacts::{Narration, Script};
    use crate::job::inputs::Inputs;
    use crate::settings::Settings;

    fn key(subject: &str) -> Key {
        let spec = JobSpec { video_subject: subject.to_owned(), ..JobSpec::default() };
        Inputs { spec: &spec, settings: &Settings::default(), models: &[] }.script()
    }

    #[test]
    fn an_opened_folder_keeps_results_and_drops_what_is_unfinished() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        let script = Script { text: "Biển đêm.".to_owned() };
        folder.write_result(Stage::Script, &key("sea"), &script).expect("written");
        fs_err::create_dir(folder.file("pieces")).expect("made");
        let unfinished =
            [".narration-1.wav", "video.part.mp4", "stages/.tmpAbc", "pieces/1.mp4.part.mp4"];
        for name in unfinished.into_iter().chain(["video.mp4", "pieces/1.mp4"]) {
            fs_err::write(folder.file(name), "x").expect("written");
        }
        fs_err::write(folder.file("stages/terms.json"), "{\"terms\": [").expect("written");

        let folder = JobFolder::open(data.path(), "a").expect("opened");
        assert_eq!(folder.result::<Script>(Stage::Script, &key("night")), None, "other inputs");
        assert_eq!(folder.result(Stage::Script, &key("sea")), Some(script));
        assert_eq!(
            folder.result::<Script>(Stage::Terms, &key("sea")),
            None,
            "half a result is none"
        );
        let left = |name| folder.file(name).exists();
        assert_eq!(unfinished.map(left), [false; 4]);
        assert!(left("video.mp4") && left("pieces/1.mp4"));
        for _ in 0..2 {
            JobFolder::remove_pieces(data.path(), "a").expect("gone, or never there");
            assert!(!left("pieces") && left("video.mp4"));
        }
    }

    #[test]
    fn what_a_process_before_left_goes_from_all_folders() {
        let data = tempfile::tempdir().expect("temporary folder");
        JobFolder::sweep(data.path()).expect("there are no jobs yet");
        for id in ["a", "b"] {
            let folder = JobFolder::open(data.path(), id).expect("made");
            for name in ["video.mp4", "video.part.mp4", ".narration-1.wav"] {
                fs_err::write(folder.file(name), "x").expect("written");
            }
        }
        JobFolder::sweep(data.path()).expect("swept");
        let left = |id: &str| {
            let folder = data.path().join("jobs").join(id);
            ["video.mp4", "video.part.mp4", ".narration-1.wav"]
                .map(|name| folder.join(name).exists())
        };
        assert_eq!([left("a"), left("b")], [[true, false, false]; 2]);
        for _ in 0..2 {
            JobFolder::remove(data.path(), "a").expect("gone, or not there");
            assert_eq!((left("a"), left("b")[0]), ([false; 3], true));
        }
    }

    #[test]
    fn a_result_without_its_file_is_none() {
        let data = tempfile::tempdir().expect("temporary folder");
        let folder = JobFolder::open(data.path(), "a").expect("made");
        let narration = Narration {
            file: "narration.wav".to_owned(),
            duration_ms: 1,
            engine: "espeak:vi".to_owned(),
            words: None,
            timing: protocol::TimingSource::Engine,
        };
        folder.write_result(Stage::Narration, &key("sea"), &narration).expect("written");
        assert_eq!(folder.result::<Narration>(Stage::Narration, &key("sea")), None);
        folder.write("narration.wav", b"RIFF").expect("written");
        assert_eq!(folder.result(Stage::Narration, &key("sea")), Some(narration));
    }
}
