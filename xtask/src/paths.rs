//! Where things are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The folders the commands read and write. A folder is made by whoever writes into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The checkout.
    pub root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the checkout.
    pub target: PathBuf,
    /// Everything the commands make: `REELBENCH_HOME`, else `reelbench` in the target folder.
    pub home: PathBuf,
}

impl Paths {
    /// As the environment says.
    ///
    /// # Errors
    ///
    /// Where the checkout that built this program is gone.
    pub fn from_env() -> anyhow::Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the xtask package has no parent folder")?;
        let root = fs_err::canonicalize(root)?;
        Ok(Self::new(root, env::var_os("CARGO_TARGET_DIR"), env::var_os("REELBENCH_HOME")))
    }

    fn new(root: PathBuf, target: Option<OsString>, home: Option<OsString>) -> Self {
        let given = |value: Option<OsString>| value.filter(|text| !text.is_empty());
        let target = root.join(given(target).unwrap_or_else(|| "target".into()));
        let home = given(home).map_or_else(|| target.join("reelbench"), |home| root.join(home));
        Self { root, target, home }
    }

    /// Clips, stills and music that the fixtures made.
    pub fn media(&self) -> PathBuf {
        self.home.join("media")
    }

    /// A ComfyUI workflow that the fixtures run.
    pub fn workflow(&self) -> PathBuf {
        self.root.join("fixtures/workflows/picture.json")
    }

    /// Model weights, one folder a model.
    pub fn models(&self) -> PathBuf {
        self.home.join("models")
    }

    /// Where programs of Python are, each in a folder of its own.
    pub fn python(&self) -> PathBuf {
        self.home.join("python")
    }

    /// Verified downloads by digest.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// One folder a run, with its video, samples and log.
    pub fn runs(&self) -> PathBuf {
        self.home.join("runs")
    }

    /// Where cargo leaves the binary `name` of `profile` (`debug` or `release`).
    pub fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// `path` as a user would type it: relative to the checkout where it is inside.
    pub fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: Option<&str>, home: Option<&str>, expected: (&str, &str)) {
        let paths = Paths::new("/repo".into(), target.map(Into::into), home.map(Into::into));
        assert_eq!((paths.target, paths.home), (expected.0.into(), expected.1.into()));
    }

    #[test]
    fn the_environment_moves_folders() {
        check(None, None, ("/repo/target", "/repo/target/reelbench"));
        check(Some(""), Some(""), ("/repo/target", "/repo/target/reelbench"));
        check(Some("/t"), None, ("/t", "/t/reelbench"));
        check(Some("out"), Some("/big/disk"), ("/repo/out", "/big/disk"));
    }

    #[test]
    fn a_path_is_shown_from_the_checkout() {
        let paths = Paths::new("/repo".into(), None, None);
        assert_eq!(paths.shown(&paths.media()), Path::new("target/reelbench/media"));
        assert_eq!(paths.shown(Path::new("/elsewhere")), Path::new("/elsewhere"));
    }
}
