//! `docker/cuda.toml`: the packages that make a CUDA toolkit.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fetch::Digest;
use serde::Deserialize;

use super::version::Version;
use crate::wheel::{Pinned, is_package};

/// Everything the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of CUDA that the packages are of.
    pub version: Version,
    /// The folder in each package that holds its part of the tree.
    pub folder: String,
    /// NVIDIA's terms.
    pub licence: String,
    /// The packages.
    #[serde(rename = "wheel")]
    pub wheels: Vec<Wheel>,
    /// What stands for this toolkit: the digest of the manifest itself.
    #[serde(skip, default = "nothing")]
    pub digest: Digest,
}

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// `name==version`.
    pub package: String,
    /// Under which terms it is given.
    pub licence: String,
    /// What it is needed for.
    pub needed: Needed,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// What a package is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needed {
    /// To build, and no more.
    Build,
    /// It has libraries that the program loads.
    Run,
}

/// Stands until the digest is known.
fn nothing() -> Digest {
    Digest::of(b"")
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or makes no sense; the error names the path and the package.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        Self::parse(&text).with_context(|| format!("`{}` makes no sense", path.display()))
    }

    /// Reads and checks the manifest `text`.
    ///
    /// # Errors
    ///
    /// Where it makes no sense.
    pub fn parse(text: &str) -> Result<Self> {
        let mut manifest: Self = toml::from_str(text)?;
        manifest.digest = Digest::of(text.as_bytes());
        let plain = !manifest.folder.is_empty() && !manifest.folder.starts_with(['/', '.']);
        ensure!(plain, "expected a folder in the packages, got `{}`", manifest.folder);
        let mut packages = BTreeSet::new();
        for wheel in &manifest.wheels {
            let package = &wheel.package;
            ensure!(is_package(package), "expected a package `name==version`, got `{package}`");
            ensure!(!wheel.licence.is_empty(), "{package}: expected a licence, got none");
            ensure!(packages.insert(package), "{package} stands there twice");
        }
        Ok(manifest)
    }

    /// Size of all packages.
    pub fn bytes(&self) -> u64 {
        self.wheels.iter().map(|wheel| wheel.bytes).sum()
    }
}

impl Wheel {
    /// What pip is asked for, and what must come.
    pub fn pinned(&self) -> Pinned<'_> {
        Pinned { package: &self.package, sha256: self.sha256, bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        version = "13.0"
        folder = "nvidia/cu13"
        licence = "https://host/eula"
        [[wheel]]
        package = "nvidia-cuda-nvcc==13.0.88"
        licence = "LicenseRef-NVIDIA-Proprietary"
        needed = "build"
        sha256 = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
        bytes = 4
    "#;

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL, "nothing was replaced");
        let error = Manifest::parse(&text).expect_err(to);
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        check(
            "nvcc==13.0.88",
            "nvcc",
            "expected a package `name==version`, got `nvidia-cuda-nvcc`",
        );
        check("LicenseRef-NVIDIA-Proprietary", "", "13.0.88: expected a licence, got none");
        check("\"build\"", "\"fun\"", "unknown variant `fun`");
        check("\"nvidia/cu13\"", "\"../cu13\"", "expected a folder in the packages, got `../cu13`");
        check("\"13.0\"", "\"thirteen\"", "expected a version like 13.0, got `thirteen`");
        check("bytes = 4", "bytes = 4\nurl = \"x\"", "unknown field `url`");
        let wheel = &SMALL[SMALL.find("[[wheel]]").expect("a wheel")..];
        let error = Manifest::parse(&format!("{SMALL}{wheel}")).expect_err("twice").to_string();
        assert_eq!(error, "nvidia-cuda-nvcc==13.0.88 stands there twice");
    }

    #[test]
    fn a_changed_manifest_is_another_toolkit() {
        let manifest = Manifest::parse(SMALL).expect("a manifest");
        assert_eq!(manifest.digest, Manifest::parse(SMALL).expect("the same").digest);
        let changed = SMALL.replace("bytes = 4", "bytes = 5");
        let changed = Manifest::parse(&changed).expect("a manifest");
        assert_ne!(manifest.digest, changed.digest);
    }

    #[test]
    fn the_manifest_of_the_checkout_is_sound() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/cuda.toml");
        let manifest = Manifest::read(&path).expect("docker/cuda.toml");
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for wheel in &manifest.wheels {
            parts.push(wheel.package.split("==").next().unwrap_or_default());
            bytes += wheel.bytes;
        }
        for part in ["nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-runtime", "nvidia-cublas"] {
            assert!(parts.contains(&part), "{part} is not in {parts:?}");
        }
        assert_eq!(bytes, manifest.bytes());
        let runs = manifest.wheels.iter().filter(|wheel| wheel.needed == Needed::Run).count();
        assert!(runs > 0 && runs < manifest.wheels.len());
        assert!(manifest.version.is_supported(), "{}", manifest.version);
    }
}
