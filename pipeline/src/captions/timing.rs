//! Times of words where the speech engine tells none: from what a recogniser heard, or from the lengths
//! of the words.

mod alignment;

use crate::artefacts::TimedWord;
use crate::timeline::{Anchor, place, weight};

/// The words of `known` with the times of the same words in `heard`.
///
/// A recogniser mishears, leaves out and makes up words; its text is not used, only its times. Words
/// are compared without regard to case, punctuation and marks above letters, a Chinese letter as a word
/// of its own. A word that was not heard takes its share of the time between its neighbours.
///
/// Every word of `known` is there, in order, at least 1 ms long, within `duration_ms` (unless there
/// are more words than milliseconds).
pub fn align(known: &str, heard: &[TimedWord], duration_ms: u64) -> Vec<TimedWord> {
    let tokens: Vec<&str> = known.split_whitespace().collect();
    let heard_texts: Vec<&str> = heard.iter().map(|word| word.text.as_str()).collect();
    let mut anchors: Vec<Option<Anchor>> = vec![None; tokens.len()];
    for pair in alignment::pairs(&tokens, &heard_texts) {
        let word = &heard[pair.heard];
        let (start_ms, end_ms) = pair.part.of(word.start_ms, word.end_ms);
        let anchor = anchors[pair.known].get_or_insert(Anchor { start_ms, end_ms: None });
        anchor.end_ms = Some(end_ms);
    }
    place(&tokens, &anchors, duration_ms)
}

/// The words of `text`, each as long as its letters ask for, spread over the ranges in which somebody
/// speaks (start and end in milliseconds); over the whole where there are none.
///
/// The same holds of the words as for [`align`].
pub fn proportional(text: &str, duration_ms: u64, speech_ranges: &[(u64, u64)]) -> Vec<TimedWord> {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let ranges = tidied(speech_ranges, duration_ms);
    let speech_ms: u64 = ranges.iter().map(|(start, end)| end - start).sum();
    let total: u64 = tokens.iter().map(|token| weight(token)).sum();
    let mut before = 0;
    let anchors: Vec<Option<Anchor>> = tokens
        .iter()
        .map(|token| {
            let from = speech_ms * before / total;
            before += weight(token);
            let until = speech_ms * before / total;
            // A word that ends with a range ends there, not where the next one begins.
            let start_ms = instant(&ranges, from, |spoken, length| spoken < length)?;
            let end_ms = instant(&ranges, until, |spoken, length| spoken <= length);
            Some(Anchor { start_ms, end_ms })
        })
        .collect();
    place(&tokens, &anchors, duration_ms)
}

/// The instant at which `spoken` milliseconds of speech are over.
fn instant(ranges: &[(u64, u64)], mut spoken: u64, within: fn(u64, u64) -> bool) -> Option<u64> {
    for (start, end) in ranges {
        if within(spoken, end - start) {
            return Some(start + spoken);
        }
        spoken = spoken.saturating_sub(end - start);
    }
    None
}

/// Ranges in order, within the sound, none empty, none touching another; the whole sound for none.
fn tidied(ranges: &[(u64, u64)], duration_ms: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = ranges
        .iter()
        .map(|&(start, end)| (start, end.min(duration_ms)))
        .filter(|(start, end)| start < end)
        .collect();
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        let touches = later.0 <= earlier.1;
        if touches {
            earlier.1 = earlier.1.max(later.1);
        }
        touches
    });
    if ranges.is_empty() { vec![(0, duration_ms)] } else { ranges }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::tests::check_well_timed;

    fn heard(words: &[(&str, u64, u64)]) -> Vec<TimedWord> {
        let word = |&(text, start_ms, end_ms): &(&str, u64, u64)| TimedWord {
            text: text.to_owned(),
            start_ms,
            end_ms,
        };
        words.iter().map(word).collect()
    }

    #[track_caller]
    fn check_times(words: &[TimedWord], text: &str, duration_ms: u64, expected: &[(u64, u64)]) {
        check_well_timed(words, duration_ms);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, text.split_whitespace().collect::<Vec<_>>());
        let times: Vec<(u64, u64)> = words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, expected, "{text}");
    }

    #[track_caller]
    fn check_align(known: &str, words: &[(&str, u64, u64)], expected: &[(u64, u64)]) {
        check_times(&align(known, &heard(words), 1000), known, 1000, expected);
    }

    #[test]
    fn what_was_not_heard_takes_its_share() {
        check_align("", &[("hello", 0, 500)], &[]);
        check_align("ab cd", &[], &[(0, 500), (500, 1000)]);
        check_align("ab cd", &[("xyz", 100, 900)], &[(0, 500), (500, 1000)]);
        check_align(
            "the sea is wide",
            &[("the", 0, 90), ("wide", 600, 900)],
            &[(0, 90), (90, 396), (396, 600), (600, 900)],
        );
    }

    #[test]
    fn what_was_made_up_is_left_out() {
        let words = [("Thanks", 0, 5), ("the", 10, 90), ("the", 90, 95), ("sea.", 100, 400)];
        check_align("The sea", &words, &[(90, 95), (100, 400)]);
    }

    #[test]
    fn case_punctuation_and_marks_do_not_matter() {
        check_align(
            "“Biển” — ĐÃ, lặng!",
            &[("bien", 0, 300), ("da", 500, 600), ("lang", 600, 900)],
            &[(0, 300), (300, 500), (500, 600), (600, 900)],
        );
        // The same letters with the right marks are the better match.
        check_align("má", &[("ma", 0, 100), ("má", 200, 300), ("mà", 400, 500)], &[(200, 300)]);
    }

    #[test]
    fn a_misheard_word_keeps_its_time() {
        check_align(
            "old harbour lights",
            &[("all", 0, 200), ("harbor", 200, 600), ("light", 600, 900)],
            &[(0, 200), (200, 600), (600, 900)],
        );
    }

    #[test]
    fn a_number_is_heard_in_words() {
        let words =
            [("paid", 0, 300), ("twenty", 300, 500), ("five", 500, 700), ("dollars", 700, 1000)];
        check_align("paid 25 dollars", &words, &[(0, 300), (300, 700), (700, 1000)]);
    }

    #[test]
    fn chinese_is_compared_by_letters() {
        let words = [
            ("今天", 0, 200),
            ("天气", 200, 400),
            ("很", 400, 500),
            ("好", 500, 600),
            ("yes", 700, 900),
        ];
        check_align("今天，天气很好。 Yes", &words, &[(0, 600), (700, 900)]);
    }

    #[track_caller]
    fn check_proportional(text: &str, ranges: &[(u64, u64)], expected: &[(u64, u64)]) {
        check_times(&proportional(text, 1000, ranges), text, 1000, expected);
    }

    #[test]
    fn words_are_spread_over_the_speech() {
        check_proportional("", &[], &[]);
        check_proportional("a bbb", &[], &[(0, 250), (250, 1000)]);
        check_proportional("aa bb", &[(100, 300), (600, 800)], &[(100, 300), (600, 800)]);
        check_proportional(
            "a bb c",
            &[(100, 300), (600, 800)],
            &[(100, 200), (200, 700), (700, 800)],
        );
    }

    #[test]
    fn broken_ranges_do_no_harm() {
        check_proportional(
            "aa bb",
            &[(600, 9000), (5, 5), (9, 2), (2000, 3000)],
            &[(600, 800), (800, 1000)],
        );
        check_proportional("aa bb", &[(400, 600), (100, 500)], &[(100, 350), (350, 600)]);
        check_times(&proportional("a b c", 2, &[]), "a b c", 2, &[(0, 1), (1, 2), (2, 3)]);
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[a-zđểợA-Z0-9,.— 世界\\n]{0,80}"]
    }

    fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0..3000_u64, 0..3000_u64), 0..8)
    }

    proptest! {
        #[test]
        fn aligned_words_are_the_known_text(
            known in text(), other in text(), times in ranges(), duration_ms in 0..3000_u64,
        ) {
            let heard: Vec<TimedWord> = other
                .split(' ')
                .zip(times.into_iter().cycle())
                .map(|(text, (start_ms, end_ms))| TimedWord { text: text.to_owned(), start_ms, end_ms })
                .collect();
            let words = align(&known, &heard, duration_ms);
            check_well_timed(&words, duration_ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, known.split_whitespace().collect::<Vec<_>>());
        }

        #[test]
        fn what_was_heard_well_is_taken_over(
            words in prop::collection::btree_set("[a-z]{2,9}", 1..30), deaf in any::<prop::sample::Index>(),
        ) {
            let known = words.into_iter().collect::<Vec<_>>().join(" ");
            let spoken = proportional(&known, 9000, &[]);
            prop_assert_eq!(&align(&known, &spoken, 9000), &spoken);
            // A word that was not heard fills the gap it left and moves no other.
            let mut heard = spoken.clone();
            heard.remove(deaf.index(spoken.len()));
            prop_assert_eq!(align(&known, &heard, 9000), spoken);
        }

        #[test]
        fn proportional_words_are_the_text(
            text in text(), ranges in ranges(), duration_ms in 0..3000_u64,
        ) {
            let words = proportional(&text, duration_ms, &ranges);
            check_well_timed(&words, duration_ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
