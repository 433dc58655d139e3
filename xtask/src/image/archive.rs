//! A docker-archive: what `POST /images/load` takes
//! (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageLoad>).
//!
//! The image's ID is the digest of the configuration that we write, so the same layers have the same
//! name everywhere. Layers that the engine has are left out of the archive: an engine with a classic
//! image store takes them from there (moby#18727), others refuse, and are sent the whole.

use std::io;

use bytes::Bytes;
use fetch::Digest;
use serde::Serialize;
use serde_json::json;

use super::layer::{end, member};
use super::pieces::Piece;

/// When everything was made that we write: the start of Unix time, as in the layers.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A layer of an image, and its bytes where they can be sent.
#[derive(Clone, Debug)]
pub struct Stacked {
    /// Digest of its tar file.
    pub diff_id: Digest,
    /// What made it, as `docker history` shows it.
    pub made_by: String,
    /// Its tar file; none of a layer that came from elsewhere.
    pub tar: Option<Vec<Piece>>,
}

/// An image that we write: its layers from the bottom, and what stands in its configuration.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name and tag.
    pub name: String,
    /// From the bottom.
    pub layers: Vec<Stacked>,
    /// Environment, `KEY=value`.
    pub env: Vec<String>,
    /// Sorted by key.
    pub labels: Vec<(String, String)>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest<'a> {
    config: String,
    repo_tags: [&'a str; 1],
    layers: Vec<String>,
}

impl Image {
    /// The configuration: its digest is the image's ID.
    fn config(&self) -> String {
        let labels: serde_json::Map<_, _> =
            self.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let diff_ids = self.layers.iter().map(|layer| format!("sha256:{}", layer.diff_id));
        let history = self.layers.iter().map(|layer| {
            json!({"created": CREATED, "created_by": layer.made_by, "comment": "reelbench"})
        });
        json!({
            "architecture": architecture(),
            "config": {"Env": self.env, "Labels": labels},
            "created": CREATED,
            "history": history.collect::<Vec<_>>(),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids.collect::<Vec<_>>()},
        })
        .to_string()
    }

    /// The image's ID in a classic image store.
    #[cfg(test)]
    pub fn id(&self) -> Digest {
        Digest::of(self.config().as_bytes())
    }

    /// The archive without the lowest `n_present` layers, which the engine has.
    ///
    /// # Errors
    ///
    /// A layer that is not left out has no bytes.
    pub fn pieces(&self, n_present: usize) -> io::Result<Vec<Piece>> {
        let mut all = Vec::new();
        let path = |layer: &Stacked| format!("{}/layer.tar", layer.diff_id);
        for layer in self.layers.iter().skip(n_present) {
            let tar = layer.tar.clone().ok_or_else(|| {
                io::Error::other(format!("the layer `{}` is not on this machine", layer.made_by))
            })?;
            all.extend(member(&path(layer), tar, false)?);
        }
        let config = self.config();
        let config_name = format!("{}.json", Digest::of(config.as_bytes()));
        let manifest = Manifest {
            config: config_name.clone(),
            repo_tags: [&self.name],
            layers: self.layers.iter().map(path).collect(),
        };
        let manifest = serde_json::to_string(&[manifest])?;
        for (name, text) in [(config_name.as_str(), config), ("manifest.json", manifest)] {
            all.extend(member(name, vec![Piece::Inline(Bytes::from(text))], false)?);
        }
        all.push(end());
        Ok(all)
    }

    /// The digests of its layers, from the bottom.
    pub fn diff_ids(&self) -> Vec<Digest> {
        self.layers.iter().map(|layer| layer.diff_id).collect()
    }
}

/// Go's name of this machine, which engines use.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// How many of the lowest layers of `wanted` the engine has, of whose images `known` are the layers. A
/// layer is found again only over the same ones (its chain ID).
pub fn n_present(wanted: &[Digest], known: &[Vec<Digest>]) -> usize {
    let common = |layers: &Vec<Digest>| {
        wanted.iter().zip(layers).take_while(|(wanted, known)| wanted == known).count()
    };
    known.iter().map(common).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::layer::{Entry, Layer};
    use super::super::pieces;
    use super::*;

    fn stacked(name: &str) -> Stacked {
        let layer = Layer::default().with(name, Entry::Text(name.to_owned()));
        Stacked {
            diff_id: layer.digest().expect("digest"),
            made_by: name.to_owned(),
            tar: Some(layer.pieces().expect("pieces")),
        }
    }

    fn image() -> Image {
        Image {
            name: "reelbench-test:1".to_owned(),
            layers: vec![stacked("a"), stacked("b")],
            env: vec!["A=b".to_owned()],
            labels: vec![("reelbench".to_owned(), "1".to_owned())],
        }
    }

    fn members(pieces: &[Piece]) -> Vec<(String, Vec<u8>)> {
        let mut tar = Vec::new();
        pieces::read(pieces, &mut |chunk| {
            tar.extend_from_slice(&chunk);
            Ok(())
        })
        .expect("bytes");
        let mut archive = tar::Archive::new(&tar[..]);
        let entries = archive.entries().expect("entries").map(|entry| {
            let mut entry = entry.expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            (entry.path().expect("path").to_string_lossy().into_owned(), content)
        });
        entries.collect()
    }

    #[test]
    fn names_are_the_digests_of_what_they_name() {
        let image = image();
        let members = members(&image.pieces(0).expect("pieces"));
        for (name, content) in &members {
            let digest = Digest::of(content).to_string();
            let named = [format!("{digest}/layer.tar"), format!("{digest}.json")];
            assert!(name == "manifest.json" || named.contains(name), "{name}: {digest}");
        }
        let manifest: serde_json::Value =
            serde_json::from_slice(&members.last().expect("the manifest").1).expect("JSON");
        assert_eq!(manifest[0]["RepoTags"], json!(["reelbench-test:1"]));
        assert_eq!(manifest[0]["Config"], format!("{}.json", image.id()));
        assert_eq!(manifest[0]["Layers"][1], members[1].0);
    }

    #[test]
    fn layers_that_are_there_are_named_and_not_sent() {
        let mut image = image();
        let whole = members(&image.pieces(0).expect("pieces"));
        let rest = members(&image.pieces(1).expect("pieces"));
        assert_eq!(rest, whole[1..]);
        image.layers[0].tar = None;
        assert_eq!(members(&image.pieces(1).expect("pieces")), rest);
        let error = image.pieces(0).expect_err("no bytes").to_string();
        assert_eq!(error, "the layer `a` is not on this machine");
    }

    #[test]
    fn only_layers_over_the_same_ones_are_present() {
        let [a, b, c] = ["a", "b", "c"].map(|text| Digest::of(text.as_bytes()));
        let check = |known: &[&[Digest]], expected| {
            let known: Vec<Vec<Digest>> = known.iter().map(|layers| layers.to_vec()).collect();
            assert_eq!(n_present(&[a, b, c], &known), expected, "{known:?}");
        };
        check(&[], 0);
        check(&[&[]], 0);
        check(&[&[b, c]], 0);
        check(&[&[a, c], &[a]], 1);
        check(&[&[a], &[a, b, b]], 2);
        check(&[&[a, b, c, a]], 3);
    }
}
