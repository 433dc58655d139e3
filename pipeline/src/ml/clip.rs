//! Vectors of texts and pictures in one space by CLIP (A. Radford et al., "Learning transferable visual
//! models from natural language supervision", 2021), in Hugging Face's format.
//! <https://huggingface.co/openai/clip-vit-base-patch32>

use candle_core::{D, Device, Tensor};
use candle_transformers::models::clip::text_model::{Activation, ClipTextConfig};
use candle_transformers::models::clip::vision_model::ClipVisionConfig;
use candle_transformers::models::clip::{ClipConfig, ClipModel};
use serde::Deserialize;
use tokenizers::{Encoding, Tokenizer};

use super::owner::{Model, Request};
use super::picture::{Look, SIDE};
use super::pretrained::Pretrained;
use super::{Batching, MlError, ModelDir};

/// Mean and deviation of red, green and blue in the pictures that CLIP was trained with
/// (`preprocessor_config.json`).
const MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const DEVIATION: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// The loaded model.
pub(super) struct Clip {
    name: String,
    tokenizer: Tokenizer,
    model: ClipModel,
    device: Device,
    batch: usize,
    threads: rayon::ThreadPool,
}

impl Clip {
    /// Loads `config.json`, `tokenizer.json` and `model.safetensors` of the folder.
    ///
    /// # Errors
    ///
    /// [`MlError`]: a file is missing, or is not what the model needs.
    pub(super) fn load(dir: &ModelDir, batching: Batching) -> Result<Self, MlError> {
        let failed = |reason: String| MlError::Load { name: dir.name().to_owned(), reason };
        let opened = Pretrained::open(dir, batching.threads, |config: &Described| {
            config.text_config.max_position_embeddings
        })?;
        let Pretrained { config, tokenizer, tensors, device, threads } = opened;
        let config = config.lowered().map_err(failed)?;
        let model = ClipModel::new(tensors, &config).map_err(|error| failed(error.to_string()))?;
        let (name, batch) = (dir.name().to_owned(), batching.batch.max(1));
        Ok(Self { name, tokenizer, model, device, batch, threads })
    }

    fn look(&self, input: &Look) -> Result<Vec<Vec<f32>>, MlError> {
        let found = match input {
            Look::Texts(texts) => self.read(texts),
            Look::Pictures(pictures) => self.see(pictures),
        };
        found.map_err(|reason| MlError::Inference { name: self.name.clone(), reason })
    }

    fn read(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        let texts = texts.iter().map(String::as_str).collect();
        let tokens = self.tokenizer.encode_batch_fast(texts, true);
        let tokens = tokens.map_err(|error| error.to_string())?;
        let mut vectors = Vec::new();
        for batch in tokens.chunks(self.batch) {
            let longest = batch.iter().map(Encoding::len).max().unwrap_or(0);
            // The vector is taken at the end mark, which has the highest id, and no token sees a later
            // one: what comes after it may be anything lower.
            let padded = batch.iter().flat_map(|row| {
                let padding = std::iter::repeat_n(0, longest - row.len());
                row.get_ids().iter().copied().chain(padding)
            });
            let ids = Tensor::from_vec(padded.collect(), (batch.len(), longest), &self.device);
            let forward =
                || self.model.get_text_features(&ids?).and_then(|found| normalised(&found));
            vectors.extend(self.threads.install(forward).map_err(|error| error.to_string())?);
        }
        Ok(vectors)
    }

    fn see(&self, pictures: &[Vec<u8>]) -> Result<Vec<Vec<f32>>, String> {
        let mut vectors = Vec::new();
        for batch in pictures.chunks(self.batch) {
            let values: Vec<f32> = batch.iter().flat_map(|picture| planes(picture)).collect();
            let shape = (batch.len(), 3, SIDE, SIDE);
            let pixels = Tensor::from_vec(values, shape, &self.device);
            let forward =
                || self.model.get_image_features(&pixels?).and_then(|found| normalised(&found));
            vectors.extend(self.threads.install(forward).map_err(|error| error.to_string())?);
        }
        Ok(vectors)
    }
}

impl Model for Clip {
    type Input = Look;
    type Output = Vec<Vec<f32>>;

    fn serve(&mut self, waiting: Vec<Request<Look, Vec<Vec<f32>>>>) {
        for Request { input, reply } in waiting {
            let _ = reply.send(self.look(&input));
        }
    }
}

/// Red, green and blue of a picture one after the other, as CLIP was trained to see them.
fn planes(picture: &[u8]) -> impl Iterator<Item = f32> {
    (0..3).flat_map(move |colour| {
        let values = picture.iter().skip(colour).step_by(3);
        values.map(move |&value| (f32::from(value) / 255.0 - MEAN[colour]) / DEVIATION[colour])
    })
}

/// Rows of length 1.
fn normalised(vectors: &Tensor) -> candle_core::Result<Vec<Vec<f32>>> {
    vectors.broadcast_div(&vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?.to_vec2()
}

/// `config.json` of `transformers`' `CLIPModel`. What it leaves out is as in ViT-B/32.
#[derive(Deserialize)]
struct Described {
    #[serde(default = "width")]
    projection_dim: usize,
    text_config: Text,
    vision_config: Vision,
}

#[derive(Deserialize)]
#[serde(default)]
struct Text {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2_048,
            max_position_embeddings: 77,
            num_hidden_layers: 12,
            num_attention_heads: 8,
        }
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Vision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3_072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: SIDE,
            patch_size: 32,
        }
    }
}

const fn width() -> usize {
    512
}

impl Described {
    /// As candle wants it.
    fn lowered(self) -> Result<ClipConfig, String> {
        let Self { projection_dim, text_config: text, vision_config: vision } = self;
        if vision.image_size != SIDE {
            return Err(format!("expected pictures of {SIDE} pixels, found {}", vision.image_size));
        }
        Ok(ClipConfig {
            text_config: ClipTextConfig {
                vocab_size: text.vocab_size,
                embed_dim: text.hidden_size,
                activation: Activation::QuickGelu,
                intermediate_size: text.intermediate_size,
                max_position_embeddings: text.max_position_embeddings,
                pad_with: None,
                num_hidden_layers: text.num_hidden_layers,
                num_attention_heads: text.num_attention_heads,
                projection_dim,
            },
            vision_config: ClipVisionConfig {
                embed_dim: vision.hidden_size,
                activation: Activation::QuickGelu,
                intermediate_size: vision.intermediate_size,
                num_hidden_layers: vision.num_hidden_layers,
                num_attention_heads: vision.num_attention_heads,
                projection_dim,
                num_channels: 3,
                image_size: vision.image_size,
                patch_size: vision.patch_size,
            },
            logit_scale_init_value: 2.6592,
            image_size: vision.image_size,
        })
    }
}
