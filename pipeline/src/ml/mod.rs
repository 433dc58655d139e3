//! Models: MiniLM for the likeness of sentences, CLIP for that of sentences and pictures (candle), Whisper
//! for the times of words (whisper.cpp).
//!
//! [`Models`] is all that the stages know. Without the feature `ml` the interface is the same and
//! every answer is [`MlError::NotBuilt`]. A model that is not there is no error before it is asked:
//! the caller then does what it does without one.

#![cfg_attr(not(feature = "ml"), allow(dead_code, reason = "nothing reads what no model is asked"))]

mod audio;
mod cache;
#[cfg(feature = "ml")]
mod clip;
mod compare;
mod device;
mod error;
mod memory;
#[cfg(feature = "ml")]
mod minilm;
mod model_dir;
#[cfg(not(feature = "ml"))]
mod not_built;
mod owner;
mod picture;
#[cfg(feature = "ml")]
mod pretrained;
#[cfg(feature = "ml")]
mod whisper;
#[cfg(feature = "ml")]
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::{ModelUse, Weights};
use serde::Deserialize;

pub use cache::CacheSettings;
pub use compare::Comparison;
pub use device::{Compute, compute};
pub use error::MlError;
pub use model_dir::ModelDir;
pub use picture::Footage;

use crate::artefacts::TimedWord;
use audio::Speech;
use cache::Cache;
#[cfg(feature = "ml")]
use clip::Clip;
use memory::Memory;
#[cfg(feature = "ml")]
use minilm::MiniLm;
#[cfg(not(feature = "ml"))]
use not_built::{Clip, MiniLm, Whisper};
use owner::{Gathering, Model, Owner, Residence};
#[cfg(feature = "ml")]
use whisper::Whisper;

/// Folder and name of the model of sentence vectors.
pub const MINILM: &str = "minilm";

/// Folder and name of the model of pictures.
pub const CLIP: &str = "clip";

/// Folder and name of the model of speech recognition.
pub const WHISPER: &str = "whisper";

/// How models are kept and asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// The folder with a folder for each model.
    pub dir: PathBuf,
    /// Load before the first request, so that none of them waits for it.
    pub preload: bool,
    /// What waits for what.
    pub order: StartOrder,
    /// Keep a model after its answer. False: it is loaded for each request, as the measured
    /// programs do in a process for each task.
    pub keep_loaded: bool,
    /// Bytes of weights that may be loaded at once: the model that was idle longest goes. None: all
    /// stay.
    pub max_resident_bytes: Option<u64>,
    /// Whether pictures are compared: else CLIP is not looked for.
    pub pictures: bool,
    /// How sentences are put through MiniLM, and pictures through CLIP; its `threads` are Whisper's too.
    pub batching: Batching,
    /// Where vectors are kept. None: each is computed anew.
    pub cache: Option<CacheSettings>,
}

/// What waits for what when a service starts (claim 000-3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartOrder {
    /// The card is tried, then each model is loaded, then everything else.
    Serial,
    /// Nothing waits for what it does not need.
    #[default]
    Parallel,
}

/// How sentences are put through a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Sentences in one forward pass, at least 1. 1 is the slow way of the measured programs.
    pub batch: usize,
    /// How long a request to MiniLM waits for others to fill its batch. CLIP's requests hold whole jobs,
    /// and are answered one by one.
    pub wait: Duration,
    /// Slept before a forward pass that would begin sooner than this after the one before.
    pub delay: Duration,
    /// Threads of a forward pass on the CPU, at least 1.
    pub threads: usize,
}

/// The models of this program, each owned by one thread.
pub struct Models {
    minilm: Slot<MiniLm>,
    whisper: Slot<Whisper>,
    clip: Slot<Clip>,
    memory: Arc<Memory>,
    cache: Option<Arc<Cache>>,
    n_encoded: AtomicU64,
}

/// A model, or why it cannot be asked.
struct Slot<M: Model> {
    owner: Result<Owner<M>, MlError>,
    dir: Option<ModelDir>,
}

impl Models {
    /// Starts a thread for each model that is there. They load beside one another, and look for a card
    /// when they need it, or one after the other, as it is set.
    ///
    /// # Errors
    ///
    /// [`MlError`]: a model is there and not whole, or the system gives no thread. That a model is
    /// absent is no error.
    pub async fn start(settings: &ModelSettings) -> Result<Self, MlError> {
        let batching = settings.batching;
        if settings.order == StartOrder::Serial {
            compute();
        }
        let memory = Arc::new(Memory::new(settings.max_resident_bytes));
        let sentences = Gathering { batch: batching.batch, wait: batching.wait };
        let minilm = Slot::start(settings, &memory, MINILM, sentences, move |dir| {
            MiniLm::load(dir, batching)
        });
        let minilm = minilm.await?;
        let whisper = Slot::start(settings, &memory, WHISPER, Gathering::AT_ONCE, move |dir| {
            Whisper::load(dir, batching.threads)
        });
        let whisper = whisper.await?;
        let clip = if settings.pictures {
            let load = move |dir: &ModelDir| Clip::load(dir, batching);
            Slot::start(settings, &memory, CLIP, Gathering::AT_ONCE, load).await?
        } else {
            let path = settings.dir.join(CLIP);
            Slot { owner: Err(MlError::Absent { name: CLIP.to_owned(), path }), dir: None }
        };
        Ok(Self {
            minilm,
            whisper,
            clip,
            memory,
            cache: settings.cache.clone().map(|settings| Arc::new(Cache::open(settings))),
            n_encoded: AtomicU64::new(0),
        })
    }

    /// A vector of length 1 for each text, in their order. Requests that wait together go through
    /// the model together.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, or it gave no answer.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, MlError> {
        let n_texts = texts.len();
        let vectors = self.minilm.owner()?.ask(texts).await?;
        self.count_encoded(n_texts);
        Ok(vectors)
    }

    fn count_encoded(&self, n: usize) {
        self.n_encoded.fetch_add(n as u64, Ordering::Relaxed);
        compare::count("model", n);
    }

    /// How many texts and pictures went through a model so far.
    pub fn n_encoded(&self) -> u64 {
        self.n_encoded.load(Ordering::Relaxed)
    }

    /// Names and bytes of the models that are loaded now, idle longest first.
    pub fn resident(&self) -> Vec<(String, u64)> {
        self.memory.resident()
    }

    /// Lets every model go that is loaded, when it has answered what waits, and gives their names. They are
    /// loaded again when they are asked.
    pub fn unload(&self) -> Vec<String> {
        let loaded = self.memory.resident();
        self.memory.clear();
        loaded.into_iter().map(|(name, _)| name).collect()
    }

    /// The words that are heard in a sound file, with their times. `language` is a tag such as
    /// `vi` or `vi-VN`; one that Whisper does not know is left to its ear. Dropping the future
    /// stops the work.
    ///
    /// # Errors
    ///
    /// [`MlError`]: there is no such model, the file has no sound, or the model gave no answer.
    pub async fn transcribe(
        &self,
        sound: &Path,
        language: &str,
    ) -> Result<Vec<TimedWord>, MlError> {
        let owner = self.whisper.owner()?;
        let samples = audio::samples(sound).await?;
        owner.ask(Speech { samples, language: language.to_owned() }).await
    }

    /// Whether [`Models::embed`] can be asked.
    pub fn has_minilm(&self) -> bool {
        self.minilm.owner.is_ok()
    }

    /// Whether [`Models::transcribe`] can be asked.
    pub fn has_whisper(&self) -> bool {
        self.whisper.owner.is_ok()
    }

    /// Whether no request would wait for a model that is being preloaded, or has to fail because
    /// its model could not be.
    pub fn ready(&self) -> bool {
        self.not_ready().is_none()
    }

    /// Why a request would wait, or have to fail.
    pub fn not_ready(&self) -> Option<String> {
        let [minilm, whisper, clip] =
            [self.minilm.not_ready(), self.whisper.not_ready(), self.clip.not_ready()];
        minilm.or(whisper).or(clip)
    }

    /// Waits until [`Models::ready`].
    ///
    /// # Errors
    ///
    /// [`MlError`]: a model is there and cannot be loaded.
    pub async fn wait_ready(&self) -> Result<(), MlError> {
        self.minilm.wait_ready().await?;
        self.clip.wait_ready().await?;
        self.whisper.wait_ready().await
    }

    /// The models that are there, as a job's outcome names them.
    pub fn uses(&self) -> Vec<ModelUse> {
        self.dirs().map(ModelDir::model_use).collect()
    }

    /// Whether the model `name` was trained. None: it is not there. Fixture weights never choose a
    /// clip or the time of a subtitle unless that is asked for: the caller looks here first.
    pub fn weights(&self, name: &str) -> Option<Weights> {
        self.dirs().find(|dir| dir.name() == name).map(ModelDir::weights)
    }

    fn dirs(&self) -> impl Iterator<Item = &ModelDir> {
        [&self.minilm.dir, &self.whisper.dir, &self.clip.dir].into_iter().flatten()
    }
}

impl<M: Model> Slot<M> {
    async fn start(
        settings: &ModelSettings,
        memory: &Arc<Memory>,
        name: &str,
        gathering: Gathering,
        load: impl Fn(&ModelDir) -> Result<M, MlError> + Send + 'static,
    ) -> Result<Self, MlError> {
        let cannot = |error| Ok(Self { owner: Err(error), dir: None });
        if cfg!(not(feature = "ml")) {
            return cannot(MlError::NotBuilt);
        }
        let dir = match ModelDir::open(&settings.dir, name) {
            Ok(dir) => dir,
            Err(error @ MlError::Absent { .. }) => return cannot(error),
            Err(error) => return Err(error),
        };
        let residence = Residence {
            preload: settings.preload,
            keep: settings.keep_loaded,
            bytes: dir.bytes(),
            memory: Arc::clone(memory),
        };
        let described = dir.clone();
        let verified = move || described.verify().and_then(|()| load(&described));
        let owner = Owner::start(name, residence, gathering, verified)?;
        if settings.order == StartOrder::Serial {
            // One that cannot be loaded says so when it is asked, as in the other order.
            let _ = owner.wait_ready().await;
        }
        Ok(Self { owner: Ok(owner), dir: Some(dir) })
    }

    fn owner(&self) -> Result<&Owner<M>, MlError> {
        self.owner.as_ref().map_err(MlError::clone)
    }

    fn not_ready(&self) -> Option<String> {
        self.owner.as_ref().ok().and_then(Owner::not_ready)
    }

    async fn wait_ready(&self) -> Result<(), MlError> {
        match &self.owner {
            Ok(owner) => owner.wait_ready().await,
            Err(_) => Ok(()),
        }
    }
}

#[cfg(all(test, not(feature = "ml")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_without_models_is_ready_and_says_so_when_it_is_asked() {
        let settings = ModelSettings {
            dir: "no/such/folder".into(),
            preload: true,
            order: StartOrder::Parallel,
            keep_loaded: true,
            max_resident_bytes: None,
            pictures: true,
            batching: Batching {
                batch: 32,
                wait: Duration::ZERO,
                delay: Duration::ZERO,
                threads: 1,
            },
            cache: None,
        };
        let models = Models::start(&settings).await.expect("nothing to start");
        assert_eq!(models.wait_ready().await, Ok(()));
        assert!(models.ready() && !models.has_minilm() && !models.has_whisper());
        assert_eq!(models.uses(), []);
        assert_eq!(models.embed(vec!["cat".into()]).await, Err(MlError::NotBuilt));
        let heard = models.transcribe(Path::new("speech.wav"), "en").await;
        assert_eq!(heard, Err(MlError::NotBuilt));
    }
}
