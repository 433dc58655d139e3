//! How many offers are fetched at once, and when it is enough.
//!
//! Nothing is begun that what is under way could make needless: a claimed early stop that first begins
//! five downloads and then drops four has downloaded them. What was fetched is looked at while further
//! offers are fetched. What is taken does not depend on which offer came first: the same offers and the
//! same narration give the same clips.

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::need::Need;
use crate::artefacts::Clip;
use crate::error::StageError;
use crate::limits::Slots;

/// How to gather.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Offers that are fetched at once.
    pub(super) concurrency: usize,
    /// Whether to stop when the narration is covered. False: every offer is fetched.
    pub(super) early_stop: bool,
    /// Offers that are wanted even where fewer would cover the narration.
    pub(super) least: usize,
}

/// Why an offer gives no clip.
#[derive(Debug)]
pub(super) enum Failure {
    /// The next one may.
    Offer(String),
    /// No other one will.
    All(StageError),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Offer(reason)
    }
}

/// Where clips come from: offers, by their number, the best first.
pub(super) trait Source: Sync {
    /// What fetching gives, to be looked at.
    type Fetched: Send;
    /// How many offers there are.
    fn len(&self) -> usize;
    /// How long the clip of an offer should be.
    fn expected_ms(&self, index: usize) -> u64;
    /// Brings it here.
    fn fetch(&self, index: usize) -> BoxFuture<'_, Result<Self::Fetched, Failure>>;
    /// Looks whether it can be shown.
    fn look(
        &self,
        index: usize,
        fetched: Self::Fetched,
    ) -> BoxFuture<'_, Result<Vec<Clip>, Failure>>;
}

/// What came of the offers.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By the number of the offer, in the order of the offers.
    pub(super) found: Vec<(usize, Vec<Clip>)>,
    /// How many of them are taken, where not all are.
    pub(super) n_kept: Option<usize>,
    /// Why offers gave none.
    pub(super) rejected: Vec<(usize, String)>,
    /// Offers that were dropped while they were fetched.
    pub(super) dropped: Vec<usize>,
}

enum Event<T> {
    Fetched(usize, Result<T, Failure>),
    Looked(usize, Result<Vec<Clip>, Failure>),
}

/// Fetches offers until the narration is covered or none is left. Each is looked at in a place of
/// `looks`: a look is a process, or a picture of up to 1 GiB in memory.
///
/// # Errors
///
/// The first [`Failure::All`].
pub(super) async fn gather<S: Source>(
    source: &S,
    rule: Rule,
    looks: &Slots,
    need: &mut Need,
) -> Result<Gathered, StageError> {
    let mut gathered = Gathered::default();
    let mut running = FuturesUnordered::<BoxFuture<'_, Event<S::Fetched>>>::new();
    // Offers that are fetched, and those that are looked at or wait for it.
    let (mut fetching, mut looking): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut next = 0;
    loop {
        let is_done = |covered_ms: u64, n: usize, need: &Need| {
            rule.early_stop && need.is_met(covered_ms, n) && n >= rule.least
        };
        // Offers before this one have come or failed; what later ones gave may not be needed.
        let first_open = fetching.iter().chain(&looking).copied().min().unwrap_or(usize::MAX);
        let (settled_ms, n_settled) = gathered.covered(need, first_open);
        if is_done(settled_ms, n_settled, need) {
            if !need.is_open() {
                break;
            }
            // Enough by the estimate. How much it really is says the narration.
            need.changed().await;
            continue;
        }
        let coming = |offers: &[usize]| -> u64 {
            offers.iter().map(|&index| need.covered_ms(source.expected_ms(index))).sum()
        };
        let (found_ms, _) = gathered.covered(need, usize::MAX);
        let mut hoped_ms = found_ms + coming(&fetching) + coming(&looking);
        let mut n_hoped = gathered.found.len() + fetching.len() + looking.len();
        while next < source.len()
            && fetching.len() < rule.concurrency
            && !is_done(hoped_ms, n_hoped, need)
        {
            let index = next;
            running.push(Box::pin(async move { Event::Fetched(index, source.fetch(index).await) }));
            fetching.push(index);
            hoped_ms += need.covered_ms(source.expected_ms(index));
            (next, n_hoped) = (next + 1, n_hoped + 1);
        }
        let event = tokio::select! {
            event = running.next() => match event {
                Some(event) => event,
                None => break,
            },
            // The narration is there: what is needed is known better now.
            () = need.changed() => continue,
        };
        let (index, failure) = match event {
            Event::Fetched(index, Ok(fetched)) => {
                fetching.retain(|&other| other != index);
                looking.push(index);
                running.push(Box::pin(async move {
                    let _place = looks.take().await;
                    Event::Looked(index, source.look(index, fetched).await)
                }));
                continue;
            }
            Event::Looked(index, Ok(clips)) => {
                looking.retain(|&other| other != index);
                gathered.found.push((index, clips));
                gathered.found.sort_by_key(|&(index, _)| index);
                continue;
            }
            Event::Fetched(index, Err(failure)) | Event::Looked(index, Err(failure)) => {
                (index, failure)
            }
        };
        fetching.retain(|&other| other != index);
        looking.retain(|&other| other != index);
        match failure {
            Failure::Offer(reason) => gathered.rejected.push((index, reason)),
            Failure::All(error) => return Err(error),
        }
    }
    if rule.early_stop {
        gathered.n_kept = gathered.needed(need, rule.least);
    }
    gathered.dropped = fetching; // dropping `running` ends what is still under way
    gathered.dropped.extend(looking);
    Ok(gathered)
}

impl Gathered {
    /// The clips in the order of the offers, not of the network.
    pub(super) fn clips(&mut self) -> Vec<Clip> {
        let found = std::mem::take(&mut self.found);
        let n_kept = self.n_kept.unwrap_or(found.len());
        found.into_iter().take(n_kept).flat_map(|(_, clips)| clips).collect()
    }

    /// The offers whose clips nothing would have missed.
    pub(super) fn in_vain(&self, need: &Need) -> Vec<usize> {
        let n_needed = self.n_kept.or_else(|| self.needed(need, 0)).unwrap_or(self.found.len());
        self.found.iter().skip(n_needed).map(|&(index, _)| index).collect()
    }

    /// How much the clips of the offers before `end` cover, and how many there are.
    fn covered(&self, need: &Need, end: usize) -> (u64, usize) {
        let before = self.found.iter().filter(|&&(index, _)| index < end);
        before.fold((0, 0), |(ms, n), (_, clips)| {
            let clips = clips.iter().map(|clip| need.covered_ms(clip.media.video_ms));
            (ms + clips.sum::<u64>(), n + 1)
        })
    }

    /// How many of the found offers are enough. None: all of them are not.
    fn needed(&self, need: &Need, least: usize) -> Option<usize> {
        (0..=self.found.len()).find(|&n| {
            let end = self.found.get(n).map_or(usize::MAX, |&(index, _)| index);
            let (ms, n) = self.covered(need, end);
            need.is_met(ms, n) && n >= least
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
