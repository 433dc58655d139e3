//! What a stock site offers for the terms.

use std::collections::HashSet;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use protocol::JobSpec;

use super::inspect::MIN_CLIP_MS;
use super::need::Need;
use crate::error::StageError;
use crate::parts::Parts;
use crate::providers::ProviderError;
use crate::providers::stock::{Candidate, Suits};

/// Searched when the terms find too little: short-video-maker's word for it is joker.
const JOKER: &str = "nature";
/// Terms that are searched for, whatever a language model gives.
const MAX_TERMS: usize = 50;

/// A candidate and the term that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) term: String,
    pub(super) candidate: Candidate,
}

/// What a site has, and what it was asked for in vain.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) offers: Vec<Offer>,
    /// Searches that failed, in words.
    pub(super) warnings: Vec<String>,
}

/// What the site has for the terms, in their order, and for the joker where that is not enough.
pub(super) async fn offers(
    parts: &Parts,
    spec: &JobSpec,
    terms: &[String],
    need: &Need,
) -> Result<Offered, StageError> {
    let (source, size) = (spec.video_source, spec.size());
    let search = async |term: &str| parts.stock.search(source, term, size).await;
    let failed = |error: ProviderError| {
        error.into_stage_error(["stock_unavailable", "stock_refused", "stock_bad_answer"])
    };
    let searches = FuturesOrdered::from_iter(terms.iter().take(MAX_TERMS).map(|term| search(term)));
    let answers: Vec<_> = searches.collect().await;
    let (by_term, mut warnings) = answered(terms.iter().zip(answers)).map_err(failed)?;
    let mut offers = in_turns(by_term, spec.match_materials_to_script);
    let covered: u64 =
        offers.iter().map(|offer| need.covered_ms(offer.candidate.duration_ms)).sum();
    if !need.is_met(covered, offers.len()) {
        match search(JOKER).await {
            Ok(joker) => offers = with_joker(offers, joker),
            Err(error) if offers.is_empty() => return Err(failed(error)),
            Err(error) => warnings.push(told(JOKER, &error)),
        }
    }
    if offers.is_empty() {
        let source = source.as_str();
        let message = format!("{source} has no clips for {} nor for {JOKER}", terms.join(", "));
        return Err(StageError::permanent("no_clips", message));
    }
    Ok(Offered { offers, warnings })
}

type ByTerm = Vec<(String, Vec<Candidate>)>;

/// The answers by their terms, and what is to be told of those that did not come. Where none came the
/// first reason is the error.
fn answered<'a>(
    answers: impl Iterator<Item = (&'a String, Result<Vec<Candidate>, ProviderError>)>,
) -> Result<(ByTerm, Vec<String>), ProviderError> {
    let (mut by_term, mut warnings, mut first) = (Vec::new(), Vec::new(), None);
    for (term, answer) in answers {
        match answer {
            Ok(candidates) => by_term.push((term.clone(), candidates)),
            Err(error) => {
                warnings.push(told(term, &error));
                first = first.or(Some(error));
            }
        }
    }
    match first {
        Some(error) if by_term.is_empty() => Err(error),
        _ => Ok((by_term, warnings)),
    }
}

fn told(term: &str, error: &ProviderError) -> String {
    tracing::warn!(term, %error, "a search failed");
    format!("no clips for {term:?}: {error}")
}

/// Forgets what the site said of the terms: none of it could be used, so it may be out of date.
pub(super) async fn forget(parts: &Parts, spec: &JobSpec, terms: &[String]) {
    let terms = terms.iter().take(MAX_TERMS).map(String::as_str);
    for term in terms.chain([JOKER]) {
        parts.stock.forget(spec.video_source, term, spec.size()).await;
    }
}

/// The joker's clips come last, and none that a term has found.
fn with_joker(mut offers: Vec<Offer>, joker: Vec<Candidate>) -> Vec<Offer> {
    let known: HashSet<String> = offers.iter().map(|offer| offer.candidate.id.clone()).collect();
    let further = in_turns(vec![(JOKER.to_owned(), joker)], false);
    offers.extend(further.into_iter().filter(|offer| !known.contains(&offer.candidate.id)));
    offers
}

/// Clips in turns of the terms. Those of another shape come after all that suit the picture: a second
/// good clip of one term is better than the first of another that lies on its side. Where the clips are
/// to follow the script (`by_script`) each term has its turn all the same.
fn in_turns(by_term: Vec<(String, Vec<Candidate>)>, by_script: bool) -> Vec<Offer> {
    let mut seen = HashSet::new();
    if by_script {
        return round_robin(by_term, &mut seen);
    }
    let is_other = |candidate: &Candidate| candidate.suits == Suits::OtherShape;
    let (mut right, mut other) = (Vec::new(), Vec::new());
    for (term, candidates) in by_term {
        let (sideways, upright) = candidates.into_iter().partition(is_other);
        right.push((term.clone(), upright));
        other.push((term, sideways));
    }
    let mut offers = round_robin(right, &mut seen);
    offers.extend(round_robin(other, &mut seen));
    offers
}

/// The best of each term, then the second best of each, and so on; each clip once, without flickers.
fn round_robin(by_term: Vec<(String, Vec<Candidate>)>, seen: &mut HashSet<String>) -> Vec<Offer> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(ids: &[(&str, u64)]) -> Vec<Candidate> {
        let candidate = |&(id, duration_ms): &(&str, u64)| Candidate {
            id: id.to_owned(),
            duration_ms,
            url: format!("http://x/{id}.mp4"),
            ..Candidate::default()
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
        let offers = in_turns(by_term, false);
        let found: Vec<_> =
            offers.iter().map(|offer| (offer.term.as_str(), offer.candidate.id.as_str())).collect();
        assert_eq!(found, [("sea", "a"), ("night", "b"), ("sea", "c"), ("night", "d")]);

        let filled = with_joker(offers, candidates(&[("c", 9000), ("e", 9000)]));
        let last = filled.last().map(|offer| (offer.term.as_str(), offer.candidate.id.as_str()));
        assert_eq!((filled.len(), last), (5, Some((JOKER, "e"))));
    }

    #[test]
    fn a_search_that_failed_is_told_and_all_of_them_are_an_error() {
        let terms = ["sea", "night"].map(str::to_owned);
        let away = |number: u16| ProviderError::Refused {
            url: "http://x".to_owned(),
            status: number,
            reason: "no".to_owned(),
        };
        let one = [Ok(candidates(&[("a", 9000)])), Err(away(500))];
        let (by_term, warnings) = answered(terms.iter().zip(one)).expect("one answer");
        assert_eq!(by_term.len(), 1);
        assert_eq!(warnings, [format!("no clips for \"night\": {}", away(500))]);
        let error = answered(terms.iter().zip([Err(away(400)), Err(away(500))])).expect_err("none");
        assert_eq!(error.to_string(), away(400).to_string(), "the first");
    }

    #[test]
    fn what_lies_on_its_side_comes_last_unless_the_script_decides() {
        let mut sea = candidates(&[("wide", 9000)]);
        sea[0].suits = Suits::OtherShape;
        let sky = candidates(&[("a", 9000), ("b", 9000)]);
        let check = |by_script, expected: [&str; 3]| {
            let by_term = vec![("sea".to_owned(), sea.clone()), ("sky".to_owned(), sky.clone())];
            let offers = in_turns(by_term, by_script);
            let ids: Vec<_> = offers.iter().map(|offer| offer.candidate.id.as_str()).collect();
            assert_eq!(ids, expected, "{by_script}");
        };
        check(false, ["a", "b", "wide"]);
        check(true, ["wide", "a", "b"]);
    }
}
