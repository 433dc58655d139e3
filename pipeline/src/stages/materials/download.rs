//! Clips of a stock site: downloaded into the store, verified, probed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fetch::{Blob, Fetcher, Progress, Request};
use futures::future::BoxFuture;
use protocol::{Downloads, JobSpec, RejectedClip};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use url::Url;

use super::gather::{Failure, Gathered, Rule, Source, gather};
use super::inspect;
use super::need::Need;
use super::search::{Offer, Offered, forget, offers};
use crate::artefacts::{Clip, ClipKind, Materials};
use crate::error::StageError;
use crate::parts::Parts;

/// Bytes that were received in this job, by the name of the request.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<HashMap<String, u64>>);

/// Tells a tally of one offer, whatever its files are called.
#[derive(Debug)]
pub(super) struct Counted {
    tally: Arc<Tally>,
    name: String,
}

/// The offers of a site.
struct Stock<'a> {
    parts: &'a Parts,
    fetcher: Fetcher,
    offers: Vec<Offer>,
    tally: Arc<Tally>,
}

pub(super) async fn run(
    parts: &Parts,
    spec: &JobSpec,
    terms: &[String],
    need: &mut Need,
) -> Result<Materials, StageError> {
    let Offered { offers, warnings } = offers(parts, spec, terms, need).await?;
    let fetcher = parts.downloads.of(spec.video_source);
    let source = Stock { parts, fetcher, offers, tally: Arc::default() };
    let downloads = &parts.settings.downloads;
    let (concurrency, early_stop) = (downloads.concurrency.get(), downloads.early_stop);
    let rule = Rule { concurrency, early_stop, least: 0 };
    let mut gathered = gather(&source, rule, &parts.limits.visual, need).await?;
    let name = |index: usize| source.offers[index].candidate.id.clone();
    let downloads = source.tally.downloads(&gathered, need, name);
    let url = |index: usize| shown(&source.offers[index].candidate.url);
    let rejected = rejected(&gathered, url);
    let clips = gathered.clips();
    if clips.is_empty() {
        // Addresses that are kept for a day may be good for an hour.
        forget(parts, spec, terms).await;
        return Err(StageError::transient("clips_unusable", reasons(&rejected)));
    }
    Ok(Materials { clips, rejected, downloads, warnings })
}

/// An address as it may be told: what stands behind its `?` may be a token.
fn shown(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| fetch::shown(&url))
}

/// What could not be used, told with the address by `url`.
pub(super) fn rejected(gathered: &Gathered, url: impl Fn(usize) -> String) -> Vec<RejectedClip> {
    let rejected = gathered.rejected.iter().map(|(index, reason)| {
        let (url, reason) = (url(*index), reason.clone());
        tracing::warn!(url, reason, "clip is not used");
        RejectedClip { url, reason }
    });
    rejected.collect()
}

/// All reasons as one message.
pub(super) fn reasons(rejected: &[RejectedClip]) -> String {
    let reasons: Vec<String> =
        rejected.iter().map(|clip| format!("{}: {}", clip.url, clip.reason)).collect();
    reasons.join("; ")
}

impl Source for Stock<'_> {
    type Fetched = Blob;

    fn len(&self) -> usize {
        self.offers.len()
    }

    fn expected_ms(&self, index: usize) -> u64 {
        self.offers[index].candidate.duration_ms
    }

    fn fetch(&self, index: usize) -> BoxFuture<'_, Result<Blob, Failure>> {
        let request = request(&self.offers[index]);
        let (fetcher, tally) = (self.fetcher.clone(), Arc::clone(&self.tally));
        Box::pin(async move {
            let request = request?;
            // A task of its own: TLS and copying of many downloads spread over the cores.
            let download = async move {
                let progress: Arc<dyn Progress> = tally;
                fetcher.fetch(&request, &progress).await
            };
            let task = AbortOnDropHandle::new(tokio::spawn(download.in_current_span()));
            let fetched = task.await.map_err(|error| error.to_string())?;
            Ok(fetched.map_err(|error| error.to_string())?)
        })
    }

    fn look(&self, index: usize, blob: Blob) -> BoxFuture<'_, Result<Vec<Clip>, Failure>> {
        Box::pin(async move {
            let media = inspect::video(&self.parts.probes, &blob.digest, &blob.path, 1).await?;
            let Offer { term, candidate } = &self.offers[index];
            Ok(vec![Clip {
                id: candidate.id.clone(),
                term: term.clone(),
                description: candidate.description.clone(),
                page_url: candidate.page_url.clone(),
                creator: candidate.creator.clone(),
                licence: candidate.licence.clone(),
                path: blob.path,
                sha256: blob.digest.to_string(),
                bytes: blob.bytes,
                media,
                kind: ClipKind::Video,
            }])
        })
    }
}

/// What to download for an offer.
fn request(offer: &Offer) -> Result<Request, String> {
    let candidate = &offer.candidate;
    let url = Url::parse(&candidate.url).map_err(|error| format!("no URL: {error}"))?;
    let mut request = Request::new(url, candidate.id.clone());
    request.bytes = candidate.bytes;
    request.remember = true; // a stock site never changes the file behind an address
    Ok(request)
}

impl Progress for Tally {
    fn started(&self, _: &str, _: Option<u64>) {}

    fn advanced(&self, name: &str, n: u64) {
        *self.lock().entry(name.to_owned()).or_default() += n;
    }

    fn finished(&self, _: &str, _: bool) {}
}

impl Counted {
    pub(super) fn of(tally: &Arc<Tally>, name: String) -> Arc<Self> {
        Arc::new(Self { tally: Arc::clone(tally), name })
    }

    /// Counts `bytes` where fewer were counted.
    pub(super) fn at_least(&self, bytes: u64) {
        let mut received = self.tally.lock();
        let known = received.entry(self.name.clone()).or_default();
        *known = bytes.max(*known);
    }
}

impl Progress for Counted {
    fn started(&self, _: &str, _: Option<u64>) {}

    fn advanced(&self, _: &str, n: u64) {
        self.tally.advanced(&self.name, n);
    }

    fn finished(&self, _: &str, _: bool) {}
}

impl Tally {
    /// What was downloaded, and what of it in vain; offers are known by their `name`.
    pub(super) fn downloads(
        &self,
        gathered: &Gathered,
        need: &Need,
        name: impl Fn(usize) -> String,
    ) -> Downloads {
        let received = self.lock();
        let bytes = |index: &usize| received.get(&name(*index)).copied().unwrap_or(0);
        let found = || gathered.found.iter().map(|(index, _)| index);
        let surplus = gathered.in_vain(need);
        let in_vain = || surplus.iter().chain(&gathered.dropped);
        let clips = found().filter(|index| bytes(index) > 0).count();
        Downloads {
            clips,
            reused: gathered.found.len() - clips,
            bytes: received.values().sum(),
            clips_in_vain: in_vain().filter(|index| bytes(index) > 0).count(),
            bytes_in_vain: in_vain().map(bytes).sum(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stock::Candidate;

    fn offer(url: &str) -> Offer {
        let candidate = Candidate { id: "pexels:1".to_owned(), ..Candidate::default() };
        Offer { term: "sea".to_owned(), candidate: Candidate { url: url.to_owned(), ..candidate } }
    }

    #[test]
    fn an_offer_without_an_address_is_rejected() {
        let error = request(&offer("not an address")).expect_err("no address");
        assert_eq!(error, "no URL: relative URL without a base");
        assert_eq!(shown("http://x/a.mp4?token=secret"), "http://x/a.mp4?…");
        assert_eq!(shown("http://x/a.mp4"), "http://x/a.mp4");
        assert!(request(&offer("http://x/a.mp4")).expect("a request").remember);
    }

    #[test]
    fn what_came_in_vain_is_counted_to_the_byte() {
        let tally = Tally::default();
        for (name, bytes) in [("0", 100), ("0", 20), ("2", 50), ("3", 7), ("broken", 11)] {
            tally.advanced(name, bytes);
        }
        // Two shots are needed; 1 was in the store, 2 is one too many, 3 was dropped, 4 not begun.
        let need = crate::stages::materials::gather::tests::shots(2);
        let clip = |id| vec![crate::stages::materials::gather::tests::clip(id, 5_000)];
        let gathered = Gathered {
            found: vec![(0, clip(0)), (1, clip(1)), (2, clip(2))],
            n_kept: None,
            rejected: vec![],
            dropped: vec![3, 4],
        };
        let found = tally.downloads(&gathered, &need, |index| index.to_string());
        let expected =
            Downloads { clips: 2, reused: 1, bytes: 188, clips_in_vain: 2, bytes_in_vain: 57 };
        assert_eq!(found, expected);

        // Of a generator the files are told, and one of them stood in the answer.
        let tally = Arc::new(Tally::default());
        for (index, loaded, here) in [(0, 100, 100), (1, 60, 80), (2, 50, 40)] {
            let counted = Counted::of(&tally, index.to_string());
            counted.advanced("comfyui:7/a.png", loaded);
            counted.at_least(here);
        }
        let found = tally.downloads(&gathered, &need, |index| index.to_string());
        let expected =
            Downloads { clips: 3, reused: 0, bytes: 230, clips_in_vain: 1, bytes_in_vain: 50 };
        assert_eq!(found, expected);
    }
}
