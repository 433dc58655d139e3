//! What the stages work with: built once at start, shared by all jobs.

use std::sync::Arc;
use std::time::Duration;

use protocol::{ModelUse, Weights};

use crate::captions::fonts::Fonts;
use crate::life::Startup;
use crate::limits::{Admission, Limits};
use crate::machine::Machine;
use crate::media;
use crate::ml::{self, Batching, CacheSettings, ModelSettings, Models, StartOrder};
use crate::providers::generated::comfyui::Comfyui;
use crate::providers::generated::replicate::Replicate;
use crate::providers::llm::Llm;
use crate::providers::objects::Publisher;
use crate::providers::stock::Stock;
use crate::providers::{Client, Common, Downloads, Keeping, Key};
use crate::settings::{self, Settings, seconds};
use crate::speech::{LocalEngine, OpenAiSpeech, SpeechSettings, Turns, helper_beside_this_program};

/// The parts.
pub struct Parts {
    /// What the operator decided.
    pub settings: Settings,
    /// Answers that are kept.
    pub keeping: Keeping,
    /// How much happens at once.
    pub limits: Limits,
    /// What is in use here.
    pub machine: Machine,
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
    pub downloads: Downloads,
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
    pub async fn build(settings: Settings, startup: Startup) -> anyhow::Result<Self> {
        let models = Arc::new(Models::start(&model_settings(&settings)).await?);
        let loaded = Arc::clone(&models);
        // Nobody waits for it here: `ready` tells.
        tokio::spawn(async move { startup.phase("models", loaded.wait_ready()).await });
        // These take a while, and the cores: the card's driver starts, every font is opened, ffmpeg encodes.
        let card = startup.phase("card", tokio::task::spawn_blocking(ml::compute));
        let fonts = startup.phase("fonts", tokio::task::spawn_blocking(Fonts::system));
        let encoder = startup.phase("encoder", media::choose(&settings.render.encoders));
        let (card, fonts, encoder) = match settings.models.start {
            StartOrder::Parallel => tokio::join!(card, fonts, encoder),
            StartOrder::Serial => (card.await, fonts.await, encoder.await),
        };
        card?;
        let encoder = encoder?;
        tracing::info!(%encoder, models = ?models.uses(), "parts are ready");
        let common = Common::new(&settings)?;
        // Looks come a little early or late: half of the time between them is fresh.
        let machine = Machine::new(&settings.data_dir, seconds(settings.limits.sample_s / 2.0));
        Ok(Self {
            llm: Llm::new(&settings.llm, &settings.data_dir, &common)?,
            stock: Stock::new(&settings.stock, &settings.data_dir.join("cache/search"), &common)?,
            comfyui: Comfyui::new(&settings.comfyui, &common)?,
            replicate: Replicate::new(&settings.replicate, &common)?,
            downloads: Downloads::new(&settings, &common.outward)?,
            probes: media::Probes::new(settings.media.credible()),
            models,
            fonts: fonts?,
            encoder: media::Choice::new(encoder),
            speech: speech(&settings.speech, &common)?,
            publisher: Publisher::new(&settings.publish)?,
            admission: Admission::start(&settings.limits, &machine),
            machine,
            keeping: common.keeping,
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
        order: settings.models.start,
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

fn speech(settings: &settings::Speech, common: &Common) -> anyhow::Result<SpeechSettings> {
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
            client: Client::new(common, &settings.base_url, None)?,
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
        assert_eq!((baseline.order, optimized.order), (StartOrder::Serial, StartOrder::Parallel));
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
        let common = Common::new(&Settings::default()).expect("nothing is named");
        for dispatch in Dispatch::ALL {
            for (instances, concurrency) in [(1, 3), (3, 1)] {
                let settings = settings::Speech {
                    dispatch,
                    instances,
                    concurrency,
                    timeout_s: 1.5,
                    ..settings::Speech::default()
                };
                let built = speech(&settings, &common).expect("a client");
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
