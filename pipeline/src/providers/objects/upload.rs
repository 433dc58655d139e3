use std::path::Path;

use fetch::{Digest, Hasher};
use futures::TryStreamExt;
use object_store::path::Path as ObjectPath;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};
use tokio::io::AsyncReadExt;

use crate::providers::to_its_end;

/// Files up to this size go up in one request, which can say "only if there is none". S3 takes 5 GiB;
/// this is what is held in memory.
const WHOLE_BYTES: u64 = 32 << 20;
/// Parts of a larger file; S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 << 20;
/// Parts of one file that are under way at once.
const PARTS_IN_FLIGHT: usize = 4;

/// Why an upload did not end well.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Another file has that name already: it is not replaced.
    #[error("expected nothing there or the same file, found another one")]
    Occupied,
    /// What is in the store is not what was sent.
    #[error("expected {expected} bytes in the store, found {found}")]
    Truncated {
        /// Size of the file.
        expected: u64,
        /// Size of the object.
        found: u64,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] Error),
}

impl UploadError {
    /// Whether the same will be said again.
    pub fn is_refusal(&self) -> bool {
        use Error::{NotFound, PermissionDenied, Unauthenticated};
        match self {
            Self::Occupied | Self::File(_) => true,
            Self::Truncated { .. } => false,
            Self::Store(error) => {
                matches!(error, NotFound { .. } | PermissionDenied { .. } | Unauthenticated { .. })
            }
        }
    }
}

/// What becomes of another file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays: it may be anybody's.
    Stays,
    /// It goes: an attempt before this one left it.
    Goes,
}

/// One file on its way to one place.
#[derive(Clone, Copy)]
pub(super) struct Upload<'a> {
    pub(super) store: &'a dyn ObjectStore,
    pub(super) file: &'a Path,
    pub(super) target: &'a ObjectPath,
    pub(super) existing: Existing,
}

impl Upload<'_> {
    /// Puts the file where nothing is, and looks whether it arrived. An attempt before may have brought
    /// it without hearing so: the same content counts as done.
    pub(super) async fn run(&self) -> Result<(), UploadError> {
        let bytes = fs_err::tokio::metadata(self.file).await?.len();
        match self.put(bytes, PutMode::Create).await {
            Err(UploadError::Store(Error::AlreadyExists { .. }) | UploadError::Occupied) => {
                match self.compare().await {
                    Err(UploadError::Occupied) if self.existing == Existing::Goes => {
                        self.put(bytes, PutMode::Overwrite).await?;
                    }
                    compared => return compared,
                }
            }
            other => other?,
        }
        let found = self.store.head(self.target).await?.size;
        if found == bytes {
            return Ok(());
        }
        // It is ours, and the next attempt would find another file in the place.
        if let Err(error) = self.store.delete(self.target).await {
            tracing::warn!(target = %self.target, %error, "half a file stays");
        }
        Err(UploadError::Truncated { expected: bytes, found })
    }

    async fn put(&self, bytes: u64, mode: PutMode) -> Result<(), UploadError> {
        if bytes <= WHOLE_BYTES { self.whole(mode).await } else { self.in_parts(&mode).await }
    }

    async fn whole(&self, mode: PutMode) -> Result<(), UploadError> {
        let content = fs_err::tokio::read(self.file).await?;
        self.store.put_opts(self.target, content.into(), PutOptions::from(mode)).await?;
        Ok(())
    }

    /// Memory does not grow with the file. No condition can be sent with parts, so it is looked first:
    /// two attempts of one job never upload at once.
    async fn in_parts(&self, mode: &PutMode) -> Result<(), UploadError> {
        if *mode == PutMode::Create {
            match self.store.head(self.target).await {
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Err(UploadError::Occupied),
            }
        }
        let mut source = fs_err::tokio::File::open(self.file).await?;
        let parts = self.store.put_multipart(self.target).await?;
        let mut parts = Parts(Some(WriteMultipart::new_with_chunk_size(parts, PART_BYTES)));
        parts.send(&mut source).await?;
        parts.finish().await
    }

    async fn compare(&self) -> Result<(), UploadError> {
        let mut hasher = Hasher::default();
        let mut there = self.store.get(self.target).await?.into_stream();
        while let Some(chunk) = there.try_next().await? {
            hasher.update(&chunk);
        }
        if hasher.finish() == self.digest().await? { Ok(()) } else { Err(UploadError::Occupied) }
    }

    async fn digest(&self) -> Result<Digest, UploadError> {
        let mut hasher = Hasher::default();
        let mut file = fs_err::tokio::File::open(self.file).await?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n_bytes = file.read(&mut buffer).await?;
            if n_bytes == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..n_bytes]);
        }
    }
}

/// The parts of a file. Those that do not become an object are thrown away, whatever ends the upload:
/// S3 keeps them for ever, unseen and paid for.
struct Parts(Option<WriteMultipart>);

impl Parts {
    /// Sends the file but for its last part, and waits until what was sent is there.
    async fn send(&mut self, source: &mut fs_err::tokio::File) -> Result<(), UploadError> {
        let Some(sink) = &mut self.0 else { return Ok(()) };
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n_bytes = source.read(&mut buffer).await?;
            if n_bytes == 0 {
                return Ok(sink.wait_for_capacity(0).await?);
            }
            sink.wait_for_capacity(PARTS_IN_FLIGHT).await?;
            sink.write(&buffer[..n_bytes]);
        }
    }

    /// Makes them an object. That is not broken off: nobody would know whether there is one.
    async fn finish(mut self) -> Result<(), UploadError> {
        let Some(sink) = self.0.take() else { return Ok(()) };
        Ok(to_its_end(sink.finish()).await.map(drop)?)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let (Some(sink), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = sink.abort().await {
                tracing::warn!(%error, "parts of a file stay");
            }
        });
    }
}
