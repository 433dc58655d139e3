//! What candle's models have in common on disk, in Hugging Face's format: `config.json`, `tokenizer.json` and
//! `model.safetensors`; and the threads that they compute on.

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use tokenizers::{Tokenizer, TruncationParams};

use super::device::device;
use super::{MlError, ModelDir};

/// The files of a model, opened.
pub(super) struct Pretrained<Config> {
    pub(super) config: Config,
    /// Pads nothing: a batch is padded to its longest text, where `tokenizer.json` would pad to a fixed
    /// length.
    pub(super) tokenizer: Tokenizer,
    /// Mapped, not read.
    pub(super) tensors: VarBuilder<'static>,
    pub(super) device: Device,
    pub(super) threads: rayon::ThreadPool,
}

impl<Config: DeserializeOwned> Pretrained<Config> {
    /// Opens the files of the folder; texts are cut at the tokens that `max_tokens` reads of the config.
    ///
    /// # Errors
    ///
    /// [`MlError`]: a file is missing, or is not what it should be.
    pub(super) fn open(
        dir: &ModelDir,
        n_threads: usize,
        max_tokens: impl FnOnce(&Config) -> usize,
    ) -> Result<Self, MlError> {
        let failed = |reason: String| MlError::Load { name: dir.name().to_owned(), reason };
        let config = fs_err::read_to_string(dir.file("config.json")?)
            .map_err(|error| failed(error.to_string()))?;
        let config: Config = serde_json::from_str(&config)
            .map_err(|error| failed(format!("config.json: {error}")))?;
        let mut tokenizer = Tokenizer::from_file(dir.file("tokenizer.json")?)
            .map_err(|error| failed(format!("tokenizer.json: {error}")))?;
        tokenizer.with_padding(None);
        let max_length = max_tokens(&config);
        tokenizer
            .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))
            .map_err(|error| failed(error.to_string()))?;
        let (weights, device) = (dir.file("model.safetensors")?, device());
        // SAFETY: the file is mapped, so it must not change while the model lives. It is a file of
        // the store: written once under its digest, renamed into place, and never written again.
        let tensors =
            unsafe { VarBuilder::from_mmaped_safetensors(&[weights], DType::F32, &device) };
        let tensors = tensors.map_err(|error| failed(error.to_string()))?;
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(n_threads)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { config, tokenizer, tensors, device, threads })
    }
}
