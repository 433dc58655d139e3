//! `docker/models.lock`: what was verified, file by file. The image is built from it.

use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use fetch::Digest;
use serde::{Deserialize, Serialize};

use super::manifest::{Manifest, Model};
use super::replace;
use crate::exit::Failure;

/// What stands at the top of the file.
const HEAD: &str =
    "# Written by `cargo xtask fetch-models` after every byte was hashed. Commit it.\n\n";

/// Everything the lock says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// In the order of the manifest.
    #[serde(rename = "file", default)]
    pub files: Vec<Locked>,
}

/// A file that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The model it belongs to.
    pub model: String,
    /// Where it is in the model's folder.
    pub path: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Where it came from.
    pub source: String,
}

impl Lock {
    /// The lock at `path`; an empty one where there is none.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        match fs_err::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .with_context(|| format!("`{}` makes no sense", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses a lock that contradicts the manifest: one of them was changed by hand.
    ///
    /// # Errors
    ///
    /// Names the file, what the manifest expects and what the lock has.
    pub fn check(&self, manifest: &Manifest, path: &Path) -> Result<()> {
        for locked in &self.files {
            let model = manifest.models.iter().find(|model| model.name == locked.model);
            let files = model.map_or(&[][..], |model| &model.files);
            let Some(file) = files.iter().find(|file| file.path == locked.path) else { continue };
            if (file.sha256, file.bytes) == (locked.sha256, locked.bytes) {
                continue;
            }
            let message = format!(
                "`{}` contradicts the manifest about {}/{}: expected sha256 {} ({} bytes), got {} ({} bytes)",
                path.display(),
                locked.model,
                locked.path,
                file.sha256,
                file.bytes,
                locked.sha256,
                locked.bytes,
            );
            let hint = "if the manifest is right, delete the lock and run this again";
            return Err(Failure::environment(message).with_hint(hint).into());
        }
        Ok(())
    }

    /// The lock after the `verified` models: those, and what it said of others that the manifest
    /// still has, which were verified elsewhere.
    pub fn after(&self, manifest: &Manifest, verified: &[&Model]) -> Self {
        let files = manifest.models.iter().flat_map(|model| {
            let now = verified.iter().any(|other| other.name == model.name);
            let files = model.files.iter().filter(move |file| {
                let same = |old: &&Locked| old.model == model.name && old.path == file.path;
                now || self.files.iter().any(|old| same(&old))
            });
            files.map(|file| Locked {
                model: model.name.clone(),
                path: file.path.clone(),
                sha256: file.sha256,
                bytes: file.bytes,
                source: model.source.line(),
            })
        });
        Self { files: files.collect() }
    }

    /// Writes it to `path` in one step.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        replace(path, &format!("{HEAD}{}", toml::to_string(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::small;
    use super::*;

    #[test]
    fn a_lock_that_contradicts_the_manifest_is_refused() {
        let manifest = small();
        let mut lock = Lock::default().after(&manifest, &[&manifest.models[0]]);
        let path = Path::new("docker/models.lock");
        lock.check(&manifest, path).expect("they agree");
        lock.files[0].bytes = 5;
        let error = lock.check(&manifest, path).expect_err("they disagree").to_string();
        let digest = manifest.models[0].files[0].sha256;
        let expected = format!(
            "`docker/models.lock` contradicts the manifest about m/w.bin: expected sha256 {digest} \
             (4 bytes), got {digest} (5 bytes)"
        );
        assert_eq!(error, expected);
        lock.files[0].model = "gone".to_owned();
        lock.check(&manifest, path).expect("the manifest says nothing of it");
    }

    #[test]
    fn what_was_verified_elsewhere_is_kept_and_what_is_gone_is_dropped() {
        let manifest = small();
        let verified = Lock::default().after(&manifest, &[&manifest.models[0]]);
        assert_eq!(verified.files.len(), 1);
        assert_eq!(verified.after(&manifest, &[]), verified);
        assert_eq!(Lock::default().after(&manifest, &[]), Lock::default());
        let nothing_left = Manifest { models: Vec::new() };
        assert_eq!(verified.after(&nothing_left, &[]), Lock::default());
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("models.lock");
        assert_eq!(Lock::read(&path).expect("none"), Lock::default());
        let manifest = small();
        let lock = Lock::default().after(&manifest, &[&manifest.models[0]]);
        lock.write(&path).expect("write");
        assert_eq!(Lock::read(&path).expect("read"), lock);
        insta::assert_snapshot!(fs_err::read_to_string(&path).expect("text"));
    }
}
