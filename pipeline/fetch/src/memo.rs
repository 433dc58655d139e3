//! Which digest a URL had, for sources that publish none.
//!
//! A stock clip has a URL and no digest. Without a note of what came from it, a second job would
//! download it again. Only for URLs whose content never changes: see [`crate::Request::remember`].

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::digest::Digest;
use crate::error::shown;

/// The notes of a store, one small file a URL.
#[derive(Clone, Debug)]
pub struct Memo {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    /// For people; without its query, which may hold a signature.
    url: String,
    sha256: Digest,
}

impl Memo {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The digest that came from `url`. A note that cannot be read is no note: the file is fetched
    /// again and the note replaced.
    pub fn get(&self, url: &Url) -> Option<Digest> {
        let path = self.path(url);
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, "cannot read a memo");
                }
                return None;
            }
        };
        serde_json::from_slice::<Note>(&text)
            .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "damaged memo"))
            .ok()
            .map(|note| note.sha256)
    }

    /// Notes that `digest` came from `url`, in one step.
    ///
    /// # Errors
    ///
    /// An I/O error that names the path.
    pub fn put(&self, url: &Url, digest: &Digest) -> io::Result<()> {
        let note = serde_json::to_vec(&Note { url: shown(url), sha256: *digest })?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&note)?;
        file.as_file().sync_all()?;
        let file = file.into_temp_path();
        fs_err::rename(&file, self.path(url))?;
        file.keep().map_err(|error| error.error)?; // the name is gone, nothing is to be removed
        Ok(())
    }

    fn path(&self, url: &Url) -> PathBuf {
        self.folder.join(format!("{}.json", Digest::of(url.as_str().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_found_again_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().expect("folder");
        let memo = Memo::new(folder.path().to_owned());
        let url: Url = "https://host/clip.mp4?key=secret".parse().expect("url");
        let other: Url = "https://host/clip.mp4?key=other".parse().expect("url");
        assert_eq!(memo.get(&url), None);

        memo.put(&url, &Digest::of(b"clip")).expect("put");
        assert_eq!(memo.get(&url), Some(Digest::of(b"clip")));
        assert_eq!(memo.get(&other), None, "the query is part of the key");
        let text = fs_err::read_to_string(memo.path(&url)).expect("note");
        assert!(!text.contains("secret"), "{text}");

        fs_err::write(memo.path(&url), "{\"url\":").expect("damage");
        assert_eq!(memo.get(&url), None);
        memo.put(&url, &Digest::of(b"new")).expect("replace");
        assert_eq!(memo.get(&url), Some(Digest::of(b"new")));
        assert_eq!(
            fs_err::read_dir(folder.path()).expect("folder").count(),
            1,
            "no temporary file"
        );
    }
}
