//! The order of the stages of one job.
//!
//! ```text
//! script ─┬─ terms ── materials ─┬─ selection ─┬─ render ── publish
//!         └─ narration ──────────┤             │
//!                                └─ subtitles ─┘
//! ```
//!
//! Clips are searched and downloaded while the narration is spoken: until its length is known, how much
//! is needed is estimated from the script. A stage whose result an earlier attempt wrote down is not run
//! again, unless what it follows from has changed; narrations and subtitles are taken from earlier jobs
//! with the same inputs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use protocol::{Outcome, Stage};
use tokio::sync::watch;

use super::inputs::{Inputs, Key};
use super::outcome::Made;
use super::queue::{Failure, Room, Work};
use super::{Claim, JobFolder, Reuse, Store};
use crate::artefacts::{Artefact, Materials, Narration, Script, SearchTerms, Selection, Subtitles};
use crate::elsewhere;
use crate::error::StageError;
use crate::parts::Parts;
use crate::stages;

/// The real work: the stages, on real parts.
pub struct Graph {
    /// What the stages work with.
    parts: Arc<Parts>,
    /// Where the times of stages are written down.
    store: Arc<Store>,
    /// What jobs take from one another.
    reuse: Reuse,
}

impl Graph {
    /// The stages on `parts`, their times in `store`.
    pub fn new(parts: Arc<Parts>, store: Arc<Store>) -> Self {
        let reuse = Reuse::new(&parts.settings.data_dir, parts.settings.cache.max_bytes);
        Self { parts, store, reuse }
    }
}

impl Work for Graph {
    fn room(&self) -> BoxFuture<'_, Room> {
        Box::pin(async { Box::new(self.parts.admission.wait().await) as Room })
    }

    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>> {
        let (parts, store) = (Arc::clone(&self.parts), Arc::clone(&self.store));
        let reuse = self.reuse.clone();
        Box::pin(async move {
            let (outcome, elsewhere) =
                elsewhere::measured(run(&parts, &store, &reuse, &claim)).await;
            let elsewhere_us = elsewhere.as_micros().try_into().unwrap_or(u64::MAX);
            outcome.map(|outcome| Outcome { elsewhere_us, ..outcome })
        })
    }

    fn ended(&self, id: &str) {
        if let Err(error) = JobFolder::remove_pieces(&self.parts.settings.data_dir, id) {
            tracing::warn!(job = id, %error, "pieces of a video are left");
        }
    }

    fn forget(&self, id: &str) {
        if let Err(error) = JobFolder::remove(&self.parts.settings.data_dir, id) {
            tracing::warn!(job = id, %error, "files of an old job are left");
        }
    }
}

async fn run(
    parts: &Arc<Parts>,
    store: &Store,
    reuse: &Reuse,
    claim: &Claim,
) -> Result<Outcome, Failure> {
    let folder = JobFolder::open(&parts.settings.data_dir, &claim.id)
        .map_err(|error| Failure { stage: None, error: disk_error(error) })?;
    let _clean = CleanOnDrop(&folder);
    let spec = &claim.spec;
    // A file that the user named may be another one tomorrow.
    let is_reused = parts.settings.cache.stages && spec.custom_audio_file.is_none();
    let stages = Stages { store, claim, folder: &folder, reuse: is_reused.then_some(reuse) };
    let last = spec.stop_at.unwrap_or(Stage::Publish);
    let wanted = |stage: Stage| stage.runs_until(last);

    let models = parts.trusted();
    let key = Inputs { spec, settings: &parts.settings, models: &models };
    let script: Script = stages
        .run(Stage::Script, &key.script(), stages::script::run(parts, spec, &folder).boxed())
        .await?;
    // For the stages of the picture: how long the narration is, and what is said in it.
    let (length, known_length) = watch::channel(None);
    // Closed where nothing is spoken: nobody waits for a length.
    let length = wanted(Stage::Narration).then_some(length);
    let (spoken, narrated) = watch::channel(None::<Arc<Narration>>);
    let social = stages::social::start(parts, spec, &script, &folder);
    let picture = async {
        let mut made = Picture::default();
        if !wanted(Stage::Terms) {
            return Ok(made);
        }
        let work = stages::terms::run(parts, spec, &script).boxed();
        let terms = stages.run(Stage::Terms, &key.terms(&script), work).await?;
        if wanted(Stage::Materials) {
            let (script, terms) = (&script, &terms);
            let inputs = stages::materials::Inputs { script, terms, length: known_length };
            let work = stages::materials::run(parts, spec, inputs, &folder).boxed();
            let materials_key = key.materials(script, terms);
            let materials = stages.run(Stage::Materials, &materials_key, work).await?;
            if wanted(Stage::Selection) {
                let narration = heard(narrated).await;
                let selection_key = key.selection(script, &narration, &materials);
                let work =
                    stages::selection::run(parts, spec, script, &narration, &materials).boxed();
                made.selection = Some(stages.run(Stage::Selection, &selection_key, work).await?);
            }
            made.materials = Some(materials);
        }
        made.terms = Some(terms);
        Ok(made)
    };
    let sound = async {
        let mut made = Sound::default();
        if !wanted(Stage::Narration) {
            return Ok(made);
        }
        let work = stages::narration::run(parts, spec, &script, &folder).boxed();
        let narration: Narration =
            stages.run_or_reuse(Stage::Narration, &key.narration(&script), work).await?;
        let narration = Arc::new(narration);
        if let Some(length) = &length {
            length.send_replace(Some(narration.duration_ms));
        }
        spoken.send_replace(Some(Arc::clone(&narration)));
        if wanted(Stage::Subtitles) {
            let sound = digest(&folder.file(&narration.file)).await?;
            // Another font has other letters, and breaks lines elsewhere.
            let font = format!("{:?}", parts.fonts.choose(&spec.font_name, &script.text));
            let subtitles_key = key.subtitles(&script, &narration, &sound, &font);
            let work = stages::subtitles::run(parts, spec, &script, &narration, &folder).boxed();
            made.subtitles =
                Some(stages.run_or_reuse(Stage::Subtitles, &subtitles_key, work).await?);
        }
        made.narration = Some(narration);
        Ok(made)
    };
    let (picture, sound) = if parts.settings.jobs.overlap {
        tokio::try_join!(picture, sound)?
    } else {
        let sound = sound.await?;
        (picture.await?, sound)
    };

    let mut made = Made {
        script,
        terms: picture.terms,
        materials: picture.materials,
        narration: sound.narration.map(Arc::unwrap_or_clone),
        subtitles: sound.subtitles,
        selection: picture.selection,
        ..Made::default()
    };
    if let (true, Some(narration), Some(materials), Some(selection), Some(subtitles)) =
        (wanted(Stage::Render), &made.narration, &made.materials, &made.selection, &made.subtitles)
    {
        let render_key = key.render(narration, selection, materials, subtitles);
        let inputs = stages::render::Inputs { narration, materials, selection, subtitles };
        let progress = |share| store.rendered(claim, share);
        let work = stages::render::run(parts, &claim.id, spec, &inputs, &folder, progress).boxed();
        made.rendered = Some(stages.run(Stage::Render, &render_key, work).await?);
    }
    made.social = social.posts().await;
    if wanted(Stage::Publish) {
        let files = made.files();
        let work = stages::publish::run(parts, claim, &folder, &files).boxed();
        made.published = Some(stages.run(Stage::Publish, &key.publish(&files), work).await?);
    }
    if store.is_shared() {
        // Whoever asks for them asks one of several machines.
        let published = if made.published.is_some() { made.files() } else { Vec::new() };
        let mut files = made.given_out();
        files.retain(|file| !published.contains(file));
        let shared = stages::publish::share(parts, claim, &folder, &files).await;
        shared.map_err(|error| Failure { stage: None, error })?;
    }
    Ok(made.outcome(parts.models.uses()))
}

/// What the stages of the picture make.
#[derive(Default)]
struct Picture {
    terms: Option<SearchTerms>,
    materials: Option<Materials>,
    selection: Option<Selection>,
}

/// What the stages of the sound make.
#[derive(Default)]
struct Sound {
    narration: Option<Arc<Narration>>,
    subtitles: Option<Subtitles>,
}

/// Waits for the narration. Where it fails, the job ends with its error and this is dropped.
async fn heard(mut narrated: watch::Receiver<Option<Arc<Narration>>>) -> Arc<Narration> {
    let narration = narrated.wait_for(Option::is_some).await.ok().and_then(|there| there.clone());
    match narration {
        Some(narration) => narration,
        None => std::future::pending().await,
    }
}

async fn digest(file: &Path) -> Result<String, Failure> {
    let file = file.to_owned();
    let digest = tokio::task::spawn_blocking(move || fetch::digest_of_file(&file)).await;
    let error = match digest {
        Ok(Ok(digest)) => return Ok(digest.to_string()),
        Ok(Err(error)) => StageError::transient("disk", error),
        Err(error) => StageError::transient("panic", error),
    };
    Err(Failure { stage: Some(Stage::Subtitles), error })
}

/// Runs single stages of one attempt and writes down when, and what they made. The work of a stage comes
/// in a box: a worker's stack does not hold all stages of a job at once.
struct Stages<'a> {
    store: &'a Store,
    claim: &'a Claim,
    folder: &'a JobFolder,
    /// None: nothing is taken from other jobs.
    reuse: Option<&'a Reuse>,
}

impl Stages<'_> {
    /// As [`Stages::run`]; what an earlier job made of the same inputs is taken, and what this one makes
    /// is kept for later ones.
    async fn run_or_reuse<T: Artefact>(
        &self,
        stage: Stage,
        key: &Key,
        work: BoxFuture<'_, Result<T, StageError>>,
    ) -> Result<T, Failure> {
        let Some(reuse) = self.reuse else { return self.run(stage, key, work).await };
        let work = async {
            if let Some(result) = reuse.take(key, self.folder) {
                tracing::info!(job = self.claim.id, %stage, "taken from an earlier job");
                metrics::counter!("reelbench_stage_reused_total", "stage" => stage.as_str())
                    .increment(1);
                return Ok(result);
            }
            let result = work.await?;
            reuse.keep(key, &result, self.folder).await;
            Ok(result)
        };
        self.run(stage, key, work.boxed()).await
    }

    async fn run<T: Artefact>(
        &self,
        stage: Stage,
        key: &Key,
        work: BoxFuture<'_, Result<T, StageError>>,
    ) -> Result<T, Failure> {
        if let Some(result) = self.folder.result(stage, key) {
            tracing::info!(job = self.claim.id, %stage, "result is there already");
            // The worker may have died between its result and its time.
            let closed = self.store.stage_was_finished(self.claim, stage).await;
            closed.map_err(|error| Failure {
                stage: Some(stage),
                error: StageError::transient("database", error),
            })?;
            return Ok(result);
        }
        let failure = |error| Failure { stage: Some(stage), error };
        let database = |error| failure(StageError::transient("database", error));
        let at_work = self.claim.stages.enter();
        self.store.stage_started(self.claim, stage).await.map_err(database)?;
        let started = Instant::now();
        let result = work.await.map_err(|error| {
            metrics::counter!("reelbench_stage_errors_total", "stage" => stage.as_str())
                .increment(1);
            failure(error)
        })?;
        self.folder
            .write_result(stage, key, &result)
            .map_err(|error| failure(disk_error(error)))?;
        self.store.stage_finished(self.claim, stage).await.map_err(database)?;
        drop(at_work);
        let seconds = started.elapsed().as_secs_f64();
        metrics::histogram!("reelbench_stage_duration_seconds", "stage" => stage.as_str())
            .record(seconds);
        tracing::info!(job = self.claim.id, %stage, seconds, "stage ended");
        Ok(result)
    }
}

fn disk_error(error: std::io::Error) -> StageError {
    StageError::transient("disk", error)
}

/// Whatever the ending (done, failed, cancelled, panicked): what is unfinished goes.
struct CleanOnDrop<'a>(&'a JobFolder);

impl Drop for CleanOnDrop<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.clean() {
            tracing::warn!(%error, "temporary files are left");
        }
    }
}
