//! Which part of a subtitle is spoken when.

use std::ops::Range;

use crate::artefacts::{Cue, TimedWord};

/// A word, or the part of one, that stands in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Which line of the cue.
    pub line: usize,
    /// Where in the line: bytes.
    pub at: Range<usize>,
    /// When the word begins.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
}

/// For each cue the words in it, in order. The cues are made of the words: the same letters, in the
/// same order, with other white space.
pub fn spoken(cues: &[Cue], words: &[TimedWord]) -> Vec<Vec<Spoken>> {
    let mut word_of_letter = words.iter().enumerate().flat_map(|(word, timed)| {
        timed.text.chars().filter(|c| !c.is_whitespace()).map(move |_| word)
    });
    let mut spoken = Vec::with_capacity(cues.len());
    for cue in cues {
        let mut of_cue: Vec<Spoken> = Vec::new();
        for (line, text) in cue.lines.iter().enumerate() {
            let mut last = None;
            for (at, letter) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
                let Some(word) = word_of_letter.next() else { break };
                let end = at + letter.len_utf8();
                match of_cue.last_mut() {
                    Some(part) if last == Some(word) => part.at.end = end,
                    _ => of_cue.push(Spoken {
                        line,
                        at: at..end,
                        start_ms: words[word].start_ms,
                        end_ms: words[word].end_ms,
                    }),
                }
                last = Some(word);
            }
        }
        spoken.push(of_cue);
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of 100 ms each, and for each cue what of them stands on which line when.
    #[track_caller]
    fn check(words: &[&str], cues: &[&[&str]], expected: &[&[(usize, &str, u64)]]) {
        let words: Vec<TimedWord> = words
            .iter()
            .zip((0..).step_by(100))
            .map(|(text, start_ms)| TimedWord {
                text: (*text).to_owned(),
                start_ms,
                end_ms: start_ms + 100,
            })
            .collect();
        let cues: Vec<Cue> = cues
            .iter()
            .map(|lines| Cue {
                start_ms: 0,
                end_ms: 1,
                lines: lines.iter().map(|&line| line.to_owned()).collect(),
            })
            .collect();
        let found = spoken(&cues, &words);
        let found: Vec<Vec<(usize, &str, u64)>> = found
            .iter()
            .zip(&cues)
            .map(|(spoken, cue)| {
                let part = |part: &Spoken| {
                    (part.line, &cue.lines[part.line][part.at.clone()], part.start_ms)
                };
                spoken.iter().map(part).collect()
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_word_is_found_where_it_stands() {
        check(
            &["Biển", "xanh,", "trời", "the"],
            &[&["Biển xanh,", "trời"], &["the"]],
            &[&[(0, "Biển", 0), (0, "xanh,", 100), (1, "trời", 200)], &[(0, "the", 300)]],
        );
        check(
            &["the", "the", "the"],
            &[&["the the the"]],
            &[&[(0, "the", 0), (0, "the", 100), (0, "the", 200)]],
        );
        check(&["海", "守，"], &[&["海守，"]], &[&[(0, "海", 0), (0, "守，", 100)]]);
    }

    #[test]
    fn a_word_that_is_cut_has_two_parts() {
        check(
            &["wwwwww", "x"],
            &[&["www", "ww"], &["w x"]],
            &[&[(0, "www", 0), (1, "ww", 0)], &[(0, "w", 0), (0, "x", 100)]],
        );
    }

    #[test]
    fn what_is_no_word_of_them_is_not_spoken() {
        check(&["a"], &[&["a b"], &["c"]], &[&[(0, "a", 0)], &[]]);
        check(&[], &[], &[]);
    }
}
