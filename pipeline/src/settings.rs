//! What the operator decides: addresses, limits, folders. What a user decides is in the job's
//! [`protocol::JobSpec`].
//!
//! Values come, the later the stronger, from the built-in defaults, the profile, the settings file
//! (TOML) and `--set key=value`. Secrets are in none of them: a setting names the environment
//! variable that holds the key.

mod load;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

pub use self::load::{SettingsError, load};

use crate::media::Encoder;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the database, the jobs and the clip store.
    pub data_dir: PathBuf,
    /// Where the service listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The queue.
    pub jobs: Jobs,
    /// The language model.
    pub llm: Llm,
    /// Speech.
    pub speech: Speech,
    /// Stock sites.
    pub stock: Stock,
    /// Clip downloads.
    pub downloads: Downloads,
    /// Sentence embeddings.
    pub similarity: Similarity,
    /// Weights.
    pub models: Models,
    /// Encoding.
    pub render: Render,
    /// Background music.
    pub music: Music,
    /// Where artefacts go.
    pub publish: Publish,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("reelbench-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            jobs: Jobs::default(),
            llm: Llm::default(),
            speech: Speech::default(),
            stock: Stock::default(),
            downloads: Downloads::default(),
            similarity: Similarity::default(),
            models: Models::default(),
            render: Render::default(),
            music: Music::default(),
            publish: Publish::default(),
        }
    }
}

/// The queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that run at once (claim 002-1: 3).
    pub concurrency: usize,
    /// How often a job is taken by a worker before it counts as failed.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled for each further one.
    pub retry_after_s: f64,
    /// Jobs that may wait; one more is answered with 429.
    pub max_queued: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { concurrency: 3, max_attempts: 3, retry_after_s: 1.0, max_queued: 100 }
    }
}

/// An OpenAI-compatible chat endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// Such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Name of the model.
    pub model: String,
    /// Environment variable that holds the key.
    pub api_key_env: String,
    /// Time for one answer.
    pub timeout_s: f64,
}

impl Default for Llm {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            model: "gpt-4o-mini".to_owned(),
            api_key_env: "OPENAI_API_KEY".to_owned(),
            timeout_s: 60.0,
        }
    }
}

/// Speech engines.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speech {
    /// An OpenAI-compatible endpoint for voices `openai:<voice>`.
    pub base_url: String,
    /// Name of its model.
    pub model: String,
    /// Environment variable that holds its key.
    pub api_key_env: String,
    /// Time for one narration.
    pub timeout_s: f64,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            model: "gpt-4o-mini-tts".to_owned(),
            api_key_env: "OPENAI_API_KEY".to_owned(),
            timeout_s: 120.0,
        }
    }
}

/// Stock sites.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stock {
    /// Pexels.
    pub pexels: StockSite,
    /// Pixabay.
    pub pixabay: StockSite,
}

impl Default for Stock {
    fn default() -> Self {
        Self {
            pexels: StockSite {
                base_url: "https://api.pexels.com".to_owned(),
                api_key_env: "PEXELS_API_KEY".to_owned(),
            },
            pixabay: StockSite {
                base_url: "https://pixabay.com".to_owned(),
                api_key_env: "PIXABAY_API_KEY".to_owned(),
            },
        }
    }
}

/// One stock site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockSite {
    /// Address in front of the site's own paths.
    pub base_url: String,
    /// Environment variable that holds the key.
    pub api_key_env: String,
}

/// Clip downloads.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// Clips that are downloaded at once (claim 001-1: 1 before, 5 after).
    pub concurrency: NonZeroUsize,
    /// Largest clip that is accepted.
    pub max_clip_bytes: u64,
    /// A connection that brings no byte for this long is given up.
    pub stall_s: f64,
}

const FIVE: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

impl Default for Downloads {
    fn default() -> Self {
        Self { concurrency: FIVE, max_clip_bytes: 512 << 20, stall_s: 15.0 }
    }
}

/// Sentence embeddings.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Similarity {
    /// Sentences that are encoded together (claim 001-3a).
    pub batch: usize,
    /// Sleep before an encoding that begins sooner than this after the one before (claim 001-3b).
    pub delay_ms: u64,
}

impl Default for Similarity {
    fn default() -> Self {
        Self { batch: 32, delay_ms: 0 }
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
    /// Load at start, before the first job asks (claim 001-5d).
    pub preload: bool,
    /// Keep a model in memory between jobs (claims 001-5a to 001-5c).
    pub keep_loaded: bool,
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
            preload: true,
            keep_loaded: true,
            trust_fixture_weights: false,
        }
    }
}

/// Encoding.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Render {
    /// Best first; the first one that really encodes two frames is taken.
    pub encoders: Vec<Encoder>,
}

impl Default for Render {
    fn default() -> Self {
        Self { encoders: Encoder::ALL.to_vec() }
    }
}

/// Background music.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Music {
    /// Folder of tracks. None: there is no music.
    pub dir: Option<PathBuf>,
}

/// Where artefacts go when a job has ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// `s3://bucket/prefix`. None: they stay in the job folder and are served from there.
    pub url: Option<String>,
    /// Address of an S3-like store; none for AWS itself.
    pub endpoint: Option<String>,
    /// Region of the store.
    pub region: Option<String>,
}

/// Seconds as they stand in a settings file.
pub fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}
