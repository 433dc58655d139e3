//! The order of the stages of one job.
//!
//! ```text
//! script ─┬─ terms ────── materials ─┬─ selection ─┐
//!         └─ narration ─┬────────────┘             ├─ render ── publish
//!                       └─ subtitles ──────────────┘
//! ```
//!
//! Clips are searched and downloaded while the narration is spoken: until its length is known, how much
//! is needed is estimated from the script. A stage whose result an earlier attempt wrote down is not run
//! again.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use protocol::{Outcome, Stage};
use tokio::sync::watch;

use super::outcome::Made;
use super::queue::{Failure, Work};
use super::{Claim, JobFolder, Store};
use crate::artefacts::{Artefact, Narration, Script};
use crate::error::StageError;
use crate::parts::Parts;
use crate::stages;

/// The real work: the stages, on real parts.
pub struct Graph {
    /// What the stages work with.
    pub parts: Arc<Parts>,
    /// Where the times of stages are written down.
    pub store: Arc<Store>,
}

impl Work for Graph {
    fn run(&self, claim: Claim) -> BoxFuture<'static, Result<Outcome, Failure>> {
        let (parts, store) = (Arc::clone(&self.parts), Arc::clone(&self.store));
        Box::pin(async move { run(&parts, &store, &claim).await })
    }
}

async fn run(parts: &Parts, store: &Store, claim: &Claim) -> Result<Outcome, Failure> {
    let folder = JobFolder::open(&parts.settings.data_dir, &claim.id)
        .map_err(|error| Failure { stage: None, error: disk_error(error) })?;
    let _clean = CleanOnDrop(&folder);
    let spec = &claim.spec;
    let stages = Stages { store, claim, folder: &folder };
    let last = spec.stop_at.unwrap_or(Stage::Publish);
    let wanted = |stage: Stage| stage.runs_until(last);

    let script: Script = stages.run(Stage::Script, stages::script::run(parts, spec)).await?;
    // The length of the narration, for the stage that covers it with clips.
    let (length, known_length) = watch::channel(None);
    let picture = async {
        if !wanted(Stage::Terms) {
            return Ok((None, None));
        }
        let terms = stages.run(Stage::Terms, stages::terms::run(parts, spec, &script)).await?;
        if !wanted(Stage::Materials) {
            return Ok((Some(terms), None));
        }
        let work = stages::materials::run(parts, spec, &script, &terms, known_length);
        let materials = stages.run(Stage::Materials, work).await?;
        Ok((Some(terms), Some(materials)))
    };
    let sound = async {
        if !wanted(Stage::Narration) {
            return Ok((None, None));
        }
        let work = stages::narration::run(parts, spec, &script, &folder);
        let narration: Narration = stages.run(Stage::Narration, work).await?;
        length.send_replace(Some(narration.duration_ms));
        if !wanted(Stage::Subtitles) {
            return Ok((Some(narration), None));
        }
        let work = stages::subtitles::run(parts, spec, &script, &narration, &folder);
        let subtitles = stages.run(Stage::Subtitles, work).await?;
        Ok((Some(narration), Some(subtitles)))
    };
    let ((terms, materials), (narration, subtitles)) = tokio::try_join!(picture, sound)?;

    let mut made = Made { script, terms, materials, narration, subtitles, ..Made::default() };
    if let (true, Some(materials), Some(narration)) =
        (wanted(Stage::Selection), &made.materials, &made.narration)
    {
        let work = stages::selection::run(parts, spec, &made.script, narration, materials);
        let selection = stages.run(Stage::Selection, work).await?;
        if let (true, Some(subtitles)) = (wanted(Stage::Render), &made.subtitles) {
            let inputs =
                stages::render::Inputs { narration, materials, selection: &selection, subtitles };
            let work = stages::render::run(parts, &claim.id, spec, &inputs, &folder);
            made.rendered = Some(stages.run(Stage::Render, work).await?);
        }
        made.selection = Some(selection);
    }
    if wanted(Stage::Publish) {
        let files = made.files();
        let work = stages::publish::run(parts, &claim.id, &folder, &files);
        made.published = Some(stages.run(Stage::Publish, work).await?);
    }
    Ok(made.outcome(parts.models.uses()))
}

/// Runs single stages of one attempt and writes down when, and what they made.
struct Stages<'a> {
    store: &'a Store,
    claim: &'a Claim,
    folder: &'a JobFolder,
}

impl Stages<'_> {
    async fn run<T: Artefact>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, StageError>>,
    ) -> Result<T, Failure> {
        if let Some(result) = self.folder.result(stage) {
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
        self.store.stage_started(self.claim, stage).await.map_err(database)?;
        let started = Instant::now();
        let result = work.await.map_err(failure)?;
        self.folder.write_result(stage, &result).map_err(|error| failure(disk_error(error)))?;
        self.store.stage_finished(self.claim, stage).await.map_err(database)?;
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
