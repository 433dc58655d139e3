//! What the operator decides: addresses, limits, folders. What a user decides is in the job's
//! [`protocol::JobSpec`].
//!
//! Values come, the later the stronger, from the built-in defaults, the profile, the settings file
//! (TOML) and `--set key=value`. Secrets are in none of them: a setting names the environment
//! variable that holds the key.

mod api;
mod cache;
#[cfg(test)]
mod claims;
mod http;
mod jobs;
mod limits;
mod llm;
mod load;
mod materials;
mod media;
mod metrics;
mod models;
mod outward;
mod render;
mod speech;
mod subtitles;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

pub use self::api::{Api, Bodies, Role, Token, Validate, Webhooks};
pub use self::cache::{Cache, Eviction};
pub use self::http::{Http, HttpClient};
pub use self::jobs::{Jobs, Local, Publish};
pub use self::limits::Limits;
pub use self::llm::Llm;
pub use self::load::{SettingsError, load};
pub use self::materials::{
    ClassModels, Comfyui, Downloads, Pictures, Prescale, Replicate, Stock, StockSite,
};
pub use self::media::Media;
pub use self::metrics::Metrics;
pub use self::models::{Models, Similarity};
pub use self::outward::Outward;
pub use self::render::{Music, Render};
pub use self::speech::Speech;
pub use self::subtitles::Subtitles;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder of the database, the jobs and the clip store.
    pub data_dir: PathBuf,
    /// Where the service listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The HTTP API.
    pub api: Api,
    /// Telling clients of the end of their jobs.
    pub webhooks: Webhooks,
    /// The queue.
    pub jobs: Jobs,
    /// How much happens at once.
    pub limits: Limits,
    /// What is counted and timed.
    pub metrics: Metrics,
    /// Requests to providers.
    pub http: Http,
    /// Where providers' answers may lead.
    pub outward: Outward,
    /// Results and answers that later jobs may take.
    pub cache: Cache,
    /// The language model.
    pub llm: Llm,
    /// Speech.
    pub speech: Speech,
    /// Stock sites.
    pub stock: Stock,
    /// Clip downloads.
    pub downloads: Downloads,
    /// What is believed of files.
    pub media: Media,
    /// Still pictures.
    pub pictures: Pictures,
    /// A generator of one's own.
    pub comfyui: Comfyui,
    /// A generator for hire.
    pub replicate: Replicate,
    /// Sentence embeddings.
    pub similarity: Similarity,
    /// Weights.
    pub models: Models,
    /// Encoding.
    pub render: Render,
    /// Background music.
    pub music: Music,
    /// Files of users.
    pub local: Local,
    /// Subtitles.
    pub subtitles: Subtitles,
    /// Where artefacts go.
    pub publish: Publish,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("reelbench-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8090)),
            api: Api::default(),
            webhooks: Webhooks::default(),
            jobs: Jobs::default(),
            limits: Limits::default(),
            metrics: Metrics::default(),
            http: Http::default(),
            outward: Outward::default(),
            cache: Cache::default(),
            llm: Llm::default(),
            speech: Speech::default(),
            stock: Stock::default(),
            downloads: Downloads::default(),
            media: Media::default(),
            pictures: Pictures::default(),
            comfyui: Comfyui::default(),
            replicate: Replicate::default(),
            similarity: Similarity::default(),
            models: Models::default(),
            render: Render::default(),
            music: Music::default(),
            local: Local::default(),
            subtitles: Subtitles::default(),
            publish: Publish::default(),
        }
    }
}

/// Seconds as they stand in a settings file.
pub fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}
