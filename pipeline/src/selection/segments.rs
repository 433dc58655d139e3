//! Narration to segments: pieces of text that one picture can go with.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::artefacts::TimedWord;

/// Columns (a Chinese character takes two) from which a sentence is cut at its clauses.
const LONG: usize = 120;

/// Columns below which a piece is joined to its neighbour: a vector of "Yes." says nothing.
const SHORT: usize = 25;

/// A piece of the narration with the time in which it is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What is said, single-spaced.
    pub text: String,
    /// When it begins: where the segment before it ends.
    pub start_ms: u64,
    /// When the next one begins. Not before `start_ms`.
    pub end_ms: u64,
}

/// Cuts a narration into sentences, long ones at their clauses. The segments are back to back from
/// 0 to `duration_ms`, and there is at least one.
///
/// A segment begins with its first word. Without `words`, and within a word, time goes by
/// characters. The words need not be the text's own: where Whisper heard them, they are laid over it
/// by length.
pub fn segments(words: Option<&[TimedWord]>, text: &str, duration_ms: u64) -> Vec<Segment> {
    let pieces = pieces(text);
    let n_total: u64 = pieces.iter().map(|piece| n_sounds(piece)).sum();
    let clock = Clock::new(words.unwrap_or_default(), duration_ms);
    let (mut segments, mut n_before, mut start_ms) = (Vec::new(), 0, 0);
    for text in pieces {
        n_before += n_sounds(&text);
        let end_ms = if n_before == n_total {
            duration_ms
        } else {
            clock.time(n_before, n_total).clamp(start_ms, duration_ms)
        };
        segments.push(Segment { text, start_ms, end_ms });
        start_ms = end_ms;
    }
    if segments.is_empty() {
        segments.push(Segment { text: String::new(), start_ms: 0, end_ms: duration_ms });
    }
    segments
}

/// Sentences; clauses of long ones; none too short where that can be.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let sentences = text.split_sentence_bounds().flat_map(|sentence| {
        if sentence.width() > LONG { clauses(sentence) } else { vec![sentence] }
    });
    for piece in sentences {
        let piece = piece.split_whitespace().collect::<Vec<_>>().join(" ");
        if piece.is_empty() {
            continue;
        }
        match pieces.last_mut() {
            Some(last) if belong_together(last, &piece) => {
                last.push(' ');
                last.push_str(&piece);
            }
            _ => pieces.push(piece),
        }
    }
    pieces
}

fn belong_together(first: &str, second: &str) -> bool {
    let (first, second) = (first.width(), second.width());
    first.min(second) < SHORT && first + second < LONG
}

/// Cuts after commas and the like; not within `1,000`.
fn clauses(sentence: &str) -> Vec<&str> {
    let (mut clauses, mut begin) = (Vec::new(), 0);
    for (at, mark) in sentence.char_indices() {
        let end = at + mark.len_utf8();
        let is_border = match mark {
            ',' | ';' | ':' | '–' | '—' => sentence[end..].starts_with(char::is_whitespace),
            '，' | '、' | '；' | '：' | '،' | '؛' => true,
            _ => false,
        };
        if is_border {
            clauses.push(&sentence[begin..end]);
            begin = end;
        }
    }
    clauses.push(&sentence[begin..]);
    clauses
}

/// What takes time to say: characters that are not white space.
fn n_sounds(text: &str) -> u64 {
    text.chars().filter(|character| !character.is_whitespace()).count() as u64
}

/// Tells when a share of the text has been said.
struct Clock<'a> {
    words: &'a [TimedWord],
    n_sounds: u64,
    duration_ms: u64,
}

impl<'a> Clock<'a> {
    fn new(words: &'a [TimedWord], duration_ms: u64) -> Self {
        let n_sounds = words.iter().map(|word| n_sounds(&word.text)).sum();
        Self { words, n_sounds, duration_ms }
    }

    /// When the first `part` of `total` characters are said and the next one begins.
    fn time(&self, part: u64, total: u64) -> u64 {
        if self.n_sounds == 0 {
            return self.duration_ms * part / total;
        }
        let mut left = self.n_sounds * part / total;
        for word in self.words {
            let n_here = n_sounds(&word.text);
            if left < n_here {
                return word.start_ms + word.end_ms.saturating_sub(word.start_ms) * left / n_here;
            }
            left -= n_here;
        }
        self.duration_ms
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(words: Option<&[TimedWord]>, text: &str, duration_ms: u64, expected: &[(&str, u64)]) {
        let segments = segments(words, text, duration_ms);
        let found: Vec<(&str, u64)> =
            segments.iter().map(|segment| (segment.text.as_str(), segment.end_ms)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn nothing_to_say_is_one_segment() {
        check(None, "", 700, &[("", 700)]);
        check(None, " \n ", 0, &[("", 0)]);
    }

    #[test]
    fn sentences_are_segments_and_short_ones_stay_with_their_neighbour() {
        check(
            None,
            "The sea is calm tonight here.\n\nA boat drifts past the old pier. Gone.",
            6_000,
            &[
                ("The sea is calm tonight here.", 2_618),
                ("A boat drifts past the old pier. Gone.", 6_000),
            ],
        );
        check(
            None,
            "海边的日出非常美丽非常美丽，人们散步。城市的夜晚灯火通明，非常热闹，很热闹。",
            3_700,
            &[
                ("海边的日出非常美丽非常美丽，人们散步。", 1_850),
                ("城市的夜晚灯火通明，非常热闹，很热闹。", 3_700),
            ],
        );
    }

    #[test]
    fn a_long_sentence_is_cut_at_its_clauses_but_not_within_a_number() {
        let text = "In the year of the great flood the town lost 1,000 houses and two bridges, \
                    while the people, who had nowhere else to go, moved up into the hills.";
        check(
            None,
            text,
            10_000,
            &[
                (
                    "In the year of the great flood the town lost 1,000 houses and two bridges, \
                     while the people,",
                    6_410,
                ),
                ("who had nowhere else to go, moved up into the hills.", 10_000),
            ],
        );
    }

    fn word(text: &str, start_ms: u64, end_ms: u64) -> TimedWord {
        TimedWord { text: text.into(), start_ms, end_ms }
    }

    #[test]
    fn a_segment_begins_with_its_first_word() {
        let text = "Slow rivers run the deepest. Birds sing before the sun.";
        let words: Vec<TimedWord> = text
            .split(' ')
            .zip([0, 900, 1_800, 2_700, 3_600, 5_000, 5_200, 5_400, 5_600, 5_800])
            .map(|(text, start)| word(text, start, start + 100))
            .collect();
        check(
            Some(&words),
            text,
            6_500,
            &[("Slow rivers run the deepest.", 5_000), ("Birds sing before the sun.", 6_500)],
        );
        // Heard otherwise, and laid over the text by length.
        let heard = [word("slow", 0, 1_000), word("birds", 4_000, 5_000)];
        check(
            Some(&heard),
            text,
            6_500,
            &[("Slow rivers run the deepest.", 4_000), ("Birds sing before the sun.", 6_500)],
        );
    }

    proptest! {
        #[test]
        fn segments_are_back_to_back_and_say_the_whole_text(
            text in "([A-Za-z海é]{1,12}[,.!。，]?[ \n]?){0,60}",
            starts in prop::option::of(prop::collection::vec(0..20_000u64, 0..30)),
            duration_ms in 0..20_000u64,
        ) {
            let words = starts.map(|mut starts| {
                starts.sort_unstable();
                starts.into_iter().map(|start| word("word", start, start + 1)).collect::<Vec<_>>()
            });
            let segments = segments(words.as_deref(), &text, duration_ms);
            let mut earliest = 0;
            for segment in &segments {
                prop_assert_eq!(segment.start_ms, earliest);
                prop_assert!(segment.end_ms >= segment.start_ms);
                earliest = segment.end_ms;
            }
            prop_assert_eq!(earliest, duration_ms);
            let sounds = |text: &str| -> String { text.split_whitespace().collect() };
            let said: String = segments.iter().map(|segment| sounds(&segment.text)).collect();
            prop_assert_eq!(said, sounds(&text));
        }
    }
}
