//! Words on a time line: some instants are known, the others are told from the lengths of the words.

use icu_segmenter::LineSegmenter;
use icu_segmenter::options::LineBreakOptions;
use unicode_width::UnicodeWidthChar;

use crate::artefacts::TimedWord;

/// What is known about one word's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// When its sound begins.
    pub start_ms: u64,
    /// When its sound ends. None: it lasts until the next word.
    pub end_ms: Option<u64>,
}

/// A pause shorter than this for each word in it has no room for them.
const MIN_ROOM_MS: u64 = 30;

/// Gives every token its time: the anchored ones their anchor's, the others a share of the time
/// between their anchored neighbours, by length of the text.
///
/// Whatever the anchors say, the words are in order, do not overlap, last at least 1 ms and end
/// within `duration_ms`; only where there are more words than milliseconds they end after it. Anchors
/// after the end, and those that contradict most others, are ignored.
pub fn place(tokens: &[&str], anchors: &[Option<Anchor>], duration_ms: u64) -> Vec<TimedWord> {
    let anchors = consistent(anchors, tokens.len(), duration_ms);
    let mut starts = ideal_starts(tokens, &anchors, duration_ms);
    tighten(&mut starts, duration_ms);
    let limit = duration_ms.max(tokens.len() as u64);
    let next_starts = starts.iter().skip(1).copied().chain([limit]);
    tokens
        .iter()
        .zip(&anchors)
        .zip(starts.iter().zip(next_starts))
        .map(|((&token, anchor), (&start_ms, next_ms))| {
            let end_ms = anchor.and_then(|anchor| anchor.end_ms).unwrap_or(next_ms);
            TimedWord {
                text: token.to_owned(),
                start_ms,
                end_ms: end_ms.clamp(start_ms + 1, next_ms),
            }
        })
        .collect()
}

/// The anchors that lie within the sound and in order, one for each of `n_tokens`: of those that are
/// not in order as many are kept as can be (the longest increasing run), so that a single wrong one
/// does not cost all that follow it.
fn consistent(
    anchors: &[Option<Anchor>],
    n_tokens: usize,
    duration_ms: u64,
) -> Vec<Option<Anchor>> {
    let within = |(i, anchor): (usize, &Option<Anchor>)| Some((i, (*anchor)?));
    let known: Vec<(usize, Anchor)> = anchors
        .iter()
        .enumerate()
        .take(n_tokens)
        .filter_map(within)
        .filter(|(_, anchor)| anchor.start_ms < duration_ms)
        .collect();
    // ends[n]: the anchor with the earliest start that ends a run of n + 1; before[k]: the one before k.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(known.len());
    for (k, (_, anchor)) in known.iter().enumerate() {
        let length = ends.partition_point(|&end| known[end].1.start_ms < anchor.start_ms);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = k,
            None => ends.push(k),
        }
    }
    let mut kept = vec![None; n_tokens];
    let mut next = ends.last().copied();
    while let Some(k) = next {
        kept[known[k].0] = Some(known[k].1);
        next = before[k];
    }
    kept
}

/// Where each token would start: at its anchor, or after its share of the run it stands in.
fn ideal_starts(tokens: &[&str], anchors: &[Option<Anchor>], duration_ms: u64) -> Vec<u64> {
    let mut starts = Vec::with_capacity(tokens.len());
    while starts.len() < tokens.len() {
        // A run: one anchored token (or the beginning) and the tokens without an anchor behind it.
        let first = starts.len();
        let unknown = |i: &usize| anchors[*i].is_none();
        let end = (first + 1..tokens.len()).find(|i| !unknown(i)).unwrap_or(tokens.len());
        let until_ms = anchors.get(end).copied().flatten().map_or(duration_ms, |a| a.start_ms);
        let from = anchors[first].map_or(0, |anchor| anchor.start_ms);
        let n_unknown = (end - first - 1) as u64;
        let pause = anchors[first]
            .and_then(|anchor| anchor.end_ms)
            .filter(|&e| e > from && e.saturating_add(n_unknown * MIN_ROOM_MS) <= until_ms);
        match pause {
            Some(pause_from) => {
                starts.push(from);
                starts.extend(shares(&tokens[first + 1..end], pause_from, until_ms));
            }
            None => starts.extend(shares(&tokens[first..end], from, until_ms)),
        }
    }
    starts
}

/// Where each of the tokens starts when together they fill the time, each by its length.
pub(crate) fn shares(tokens: &[&str], from_ms: u64, until_ms: u64) -> impl Iterator<Item = u64> {
    let total: u64 = tokens.iter().map(|token| weight(token)).sum();
    let span_ms = until_ms.saturating_sub(from_ms);
    tokens.iter().scan(0, move |before, token| {
        let start = from_ms + span_ms * *before / total;
        *before += weight(token);
        Some(start)
    })
}

/// How long a token takes to say, in letters; at least 1: a dash takes some time too. A digit is a word
/// when it is said, and a Chinese letter is a syllable: as long as a few others.
pub fn weight(token: &str) -> u64 {
    let letters = token.chars().filter(|c| c.is_alphanumeric());
    let weight = |c: char| match c {
        c if c.is_numeric() => DIGIT,
        c if c.width() == Some(2) => SYLLABLE,
        _ => 1,
    };
    letters.map(weight).sum::<u64>().max(1)
}

/// Letters of a digit and of a Chinese one.
const DIGIT: u64 = 4;
const SYLLABLE: u64 = 3;

/// The tokens of a text, which are timed and shown one by one: what stands between white space, and
/// within that each Chinese or Japanese letter, with the marks that must stay on its line, and each word
/// of Thai, Lao, Khmer and Burmese, which is found by a dictionary.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().flat_map(parts)
}

fn parts(word: &str) -> Vec<&str> {
    if !word.contains(is_unspaced) {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for until in line_breaks(word) {
        let behind = word[until..].chars().next();
        let before = word[from..until].contains(is_unspaced);
        if before || behind.is_none_or(is_unspaced) {
            parts.push(&word[from..until]);
            from = until;
        }
    }
    parts
}

/// Where a line may end within the text, and its end (Unicode Standard Annex 14).
pub(crate) fn line_breaks(text: &str) -> Vec<usize> {
    let segmenter = LineSegmenter::new_auto(LineBreakOptions::default());
    // The first one is the beginning of the text.
    segmenter.segment_str(text).skip(1).collect()
}

/// Whether the letter is of a script without spaces. Korean has spaces.
fn is_unspaced(c: char) -> bool {
    (c.width() == Some(2) && c.is_alphanumeric() && !is_hangul(c)) || is_south_east_asian(c)
}

/// Thai, Lao, Burmese and Khmer.
fn is_south_east_asian(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}')
}

/// Moves the starts as little as needed to be 1 ms apart and 1 ms before the end.
fn tighten(starts: &mut [u64], duration_ms: u64) {
    let mut earliest_ms = 0;
    for start in starts.iter_mut() {
        *start = (*start).max(earliest_ms);
        earliest_ms = *start + 1;
    }
    let mut until_ms = duration_ms.max(starts.len() as u64);
    for start in starts.iter_mut().rev() {
        *start = (*start).min(until_ms - 1);
        until_ms = *start;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Holds for every list of words that this crate makes.
    #[track_caller]
    pub(crate) fn check_well_timed(words: &[TimedWord], duration_ms: u64) {
        for word in words {
            assert!(word.start_ms < word.end_ms, "no time: {word:?}");
        }
        for pair in words.windows(2) {
            assert!(pair[0].end_ms <= pair[1].start_ms, "overlap: {pair:?}");
        }
        let end_ms = words.last().map_or(0, |word| word.end_ms);
        assert!(end_ms <= duration_ms.max(words.len() as u64), "{end_ms} > {duration_ms}");
    }

    #[track_caller]
    fn check(
        tokens: &[&str],
        anchors: &[Option<(u64, Option<u64>)>],
        duration_ms: u64,
        expected: &[(u64, u64)],
    ) {
        let anchors: Vec<Option<Anchor>> = anchors
            .iter()
            .map(|anchor| anchor.map(|(start_ms, end_ms)| Anchor { start_ms, end_ms }))
            .collect();
        let words = place(tokens, &anchors, duration_ms);
        check_well_timed(&words, duration_ms);
        let times: Vec<(u64, u64)> = words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, expected, "{tokens:?}");
    }

    #[test]
    fn broken_anchors_do_no_harm() {
        let at = |start_ms| Some((start_ms, None));
        check(&[], &[], 100, &[]);
        check(&["a", "b"], &[], 0, &[(0, 1), (1, 2)]); // more words than milliseconds
        check(&["a", "b"], &[at(50), at(20)], 100, &[(0, 20), (20, 100)]); // backwards
        let late = [at(0), at(95), at(40), at(60)]; // one of them is wrong
        check(&["a", "b", "c", "d"], &late, 100, &[(0, 20), (20, 40), (40, 60), (60, 100)]);
        check(&["a", "b"], &[at(0), at(100)], 100, &[(0, 50), (50, 100)]); // after the end
        check(&["a", "b"], &[at(99), None], 100, &[(98, 99), (99, 100)]); // no room behind
        check(&["a", "b"], &[Some((10, Some(5))), at(20)], 30, &[(10, 11), (20, 30)]);
        check(&["a"], &[at(0), at(5), at(9)], 10, &[(0, 10)]); // more anchors than words
    }

    #[test]
    fn a_word_without_an_anchor_takes_its_share() {
        let at = |start_ms| Some((start_ms, None));
        check(
            &["abc", "d", "ef"],
            &[at(100), None, at(500)],
            700,
            &[(100, 400), (400, 500), (500, 700)],
        );
        check(&["—", "abc"], &[None, at(200)], 300, &[(0, 200), (200, 300)]);
        check(&["abcd", "—"], &[at(0), None], 100, &[(0, 80), (80, 100)]);
        // A pause after the anchored word has room for the others, and too short a pause has not.
        let until = |start_ms, end_ms| Some((start_ms, Some(end_ms)));
        check(&["ab", "cd"], &[until(0, 40), None], 100, &[(0, 40), (40, 100)]);
        check(&["ab", "cd"], &[until(0, 90), None], 100, &[(0, 50), (50, 100)]);
    }

    #[track_caller]
    fn check_tokens(text: &str, expected: &[&str]) {
        assert_eq!(tokens(text).collect::<Vec<_>>(), expected, "{text:?}");
    }

    #[test]
    fn a_text_is_timed_by_words_and_by_chinese_letters() {
        check_tokens(" ", &[]);
        check_tokens("The sea, 25%", &["The", "sea,", "25%"]);
        check_tokens("海守着秘密，", &["海", "守", "着", "秘", "密，"]);
        check_tokens("「海」（是）的。", &["「海」", "（是）", "的。"]);
        check_tokens("用iPhone-12拍 well-known", &["用", "iPhone-12", "拍", "well-known"]);
        check_tokens("ちょっと、きって", &["ちょっ", "と、", "きっ", "て"]);
        check_tokens("바다는 넓다.", &["바다는", "넓다."]);
        check_tokens("ทะเลเก็บความลับ (ใคร)", &["ทะเล", "เก็บ", "ความ", "ลับ", "(ใคร)"]);
        check_tokens("ភាសាខ្មែរគឺ", &["ភាសាខ្មែរ", "គឺ"]);
    }

    #[test]
    fn digits_and_chinese_letters_take_as_long_as_syllables() {
        for (token, expected) in [("—", 1), ("sea,", 3), ("25", 8), ("biển", 4), ("世界", 6)]
        {
            assert_eq!(weight(token), expected, "{token}");
        }
    }

    proptest! {
        #[test]
        fn tokens_hold_all_of_the_text(text in "[a-z 0-9,.。，「」（）世界のっー가나ทะเล็ก\\PC]{0,60}") {
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            let tokens: Vec<&str> = tokens(&text).collect();
            prop_assert!(tokens.iter().all(|token| !token.is_empty()));
            prop_assert_eq!(tokens.concat(), letters(&text));
        }

        #[test]
        fn every_word_has_its_place(
            tokens in prop::collection::vec("[a-z—0-9]{1,12}", 0..40),
            anchors in prop::collection::vec(
                prop::option::of((0..5000_u64, prop::option::of(0..5000_u64))), 0..50),
            duration_ms in 0..4000_u64,
        ) {
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let anchors: Vec<Option<Anchor>> = anchors
                .into_iter()
                .map(|anchor| anchor.map(|(start_ms, end_ms)| Anchor { start_ms, end_ms }))
                .collect();
            let words = place(&tokens, &anchors, duration_ms);
            check_well_timed(&words, duration_ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, tokens);
        }
    }
}
