//! What the stages work with: built once at start, shared by all jobs.

use std::sync::Arc;
use std::time::Duration;

use fetch::{Fetcher, Policy};
use protocol::Weights;

use crate::captions::fonts::Fonts;
use crate::media::{self, Encoder};
use crate::ml::{Batching, ModelSettings, Models};
use crate::providers::Key;
use crate::providers::llm::Llm;
use crate::providers::objects::Publisher;
use crate::providers::stock::Stock;
use crate::settings::{self, Settings, seconds};
use crate::speech::{OpenAiSpeech, SpeechSettings};

/// The parts.
pub struct Parts {
    /// What the operator decided.
    pub settings: Settings,
    /// The language model.
    pub llm: Llm,
    /// The stock sites.
    pub stock: Stock,
    /// Downloads into the clip store.
    pub fetcher: Fetcher,
    /// Weights.
    pub models: Arc<Models>,
    /// Fonts of the system.
    pub fonts: Fonts,
    /// The encoder that works here.
    pub encoder: Encoder,
    /// How to speak.
    pub speech: SpeechSettings,
    /// Where artefacts go. None: they stay in the job folder.
    pub publisher: Option<Publisher>,
}

impl Parts {
    /// Builds the parts. Providers are not asked: a service starts without them.
    ///
    /// # Errors
    ///
    /// No encoder works, a model is there and not whole, a setting cannot be used.
    pub async fn build(settings: Settings) -> anyhow::Result<Self> {
        let models = Arc::new(Models::start(&model_settings(&settings))?);
        // Reads the head of every installed font.
        let fonts = tokio::task::spawn_blocking(Fonts::system);
        let (fonts, encoder) = tokio::join!(fonts, media::choose(&settings.render.encoders));
        let encoder = encoder?;
        tracing::info!(%encoder, models = ?models.uses(), "parts are ready");
        Ok(Self {
            llm: Llm::new(&settings.llm)?,
            stock: Stock::new(&settings.stock)?,
            fetcher: fetcher(&settings)?,
            models,
            fonts: fonts?,
            encoder,
            speech: speech(&settings.speech)?,
            publisher: Publisher::new(&settings.publish)?,
            settings,
        })
    }
}

impl Parts {
    /// Whether the model may decide anything: its weights were trained, or fixture weights are trusted
    /// by the settings.
    pub fn trusts(&self, model: &str) -> bool {
        match self.models.weights(model) {
            Some(Weights::Real) => true,
            Some(Weights::Fixture) => self.settings.models.trust_fixture_weights,
            None => false,
        }
    }
}

fn model_settings(settings: &Settings) -> ModelSettings {
    ModelSettings {
        dir: settings.models.dir.clone(),
        preload: settings.models.preload,
        keep_loaded: settings.models.keep_loaded,
        batching: Batching {
            batch: settings.similarity.batch,
            delay: Duration::from_millis(settings.similarity.delay_ms),
            threads: settings.models.threads,
        },
    }
}

fn fetcher(settings: &Settings) -> anyhow::Result<Fetcher> {
    let downloads = &settings.downloads;
    let policy = Policy {
        stall_timeout: seconds(downloads.stall_s),
        max_bytes: Some(downloads.max_clip_bytes),
        ..Policy::default()
    };
    let store = fetch::Store::open(settings.data_dir.join("store"))?;
    Ok(Fetcher::new(policy.client()?, store, policy))
}

fn speech(settings: &settings::Speech) -> anyhow::Result<SpeechSettings> {
    let key = Key::from_env(&settings.api_key_env)?;
    Ok(SpeechSettings {
        espeak_helper: None,
        openai: Some(OpenAiSpeech {
            base_url: settings.base_url.clone(),
            api_key: key.secret().cloned(),
            model: settings.model.clone(),
            client: reqwest::Client::builder().build()?,
        }),
        timeout: seconds(settings.timeout_s),
    })
}
