//! A model on disk: a folder with the weights and a `model.json` that describes them.
//!
//! The folder is made by `cargo xtask fetch-models` (real weights), whose files are links to the
//! store's: read-only, named by their digest, never written again. candle maps them into memory,
//! whisper.cpp reads them. Or it is made by the fixtures. Sizes are compared when a folder is opened,
//! digests before its model is loaded, on the thread that loads it: hashing 90 MB takes a while.

mod digests;

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use fetch::{Digest, digest_of_file};
use protocol::{ModelUse, Weights};
use serde::Deserialize;

use super::MlError;
use digests::Digests;

/// The description's file name.
const DESCRIPTION: &str = "model.json";

/// What was hashed in this process.
static HASHED: LazyLock<Digests> = LazyLock::new(Digests::default);

/// A model's folder, complete: every file that its description names is there with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDir {
    path: PathBuf,
    description: Description,
}

/// `model.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Description {
    name: String,
    weights: Weights,
    sha256: Digest,
    files: Vec<ModelFile>,
    licence: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct ModelFile {
    path: PathBuf,
    sha256: Digest,
    bytes: u64,
}

impl ModelDir {
    /// Opens `<models>/<name>` and compares the size of each file with the description.
    ///
    /// # Errors
    ///
    /// [`MlError::Absent`] without a description, [`MlError::Unusable`] with a wrong one or without
    /// a file it names, [`MlError::Damaged`] with a file of another size.
    pub fn open(models: &Path, name: &str) -> Result<Self, MlError> {
        let path = models.join(name);
        let description = read_description(&path.join(DESCRIPTION), name)?;
        let dir = Self { path, description };
        dir.description.files.iter().try_for_each(|file| dir.check_size(file))?;
        Ok(dir)
    }

    /// Compares the digest of each file with the description. A file is read once in this process, and
    /// again when it is another.
    ///
    /// # Errors
    ///
    /// [`MlError::Changed`] with a file of another digest, [`MlError::Unusable`] with one that cannot
    /// be read.
    pub fn verify(&self) -> Result<(), MlError> {
        self.description.files.iter().try_for_each(|file| {
            let path = self.path.join(&file.path);
            match HASHED.of(&path, digest_of_file) {
                Ok(found) if found == file.sha256 => Ok(()),
                Ok(found) => Err(MlError::Changed { path, expected: file.sha256, found }),
                Err(error) => Err(MlError::Unusable { path, reason: error.kind().to_string() }),
            }
        })
    }

    /// The model's name, which is the folder's.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Whether the model was trained.
    pub fn weights(&self) -> Weights {
        self.description.weights
    }

    /// Under which terms the weights are given.
    pub fn licence(&self) -> &str {
        &self.description.licence
    }

    /// SHA-256 of the weights file.
    pub fn sha256(&self) -> Digest {
        self.description.sha256
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.description.files.iter().map(|file| file.bytes).sum()
    }

    /// The line of a job's outcome that says this model had a part in it.
    pub fn model_use(&self) -> ModelUse {
        ModelUse {
            name: self.description.name.clone(),
            sha256: self.description.sha256.to_string(),
            weights: self.description.weights,
        }
    }

    /// Path of the file called `name`.
    ///
    /// # Errors
    ///
    /// [`MlError::Unusable`]: the description names no such file.
    pub fn file(&self, name: &str) -> Result<PathBuf, MlError> {
        self.find(|path| path == Path::new(name), name)
    }

    /// Path of the one file that ends in `.extension`, for weights whose name says the variant.
    ///
    /// # Errors
    ///
    /// [`MlError::Unusable`]: the description names no such file.
    pub fn file_with_extension(&self, extension: &str) -> Result<PathBuf, MlError> {
        let ends = |path: &Path| path.extension().is_some_and(|found| found == extension);
        self.find(ends, &format!("*.{extension}"))
    }

    fn find(&self, wanted: impl Fn(&Path) -> bool, name: &str) -> Result<PathBuf, MlError> {
        let file = self.description.files.iter().find(|file| wanted(&file.path));
        file.map(|file| self.path.join(&file.path)).ok_or_else(|| MlError::Unusable {
            path: self.path.join(DESCRIPTION),
            reason: format!("expected a file {name} in `files`, found none"),
        })
    }

    fn check_size(&self, file: &ModelFile) -> Result<(), MlError> {
        let path = self.path.join(&file.path);
        let found = match fs_err::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) => return Err(MlError::Unusable { path, reason: error.kind().to_string() }),
        };
        if found == file.bytes {
            Ok(())
        } else {
            Err(MlError::Damaged { path, expected: file.bytes, found })
        }
    }
}

fn read_description(path: &Path, name: &str) -> Result<Description, MlError> {
    let unusable = |reason: String| MlError::Unusable { path: path.to_owned(), reason };
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(MlError::Absent { name: name.to_owned(), path: path.to_owned() });
        }
        Err(error) => return Err(unusable(error.kind().to_string())),
    };
    let description: Description =
        serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    check_description(&description, name).map_err(unusable)?;
    Ok(description)
}

fn check_description(description: &Description, name: &str) -> Result<(), String> {
    if description.name != name {
        return Err(format!("expected the model {name:?}, found {:?}", description.name));
    }
    let is_inside =
        |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    if let Some(file) = description.files.iter().find(|file| !is_inside(&file.path)) {
        return Err(format!("expected files inside the folder, found {}", file.path.display()));
    }
    // The digest of the model is that of its weights file: a report can be traced to one file.
    if description.files.iter().all(|file| file.sha256 != description.sha256) {
        return Err(format!("expected a file with the digest {}, found none", description.sha256));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `12345`.
    const SHA256: &str = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5";

    /// The description of a model whose weights are `12345`.
    fn good() -> String {
        let file = format!(r#"{{"path": "w.bin", "sha256": "{SHA256}", "bytes": 5}}"#);
        format!(
            r#"{{"name": "m", "weights": "fixture", "sha256": "{SHA256}", "licence": "MIT",
            "files": [{file}]}}"#
        )
    }

    fn models(description: &str, weights: Option<&str>) -> tempfile::TempDir {
        let models = tempfile::tempdir().expect("a folder");
        fs_err::create_dir(models.path().join("m")).expect("a folder");
        fs_err::write(models.path().join("m/model.json"), description).expect("a description");
        if let Some(weights) = weights {
            fs_err::write(models.path().join("m/w.bin"), weights).expect("weights");
        }
        models
    }

    #[track_caller]
    fn check_refused(description: &str, weights: Option<&str>, expected: &str) {
        let models = models(description, weights);
        let error = ModelDir::open(models.path(), "m").expect_err("must be refused");
        let message = error.to_string().replace(&models.path().display().to_string(), "MODELS");
        assert_eq!(message, expected);
        assert!(error.hint().is_some_and(|hint| hint.contains("cargo xtask fetch-models")));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        check_refused(
            "{",
            None,
            "cannot use MODELS/m/model.json: EOF while parsing an object at line 1 column 1",
        );
        check_refused(&good(), None, "cannot use MODELS/m/w.bin: entity not found");
        check_refused(
            &good(),
            Some("1234"),
            "MODELS/m/w.bin is damaged: expected 5 bytes, found 4",
        );
        check_refused(
            &good().replace("\"m\"", "\"n\""),
            Some("12345"),
            "cannot use MODELS/m/model.json: expected the model \"m\", found \"n\"",
        );
        check_refused(
            &good().replace("w.bin", "../m/w.bin"),
            Some("12345"),
            "cannot use MODELS/m/model.json: expected files inside the folder, found ../m/w.bin",
        );
        check_refused(
            &good().replacen(SHA256, &"b".repeat(64), 1),
            Some("12345"),
            "cannot use MODELS/m/model.json: expected a file with the digest \
             bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, found none",
        );
        check_refused(
            &good().replacen(SHA256, "aa", 1),
            Some("12345"),
            "cannot use MODELS/m/model.json: expected a SHA-256 digest of 64 hex digits, got `aa` \
             at line 1 column 50",
        );
    }

    #[test]
    fn a_model_that_is_not_there_is_absent() {
        let models = tempfile::tempdir().expect("a folder");
        let error = ModelDir::open(models.path(), "m").expect_err("nothing is there");
        assert_eq!(
            error,
            MlError::Absent { name: "m".into(), path: models.path().join("m/model.json") }
        );
        assert_eq!(
            error.hint(),
            Some("`cargo xtask fetch-models` downloads and verifies the models")
        );
    }

    #[test]
    fn a_whole_model_knows_its_files_and_what_it_is() {
        let models = models(&good(), Some("12345"));
        let dir = ModelDir::open(models.path(), "m").expect("a whole model");
        assert_eq!(dir.file("w.bin"), Ok(models.path().join("m/w.bin")));
        assert_eq!(dir.file_with_extension("bin"), Ok(models.path().join("m/w.bin")));
        let missing = dir.file("x.bin").expect_err("not described").to_string();
        assert!(missing.ends_with("expected a file x.bin in `files`, found none"), "{missing}");
        assert_eq!((dir.licence(), dir.weights()), ("MIT", Weights::Fixture));
        let expected =
            ModelUse { name: "m".into(), sha256: SHA256.into(), weights: Weights::Fixture };
        assert_eq!(dir.model_use(), expected);
    }
    #[test]
    fn one_wrong_byte_is_found_and_named_until_it_is_right_again() {
        let models = models(&good(), Some("12345"));
        let dir = ModelDir::open(models.path(), "m").expect("a whole model");
        assert_eq!(dir.verify(), Ok(()));
        let weights = models.path().join("m/w.bin");
        let replace = |content: &str| {
            fs_err::remove_file(&weights).expect("removed");
            fs_err::write(&weights, content).expect("written");
        };
        replace("12325");
        let dir = ModelDir::open(models.path(), "m").expect("sizes are right");
        for _ in 0..2 {
            let error = dir.verify().expect_err("a byte is wrong");
            let found = Digest::of(b"12325");
            assert_eq!(
                error.to_string(),
                format!(
                    "{} is damaged: expected SHA-256 {SHA256}, found {found}",
                    weights.display()
                )
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("fetch-models --verify")));
        }
        replace("12345");
        assert_eq!(dir.verify(), Ok(()));
        fs_err::remove_file(&weights).expect("removed");
        let error = dir.verify().expect_err("no weights").to_string();
        assert_eq!(error, format!("cannot use {}: entity not found", weights.display()));
    }
}
