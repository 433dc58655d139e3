//! Which words are said between which pauses.
//!
//! A voice pauses where a sentence or a clause ends, mostly. So of all the ways to match pauses to such
//! places the cheapest is taken: that in which each stretch of sound is about as long as its words ask
//! for, few pauses are left over, and few sentences end without one.

use std::ops::Range;

use crate::timeline::weight;

/// Words, and the ranges of sound in which they are said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub tokens: Range<usize>,
    pub ranges: Range<usize>,
}

/// How far the length of a stretch is off, of its expected length and in milliseconds at least.
const SPREAD: f64 = 0.15;
const MIN_SPREAD_MS: f64 = 80.0;
/// What is paid for a pause within a stretch, and for the end of a sentence or a clause within one.
const PAUSE: f64 = 2.0;
const SENTENCE: f64 = 2.0;
const CLAUSE: f64 = 0.3;
/// A stretch has at most so many of each within it, but for the last one.
const REACH: usize = 6;
/// More than these (a narration of twenty minutes) are not matched, to bound the time it takes.
const MAX_PLACES: usize = 200_000;

/// The text in stretches, in order; together they are all tokens and all ranges.
pub(super) fn stretches(tokens: &[&str], ranges: &[(u64, u64)]) -> Vec<Stretch> {
    let borders = Borders::of(tokens);
    let mut before = vec![0];
    for (start, end) in ranges {
        before.push(before[before.len() - 1] + end - start);
    }
    let all = Stretch { tokens: 0..tokens.len(), ranges: 0..ranges.len() };
    let (n_borders, n_ranges) = (borders.places.len(), before.len());
    let total = (borders.letters[n_borders - 1], before[n_ranges - 1]);
    if n_borders * n_ranges > MAX_PLACES || total.0 == 0 || ranges.len() < 2 {
        return vec![all];
    }
    let rate = total.1 as f64 / total.0 as f64;
    let cost = |from: (usize, usize), to: (usize, usize)| {
        let expected = rate * (borders.letters[to.0] - borders.letters[from.0]) as f64;
        let off = (before[to.1] - before[from.1]) as f64 - expected;
        let pauses = (to.1 - from.1 - 1) as f64 * PAUSE;
        let ends: f64 = borders.skipping[from.0 + 1..to.0].iter().sum();
        (off / (SPREAD * expected + MIN_SPREAD_MS)).powi(2) + pauses + ends
    };
    // best[border][range]: the least cost of what is before both, and where its last stretch begins.
    let mut best = vec![vec![(f64::INFINITY, (0, 0)); n_ranges]; n_borders];
    best[0][0].0 = 0.0;
    let last = (n_borders - 1, n_ranges - 1);
    for border in 1..n_borders {
        for range in 1..n_ranges {
            let at = (border, range);
            let reach = if at == last { usize::MAX } else { REACH };
            let from = (border.saturating_sub(reach)..border)
                .flat_map(|i| (range.saturating_sub(reach)..range).map(move |j| (i, j)));
            let cheapest = from
                .filter(|&(i, j)| best[i][j].0.is_finite())
                .map(|(i, j)| (best[i][j].0 + cost((i, j), at), (i, j)))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some(cheapest) = cheapest {
                best[border][range] = cheapest;
            }
        }
    }
    let mut stretches = Vec::new();
    let mut to = last;
    while to != (0, 0) {
        let from = best[to.0][to.1].1;
        stretches.push(Stretch {
            tokens: borders.places[from.0]..borders.places[to.0],
            ranges: from.1..to.1,
        });
        to = from;
    }
    stretches.reverse();
    stretches
}

/// Where a voice may pause, the beginning and the end among them.
struct Borders {
    /// Tokens before it.
    places: Vec<usize>,
    /// Letters before it.
    letters: Vec<u64>,
    /// What it costs that the voice does not pause there.
    skipping: Vec<f64>,
}

impl Borders {
    fn of(tokens: &[&str]) -> Self {
        let mut borders = Self { places: vec![0], letters: vec![0], skipping: vec![0.0] };
        let mut letters = 0;
        for (i, token) in tokens.iter().enumerate() {
            letters += weight(token);
            let skipping = skipping(token);
            if i + 1 == tokens.len() || skipping.is_some() {
                borders.places.push(i + 1);
                borders.letters.push(letters);
                borders.skipping.push(skipping.unwrap_or_default());
            }
        }
        borders
    }
}

/// What it costs that the voice does not pause behind the token. None: it has no reason to.
fn skipping(token: &str) -> Option<f64> {
    let last = token.chars().rfind(|c| {
        !matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '」' | '』' | '）' | '】')
    })?;
    match last {
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '۔' | '।' => Some(SENTENCE),
        ',' | ';' | ':' | '—' | '–' | '，' | '、' | '；' | '：' | '،' | '؛' => {
            Some(CLAUSE)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, ranges: &[(u64, u64)], expected: &[(&str, Range<usize>)]) {
        let tokens: Vec<&str> = text.split(' ').collect();
        let found = stretches(&tokens, ranges);
        let found: Vec<(String, Range<usize>)> =
            found.into_iter().map(|s| (tokens[s.tokens].join(" "), s.ranges)).collect();
        let expected: Vec<(String, Range<usize>)> =
            expected.iter().map(|(text, ranges)| ((*text).to_owned(), ranges.clone())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_pause_is_where_a_sentence_ends() {
        check("One two.", &[(0, 900)], &[("One two.", 0..1)]);
        // The first sentence is said more slowly than its letters ask for.
        check(
            "Yes, my dear. Nobody has counted them.",
            &[(0, 900), (1400, 2500)],
            &[("Yes, my dear.", 0..1), ("Nobody has counted them.", 1..2)],
        );
        check(
            "One, two three four five.",
            &[(0, 300), (600, 1900)],
            &[("One,", 0..1), ("two three four five.", 1..2)],
        );
    }

    #[test]
    fn a_pause_in_the_middle_of_a_clause_ends_nothing() {
        check(
            "Nobody has ever counted all of them. Yes.",
            &[(0, 700), (900, 2500), (3000, 3200)],
            &[("Nobody has ever counted all of them.", 0..2), ("Yes.", 2..3)],
        );
        check("no mark at all", &[(0, 100), (200, 300)], &[("no mark at all", 0..2)]);
    }

    proptest! {
        #[test]
        fn stretches_are_everything_in_order(
            tokens in prop::collection::vec("[a-z]{1,8}[.,]?", 1..40),
            lengths in prop::collection::vec((1..2000_u64, 1..900_u64), 1..20),
        ) {
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let mut now = 0;
            let ranges: Vec<(u64, u64)> = lengths
                .into_iter()
                .map(|(sound, silence)| {
                    let start = now + silence;
                    now = start + sound;
                    (start, now)
                })
                .collect();
            let found = stretches(&tokens, &ranges);
            let (mut token, mut range) = (0, 0);
            for stretch in &found {
                prop_assert_eq!((stretch.tokens.start, stretch.ranges.start), (token, range));
                prop_assert!(!stretch.tokens.is_empty() && !stretch.ranges.is_empty());
                (token, range) = (stretch.tokens.end, stretch.ranges.end);
            }
            prop_assert_eq!((token, range), (tokens.len(), ranges.len()));
        }
    }
}
