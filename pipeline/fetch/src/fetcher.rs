//! The downloader: requests in, files of the store out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::error::{FetchError, shown};
use crate::policy::Policy;
use crate::progress::Progress;
use crate::request::Request;
use crate::stats::{Counters, Stats, count};
use crate::store::{Blob, Store, StoreError};
use crate::ways::Ways;
use flights::{Flights, Key};

mod answer;
mod attempt;
mod download;
mod flights;
mod sink;

/// Downloads files into a [`Store`]. Cheap to clone; clones share counters and running downloads.
#[derive(Clone, Debug)]
pub struct Fetcher {
    ways: Arc<dyn Ways>,
    store: Store,
    policy: Policy,
    counters: Arc<Counters>,
    flights: Arc<Flights>,
}

impl Fetcher {
    /// A fetcher that asks through `ways`, normally a client, [`Policy::client`]. One with a time limit
    /// for a whole answer or with decompression is not fit.
    pub fn new(ways: impl Ways + 'static, store: Store, policy: Policy) -> Self {
        let (counters, flights) = (Arc::default(), Arc::default());
        Self { ways: Arc::new(ways), store, policy, counters, flights }
    }

    /// The same, asking through other ways.
    #[must_use]
    pub fn through(&self, ways: impl Ways + 'static) -> Self {
        Self { ways: Arc::new(ways), ..self.clone() }
    }

    /// Where the files go.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// Brings one file into the store, or finds it there. Each byte is hashed as it arrives, and the
    /// file gets its name only after its digest was compared.
    ///
    /// Who asks for a file that is being downloaded already waits for that download; it stops when
    /// nobody waits any more. Then, and after an error, a file of unknown digest leaves nothing
    /// behind; of a known one the beginning stays in the store, and the next call goes on from there.
    ///
    /// # Errors
    ///
    /// [`FetchError`]. Broken connections, stalls and the statuses 408, 429 and 5xx were retried
    /// before, as the [`Policy`] says; wrong content once, from the first byte.
    pub async fn fetch(
        &self,
        request: &Request,
        progress: &Arc<dyn Progress>,
    ) -> Result<Blob, FetchError> {
        if let Some(blob) = self.stored(request).await? {
            count(&self.counters.hits, 1);
            return Ok(blob);
        }
        let flight = self.flights.join(Key::of(request), || {
            let (fetcher, request) = (self.clone(), request.clone());
            let progress = Arc::clone(progress);
            async move {
                let result = fetcher.download(&request, progress.as_ref()).await;
                progress.finished(&request.name, result.is_err());
                result
            }
            .boxed()
        });
        flight.await
    }

    /// Brings many files into the store, `concurrency` at a time, begun in the order of `requests`.
    /// Gives each result with its index as soon as it is there, in the order of completion.
    ///
    /// Downloads go on while the caller does something else between two results, and stop when the
    /// stream is dropped; see [`Fetcher::fetch`] for what is left of them.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn fetch_all(
        &self,
        requests: Vec<Request>,
        concurrency: NonZeroUsize,
        progress: &Arc<dyn Progress>,
    ) -> impl Stream<Item = (usize, Result<Blob, FetchError>)> + Send + Unpin + use<> {
        let (fetcher, progress) = (self.clone(), Arc::clone(progress));
        let (results, mut finished) = mpsc::channel(concurrency.get());
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut downloads = futures::stream::iter(requests.into_iter().enumerate())
                .map(|(index, request)| {
                    // A task of its own: TLS and copying of many downloads spread over the cores.
                    let (fetcher, progress) = (fetcher.clone(), Arc::clone(&progress));
                    let task = AbortOnDropHandle::new(tokio::spawn(async move {
                        fetcher.fetch(&request, &progress).await
                    }));
                    task.map(move |result| (index, result))
                })
                .buffer_unordered(concurrency.get());
            while let Some((index, result)) = downloads.next().await {
                let result = result.unwrap_or_else(|error| Err(StoreError::from(error).into()));
                if results.send((index, result)).await.is_err() {
                    return;
                }
            }
        }));
        futures::stream::poll_fn(move |context| {
            let _running = &driver;
            finished.poll_recv(context)
        })
    }

    /// The file, if the store has what the request asks for.
    async fn stored(&self, request: &Request) -> Result<Option<Blob>, FetchError> {
        let remembered = || self.store.memo().get(&request.url).filter(|_| request.remember);
        let Some(digest) = request.sha256.or_else(remembered) else { return Ok(None) };
        let Some(blob) = self.store.get(&digest)? else { return Ok(None) };
        let Some(expected) = request.bytes.filter(|&bytes| bytes != blob.bytes) else {
            return Ok(Some(blob));
        };
        // Either the request is wrong, or the disk lost something. The file itself tells.
        let (store, damaged) = (self.store.clone(), blob.clone());
        match blocking(move || store.verify(&damaged)).await {
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::warn!(%error, "fetching it again");
                self.store.evict(&digest)?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
            Ok(()) if request.sha256.is_none() => Ok(None),
            Ok(()) => Err(FetchError::SizeMismatch {
                url: shown(&request.url),
                attempts: 0,
                expected,
                actual: blob.bytes,
            }),
        }
    }
}

/// Runs what reads or writes much on a thread where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await?
}
