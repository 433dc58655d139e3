//! What SRT and WebVTT have in common: numbered blocks of a line of times and the text.

use std::fmt::Write;

use crate::artefacts::Cue;

/// U+2060 WORD JOINER: draws nothing, and what stands on both sides of it is not read as one command.
pub(super) const JOINER: char = '\u{2060}';

/// The cues as blocks, each behind its number and before an empty line; the formats differ in the `mark`
/// before the thousandths and in what the text must not hold.
pub(super) fn blocks(cues: &[Cue], mark: char, escaped: impl Fn(&str) -> String) -> String {
    let mut blocks = String::new();
    for (i, cue) in cues.iter().enumerate() {
        // Writing to a string does not fail.
        let (start, end) = (clock(cue.start_ms, mark), clock(cue.end_ms, mark));
        let _ = writeln!(blocks, "{}\n{start} --> {end}", i + 1);
        for line in &cue.lines {
            let _ = writeln!(blocks, "{}", escaped(&line.replace(char::is_control, " ")));
        }
        blocks.push('\n');
    }
    blocks
}

/// The text with a word joiner behind each of `openings`.
pub(super) fn joined_behind(openings: &[&str], text: String) -> String {
    let join = |text: String, opening: &&str| text.replace(opening, &format!("{opening}{JOINER}"));
    openings.iter().fold(text, join)
}

/// `00:01:02,345`.
pub(super) fn clock(ms: u64, mark: char) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{:02}:{:02}:{seconds:02}{mark}{ms:03}", minutes / 60, minutes % 60)
}
