//! What a line can be broken into, and how good each place for a break is.

use std::collections::HashSet;

use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use crate::artefacts::TimedWord;
use crate::captions::layout::Layout;
use crate::timeline;

/// A word, or a part of one where it is Chinese or wider than a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    pub start_ms: u64,
    pub end_ms: u64,
    pub width: f64,
    /// Whether a space stands before it, unless it begins a line.
    pub begins_word: bool,
    /// What ends with it.
    pub border: Border,
}

/// What kind of place for a break is behind a piece, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Border {
    /// A sentence ends: a new cue begins here.
    Sentence,
    /// A clause ends, or the voice pauses.
    Clause,
    /// Between two words.
    Word,
    /// Before a mark that belongs to what stands before it, or within a word: between two Chinese
    /// letters of one, too.
    Poor,
    /// Before a mark that must not begin a line.
    Never,
}

/// A silence as long as this is heard as a border.
const PAUSE_MS: u64 = 300;

pub(super) fn pieces<'a>(text: &str, words: &'a [TimedWord], layout: &Layout) -> Vec<Piece<'a>> {
    let mut begins_sentence = true;
    let mut pieces = Vec::with_capacity(words.len());
    let mut rest = Some(text);
    let word_ends = word_ends(text);
    for (i, word) in words.iter().enumerate() {
        let glued = is_glued(&mut rest, &word.text) && i > 0;
        let parts = parts(&word.text, layout);
        let mut border = border_behind(word, words.get(i + 1), begins_sentence);
        if rest.is_some_and(ends_line) && border != Border::Never {
            // Who wrote the text began anew here.
            border = Border::Sentence;
        }
        // Where it ends in the text, in bytes. None: the words and the text have parted.
        let word_end = rest.map(|rest| text.len() - rest.len());
        let mut behind = word.text.len();
        let n_chars = word.text.chars().count().max(1) as u64;
        let span_ms = word.end_ms.saturating_sub(word.start_ms);
        let mut before = 0;
        for (at, &text) in parts.iter().enumerate() {
            let start_ms = word.start_ms + span_ms * before / n_chars;
            before += text.chars().count() as u64;
            behind -= text.len();
            let border = if at + 1 == parts.len() { border } else { border_within(text) };
            let is_within = border == Border::Word
                && word_end.is_some_and(|word_end| !word_ends.contains(&(word_end - behind)));
            pieces.push(Piece {
                text,
                start_ms,
                end_ms: word.start_ms + span_ms * before / n_chars,
                width: layout.width(text),
                begins_word: at == 0 && !glued,
                border: if is_within { Border::Poor } else { border },
            });
        }
        begins_sentence = border == Border::Sentence;
    }
    pieces
}

/// Where words end in the text, in bytes: for Chinese, Japanese and others without spaces a dictionary
/// knows (Unicode Standard Annex 29).
fn word_ends(text: &str) -> HashSet<usize> {
    WordSegmenter::new_auto(WordBreakInvariantOptions::default()).segment_str(text).collect()
}

/// Whether the word follows in the text without white space, and what follows it. Where the text and the
/// words part, nothing follows.
fn is_glued(rest: &mut Option<&str>, word: &str) -> bool {
    let Some(text) = *rest else { return false };
    let from_word = text.trim_start();
    *rest = from_word.strip_prefix(word);
    rest.is_some() && from_word.len() == text.len()
}

/// Whether the text goes on in another line.
fn ends_line(rest: &str) -> bool {
    rest.chars().take_while(|letter| letter.is_whitespace()).any(|letter| letter == '\n')
}

/// The word, or its parts where it has letters that need no spaces or does not fit on a line.
fn parts<'a>(word: &'a str, layout: &Layout) -> Vec<&'a str> {
    let mut parts = Vec::new();
    for token in timeline::tokens(word) {
        if layout.width(token) <= layout.max_width() {
            parts.push(token);
            continue;
        }
        let mut from = 0;
        for until in timeline::line_breaks(token) {
            fitting(&token[from..until], layout, &mut parts);
            from = until;
        }
    }
    parts
}

/// Cuts a text that must not be broken, and does not fit on a line, between what readers call letters.
fn fitting<'a>(text: &'a str, layout: &Layout, parts: &mut Vec<&'a str>) {
    let (mut from, mut width) = (0, 0.0);
    for (at, letter) in text.grapheme_indices(true) {
        let more = layout.width(letter);
        if at > from && width + more > layout.max_width() {
            parts.push(&text[from..at]);
            (from, width) = (at, 0.0);
        }
        width += more;
    }
    if from < text.len() {
        parts.push(&text[from..]);
    }
}

fn border_behind(word: &TimedWord, next: Option<&TimedWord>, begins_sentence: bool) -> Border {
    let Some(next) = next else { return Border::Sentence };
    if next.text.chars().all(is_ending) {
        Border::Never
    } else if ends_sentence(&word.text, &next.text, begins_sentence) {
        Border::Sentence
    } else if is_mark(&next.text) {
        Border::Poor
    } else if ends_clause(&word.text) || next.start_ms.saturating_sub(word.end_ms) >= PAUSE_MS {
        Border::Clause
    } else {
        Border::Word
    }
}

/// A Chinese full stop ends a sentence wherever it stands; a Latin one is part of a word here.
fn border_within(part: &str) -> Border {
    match part.trim_end_matches(is_closing).chars().next_back() {
        Some('。' | '｡' | '！' | '？') => Border::Sentence,
        Some('，' | '、' | '；' | '：') => Border::Clause,
        Some(c) if c.width() == Some(2) => Border::Word,
        _ => Border::Poor,
    }
}

/// Whether a sentence ends with the word, which has a word after it. `3.14` does not end one, nor do
/// `e.g.` before a small letter, `Dr.`, the initial in `J. Smith` and the number in `1. First`.
fn ends_sentence(word: &str, next: &str, begins_sentence: bool) -> bool {
    let word = word.trim_end_matches(is_closing);
    let Some(last) = word.chars().next_back() else { return false };
    match last {
        '!' | '?' | '。' | '｡' | '！' | '？' | '؟' | '۔' | '।' => true,
        '.' | '…' => {
            let stem = word.trim_matches(|c: char| !c.is_alphanumeric());
            let number = !stem.is_empty() && stem.chars().all(|c| c.is_ascii_digit());
            let initial = stem.chars().count() == 1 && stem.chars().all(char::is_uppercase);
            let begins_small = next.chars().find(|c| c.is_alphanumeric());
            !(begins_small.is_some_and(char::is_lowercase)
                || is_mark(next)
                || ABBREVIATIONS.contains(&stem)
                || initial
                || number && begins_sentence)
        }
        _ => false,
    }
}

/// What is written with a full stop before a name.
const ABBREVIATIONS: [&str; 19] = [
    "Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Jr", "No", "vs", "Fig", "Hr", "Sr", "Gen", "TP", "ThS",
    "TS", "PGS", "GS", "BS",
];

fn ends_clause(word: &str) -> bool {
    let last = word.trim_end_matches(is_closing).chars().next_back();
    matches!(
        last,
        Some(',' | ';' | ':' | '—' | '–' | '…' | '.' | '，' | '、' | '；' | '：' | '،' | '؛')
    )
}

/// Quotes and brackets behind the mark that ends a sentence.
fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '}' | '」' | '』' | '）' | '】')
}

/// What stands at the end of something, and never at the beginning of a line.
fn is_ending(c: char) -> bool {
    is_closing(c)
        || matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '…'
                | '%'
                | '。'
                | '｡'
                | '，'
                | '、'
                | '；'
                | '：'
                | '！'
                | '？'
                | '؟'
                | '۔'
                | '،'
                | '؛'
                | '।'
        )
}

/// A word without a letter or digit that belongs to what stands before it: a dash, an emoji.
fn is_mark(word: &str) -> bool {
    !word.chars().any(char::is_alphanumeric)
        && !word.starts_with(['"', '“', '‘', '«', '(', '[', '{', '「'])
}
