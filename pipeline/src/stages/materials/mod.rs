//! `materials`: enough clips to cover the narration: searched and downloaded, the user's own, or
//! generated; each verified and probed.
//!
//! - `search`: what a stock site offers for the terms; `download`: its files, in parallel
//! - `local`: the user's files; `generate`: what a generator makes of the terms
//! - `gather`: how many of them at once, and when it is enough; `need`: how much that is
//! - `inspect`: what can be shown; `picture`: still pictures, made smaller
//!
//! The result, `stages/materials.json` in the job folder, is also the record of sources: each clip with
//! its site, page, maker and licence, each file that could not be used with the reason, and what was
//! downloaded in vain.

mod download;
mod gather;
mod generate;
mod inspect;
mod local;
mod need;
mod picture;
mod search;

use protocol::{FieldError, JobSpec, VideoSource};
use tokio::sync::watch;

use self::need::Need;
use crate::artefacts::{Materials, Script, SearchTerms};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::parts::Parts;

/// What the stages before it made.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// What is said.
    pub script: &'a Script,
    /// What is searched for, or what is to be seen.
    pub terms: &'a SearchTerms,
    /// The narration's length in milliseconds, once it is known.
    pub length: watch::Receiver<Option<u64>>,
}

/// Pixels across and down of the picture at `path`, as the file says.
///
/// # Errors
///
/// It is no picture.
pub fn size_of_picture(path: &std::path::Path) -> Result<(u32, u32), String> {
    picture::size_of(path)
}

/// Reads the pictures that `document` names before it is known to be a job, and gives how many there were.
pub async fn read_named(parts: &Parts, document: &[u8]) -> usize {
    local::read_named(parts.settings.local.dir.as_deref(), document).await
}

/// Runs the stage.
///
/// # Errors
///
/// `stock_unavailable`, `stock_refused`, `stock_bad_answer`; `generator_unavailable`,
/// `generator_refused`, `generator_failed`; `no_clips` where the site has none; `clips_unusable` where
/// none could be downloaded or played; `disk`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    inputs: Inputs<'_>,
    folder: &JobFolder,
) -> Result<Materials, StageError> {
    let mut need = Need::new(&inputs.script.text, spec, inputs.length);
    let terms = &inputs.terms.terms;
    let materials = match spec.video_source {
        VideoSource::Local => local::run(parts, spec, folder, &mut need).await,
        VideoSource::Comfyui | VideoSource::Replicate => {
            generate::run(parts, spec, terms, folder, &mut need).await
        }
        VideoSource::Pexels | VideoSource::Pixabay | VideoSource::Coverr => {
            download::run(parts, spec, terms, &mut need).await
        }
    }?;
    let downloads = &materials.downloads;
    let (source, n_clips) = (spec.video_source, materials.clips.len());
    tracing::info!(
        ?source,
        n_clips,
        n_rejected = materials.rejected.len(),
        ?downloads,
        "materials"
    );
    for (counter, n) in [
        ("reelbench_clip_bytes_total", downloads.bytes),
        ("reelbench_clip_bytes_in_vain_total", downloads.bytes_in_vain),
    ] {
        metrics::counter!(counter, "source" => source.as_str()).increment(n);
    }
    Ok(materials)
}

/// What a request asks of its source and this service does not have.
pub async fn check(parts: &Parts, spec: &JobSpec) -> Vec<FieldError> {
    match spec.video_source {
        VideoSource::Local => {
            let (dir, spec) = (parts.settings.local.dir.clone(), spec.clone());
            // Up to 200 files are opened: not on a thread that serves others.
            let checked =
                tokio::task::spawn_blocking(move || local::check(dir.as_deref(), &spec)).await;
            checked.unwrap_or_else(|error| {
                tracing::error!(%error, "the user's files were not checked"); // the stage will do it
                Vec::new()
            })
        }
        VideoSource::Comfyui if parts.comfyui.is_none() => {
            vec![not_set_up(spec.video_source, "comfyui.workflow names no file")]
        }
        VideoSource::Replicate if parts.replicate.is_none() => {
            vec![not_set_up(spec.video_source, "replicate.model names no model")]
        }
        VideoSource::Replicate => {
            generate::check(parts.replicate.as_ref(), spec).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn not_set_up(source: VideoSource, reason: &str) -> FieldError {
    FieldError {
        field: "video_source".to_owned(),
        value: source.as_str().to_owned(),
        expected: format!("a source that is set up here: the setting {reason}"),
    }
}
