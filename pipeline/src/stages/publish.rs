//! `publish`: the artefacts go where their reader looks for them.

use futures::{StreamExt, TryStreamExt, stream};

use crate::artefacts::Published;
use crate::error::StageError;
use crate::job::{self, Claim, JobFolder};
use crate::parts::Parts;
use crate::providers::objects::{Existing, PublishError, Publisher};

/// Runs the stage: uploads the `files` of the job, `publish.concurrency` at once, or leaves them where this service
/// gives them out.
///
/// # Errors
///
/// `publish_failed`.
pub async fn run(
    parts: &Parts,
    claim: &Claim,
    folder: &JobFolder,
    files: &[String],
) -> Result<Published, StageError> {
    let Some(publisher) = &parts.publisher else {
        let urls = files.iter().map(|file| job::file_url(&claim.id, file)).collect();
        return Ok(Published { urls });
    };
    let urls = upload(parts, publisher, claim, folder, files).await?;
    Ok(Published { urls })
}

/// Brings files of a job that nobody asked to publish to where other machines find them; nowhere, where
/// nothing is published.
///
/// # Errors
///
/// `publish_failed`.
pub async fn share(
    parts: &Parts,
    claim: &Claim,
    folder: &JobFolder,
    files: &[String],
) -> Result<(), StageError> {
    let Some(publisher) = &parts.publisher else { return Ok(()) };
    upload(parts, publisher, claim, folder, files).await.map(drop)
}

async fn upload(
    parts: &Parts,
    publisher: &Publisher,
    claim: &Claim,
    folder: &JobFolder,
    files: &[String],
) -> Result<Vec<String>, StageError> {
    // The folder is the job's own: another file in it is one that a worker left which had it before.
    let existing = if claim.epoch() > 1 { Existing::Goes } else { Existing::Stays };
    let upload = |file: String| async move {
        publisher.publish(&folder.file(&file), &claim.id, &file, existing).await
    };
    let urls = some_at_once(files, parts.settings.publish.concurrency, upload).await;
    urls.map_err(|error: PublishError| StageError {
        code: "publish_failed",
        message: error.to_string(),
        transient: !error.reason.is_refusal(),
    })
}

/// Does `work` for each file, `n` at once; answers in the order of the files. The first error ends all.
async fn some_at_once<E, Answer: Future<Output = Result<String, E>>>(
    files: &[String],
    n: usize,
    work: impl Fn(String) -> Answer,
) -> Result<Vec<String>, E> {
    stream::iter(files.to_vec()).map(work).buffered(n).try_collect().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn check(n: usize, expected_most: usize) {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let files: Vec<String> = (0..5).map(|file| file.to_string()).collect();
        let (running, most) = (&running, &most);
        let answers = some_at_once(&files, n, |file| async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            tokio::task::yield_now().await;
            running.set(running.get() - 1);
            Ok::<_, ()>(file)
        });
        assert_eq!(answers.await, Ok(files.clone()));
        assert_eq!(most.get(), expected_most, "{n} at once");
    }

    #[tokio::test]
    async fn no_more_uploads_are_under_way_than_are_set() {
        check(1, 1).await;
        check(4, 4).await;
        check(100, 5).await;
    }
}
