//! A model's folder: its files, `model.json` for the pipeline, and the seal.
//!
//! The seal holds the size and the time of change of each file when its digest was compared. As long
//! as they stand, the file is taken for what it was: 90 MB need not be hashed at each start.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fetch::{Digest, Store, digest_of_file};
use protocol::Weights;
use serde::{Deserialize, Serialize};

use super::manifest::{Model, ModelFile};
use super::replace;

/// `model.json`: what the pipeline reads of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The model.
    pub name: String,
    /// Whether its answers mean something.
    pub weights: Weights,
    /// Digest of the weights.
    pub sha256: Digest,
    /// Its files.
    pub files: Vec<DescribedFile>,
    /// Under which terms the weights are given.
    pub licence: String,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedFile {
    /// Where it is in the folder.
    pub path: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

impl Description {
    /// What stands in the folder `models/name`; none where there is no whole model.
    ///
    /// # Errors
    ///
    /// The description cannot be read or makes no sense.
    pub fn read(models: &Path, name: &str) -> Result<Option<Self>> {
        let path = models.join(name).join("model.json");
        match fs_err::read(&path) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text)
                    .with_context(|| format!("`{}` makes no sense", path.display()))?,
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn of(model: &Model) -> Option<Self> {
        let described = |file: &ModelFile| DescribedFile {
            path: file.path.clone(),
            sha256: file.sha256,
            bytes: file.bytes,
        };
        Some(Self {
            name: model.name.clone(),
            weights: Weights::Real,
            sha256: model.sha256()?,
            files: model.files.iter().map(described).collect(),
            licence: model.licence.clone(),
        })
    }
}

/// What was seen of a file when its digest was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    sha256: Digest,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl Seal {
    fn of(path: &Path, sha256: Digest) -> Option<Self> {
        let metadata = fs_err::metadata(path).ok()?;
        let (changed_s, changed_ns) = (metadata.mtime(), metadata.mtime_nsec());
        Some(Self { sha256, bytes: metadata.len(), changed_s, changed_ns })
    }
}

/// `<models>/<name>`.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of `model` among `models`.
    pub fn new(models: &Path, model: &Model) -> Self {
        Self { path: models.join(&model.name) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether everything is there: the description as it must be, and each file as it was sealed,
    /// or, with `verify`, as its digest says.
    pub fn is_whole(&self, model: &Model, verify: bool) -> bool {
        let described = self.read("model.json");
        if described.is_none() || described != Description::of(model) {
            return false;
        }
        let seals: BTreeMap<String, Seal> = self.read(".sealed.json").unwrap_or_default();
        model.files.iter().all(|file| {
            let path = self.path.join(&file.path);
            if verify {
                return digest_of_file(&path).is_ok_and(|digest| digest == file.sha256);
            }
            let sealed = seals.get(&file.path);
            sealed.is_some() && sealed.copied() == Seal::of(&path, file.sha256)
        })
    }

    /// Links all files from the store, where they must be, then describes and seals them.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written.
    pub fn fill(&self, model: &Model, store: &Store) -> Result<()> {
        let mut seals = BTreeMap::new();
        for file in &model.files {
            let path = self.path.join(&file.path);
            store.link_to(&file.sha256, &path)?;
            seals.insert(&file.path, Seal::of(&path, file.sha256));
        }
        replace(&self.path.join(".sealed.json"), &serde_json::to_string_pretty(&seals)?)?;
        // Last: the pipeline takes the model for complete when it finds this.
        let described = serde_json::to_string_pretty(&Description::of(model))?;
        replace(&self.path.join("model.json"), &described)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs_err::read(self.path.join(name)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::small;
    use super::*;

    #[test]
    fn a_folder_is_whole_until_something_is_touched() {
        let home = tempfile::tempdir().expect("folder");
        let store = Store::open(home.path().join("store")).expect("store");
        let manifest = small();
        let model = &manifest.models[0];
        let folder = Folder::new(&home.path().join("models"), model);
        assert!(!folder.is_whole(model, false));
        assert!(folder.fill(model, &store).is_err(), "the store does not have it");
        assert!(!folder.is_whole(model, false));

        store.insert(&b"abcd"[..], Some(&model.files[0].sha256), "the test").expect("insert");
        let weights = folder.path().join("w.bin");
        let whole = |expected: [bool; 2]| {
            assert_eq!([false, true].map(|verify| folder.is_whole(model, verify)), expected);
        };
        folder.fill(model, &store).expect("fill");
        whole([true, true]);
        insta::assert_snapshot!(
            fs_err::read_to_string(folder.path().join("model.json")).expect("model.json")
        );

        // Other bytes of the same size: the time tells, and the digest.
        fs_err::remove_file(&weights).expect("remove");
        fs_err::write(&weights, b"abce").expect("write");
        whole([false, false]);
        // The right bytes, touched: only the digest can tell that they are right.
        fs_err::write(&weights, b"abcd").expect("write");
        whole([false, true]);
        folder.fill(model, &store).expect("fill again");
        whole([true, true]);
        assert_eq!(fs_err::metadata(&weights).expect("weights").nlink(), 2, "a link again");

        fs_err::write(folder.path().join("model.json"), "{}").expect("write");
        whole([false, false]);
        folder.fill(model, &store).expect("fill again");
        fs_err::remove_file(&weights).expect("remove");
        whole([false, false]);
    }
}
