//! What the stages work with: built once at start, shared by all jobs.

use std::sync::Arc;
use std::time::Duration;

use fetch::{Fetcher, Policy};
use protocol::{ModelUse, Weights};

use crate::captions::fonts::Fonts;
use crate::limits::{Admission, Limits};
use crate::media;
use crate::ml::{Batching, CacheSettings, ModelSettings, Models};
use crate::providers::generated::comfyui::Comfyui;
use crate::providers::generated::replicate::Replicate;
use crate::providers::llm::Llm;
use crate::providers::objects::Publisher;
use crate::providers::stock::Stock;
use crate::providers::{Client, Common, Key};
use crate::settings::{self, HttpClient, Settings, seconds};
use crate::speech::{LocalEngine, OpenAiSpeech, SpeechSettings, Turns, helper_beside_this_program};

/// The parts.
pub struct Parts {
    /// What the operator decided.
    pub settings: Settings,
    /// How much happens at once.
    pub limits: Limits,
    /// Whether the machine has room for another job.
    pub admission: Admission,
    /// The language model.
    pub llm: Llm,
    /// The stock sites.
    pub stock: Stock,
    /// A generator of one's own. None: it is not set up.
    pub comfyui: Option<Comfyui>,
    /// A generator for hire. None: it is not set up.
    pub replicate: Option<Replicate>,
    /// Downloads into the clip store.
    pub fetcher: Fetcher,
    /// What clips hold that were probed before.
    pub probes: media::Probes,
    /// Weights.
    pub models: Arc<Models>,
    /// Fonts of the system.
    pub fonts: Fonts,
    /// The encoder that works here.
    pub encoder: media::Choice,
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
        let common = Common::new(&settings)?;
        Ok(Self {
            llm: Llm::new(&settings.llm, &settings.data_dir, &common)?,
            stock: Stock::new(&settings.stock, &settings.data_dir.join("cache/search"), &common)?,
            comfyui: Comfyui::new(&settings.comfyui, &common)?,
            replicate: Replicate::new(&settings.replicate, &common)?,
            fetcher: fetcher(&settings)?,
            probes: media::Probes::default(),
            models,
            fonts: fonts?,
            encoder: media::Choice::new(encoder),
            speech: speech(&settings.speech, settings.http.client)?,
            publisher: Publisher::new(&settings.publish)?,
            admission: Admission::start(&settings.limits, &settings.data_dir),
            limits: common.limits,
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

    /// The models that may decide anything.
    pub fn trusted(&self) -> Vec<ModelUse> {
        let mut models = self.models.uses();
        models.retain(|model| self.trusts(&model.name));
        models
    }
}

fn model_settings(settings: &Settings) -> ModelSettings {
    let cache = settings.similarity.cache.then(|| CacheSettings {
        max_bytes: settings.similarity.cache_bytes,
        dir: Some(settings.data_dir.join("cache/embeddings")),
    });
    let max_resident_bytes = settings.models.max_resident_bytes;
    ModelSettings {
        dir: settings.models.dir.clone(),
        preload: settings.models.preload,
        keep_loaded: settings.models.keep_loaded,
        max_resident_bytes: (max_resident_bytes > 0).then_some(max_resident_bytes),
        pictures: settings.similarity.clip_weight > 0.0,
        cache,
        batching: Batching {
            batch: settings.similarity.batch,
            wait: Duration::from_millis(settings.similarity.batch_wait_ms),
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

fn speech(settings: &settings::Speech, http: HttpClient) -> anyhow::Result<SpeechSettings> {
    let key = Key::from_env(&settings.api_key_env)?;
    Ok(SpeechSettings {
        espeak: Arc::new(LocalEngine::new(
            helper_beside_this_program(),
            settings.dispatch,
            settings.instances,
        )),
        openai: Some(OpenAiSpeech {
            base_url: settings.base_url.clone(),
            api_key: key.secret().cloned(),
            model: settings.model.clone(),
            client: Client::new(http, None)?,
        }),
        timeout: seconds(settings.timeout_s),
        turns: Turns::new(settings.concurrency),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::Dispatch;

    fn of_profile(profile: &str) -> ModelSettings {
        let overrides = ["data_dir=/data".to_owned(), "models.threads=1".to_owned()];
        model_settings(&settings::load(profile, None, &overrides).expect("shipped"))
    }

    #[test]
    fn the_models_are_kept_and_asked_as_it_is_set() {
        let (baseline, optimized) = (of_profile("baseline"), of_profile("optimized"));
        assert_eq!((baseline.preload, baseline.keep_loaded), (false, false));
        assert_eq!((optimized.preload, optimized.keep_loaded), (true, true));
        assert_eq!((baseline.cache, baseline.max_resident_bytes), (None, None));
        assert_eq!(optimized.max_resident_bytes, Some(4 << 30));
        assert!(!baseline.pictures && !optimized.pictures);
        let weighed = ["similarity.clip_weight=0.3".to_owned()];
        let weighed = settings::load("optimized", None, &weighed).expect("valid");
        assert!(model_settings(&weighed).pictures);
        let dir = Some("/data/cache/embeddings".into());
        assert_eq!(optimized.cache, Some(CacheSettings { max_bytes: 64 << 20, dir }));
        let (wait, delay) = (Duration::ZERO, Duration::from_millis(150));
        assert_eq!(baseline.batching, Batching { batch: 1, wait, delay, threads: 1 });
        let (wait, delay) = (Duration::from_millis(5), Duration::ZERO);
        assert_eq!(optimized.batching, Batching { batch: 32, wait, delay, threads: 1 });
    }

    #[test]
    fn the_engine_is_called_as_it_is_set() {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for dispatch in Dispatch::ALL {
            for (instances, concurrency) in [(1, 3), (3, 1)] {
                let settings = settings::Speech {
                    dispatch,
                    instances,
                    concurrency,
                    timeout_s: 1.5,
                    ..settings::Speech::default()
                };
                let built = speech(&settings, HttpClient::Shared).expect("a client");
                let program = helper_beside_this_program();
                let expected = LocalEngine::new(program, dispatch, instances);
                assert_eq!(format!("{:?}", built.espeak), format!("{expected:?}"));
                let turns = Turns::new(concurrency);
                assert_eq!(format!("{:?}", built.turns), format!("{turns:?}"));
                assert_eq!(built.timeout, Duration::from_millis(1_500));
            }
        }
        let pool =
            |instances| format!("{:?}", LocalEngine::new("x".into(), Dispatch::Pool, instances));
        assert_ne!(pool(1), pool(3), "what is compared says how many there are");
    }
}
