//! Sentence vectors by all-MiniLM-L6-v2, a BERT of 6 layers: mean of the last layer over the tokens,
//! length 1. <https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2>
//!
//! The arithmetic of a batch is padded to its longest sentence, so sentences are sorted by length
//! first: a batch then holds sentences of nearly one length.

use std::time::{Duration, Instant};

use candle_core::{D, DType, Tensor};
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Encoding, Tokenizer};

use super::owner::{Model, Request};
use super::pretrained::Pretrained;
use super::{Batching, MlError, ModelDir};

/// Tokens that are read of a sentence. The model was trained with up to 256 (its model card);
/// `tokenizer.json` would cut at 128.
const MAX_TOKENS: usize = 256;

/// The loaded model.
pub(super) struct MiniLm {
    name: String,
    tokenizer: Tokenizer,
    bert: BertModel,
    pad_token: u32,
    batching: Batching,
    threads: rayon::ThreadPool,
    last_pass: Option<Instant>,
}

impl MiniLm {
    /// Loads `config.json`, `tokenizer.json` and `model.safetensors` of the folder.
    ///
    /// # Errors
    ///
    /// [`MlError`]: a file is missing, or is not what the model needs.
    pub(super) fn load(dir: &ModelDir, batching: Batching) -> Result<Self, MlError> {
        let failed = |reason: String| MlError::Load { name: dir.name().to_owned(), reason };
        let opened = Pretrained::open(dir, batching.threads, |_: &Config| MAX_TOKENS)?;
        let Pretrained { config, tokenizer, tensors, threads, .. } = opened;
        let bert = BertModel::load(tensors, &config).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            name: dir.name().to_owned(),
            tokenizer,
            bert,
            pad_token: u32::try_from(config.pad_token_id).unwrap_or_default(),
            batching,
            threads,
            last_pass: None,
        })
    }

    fn embed(&mut self, texts: Vec<&str>) -> Result<Vec<Vec<f32>>, MlError> {
        let failed = |reason: String| MlError::Inference { name: self.name.clone(), reason };
        let tokens = self
            .tokenizer
            .encode_batch_fast(texts, true)
            .map_err(|error| failed(error.to_string()))?;
        let mut by_length: Vec<usize> = (0..tokens.len()).collect();
        by_length.sort_by_key(|&i| tokens[i].len());
        let mut vectors = vec![Vec::new(); tokens.len()];
        for batch in by_length.chunks(self.batching.batch.max(1)) {
            pause(self.last_pass, self.batching.delay);
            self.last_pass = Some(Instant::now());
            let rows: Vec<&Encoding> = batch.iter().map(|&i| &tokens[i]).collect();
            let embedded = self
                .threads
                .install(|| self.forward(&rows))
                .map_err(|error| failed(error.to_string()))?;
            for (&i, vector) in batch.iter().zip(embedded) {
                vectors[i] = vector;
            }
        }
        Ok(vectors)
    }

    /// One pass: a vector of length 1 for each row of tokens.
    fn forward(&self, rows: &[&Encoding]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let padded = |values: fn(&Encoding) -> &[u32], filler: u32| {
            let padding = |row: &Encoding| std::iter::repeat_n(filler, longest - row.len());
            let values: Vec<u32> = rows
                .iter()
                .flat_map(|row| values(row).iter().copied().chain(padding(row)))
                .collect();
            Tensor::from_vec(values, (rows.len(), longest), &self.bert.device)
        };
        let ids = padded(Encoding::get_ids, self.pad_token)?;
        let mask = padded(Encoding::get_attention_mask, 0)?;
        let hidden = self.bert.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        pool(&hidden, &mask)?.to_vec2()
    }
}

impl Model for MiniLm {
    type Input = Vec<String>;
    type Output = Vec<Vec<f32>>;

    fn size(texts: &Vec<String>) -> usize {
        texts.len()
    }

    /// Requests that wait together go through the model together.
    fn serve(&mut self, waiting: Vec<Request<Vec<String>, Vec<Vec<f32>>>>) {
        let texts = waiting.iter().flat_map(|request| &request.input).map(String::as_str).collect();
        let mut embedded = self.embed(texts).map(Vec::into_iter);
        for Request { input, reply } in waiting {
            let answer = match &mut embedded {
                Ok(vectors) => Ok(vectors.take(input.len()).collect()),
                Err(error) => Err(error.clone()),
            };
            let _ = reply.send(answer);
        }
    }
}

/// Sleeps the whole `delay` if the last pass began less than `delay` ago: how the measured
/// programs pace themselves.
fn pause(last_pass: Option<Instant>, delay: Duration) {
    if last_pass.is_some_and(|last| last.elapsed() < delay) {
        std::thread::sleep(delay);
    }
}

/// Mean of the tokens that the mask keeps, scaled to length 1.
fn pool(hidden: &Tensor, mask: &Tensor) -> candle_core::Result<Tensor> {
    let mask = mask.to_dtype(DType::F32)?;
    let sum = hidden.broadcast_mul(&mask.unsqueeze(D::Minus1)?)?.sum(1)?;
    let mean = sum.broadcast_div(&mask.sum_keepdim(1)?)?;
    mean.broadcast_div(&mean.sqr()?.sum_keepdim(1)?.sqrt()?)
}
