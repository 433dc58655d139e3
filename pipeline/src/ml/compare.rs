//! Texts compared with texts, each once or pair by pair, and with pictures.

use std::collections::HashMap;

use fetch::Digest;
use futures::StreamExt as _;
use futures::TryStreamExt as _;
use serde::Deserialize;

use super::cache::key;
use super::picture::{Footage, Look, picture};
use super::{CLIP, MINILM, MlError, Models};
use crate::selection::{Likeness, scores as scores_of};

/// Pictures that are decoded at once.
const DECODERS: usize = 2;

/// What is encoded to compare N texts with M others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// Each text once, N + M in all, and all compared as one matrix.
    Matrix,
    /// Both texts of each pair, 2 N M in all, as the measured programs do.
    Pairwise,
}

impl Models {
    /// How like each text of `said` is to each of `seen`, and those to each other. The way is a matter
    /// of cost alone.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, or it gave no answer.
    pub async fn compare(
        &self,
        said: &[String],
        seen: &[String],
        way: Comparison,
    ) -> Result<Likeness, MlError> {
        match way {
            Comparison::Matrix => {
                let texts = [said, seen].concat().into_iter().map(|text| (text.clone(), text));
                let compute = async |texts| self.embed(texts).await;
                let vectors = self.vectors(MINILM, "text", texts.collect(), compute).await?;
                let (said, seen) = vectors.split_at(said.len());
                Ok(Likeness::of(said, seen))
            }
            Comparison::Pairwise => self.compare_pairs(said, seen).await,
        }
    }

    /// How like each text is to what is seen in the middle of each footage, and those pictures to each
    /// other.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, footage has no picture, or the model gave no answer.
    pub async fn compare_pictures(
        &self,
        said: &[String],
        seen: &[Footage],
    ) -> Result<Likeness, MlError> {
        let texts = said.iter().map(|text| (text.clone(), text.clone())).collect();
        let compute = async |texts| self.embed_for_pictures(texts).await;
        let said = self.vectors(CLIP, "text", texts, compute).await?;
        let footage = seen.iter().map(|footage| (footage.sha256.clone(), footage.clone()));
        let compute = async |footage| self.embed_pictures(footage).await;
        let seen = self.vectors(CLIP, "picture", footage.collect(), compute).await?;
        Ok(Likeness::of(&said, &seen))
    }

    /// CLIP's vector of length 1 for each text.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, or it gave no answer.
    pub async fn embed_for_pictures(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, MlError> {
        self.look(Look::Texts(texts)).await
    }

    /// CLIP's vector of length 1 for what is seen in the middle of each footage.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, footage has no picture, or the model gave no answer.
    pub async fn embed_pictures(&self, footage: Vec<Footage>) -> Result<Vec<Vec<f32>>, MlError> {
        let decoded = futures::stream::iter(footage)
            .map(|footage| async move { picture(&footage).await })
            .buffered(DECODERS);
        self.look(Look::Pictures(decoded.try_collect().await?)).await
    }

    /// A vector of length 1 for each content; those that are known are not computed again. With each
    /// thing goes the name of its content.
    async fn vectors<T>(
        &self,
        model: &str,
        kind: &str,
        things: Vec<(String, T)>,
        compute: impl AsyncFnOnce(Vec<T>) -> Result<Vec<Vec<f32>>, MlError>,
    ) -> Result<Vec<Vec<f32>>, MlError> {
        let weights =
            self.dirs().find(|dir| dir.name() == model).map(|dir| dir.sha256().to_string());
        let (Some(cache), Some(weights)) = (self.cache.clone(), weights) else {
            return compute(things.into_iter().map(|(_, thing)| thing).collect()).await;
        };
        let keys: Vec<Digest> =
            things.iter().map(|(content, _)| key(&weights, kind, content)).collect();
        let mut known: HashMap<Digest, Vec<f32>> = HashMap::new();
        let (mut new, mut unknown) = (Vec::new(), Vec::new());
        for (&key, (_, thing)) in keys.iter().zip(things) {
            if known.contains_key(&key) || new.contains(&key) {
                continue;
            }
            if let Some(vector) = cache.get(key) {
                known.insert(key, vector);
            } else {
                new.push(key);
                unknown.push(thing);
            }
        }
        count("cache", known.len());
        if !unknown.is_empty() {
            let new: Vec<_> = new.into_iter().zip(compute(unknown).await?).collect();
            known.extend(new.iter().cloned());
            // It writes a file. A write that panicked costs the next process some encodings.
            let _ = tokio::task::spawn_blocking(move || cache.put(&new)).await;
        }
        Ok(keys.iter().map(|key| known[key].clone()).collect())
    }

    async fn compare_pairs(&self, said: &[String], seen: &[String]) -> Result<Likeness, MlError> {
        let mut scores = Vec::with_capacity(said.len());
        let mut clips = vec![Vec::new(); seen.len()];
        for text in said {
            let mut row = Vec::with_capacity(seen.len());
            for (other, clip) in seen.iter().zip(&mut clips) {
                let mut pair = self.embed(vec![text.clone(), other.clone()]).await?.into_iter();
                let (Some(one), Some(two)) = (pair.next(), pair.next()) else { continue };
                row.extend(scores_of(&[one], std::slice::from_ref(&two)).into_iter().flatten());
                *clip = two;
            }
            scores.push(row);
        }
        Ok(Likeness { scores, alike: scores_of(&clips, &clips) })
    }

    async fn look(&self, input: Look) -> Result<Vec<Vec<f32>>, MlError> {
        let vectors = self.clip.owner()?.ask(input).await?;
        self.count_encoded(vectors.len());
        Ok(vectors)
    }
}

/// Counts vectors, by where they came from.
pub(super) fn count(from: &'static str, n: usize) {
    metrics::counter!("reelbench_embeddings_total", "from" => from).increment(n as u64);
}
