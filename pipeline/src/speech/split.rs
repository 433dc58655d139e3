//! Long texts in pieces that a speech server takes.

/// The text in pieces of at most `max_chars` characters, together all of it but the white space at
/// the cuts. A piece ends with a sentence where there is one, else with a clause, else with a word; a
/// longer word is cut.
pub(super) fn pieces(text: &str, max_chars: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((beyond, _)) = rest.char_indices().nth(max_chars.max(1)) {
        let cut = best_cut(rest, beyond);
        pieces.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Where to cut a text that begins with a word and is to be cut at `limit` or before it.
fn best_cut(text: &str, limit: usize) -> usize {
    let last = |is_cut: fn(char, char) -> bool| {
        let pairs = text.char_indices().zip(text.char_indices().skip(1));
        let cuts = pairs.filter(|((_, before), (_, after))| is_cut(*before, *after));
        cuts.map(|(_, (at, _))| at).take_while(|at| *at <= limit).last()
    };
    let sentence = |before: char, after: char| {
        matches!(before, '。' | '！' | '？' | '\n')
            || matches!(before, '.' | '!' | '?' | '…' | '؟') && after.is_whitespace()
    };
    let clause = |before: char, after: char| {
        matches!(before, '，' | '、' | '；' | '：')
            || matches!(before, ',' | ';' | ':' | '،' | '؛') && after.is_whitespace()
    };
    let word = |_, after: char| after.is_whitespace();
    last(sentence).or_else(|| last(clause)).or_else(|| last(word)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, max_chars: usize, expected: &[&str]) {
        assert_eq!(pieces(text, max_chars), expected, "{text:?}");
    }

    #[test]
    fn a_cut_is_made_at_the_best_place() {
        check(" \n", 5, &[]);
        check(" short ", 5, &["short"]);
        check("One. Two! Three?", 10, &["One. Two!", "Three?"]);
        check("One. Two! Three?", 9, &["One. Two!", "Three?"]);
        check("One. Two! Three?", 8, &["One.", "Two!", "Three?"]);
        check("It costs 3.14, not 3.15 today", 20, &["It costs 3.14,", "not 3.15 today"]);
        check("one two three", 9, &["one two", "three"]);
        check("abcdefgh", 3, &["abc", "def", "gh"]);
        check("你好。世界。再见", 5, &["你好。", "世界。再见"]);
        check("một.\nhai ba bốn", 9, &["một.", "hai ba", "bốn"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-zđể.,!?… \n世。，]{0,200}", max_chars in 1..40_usize) {
            let pieces = pieces(&text, max_chars);
            for piece in &pieces {
                prop_assert!((1..=max_chars).contains(&piece.chars().count()), "{:?}", piece);
                prop_assert_eq!(piece.trim(), *piece);
            }
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&pieces.concat()), letters(&text));
        }
    }
}
