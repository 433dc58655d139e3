//! Whisper's tokens, joined to words.

use crate::artefacts::TimedWord;

/// What Whisper calls a token: a piece of a word, with its times. Its bytes need not be whole
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// UTF-8, cut anywhere. White space in front begins a word.
    pub(super) bytes: Vec<u8>,
    /// When its sound begins.
    pub(super) start_ms: u64,
    /// When its sound ends.
    pub(super) end_ms: u64,
}

/// Joins pieces to words: a word begins at white space, and at each character of a script that is
/// written without spaces (Chinese, Japanese).
///
/// The pieces' times may stand still, overlap or run past the end, as Whisper's do: the words' never
/// do. They are at least 1 ms long, in order, and end by `duration_ms`.
pub(super) fn join(pieces: &[Piece], duration_ms: u64) -> Vec<TimedWord> {
    let mut words: Vec<TimedWord> = Vec::new();
    let mut pending: Option<Piece> = None;
    for piece in pieces {
        let mut whole = match pending.take() {
            Some(begun) => extend(begun, piece),
            None => piece.clone(),
        };
        // A character may be cut between two tokens: its first bytes wait for the rest.
        if std::str::from_utf8(&whole.bytes).is_err_and(|error| error.error_len().is_none()) {
            pending = Some(whole);
            continue;
        }
        let text = String::from_utf8_lossy(&std::mem::take(&mut whole.bytes)).into_owned();
        append(&mut words, &text, &whole);
    }
    words.retain(|word| word.text.chars().any(char::is_alphanumeric));
    settle(&mut words, duration_ms);
    words
}

fn extend(mut begun: Piece, next: &Piece) -> Piece {
    begun.bytes.extend_from_slice(&next.bytes);
    begun.end_ms = begun.end_ms.max(next.end_ms);
    begun
}

/// Adds `text` to the last word, or begins words with it. Characters share the piece's time evenly.
fn append(words: &mut Vec<TimedWord>, text: &str, times: &Piece) {
    let n_sounds = text.chars().filter(|character| !character.is_whitespace()).count() as u64;
    let length_ms = times.end_ms.saturating_sub(times.start_ms);
    let mut begins = words.is_empty();
    let mut sounds = 0;
    for character in text.chars() {
        if character.is_whitespace() {
            begins = true;
            continue;
        }
        let start_ms = times.start_ms + length_ms * sounds / n_sounds;
        sounds += 1;
        let end_ms = times.start_ms + length_ms * sounds / n_sounds;
        match words.last_mut() {
            Some(word) if !begins && !is_unspaced(character) => {
                word.text.push(character);
                word.end_ms = word.end_ms.max(end_ms);
            }
            _ => words.push(TimedWord { text: character.into(), start_ms, end_ms }),
        }
        begins = false;
    }
}

/// Whether the character stands for a syllable or a word in a script without spaces.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{3040}'..='\u{30ff}' // Hiragana and Katakana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han
        | '\u{20000}'..='\u{323af}')
}

/// Makes times run forward within the sound, each word at least 1 ms long.
fn settle(words: &mut Vec<TimedWord>, duration_ms: u64) {
    words.truncate(usize::try_from(duration_ms).unwrap_or(usize::MAX));
    let mut earliest = 0;
    for word in words.iter_mut() {
        word.start_ms = word.start_ms.max(earliest);
        word.end_ms = word.end_ms.max(word.start_ms + 1);
        earliest = word.end_ms;
    }
    // What ran past the end is pushed back, the last word first.
    let mut latest = duration_ms;
    for word in words.iter_mut().rev() {
        word.end_ms = word.end_ms.min(latest);
        word.start_ms = word.start_ms.min(word.end_ms - 1);
        latest = word.start_ms;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(bytes: &[u8], start_ms: u64, end_ms: u64) -> Piece {
        Piece { bytes: bytes.to_vec(), start_ms, end_ms }
    }

    #[track_caller]
    fn check(pieces: &[(&[u8], u64, u64)], duration_ms: u64, expected: &[(&str, u64, u64)]) {
        let pieces: Vec<Piece> =
            pieces.iter().map(|&(bytes, start, end)| piece(bytes, start, end)).collect();
        let words = join(&pieces, duration_ms);
        let found: Vec<(&str, u64, u64)> =
            words.iter().map(|word| (word.text.as_str(), word.start_ms, word.end_ms)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn times_that_stand_still_or_run_past_the_end_are_put_in_order() {
        check(&[], 1_000, &[]);
        check(&[(b" a", 0, 0), (b" b", 0, 0)], 1_000, &[("a", 0, 1), ("b", 1, 2)]);
        check(&[(b" a", 0, 900), (b" b", 400, 2_000)], 1_000, &[("a", 0, 900), ("b", 900, 1_000)]);
        check(
            &[(b" a", 1_500, 1_600), (b" b", 1_700, 1_900)],
            1_000,
            &[("a", 998, 999), ("b", 999, 1_000)],
        );
        check(&[(b" a", 0, 5), (b" b", 5, 9), (b" c", 9, 9)], 2, &[("a", 0, 1), ("b", 1, 2)]);
    }

    #[test]
    fn pieces_are_joined_to_words() {
        check(
            &[(b" Sub", 0, 100), (b"titles", 100, 300), (b",", 300, 320), (b" here", 400, 500)],
            1_000,
            &[("Subtitles,", 0, 320), ("here", 400, 500)],
        );
        // Vietnamese: the two bytes of the character in two tokens.
        check(&[(b" bi\xe1", 0, 10), (b"\xbb\x83n", 10, 30)], 99, &[("biển", 0, 30)]);
        // Lone marks are no words; broken bytes do not stop the rest.
        check(&[(b" -", 0, 10), (b" \xff\xfe", 10, 20), (b" a", 20, 30)], 99, &[("a", 20, 30)]);
    }

    #[test]
    fn a_script_without_spaces_gives_a_word_a_character() {
        check(
            &[("海边".as_bytes(), 0, 40), ("，".as_bytes(), 40, 50), ("的".as_bytes(), 50, 90)],
            99,
            &[("海", 0, 20), ("边，", 20, 50), ("的", 50, 90)],
        );
    }

    proptest! {
        #[test]
        fn words_run_forward_within_the_sound(
            pieces in prop::collection::vec(("[ ]?[a-z海é]{1,3}", 0..3_000u64, 0..3_000u64), 0..40),
            duration_ms in 0..2_500u64,
        ) {
            let pieces: Vec<Piece> =
                pieces.iter().map(|(text, start, end)| piece(text.as_bytes(), *start, *end)).collect();
            let mut earliest = 0;
            for word in join(&pieces, duration_ms) {
                prop_assert!(earliest <= word.start_ms && word.start_ms < word.end_ms);
                prop_assert!(!word.text.contains(char::is_whitespace));
                earliest = word.end_ms;
            }
            prop_assert!(earliest <= duration_ms);
        }
    }
}
