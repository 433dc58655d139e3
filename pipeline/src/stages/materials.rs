//! `materials`: enough clips to cover the narration, searched, downloaded in parallel, verified, probed.

use std::collections::HashSet;
use std::sync::Arc;

use fetch::{Progress, Request, Silent};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use protocol::{JobSpec, RejectedClip};
use tokio::sync::watch;
use url::Url;

use crate::artefacts::{Clip, Materials, Script, SearchTerms};
use crate::error::StageError;
use crate::media;
use crate::parts::Parts;
use crate::providers::ProviderError;
use crate::providers::stock::Candidate;

/// Searched when the terms find too little: short-video-maker's word for it is joker.
const JOKER: &str = "nature";
/// A clip shorter than this is a flicker.
const MIN_CLIP_MS: u64 = 1_000;
/// The estimate of the narration's length is rather too long: half a clip more is no harm.
const ESTIMATE_MARGIN: f64 = 1.25;
/// Terms that are searched for, whatever a language model gives.
const MAX_TERMS: usize = 50;

/// Runs the stage. `length` tells the narration's length in milliseconds when it is known.
///
/// # Errors
///
/// `stock_unavailable`, `stock_refused`, `stock_bad_answer`; `no_clips` where the site has none;
/// `clips_unusable` where none could be downloaded or played.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
    terms: &SearchTerms,
    mut length: watch::Receiver<Option<u64>>,
) -> Result<Materials, StageError> {
    let estimate_ms = estimated_ms(&script.text, spec.voice_rate);
    let offers = search(parts, spec, &terms.terms, estimate_ms).await?;
    let mut rejected = Vec::new();
    let (offers, requests) = requests(offers, &mut rejected);
    let silent: Arc<dyn Progress> = Arc::new(Silent);
    let concurrency = parts.settings.downloads.concurrency;
    let mut downloads = parts.fetcher.fetch_all(requests, concurrency, &silent);

    let mut found: Vec<(usize, Clip)> = Vec::new();
    let mut is_length_open = true;
    while covered_ms(&found, spec.longest_shot_ms()) < length.borrow().unwrap_or(estimate_ms) {
        // Dropping `downloads` below ends what is still under way: the early stop.
        let (index, result) = tokio::select! {
            next = downloads.next() => match next {
                Some(next) => next,
                None => break,
            },
            // The narration is there, or never will be: what is needed is known better now.
            changed = length.changed(), if is_length_open => {
                is_length_open = changed.is_ok();
                continue;
            }
        };
        let usable = match result {
            Ok(blob) => usable(&offers[index], &blob).await,
            Err(error) => Err(error.to_string()),
        };
        match usable {
            Ok(clip) => found.push((index, clip)),
            Err(reason) => rejected.push(reject(&offers[index], reason)),
        }
    }
    drop(downloads);
    if found.is_empty() {
        let reasons: Vec<String> =
            rejected.iter().map(|clip| format!("{}: {}", clip.url, clip.reason)).collect();
        return Err(StageError::transient("clips_unusable", reasons.join("; ")));
    }
    found.sort_by_key(|&(index, _)| index); // the order of the offers, not of the network
    let clips = found.into_iter().map(|(_, clip)| clip).collect();
    Ok(Materials { clips, rejected })
}

/// A candidate and the term that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    term: String,
    candidate: Candidate,
}

/// What the site has for the terms, and for the joker where that covers less than `needed_ms`.
async fn search(
    parts: &Parts,
    spec: &JobSpec,
    terms: &[String],
    needed_ms: u64,
) -> Result<Vec<Offer>, StageError> {
    let (source, size) = (spec.video_source, spec.size());
    let search = async |term: &str| parts.stock.search(source, term, size).await;
    let failed = |error: ProviderError| {
        error.into_stage_error(["stock_unavailable", "stock_refused", "stock_bad_answer"])
    };
    let searches = FuturesOrdered::from_iter(terms.iter().take(MAX_TERMS).map(|term| search(term)));
    let answers: Vec<_> = searches.collect().await;
    let mut by_term = Vec::new();
    let mut failure = None;
    for (term, answer) in terms.iter().zip(answers) {
        match answer {
            Ok(candidates) => by_term.push((term.clone(), candidates)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let (Some(error), true) = (failure, by_term.is_empty()) {
        return Err(failed(error));
    }
    let mut offers = round_robin(by_term);
    let longest_ms = (spec.video_clip_duration * 1000.0) as u64;
    let covered: u64 = offers.iter().map(|offer| offer.candidate.duration_ms.min(longest_ms)).sum();
    if covered < needed_ms {
        match search(JOKER).await {
            Ok(joker) => offers = with_joker(offers, joker),
            Err(error) if offers.is_empty() => return Err(failed(error)),
            Err(error) => tracing::warn!(%error, "clips will be shown more than once"),
        }
    }
    if offers.is_empty() {
        let source = source.as_str();
        let message = format!("{source} has no clips for {} nor for {JOKER}", terms.join(", "));
        return Err(StageError::permanent("no_clips", message));
    }
    Ok(offers)
}

/// The joker's clips come last, and none that a term has found.
fn with_joker(mut offers: Vec<Offer>, joker: Vec<Candidate>) -> Vec<Offer> {
    let known: HashSet<String> = offers.iter().map(|offer| offer.candidate.id.clone()).collect();
    let further = round_robin(vec![(JOKER.to_owned(), joker)]);
    offers.extend(further.into_iter().filter(|offer| !known.contains(&offer.candidate.id)));
    offers
}

/// The best of each term, then the second best of each, and so on; each clip once, without flickers.
fn round_robin(by_term: Vec<(String, Vec<Candidate>)>) -> Vec<Offer> {
    let mut seen = HashSet::new();
    let mut queues: Vec<_> =
        by_term.into_iter().map(|(term, candidates)| (term, candidates.into_iter())).collect();
    let mut offers = Vec::new();
    loop {
        let mut exhausted = true;
        for (term, candidates) in &mut queues {
            let next = candidates.by_ref().find(|candidate| {
                candidate.duration_ms >= MIN_CLIP_MS && seen.insert(candidate.id.clone())
            });
            if let Some(candidate) = next {
                exhausted = false;
                offers.push(Offer { term: term.clone(), candidate });
            }
        }
        if exhausted {
            return offers;
        }
    }
}

/// What to download, for each offer that has a usable address.
fn requests(offers: Vec<Offer>, rejected: &mut Vec<RejectedClip>) -> (Vec<Offer>, Vec<Request>) {
    let mut pairs = Vec::new();
    for offer in offers {
        match Url::parse(&offer.candidate.url) {
            Ok(url) => {
                let mut request = Request::new(url, offer.candidate.id.clone());
                request.bytes = offer.candidate.bytes;
                request.remember = true; // a stock site never changes the file behind an address
                pairs.push((offer, request));
            }
            Err(error) => rejected.push(reject(&offer, format!("no URL: {error}"))),
        }
    }
    pairs.into_iter().unzip()
}

fn reject(offer: &Offer, reason: String) -> RejectedClip {
    let url = offer.candidate.url.clone();
    tracing::warn!(url, reason, "clip is not used");
    RejectedClip { url, reason }
}

async fn usable(offer: &Offer, blob: &fetch::Blob) -> Result<Clip, String> {
    let media = media::probe(&blob.path).await.map_err(|error| error.to_string())?;
    if media.video_ms < MIN_CLIP_MS {
        return Err(format!("expected a picture of at least 1 s, found {} ms", media.video_ms));
    }
    let candidate = &offer.candidate;
    Ok(Clip {
        id: candidate.id.clone(),
        term: offer.term.clone(),
        description: candidate.description.clone(),
        page_url: candidate.page_url.clone(),
        creator: candidate.creator.clone(),
        licence: candidate.licence.to_owned(),
        path: blob.path.clone(),
        sha256: blob.digest.to_string(),
        bytes: blob.bytes,
        media,
    })
}

/// How much of a narration the clips cover when each is shown once, for `longest_ms` at most.
fn covered_ms(found: &[(usize, Clip)], longest_ms: u64) -> u64 {
    found.iter().map(|(_, clip)| clip.media.video_ms.min(longest_ms)).sum()
}

/// How long a text takes to say at most: MoneyPrinterTurbo's rates, 2.7 words and 4.2 CJK characters a
/// second, and a margin.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate of a text of at most 50,000 characters"
)]
fn estimated_ms(text: &str, rate: f64) -> u64 {
    let is_cjk = |c: &char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}');
    let n_cjk = text.chars().filter(is_cjk).count() as f64;
    let n_words = text.split(|c: char| c.is_whitespace() || is_cjk(&c));
    let n_words = n_words.filter(|word| word.chars().any(char::is_alphanumeric)).count() as f64;
    ((n_words / 2.7 + n_cjk / 4.2) / rate * ESTIMATE_MARGIN * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(ids: &[(&str, u64)]) -> Vec<Candidate> {
        let candidate = |&(id, duration_ms): &(&str, u64)| Candidate {
            id: id.to_owned(),
            page_url: String::new(),
            creator: String::new(),
            licence: "",
            description: String::new(),
            duration_ms,
            url: format!("http://x/{id}.mp4"),
            bytes: None,
        };
        ids.iter().map(candidate).collect()
    }

    #[test]
    fn terms_take_turns_and_each_clip_comes_once() {
        let by_term = vec![
            ("sea".to_owned(), candidates(&[("a", 9000), ("b", 9000), ("c", 9000)])),
            (
                "night".to_owned(),
                candidates(&[("b", 9000), ("flicker", 500), ("a", 9000), ("d", 9000)]),
            ),
            ("desert".to_owned(), candidates(&[])),
        ];
        let offers = round_robin(by_term);
        let found: Vec<_> =
            offers.iter().map(|offer| (offer.term.as_str(), offer.candidate.id.as_str())).collect();
        assert_eq!(found, [("sea", "a"), ("night", "b"), ("sea", "c"), ("night", "d")]);

        let filled = with_joker(offers, candidates(&[("c", 9000), ("e", 9000)]));
        let last = filled.last().map(|offer| (offer.term.as_str(), offer.candidate.id.as_str()));
        assert_eq!((filled.len(), last), (5, Some((JOKER, "e"))));
    }

    #[test]
    fn an_offer_without_an_address_is_rejected_and_the_others_stay() {
        let mut offers =
            round_robin(vec![("sea".to_owned(), candidates(&[("a", 9000), ("b", 9000)]))]);
        offers[0].candidate.url = "not an address".to_owned();
        let mut rejected = Vec::new();
        let (offers, requests) = requests(offers, &mut rejected);
        assert_eq!((offers[0].candidate.id.as_str(), requests.len()), ("b", 1));
        assert_eq!(rejected[0].reason, "no URL: relative URL without a base");
    }

    #[track_caller]
    fn check_estimate(text: &str, rate: f64, expected_ms: u64) {
        assert_eq!(estimated_ms(text, rate), expected_ms, "{text:?} at {rate}");
    }

    #[test]
    fn speech_is_estimated_from_words_and_characters() {
        check_estimate("", 1.0, 0);
        check_estimate("One two three — four five, six seven eight nine.", 1.0, 4166);
        check_estimate("One two three — four five, six seven eight nine.", 2.0, 2083);
        check_estimate("夜の海夜の海夜の海夜の海夜の海夜の海夜の海", 1.0, 6250);
    }
}
