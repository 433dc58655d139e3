//! Strata: images over images, of layers that we write ourselves. A stratum that is there is used again;
//! of a new one only the layers are sent that the engine does not have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use fetch::Digest;
use serde::Serialize;

use super::archive::{Image, Stacked, n_present};
use super::context::labelled;
use super::engine::{Build, Engine, EngineError, Inspected, LABEL};
use super::layer::{Layer, end, member};
use super::pieces::Piece;
use crate::commands::Context;
use crate::ui::Progress;

/// What came of a stratum.
#[derive(Clone, Debug, Serialize)]
pub struct Stratum {
    /// `base`, `cuda`, `models` or `code`.
    pub name: &'static str,
    /// The image that ends with it.
    pub image: String,
    /// Whether it was there.
    pub reused: bool,
    /// Bytes that were sent for it.
    pub sent: u64,
    /// How long it took.
    pub seconds: f64,
    /// Its layers from the bottom; those of the strata below are not among them.
    pub layers: usize,
}

/// A layer to be put over an image.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is in it.
    pub layer: Layer,
    /// The digest of its tar file.
    pub diff_id: Digest,
    /// What made it, as `docker history` shows it.
    pub made_by: String,
}

/// An image to be put together.
#[derive(Clone, Debug)]
pub struct Assembly<'a> {
    /// `cuda` or `models`.
    pub stratum: &'static str,
    /// The image below.
    pub below: &'a Inspected,
    /// Its name, for a Dockerfile.
    pub below_name: &'a str,
    /// The layers over it.
    pub layers: Vec<Wanted>,
    /// Environment beside that of the image below.
    pub env: Vec<String>,
    /// Labels beside those that all images of ours have.
    pub labels: Vec<(String, String)>,
}

impl Assembly<'_> {
    /// The name that says what is in it: the same content has the same name.
    pub fn name(&self) -> String {
        let layers = self.layers.iter().map(|layer| layer.diff_id.to_string());
        let labels = self.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let all: Vec<String> = [self.below.id.clone()]
            .into_iter()
            .chain(layers)
            .chain(self.env.clone())
            .chain(labels)
            .collect();
        named(self.stratum, &all.join("\n"))
    }

    /// The image as an archive has it.
    fn image(&self, name: &str, below: &[String]) -> anyhow::Result<Image> {
        let under = self.below.layers.iter().enumerate().map(|(index, diff_id)| Stacked {
            diff_id: *diff_id,
            made_by: below.get(index).cloned().unwrap_or_else(|| self.below_name.to_owned()),
            tar: None,
        });
        let over = self.layers.iter().map(|wanted| {
            let (diff_id, made_by) = (wanted.diff_id, wanted.made_by.clone());
            Ok(Stacked { diff_id, made_by, tar: Some(wanted.layer.pieces()?) })
        });
        let over = over.collect::<std::io::Result<Vec<Stacked>>>()?;
        Ok(Image {
            name: name.to_owned(),
            layers: under.chain(over).collect(),
            env: merged(&self.below.env, &self.env),
            labels: labels(self.stratum, &self.labels),
        })
    }

    /// The same for an engine that wants all layers: it builds them over its own image.
    fn context(&self) -> anyhow::Result<Vec<Piece>> {
        let mut dockerfile = format!("FROM {}\n", self.below_name);
        let mut all = Vec::new();
        for pair in &self.env {
            let (key, value) = pair.split_once('=').context("expected KEY=value")?;
            dockerfile += &format!("ENV {key}=\"{value}\"\n");
        }
        for (index, wanted) in self.layers.iter().enumerate() {
            all.extend(wanted.layer.members_under(&format!("layer{index}"))?);
            dockerfile += &format!("COPY layer{index}/ /\n");
        }
        let dockerfile = labelled(&dockerfile, &labels(self.stratum, &self.labels));
        all.extend(member("Dockerfile", vec![Piece::Inline(dockerfile.into())], false)?);
        all.push(end());
        Ok(all)
    }
}

/// `reelbench-<stratum>:<16 digits>`, from everything that decides what is in it.
pub fn named(stratum: &str, what_decides: &str) -> String {
    let digest = Digest::of(what_decides.as_bytes()).to_string();
    format!("reelbench-{stratum}:{}", &digest[..16])
}

/// The labels of an image of ours, sorted.
pub fn labels(stratum: &str, more: &[(String, String)]) -> Vec<(String, String)> {
    let ours = [(LABEL, "1"), ("reelbench.stratum", stratum)];
    let ours = ours.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut all: Vec<(String, String)> = ours.into_iter().chain(more.iter().cloned()).collect();
    all.sort();
    all
}

/// `below` with `over` in place of variables of the same name.
fn merged(below: &[String], over: &[String]) -> Vec<String> {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let is_replaced = |pair: &&String| over.iter().any(|other| name(other) == name(pair));
    below.iter().filter(|pair| !is_replaced(pair)).chain(over).cloned().collect()
}

/// Puts the image together, or finds it.
///
/// # Errors
///
/// The engine refuses it, or a file of it is not what it must be.
pub async fn assemble(
    engine: &Engine,
    assembly: &Assembly<'_>,
    cx: &Context<'_>,
) -> anyhow::Result<(Inspected, Stratum)> {
    let (begun, sent_before) = (Instant::now(), engine.sent());
    let name = assembly.name();
    let told = |reused| Stratum {
        name: assembly.stratum,
        image: name.clone(),
        reused,
        sent: engine.sent() - sent_before,
        seconds: begun.elapsed().as_secs_f64(),
        layers: assembly.layers.len(),
    };
    if let Some(there) = look(engine, &name).await? {
        return Ok((there, told(true)));
    }
    let below: Vec<String> = {
        let rows = engine.history(&assembly.below.id).await.map_err(EngineError::told)?;
        rows.into_iter().filter(|row| row.bytes > 0).map(|row| row.made_by).collect()
    };
    let below = if below.len() == assembly.below.layers.len() { below } else { Vec::new() };
    let image = assembly.image(&name, &below)?;
    let known = engine.known_layers().await.map_err(EngineError::told)?;
    let n_there = n_present(&image.diff_ids(), &known).max(assembly.below.layers.len());
    let progress: Arc<dyn Progress> = cx.ui.progress(&format!("loading {name}")).into();
    match engine.load(&name, image.pieces(n_there)?, Arc::clone(&progress)).await {
        Ok(()) => {}
        Err(refused) if wants_all(&refused) => {
            cx.ui.say(format!("{refused}; sending all layers"));
            build_all(engine, assembly, &name, &*progress).await?;
        }
        Err(error) => return Err(error.told()),
    }
    let made = look(engine, &name).await?.with_context(|| format!("the engine has no {name}"))?;
    Ok((made, told(false)))
}

/// The image `name`, where there is one.
pub async fn look(engine: &Engine, name: &str) -> anyhow::Result<Option<Inspected>> {
    engine.image(name).await.map_err(EngineError::told)
}

/// Whether an engine that refused an archive without the layers it has may take one with all of them:
/// it answered, and not because its disk is full.
fn wants_all(refused: &EngineError) -> bool {
    matches!(refused, EngineError::Said { .. }) && !refused.is_full_disk()
}

async fn build_all(
    engine: &Engine,
    assembly: &Assembly<'_>,
    name: &str,
    progress: &dyn Progress,
) -> anyhow::Result<()> {
    let build = Build { tag: name, context: assembly.context()?, args: HashMap::new() };
    engine.build(build, |line| progress.message(line)).await.map_err(EngineError::told)
}

#[cfg(test)]
mod tests {
    use super::super::layer::Entry;
    use super::*;

    fn below(id: &str) -> Inspected {
        Inspected {
            id: id.to_owned(),
            layers: vec![Digest::of(b"below")],
            env: vec!["PATH=/bin".to_owned(), "A=1".to_owned()],
            ..Inspected::default()
        }
    }

    fn assembly<'a>(below: &'a Inspected, text: &str) -> Assembly<'a> {
        let layer = Layer::default().with("models/m", Entry::Text(text.to_owned()));
        let diff_id = layer.digest().expect("digest");
        Assembly {
            stratum: "models",
            below,
            below_name: "debian:bookworm",
            layers: vec![Wanted { layer, diff_id, made_by: "model m".to_owned() }],
            env: vec!["A=2".to_owned()],
            labels: vec![("reelbench.models".to_owned(), "m".to_owned())],
        }
    }

    #[test]
    fn a_name_says_what_is_in_it() {
        let (one, other) = (below("sha256:1"), below("sha256:2"));
        let name = assembly(&one, "a").name();
        assert_eq!(name, assembly(&one, "a").name());
        assert!(name.starts_with("reelbench-models:") && name.len() == 17 + 16, "{name}");
        assert_ne!(name, assembly(&one, "b").name());
        assert_ne!(name, assembly(&other, "a").name());
        let mut relabelled = assembly(&one, "a");
        relabelled.labels.clear();
        assert_ne!(name, relabelled.name());
    }

    #[test]
    fn layers_below_stay_and_variables_above_win() {
        let below = below("sha256:1");
        let image = assembly(&below, "a").image("x:1", &[]).expect("an image");
        assert_eq!(image.diff_ids()[0], below.layers[0]);
        assert_eq!(image.layers[0].made_by, "debian:bookworm");
        assert_eq!(image.env, ["PATH=/bin", "A=2"]);
        let keys: Vec<&str> = image.labels.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["reelbench", "reelbench.models", "reelbench.stratum"]);
    }

    #[test]
    fn only_an_engine_that_said_no_is_sent_more() {
        let what = || "load x".to_owned();
        let said = |message: &str| EngineError::Said { what: what(), message: message.to_owned() };
        assert!(wants_all(&said("Some layer tarfiles are missing in the tarball")));
        assert!(!wants_all(&said("write /l: no space left on device")));
        assert!(!wants_all(&EngineError::Away { what: what(), message: "reset".to_owned() }));
        let source = std::io::Error::other("expected sha256");
        assert!(!wants_all(&EngineError::Ours { what: what(), source }));
    }
}
