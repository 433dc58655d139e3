use std::path::PathBuf;

use serde::Deserialize;

use crate::ml::{Comparison, StartOrder};

/// Sentence embeddings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Similarity {
    /// Sentences that are encoded together (claim 001-3a).
    pub batch: usize,
    /// How long a request waits for others, of other jobs, to fill its batch.
    pub batch_wait_ms: u64,
    /// Sleep before an encoding that begins sooner than this after the one before (claim 001-3b).
    pub delay_ms: u64,
    /// What is encoded to compare segments with clips (claim 001-3c).
    pub mode: Comparison,
    /// Keep vectors, in memory and under `<data_dir>/cache/embeddings`, by digests of content and
    /// weights (claim 001-7b).
    pub cache: bool,
    /// Bytes of vectors that are kept in memory, and in files; the oldest go first.
    pub cache_bytes: u64,
    /// Weight of the likeness to what is said, against looking unlike what was just shown, 0 to 1.
    /// 1: looks do not count.
    pub mmr_lambda: f32,
    /// Likeness (-1 to 1) below which a clip is not chosen by likeness. -1: none is refused.
    pub min_score: f32,
    /// Weight of what CLIP sees in the clips against what is written of them, 0 to 1. 0: CLIP is not
    /// loaded. Where its weights were not trained it counts nothing.
    pub clip_weight: f32,
}

impl Default for Similarity {
    fn default() -> Self {
        Self {
            batch: 32,
            batch_wait_ms: 0,
            delay_ms: 0,
            mode: Comparison::Matrix,
            cache: true,
            cache_bytes: 64 << 20,
            mmr_lambda: 0.8,
            min_score: 0.15,
            clip_weight: 0.0,
        }
    }
}

/// Weights.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Folder that `cargo xtask fetch-models` fills.
    pub dir: PathBuf,
    /// Threads of one inference. The default is half of the cores.
    pub threads: usize,
    /// What waits for what at the start (claim 000-3.2: serial before, parallel after).
    pub start: StartOrder,
    /// Load at start, before the first job asks (claim 001-5d).
    pub preload: bool,
    /// Keep a model in memory between jobs (claims 001-5a to 001-5c).
    pub keep_loaded: bool,
    /// Bytes of weights that may be loaded at once: the model that was idle longest goes, and is loaded
    /// again when it is asked. 0: all stay.
    pub max_resident_bytes: u64,
    /// Let fixture weights choose clips and subtitle times, for tests of that path: their answers
    /// mean nothing.
    pub trust_fixture_weights: bool,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("models"),
            // ggml's threads spin while they wait: beside an encoder on every core they get in its way.
            threads: std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2)),
            start: StartOrder::default(),
            preload: true,
            keep_loaded: true,
            max_resident_bytes: 0,
            trust_fixture_weights: false,
        }
    }
}
