//! From the engine's events to words with times.

use serde::Deserialize;

use crate::artefacts::TimedWord;
use crate::timeline::{self, Anchor, place};

/// What the speech engine reports at an instant of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// What begins or ends.
    pub kind: EventKind,
    /// Where in the text: characters, counted from 1.
    pub text_position: i64,
    /// Characters it covers; 0 where the engine does not know.
    pub length: i64,
    /// When.
    pub audio_ms: i64,
}

/// What an [`Event`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A spoken word begins. A number is several of them.
    Word,
    /// A sentence begins.
    Sentence,
    /// A clause ends.
    End,
}

/// The words of `text` ([`timeline::tokens`]) with their times.
///
/// espeak-ng's events are not one for a word: `25` and `😀` have several, of which the first begins the
/// word; `—` has none and takes a share of its neighbour's time; some point at the white space behind
/// a word; and at the end of a clause one may point back to a dash before the clause: it contradicts
/// the others, and [`place`] leaves it out.
///
/// Every word of the text is there, in order, at least 1 ms long, within `duration_ms` (unless there
/// are more words than milliseconds).
pub fn words_from_events(text: &str, events: &[Event], duration_ms: u64) -> Vec<TimedWord> {
    let (positions, tokens): (Vec<usize>, Vec<&str>) = tokens(text).unzip();
    let mut anchors = vec![None; tokens.len()];
    for event in events.iter().filter(|event| event.kind == EventKind::Word) {
        let (Ok(position), Ok(start_ms)) =
            (usize::try_from(event.text_position), u64::try_from(event.audio_ms))
        else {
            continue;
        };
        let begun = positions.partition_point(|&start| start <= position);
        if let Some(anchor) = begun.checked_sub(1).and_then(|token| anchors.get_mut(token)) {
            anchor.get_or_insert(Anchor { start_ms, end_ms: None });
        }
    }
    place(&tokens, &anchors, duration_ms)
}

/// The tokens, each with the position of its first character, counted from 1.
fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut n_chars, mut n_bytes) = (0, 0);
    timeline::tokens(text).map(move |token| {
        let at = token.as_ptr() as usize - text.as_ptr() as usize;
        n_chars += text[n_bytes..at].chars().count();
        n_bytes = at;
        (n_chars + 1, token)
    })
}

/// Ends each word with its sound, where the engine only says when the next one begins: the silence
/// between two sentences belongs to neither. `samples` are mono.
pub fn without_silence(words: &mut [TimedWord], samples: &[i16], sample_rate: u32) {
    let index = |ms: u64| usize::try_from(ms * u64::from(sample_rate) / 1000).unwrap_or(usize::MAX);
    for word in words {
        let (from, until) = (index(word.start_ms), index(word.end_ms).min(samples.len()));
        let sound = samples.get(from..until).unwrap_or_default();
        let Some(last) = sound.iter().rposition(|sample| sample.unsigned_abs() > SILENCE) else {
            continue; // never spoken: it keeps the time it was given
        };
        let end_ms = ((from + last + 1) as u64 * 1000).div_ceil(u64::from(sample_rate));
        word.end_ms = end_ms.clamp(word.start_ms + 1, word.end_ms);
    }
}

/// Samples up to this are silence: -60 dB. espeak-ng writes zeros.
const SILENCE: u16 = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::tests::check_well_timed;

    fn word(text_position: i64, audio_ms: i64) -> Event {
        Event { kind: EventKind::Word, text_position, length: 1, audio_ms }
    }

    #[track_caller]
    fn check(text: &str, events: &[Event], duration_ms: u64, expected: &[(&str, u64, u64)]) {
        let words = words_from_events(text, events, duration_ms);
        check_well_timed(&words, duration_ms);
        let found: Vec<(&str, u64, u64)> =
            words.iter().map(|word| (word.text.as_str(), word.start_ms, word.end_ms)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn broken_events_do_no_harm() {
        check(" \n", &[word(1, 0)], 100, &[]);
        check("a bc", &[], 90, &[("a", 0, 30), ("bc", 30, 90)]);
        let broken = [word(-1, 5), word(0, 5), word(1, -5), word(999, 40)];
        check("a bc", &broken, 90, &[("a", 0, 40), ("bc", 40, 90)]);
    }

    #[test]
    fn events_are_merged_by_position() {
        // A number has two events.
        let events = [word(1, 0), word(6, 300), word(8, 500), word(9, 700)];
        check(
            "paid 25 now",
            &events,
            1000,
            &[("paid", 0, 300), ("25", 300, 700), ("now", 700, 1000)],
        );
    }

    /// As espeak-ng 1.51 ends a clause behind a dash: the dash has no event but the one that comes late.
    #[test]
    fn an_event_that_points_back_begins_no_word() {
        let events = [word(1, 0), word(8, 600), word(11, 700), word(6, 950)];
        let expected = [("năm", 0, 450), ("—", 450, 600), ("và", 600, 700), ("bà.", 700, 1000)];
        check("năm  — và bà.", &events, 1000, &expected);
    }

    #[test]
    fn positions_count_characters_not_bytes() {
        let events = [word(1, 0), word(8, 100), word(12, 300)];
        let expected = [("Biển", 0, 80), ("—", 80, 100), ("nhớ", 100, 300), ("tên", 300, 400)];
        check("Biển — nhớ tên", &events, 400, &expected);
    }

    #[test]
    fn sentences_and_clauses_are_not_words() {
        let other = |kind| Event { kind, text_position: 3, length: 0, audio_ms: 10 };
        let events = [word(1, 0), other(EventKind::Sentence), other(EventKind::End), word(3, 60)];
        check("a b", &events, 100, &[("a", 0, 60), ("b", 60, 100)]);
    }

    #[test]
    fn a_word_ends_with_its_sound() {
        let mut words = words_from_events("a b —", &[word(1, 0), word(3, 50)], 100);
        assert_eq!((words[1].end_ms, words[2].start_ms), (75, 75));
        let samples: Vec<i16> =
            (0..100).map(|ms| if ms < 20 || (50..60).contains(&ms) { 900 } else { -3 }).collect();
        without_silence(&mut words, &samples, 1000);
        let times: Vec<(u64, u64)> = words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, [(0, 20), (50, 60), (75, 100)]);
        without_silence(&mut words, &[], 1000); // no sound at all changes nothing
        assert_eq!(words[1].end_ms, 60);
    }

    prop_compose! {
        fn events()(raw in prop::collection::vec((0..3_usize, -5..300_i64, -10..6000_i64), 0..60))
            -> Vec<Event> {
            let kinds = [EventKind::Word, EventKind::Sentence, EventKind::End];
            raw.into_iter()
                .map(|(kind, text_position, audio_ms)| Event {
                    kind: kinds[kind],
                    text_position,
                    length: 0,
                    audio_ms,
                })
                .collect()
        }
    }

    proptest! {
        #[test]
        fn the_words_are_the_text(text in any::<String>(), events in events(), ms in 0..5000_u64) {
            let words = words_from_events(&text, &events, ms);
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            prop_assert_eq!(texts, timeline::tokens(&text).collect::<Vec<_>>());
            check_well_timed(&words, ms);
        }

        #[test]
        fn silence_keeps_the_order(
            words in prop::collection::vec("[a-zé]{1,5}", 0..20),
            samples in prop::collection::vec(-40..40_i16, 0..900),
        ) {
            let text = words.join(" ");
            let mut words = words_from_events(&text, &[], 1000);
            without_silence(&mut words, &samples, 1000);
            check_well_timed(&words, 1000);
        }
    }
}
