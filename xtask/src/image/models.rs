//! The stratum of the models: one layer each, so that a new model sends itself and no other.

use std::path::Path;

use protocol::Weights;

use super::known::Known;
use super::layer::{Entry, Layer};
use super::strata::Wanted;
use crate::exit::Failure;
use crate::models::folder::Description;
use crate::models::manifest::Manifest;

/// The folder of the models in the image.
const FOLDER: &str = "models";

/// A model that goes into the image.
#[derive(Clone, Debug)]
pub struct Packed {
    /// What is known of it.
    pub description: Description,
    /// Its layer.
    pub layer: Layer,
}

/// The models of `manifest` that are in the folder `models`, in its order.
///
/// # Errors
///
/// One that is not optional is not there.
pub fn packed(manifest: &Manifest, models: &Path) -> anyhow::Result<Vec<Packed>> {
    let mut all = Vec::new();
    for model in &manifest.models {
        match Description::read(models, &model.name)? {
            Some(description) => {
                let layer = layer(&description, &models.join(&model.name))?;
                all.push(Packed { description, layer });
            }
            None if model.optional => {}
            None => {
                let message = format!("model {} is not in {}", model.name, models.display());
                return Err(Failure::environment(message).into());
            }
        }
    }
    Ok(all)
}

/// The files that the description names, each with the digest that it must have when it is sent, and
/// the description itself.
fn layer(description: &Description, folder: &Path) -> anyhow::Result<Layer> {
    let within = |name: &str| format!("{FOLDER}/{}/{name}", description.name);
    let text = serde_json::to_string_pretty(description)?;
    let mut layer = Layer::default().with(&within("model.json"), Entry::Text(text));
    for file in &description.files {
        let entry = Entry::File {
            source: folder.join(&file.path),
            bytes: file.bytes,
            sha256: Some(file.sha256),
            executable: false,
        };
        layer = layer.with(&within(&file.path), entry);
    }
    Ok(layer)
}

/// The labels that say which models an image has: their digests, and whether their weights are real.
pub fn labels(models: &[Packed]) -> Vec<(String, String)> {
    models
        .iter()
        .flat_map(|Packed { description, .. }| {
            let label = |what| format!("reelbench.model.{}.{what}", description.name);
            let weights = if description.weights == Weights::Real { "real" } else { "fixture" };
            [
                (label("sha256"), description.sha256.to_string()),
                (label("weights"), weights.to_owned()),
            ]
        })
        .collect()
}

/// The layers of `models`. Reads the files of those whose digest is not `known` yet.
///
/// # Errors
///
/// A file cannot be read or is not what it must be.
pub fn layers(models: &[Packed], known: &mut Known) -> anyhow::Result<Vec<Wanted>> {
    let mut all = Vec::new();
    for Packed { description, layer } in models {
        let key = serde_json::to_string(description)?;
        let diff_id =
            known.digest(&key, layer).map_err(|error| damaged(&description.name, &error))?;
        let made_by = format!("model {}", description.name);
        all.push(Wanted { layer: layer.clone(), diff_id, made_by });
    }
    Ok(all)
}

/// A model whose files are not what they were when they were verified.
fn damaged(name: &str, error: &std::io::Error) -> anyhow::Error {
    Failure::environment(format!("model {name}: {error}"))
        .with_hint("`cargo xtask fetch-models --verify` brings again what is damaged")
        .into()
}

#[cfg(test)]
mod tests {
    use fetch::Digest;

    use super::*;

    /// A folder of models with one of them, `m`.
    fn models(content: &[u8]) -> (tempfile::TempDir, Manifest) {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("models.toml");
        let digest = Digest::of(b"the weights");
        let text = format!(
            "[[model]]\nname = 'm'\nlicence = 'MIT'\nweights = 'w.bin'\n\
             source.url = 'https://host/m/'\n[[model.file]]\npath = 'w.bin'\n\
             sha256 = '{digest}'\nbytes = 11\n\
             [[model]]\nname = 'far'\nlicence = 'MIT'\nweights = 'w.bin'\noptional = true\n\
             source.url = 'https://host/m/'\n[[model.file]]\npath = 'w.bin'\n\
             sha256 = '{digest}'\nbytes = 11\n"
        );
        fs_err::write(&path, text).expect("written");
        let model = folder.path().join("m");
        fs_err::create_dir(&model).expect("folder");
        fs_err::write(model.join("w.bin"), content).expect("written");
        let described = serde_json::json!({
            "name": "m", "weights": "fixture", "sha256": digest.to_string(), "licence": "MIT",
            "files": [{"path": "w.bin", "sha256": digest.to_string(), "bytes": 11}],
        });
        fs_err::write(model.join("model.json"), described.to_string()).expect("written");
        let manifest = Manifest::read(&path).expect("a manifest");
        (folder, manifest)
    }

    #[test]
    fn a_layer_follows_from_its_description() {
        let (folder, manifest) = models(b"the weights");
        let packed = packed(&manifest, folder.path()).expect("models");
        assert_eq!(packed.len(), 1, "an optional model that is not there is left out");
        assert_eq!(
            labels(&packed)[1],
            ("reelbench.model.m.weights".to_owned(), "fixture".to_owned())
        );
        let first = layers(&packed, &mut Known::read(folder.path())).expect("layers");
        assert_eq!(first[0].diff_id, packed[0].layer.digest().expect("digest"));
        // Known now: the file is not even read.
        fs_err::write(folder.path().join("m/w.bin"), "damaged").expect("written");
        let again = layers(&packed, &mut Known::read(folder.path())).expect("layers");
        assert_eq!(again[0].diff_id, first[0].diff_id);
    }

    #[test]
    fn a_damaged_file_is_named_with_both_digests() {
        let (folder, manifest) = models(b"the weightz");
        let packed = packed(&manifest, folder.path()).expect("models");
        let error = layers(&packed, &mut Known::read(folder.path())).expect_err("damaged");
        let (expected, found) = (Digest::of(b"the weights"), Digest::of(b"the weightz"));
        let text = format!("expected sha256 {expected}, found {found}");
        assert!(error.to_string().ends_with(&text), "{error}");
        assert!(!folder.path().join("layers.json").exists());
    }

    #[test]
    fn a_model_that_must_be_there_is_named() {
        let (folder, manifest) = models(b"the weights");
        fs_err::remove_file(folder.path().join("m/model.json")).expect("removed");
        let error = packed(&manifest, folder.path()).expect_err("absent").to_string();
        assert!(error.starts_with("model m is not in "), "{error}");
    }
}
