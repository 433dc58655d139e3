//! `publish`: the artefacts go where their reader looks for them.

use futures::TryStreamExt;
use futures::stream::FuturesOrdered;

use crate::artefacts::Published;
use crate::error::StageError;
use crate::job::{self, JobFolder};
use crate::parts::Parts;

/// Runs the stage: uploads the few `files` of the job `id` at once, or leaves them where this service
/// gives them out.
///
/// # Errors
///
/// `publish_failed`.
pub async fn run(
    parts: &Parts,
    id: &str,
    folder: &JobFolder,
    files: &[String],
) -> Result<Published, StageError> {
    let Some(publisher) = &parts.publisher else {
        let urls = files.iter().map(|file| job::file_url(id, file)).collect();
        return Ok(Published { urls });
    };
    let mut uploads = FuturesOrdered::new();
    for file in files {
        uploads.push_back(async move { publisher.publish(&folder.file(file), id, file).await });
    }
    let urls = uploads.try_collect().await.map_err(|error| StageError {
        code: "publish_failed",
        message: error.to_string(),
        transient: !error.is_refusal(),
    })?;
    Ok(Published { urls })
}
