//! Digests of layers that were computed once: a layer follows from what its files are known to be, so
//! they need not be read to name it. Whoever sends a layer compares its bytes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use fetch::Digest;

use super::layer::Layer;

/// The version of our layers: another one would give other bytes for the same files.
const FORMAT: u32 = 1;

/// What an earlier call found out, and this one.
#[derive(Debug)]
pub struct Known {
    path: PathBuf,
    digests: BTreeMap<Digest, Digest>,
}

impl Known {
    /// What an earlier call wrote into the folder `work`.
    pub fn read(work: &Path) -> Self {
        let path = work.join("layers.json");
        let text = fs_err::read(&path).unwrap_or_default();
        let digests = serde_json::from_slice(&text).unwrap_or_default();
        Self { path, digests }
    }

    /// The digest of `layer`, which `what` says everything about.
    ///
    /// # Errors
    ///
    /// A file cannot be read or is not what it must be.
    pub fn digest(&mut self, what: &str, layer: &Layer) -> io::Result<Digest> {
        let key = Digest::of(format!("{FORMAT}\n{what}").as_bytes());
        if let Some(known) = self.digests.get(&key) {
            return Ok(*known);
        }
        let digest = layer.digest()?;
        self.digests.insert(key, digest);
        let fresh = self.path.with_extension("json.new");
        fs_err::write(&fresh, serde_json::to_string_pretty(&self.digests)?)?;
        fs_err::rename(&fresh, &self.path)?;
        Ok(digest)
    }
}
