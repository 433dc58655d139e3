//! One file from its first attempt to its name in the store.

use std::time::Duration;

use super::answer::Version;
use super::attempt::Attempt;
use super::{Fetcher, blocking};
use crate::digest::Digest;
use crate::error::{FetchError, Recovery, shown};
use crate::progress::Progress;
use crate::request::Request;
use crate::stats::count;
use crate::store::{Blob, Claim, Partial, StoreError, Writer};

/// How often to look whether another program is done with the same file.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A download between two attempts.
pub(super) struct Begun {
    partial: Partial,
    /// Where the next attempt goes on. None: an attempt broke off with it, begin again.
    pub(super) writer: Option<Writer>,
    /// What the latest answer said of the file.
    pub(super) version: Option<Version>,
    /// Whether the progress was told of it.
    pub(super) announced: bool,
    /// Whether some attempt brought wrong bytes: then what is there is no beginning to keep.
    doubtful: bool,
}

impl Begun {
    fn new(partial: Partial, writer: Writer) -> Self {
        Self { partial, writer: Some(writer), version: None, announced: false, doubtful: false }
    }

    /// Bytes that need not be asked for.
    pub(super) fn offset(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::len)
    }

    /// The writer for a body that begins at the first byte (`whole`) or at the offset.
    pub(super) fn take_writer(&mut self, whole: bool) -> Result<Writer, StoreError> {
        match self.writer.take() {
            Some(writer) if !whole || writer.len() == 0 => Ok(writer),
            _ => Ok(self.partial.restart()?),
        }
    }

    fn forget(&mut self) -> Result<(), StoreError> {
        self.writer = Some(self.partial.restart()?);
        self.version = None;
        Ok(())
    }
}

impl Fetcher {
    pub(super) async fn download(
        &self,
        request: &Request,
        progress: &dyn Progress,
    ) -> Result<Blob, FetchError> {
        let mut begun = match self.begin(request).await? {
            Ok(begun) => begun,
            Err(blob) => return Ok(blob),
        };
        match self.attempts(request, &mut begun, progress).await {
            Ok(digest) => {
                let (store, partial) = (self.store.clone(), begun.partial);
                let blob = blocking(move || partial.publish(&store, &digest)).await?;
                if request.remember
                    && let Err(error) = self.store.memo().put(&request.url, &digest)
                {
                    tracing::warn!(%error, "cannot note a digest: the file will be fetched again");
                }
                Ok(blob)
            }
            Err(error) => {
                if begun.doubtful {
                    begun.partial.discard();
                }
                Err(error)
            }
        }
    }

    /// A partial file that is ours, or the finished one, when another program finished it meanwhile.
    async fn begin(&self, request: &Request) -> Result<Result<Begun, Blob>, StoreError> {
        let Some(digest) = request.sha256 else {
            let partial = Partial::anonymous(&self.store)?;
            let writer = partial.restart()?;
            return Ok(Ok(Begun::new(partial, writer)));
        };
        loop {
            let claim = Partial::resumable(&self.store, &digest)?;
            // Looked for after the lock is ours: it may have been published just before.
            if let Some(blob) = self.store.get(&digest)? {
                if let Claim::Ours(empty) = claim {
                    empty.discard();
                }
                return Ok(Err(blob));
            }
            if let Claim::Ours(partial) = claim {
                return Ok(Ok(self.resume(partial).await?));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes over what an earlier program left.
    async fn resume(&self, partial: Partial) -> Result<Begun, StoreError> {
        let begun = blocking(move || {
            let writer = partial.resume()?;
            Ok(Begun::new(partial, writer))
        })
        .await?;
        count(&self.counters.bytes_rehashed, begun.offset());
        Ok(begun)
    }

    /// Tries until the file is whole and right, or nothing helps any more.
    async fn attempts(
        &self,
        request: &Request,
        begun: &mut Begun,
        progress: &dyn Progress,
    ) -> Result<Digest, FetchError> {
        let url = shown(&request.url);
        if let Some(digest) = complete_already(request, begun) {
            return Ok(digest);
        }
        let (mut delays, mut n_wrong) = (self.policy.delays(), 0);
        for number in 1.. {
            let attempt = Attempt { fetcher: self, request, url: &url, number, progress };
            let error = match attempt.run(begun).await.and_then(|digest| compare(&attempt, digest))
            {
                Ok(digest) => return Ok(digest),
                Err(error) => error,
            };
            let recovery = error.recovery();
            begun.doubtful |= matches!(recovery, Recovery::Restart | Recovery::RestartOnce);
            n_wrong += u32::from(recovery == Recovery::RestartOnce);
            let (Some(delay), true) = (delays.next(), n_wrong < 2) else { return Err(error) };
            let pause = match recovery {
                Recovery::GiveUp => return Err(error),
                Recovery::Resume => self.policy.pause(delay, error.retry_after()),
                Recovery::Restart | Recovery::RestartOnce => Duration::ZERO,
            };
            if recovery != Recovery::Resume || !may_go_on(request, begun) {
                begun.forget()?;
            }
            tracing::debug!(%error, ?pause, "another attempt");
            count(&self.counters.retries, 1);
            tokio::time::sleep(pause).await;
        }
        unreachable!("the delays end before the numbers do")
    }
}

/// Whether an earlier program died between the last byte and the rename.
fn complete_already(request: &Request, begun: &Begun) -> Option<Digest> {
    let writer = begun.writer.as_ref().filter(|writer| writer.len() > 0)?;
    request.sha256.filter(|expected| writer.digest() == *expected)
}

/// Whether the next attempt may append to what is there: the digest or a strong mark will tell if it
/// was another file.
fn may_go_on(request: &Request, begun: &Begun) -> bool {
    let strong = begun.version.as_ref().is_some_and(Version::is_strong);
    begun.writer.is_some() && (request.sha256.is_some() || strong)
}

fn compare(attempt: &Attempt<'_>, actual: Digest) -> Result<Digest, FetchError> {
    match attempt.request.sha256 {
        Some(expected) if expected != actual => Err(FetchError::DigestMismatch {
            url: attempt.url.to_owned(),
            attempts: attempt.number,
            expected,
            actual,
        }),
        _ => Ok(actual),
    }
}
