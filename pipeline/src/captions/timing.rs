//! Times of words where the speech engine tells none: from what a recogniser heard, or from the lengths
//! of the words.

mod alignment;
mod pauses;

use crate::artefacts::TimedWord;
use crate::timeline::{self, Anchor, weight};

/// Words that were aligned to what a recogniser heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// Every word of the known text, in order.
    pub words: Vec<TimedWord>,
    /// Share of the words that were heard, 0 to 1. The fewer, the more of the times are guesses; of a
    /// text that is not what was said, next to none are.
    pub heard_share: f64,
}

/// A word that was heard as something else is not said faster than a letter in so many milliseconds.
const MIN_LETTER_MS: u64 = 30;

/// The words of `known` with the times of the same words in `heard`.
///
/// A recogniser mishears, leaves out and makes up words; its text is not used, only its times. Words
/// are compared without regard to case, punctuation and marks above letters, a Chinese letter as a word
/// of its own. Words that were heard as others (a number in words) share the time of what was heard in
/// their place; a word for which nothing was heard takes its share of the time between its neighbours.
///
/// Every word of `known` ([`timeline::tokens`]) is there, in order, at least 1 ms long, within
/// `duration_ms` (unless there are more words than milliseconds).
pub fn align(known: &str, heard: &[TimedWord], duration_ms: u64) -> Aligned {
    let tokens: Vec<&str> = timeline::tokens(known).collect();
    let heard_texts: Vec<&str> = heard.iter().map(|word| word.text.as_str()).collect();
    let pairs = alignment::pairs(&tokens, &heard_texts);
    let mut anchors: Vec<Option<Anchor>> = vec![None; tokens.len()];
    for pair in &pairs {
        let word = &heard[pair.heard];
        let (start_ms, end_ms) = pair.part.of(word.start_ms, word.end_ms);
        let anchor = anchors[pair.known].get_or_insert(Anchor { start_ms, end_ms: None });
        anchor.end_ms = Some(end_ms);
    }
    let n_said = tokens.iter().filter(|token| token.contains(char::is_alphanumeric)).count();
    let n_heard = anchors.iter().flatten().count();
    anchor_misheard(&tokens, heard, &pairs, &mut anchors);
    Aligned {
        words: timeline::place(&tokens, &anchors, duration_ms),
        heard_share: (n_heard as f64 / n_said.max(1) as f64).min(1.0),
    }
}

/// Between two pairs stand known words and heard words that are not alike: the ones were heard as the
/// others, where there is time for them.
fn anchor_misheard(
    tokens: &[&str],
    heard: &[TimedWord],
    pairs: &[alignment::Pair],
    anchors: &mut [Option<Anchor>],
) {
    let ends = pairs.iter().map(|pair| (pair.known, pair.heard));
    let ends = ends.chain([(tokens.len(), heard.len())]);
    let mut from = (0, 0);
    for (known_end, heard_end) in ends {
        // Several heard words may be one known word: there is no gap between them.
        let known = tokens.get(from.0..known_end).unwrap_or_default();
        let misheard = heard.get(from.1..heard_end).unwrap_or_default();
        if let ([first, ..], [.., last]) = (misheard, misheard) {
            let letters: u64 = known.iter().map(|token| weight(token)).sum();
            let span_ms = last.end_ms.saturating_sub(first.start_ms);
            if !known.is_empty() && span_ms >= letters * MIN_LETTER_MS {
                let starts = timeline::shares(known, first.start_ms, last.end_ms);
                for (anchor, start_ms) in anchors[from.0..known_end].iter_mut().zip(starts) {
                    *anchor = Some(Anchor { start_ms, end_ms: None });
                }
                if let Some(Some(anchor)) = anchors.get_mut(known_end - 1) {
                    anchor.end_ms = Some(last.end_ms);
                }
            }
        }
        from = (known_end + 1, heard_end + 1);
    }
}

/// The words of `text`, each as long as its letters ask for, spread over the ranges in which somebody
/// speaks (start and end in milliseconds); over the whole where there are none. A voice pauses where a
/// sentence or a clause ends: the ranges between two pauses are given to the words between two such
/// places.
///
/// The same holds of the words as for [`align`].
pub fn proportional(text: &str, duration_ms: u64, speech_ranges: &[(u64, u64)]) -> Vec<TimedWord> {
    let tokens: Vec<&str> = timeline::tokens(text).collect();
    let ranges = tidied(speech_ranges, duration_ms);
    let anchors: Vec<Option<Anchor>> = pauses::stretches(&tokens, &ranges)
        .into_iter()
        .flat_map(|stretch| spread(&tokens[stretch.tokens], &ranges[stretch.ranges]))
        .collect();
    timeline::place(&tokens, &anchors, duration_ms)
}

/// The tokens, each as long as its letters ask for, spread over the ranges.
fn spread(tokens: &[&str], ranges: &[(u64, u64)]) -> Vec<Option<Anchor>> {
    let speech_ms: u64 = ranges.iter().map(|(start, end)| end - start).sum();
    let total: u64 = tokens.iter().map(|token| weight(token)).sum();
    let mut before = 0;
    tokens
        .iter()
        .map(|token| {
            let from = speech_ms * before / total;
            before += weight(token);
            let until = speech_ms * before / total;
            // A word that ends with a range ends there, not where the next one begins.
            let start_ms = instant(ranges, from, |spoken, length| spoken < length)?;
            let end_ms = instant(ranges, until, |spoken, length| spoken <= length);
            Some(Anchor { start_ms, end_ms })
        })
        .collect()
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
        assert_eq!(texts, timeline::tokens(text).collect::<Vec<_>>());
        let times: Vec<(u64, u64)> = words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, expected, "{text}");
    }

    #[track_caller]
    fn check_align(known: &str, words: &[(&str, u64, u64)], expected: &[(u64, u64)]) {
        check_times(&align(known, &heard(words), 1000).words, known, 1000, expected);
    }

    #[test]
    fn what_was_not_heard_takes_its_share() {
        check_align("", &[("hello", 0, 500)], &[]);
        check_align("ab cd", &[], &[(0, 500), (500, 1000)]);
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
    fn what_was_heard_as_something_else_has_its_time() {
        // A pause on both sides of a number that was heard in words.
        let words = [("paid", 0, 200), ("twenty-five", 400, 700), ("dollars", 800, 1000)];
        check_align("paid 25 dollars", &words, &[(0, 200), (400, 700), (800, 1000)]);
        let spoken = [("in", 0, 100), ("1908", 200, 850), ("they", 900, 1000)];
        check_align(
            "in nineteen hundred eight they",
            &spoken,
            &[(0, 100), (200, 460), (460, 687), (687, 850), (900, 1000)],
        );
        check_align("ab cd", &[("xyz", 100, 900)], &[(100, 500), (500, 900)]);
        // There is no time for so many letters in what was heard: it is not theirs.
        check_align(
            "so many words of it yes",
            &[("so", 0, 100), ("uh", 100, 200), ("yes", 800, 1000)],
            &[(0, 100), (100, 315), (315, 584), (584, 692), (692, 800), (800, 1000)],
        );
    }

    #[test]
    fn a_beginning_that_was_not_heard_comes_before_what_was() {
        check_align(
            "once more the sea",
            &[("the", 600, 700), ("sea", 700, 1000)],
            &[(0, 300), (300, 600), (600, 700), (700, 1000)],
        );
        check_align(
            "the sea is wide",
            &[("the", 100, 200), ("sea", 200, 400)],
            &[(100, 200), (200, 400), (400, 600), (600, 1000)],
        );
    }

    #[test]
    fn a_word_that_comes_again_is_taken_in_its_turn() {
        let words = [("no", 0, 100), ("no", 200, 300), ("no", 400, 500), ("yes", 600, 700)];
        check_align("no no no yes", &words, &[(0, 100), (200, 300), (400, 500), (600, 700)]);
        // One of them was not heard: the others keep their times, in order.
        let aligned = align("no no no yes", &heard(&words[1..]), 1000);
        assert_eq!(aligned.heard_share, 0.75);
        let times: Vec<u64> = aligned.words.iter().map(|word| word.start_ms).collect();
        assert!(times.contains(&200) && times.contains(&400) && times.contains(&600), "{times:?}");
    }

    #[track_caller]
    fn check_share(known: &str, heard_text: &str, expected: f64) {
        let heard = proportional(heard_text, 1000, &[]);
        assert_eq!(align(known, &heard, 1000).heard_share, expected, "{known} / {heard_text}");
    }

    #[test]
    fn the_share_tells_what_was_heard() {
        check_share("", "anything", 0.0);
        check_share("The sea — is wide.", "the sea is wide", 1.0);
        check_share("The sea is wide", "the sea", 0.5);
        check_share("今天天气很好", "今天天气不好", 5.0 / 6.0);
        check_share("The sea keeps many secrets", "Продолжение следует в новом году", 0.0);
        check_share("Biển giữ bí mật của nó", "Thank you for watching", 0.0);
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
        let letters =
            [(0, 100), (100, 200), (200, 300), (300, 400), (400, 500), (500, 600), (700, 900)];
        check_align("今天，天气很好。 Yes", &words, &letters);
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
            let aligned = align(&known, &heard, duration_ms);
            prop_assert!((0.0..=1.0).contains(&aligned.heard_share));
            let words = aligned.words;
            check_well_timed(&words, duration_ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, timeline::tokens(&known).collect::<Vec<_>>());
        }

        #[test]
        fn what_was_heard_well_is_taken_over(
            words in prop::collection::btree_set("[a-z]{2,9}", 1..30), deaf in any::<prop::sample::Index>(),
        ) {
            let known = words.into_iter().collect::<Vec<_>>().join(" ");
            let spoken = proportional(&known, 9000, &[]);
            prop_assert_eq!(&align(&known, &spoken, 9000).words, &spoken);
            // A word that was not heard fills the gap it left and moves no other.
            let mut heard = spoken.clone();
            heard.remove(deaf.index(spoken.len()));
            let aligned = align(&known, &heard, 9000);
            prop_assert_eq!(aligned.words, spoken);
            let n = aligned.heard_share * (heard.len() + 1) as f64;
            prop_assert_eq!(n.round() as usize, heard.len());
        }

        #[test]
        fn proportional_words_are_the_text(
            text in text(), ranges in ranges(), duration_ms in 0..3000_u64,
        ) {
            let words = proportional(&text, duration_ms, &ranges);
            check_well_timed(&words, duration_ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, timeline::tokens(&text).collect::<Vec<_>>());
        }
    }
}
