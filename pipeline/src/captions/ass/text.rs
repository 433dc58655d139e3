//! The text of one event: what is shown, and the commands in it.

use std::fmt::Write;

use crate::artefacts::Cue;
use crate::captions::blocks::JOINER;
use crate::captions::colour::Colour;
use crate::captions::spoken::Spoken;

/// How a subtitle pops up: from 70 % of its size to 108 % and back to 100 %, within 0.18 s. More than
/// 108 % of a full line would leave the picture.
pub(super) const POP_SPRING: &str =
    "\\fscx70\\fscy70\\t(0,120,\\fscx108\\fscy108)\\t(120,180,\\fscx100\\fscy100)";

/// The colours of words that are not spoken and of the one that is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Highlight {
    pub plain: Colour,
    pub spoken: Colour,
}

/// libass draws neighbours of one colour as one, and joins of a fraction of a pixel would come and go with
/// the colours. So neighbours always differ in a colour that is not drawn (the secondary one).
const SEAMS: [&str; 2] = ["&H000000&", "&HFFFFFF&"];

/// The lines of a cue that appears at `start_ms`.
pub(super) fn plain(cue: &Cue) -> String {
    let lines: Vec<String> = cue.lines.iter().map(|line| escaped(line)).collect();
    lines.join("\\N")
}

/// The same with each word in another colour while it is spoken. Only the colour changes, and libass
/// lays out the whole line whatever the colours: no letter moves, and lines from right to left keep
/// their order.
pub(super) fn highlighted(
    cue: &Cue,
    spoken: &[Spoken],
    start_ms: u64,
    colours: Highlight,
) -> String {
    let mut text = String::new();
    for (number, line) in cue.lines.iter().enumerate() {
        if number > 0 {
            text.push_str("\\N");
        }
        let mut at = 0;
        for (i, part) in spoken.iter().enumerate().filter(|(_, part)| part.line == number) {
            text.push_str(&escaped(&line[at..part.at.start]));
            let _ = write!(text, "{{\\2c{}", SEAMS[i % 2]);
            text.push_str(&colour_changes(part, start_ms, colours));
            text.push('}');
            text.push_str(&escaped(&line[part.at.clone()]));
            at = part.at.end;
        }
        text.push_str(&escaped(&line[at..]));
    }
    text
}

/// A change from one instant to the same one is a step. 0 would be read as the end of the event: a word
/// that is spoken from the beginning needs no first step.
fn colour_changes(part: &Spoken, start_ms: u64, colours: Highlight) -> String {
    let (plain, spoken) = (colours.plain.in_command(), colours.spoken.in_command());
    let (from, until) =
        (part.start_ms.saturating_sub(start_ms), part.end_ms.saturating_sub(start_ms));
    let mut commands = String::from("\\1c");
    // Writing to a string does not fail.
    let _ = match (from, until) {
        (_, 0) => write!(commands, "{plain}"),
        (0, _) => write!(commands, "{spoken}\\t({until},{until},\\1c{plain})"),
        _ => write!(
            commands,
            "{plain}\\t({from},{from},\\1c{spoken})\\t({until},{until},\\1c{plain})"
        ),
    };
    commands
}

/// The text so that it is shown and never obeyed.
///
/// libass shows `\{` as a brace and knows no escape for a backslash, so a joiner stands behind each;
/// it stands behind each opening brace too, because readers that do not know `\{` (ffmpeg's own, when
/// it converts) would take `{\` for the beginning of a command.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '\\' => text.extend(['\\', JOINER]),
            '{' => text.extend(['\\', '{', JOINER]),
            '}' => text.extend(['\\', '}']),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLOURS: Highlight = Highlight {
        plain: Colour { red: 255, green: 255, blue: 255 },
        spoken: Colour { red: 255, green: 0, blue: 0 },
    };

    #[track_caller]
    fn check_changes(start_ms: u64, end_ms: u64, expected: &str) {
        let part = Spoken { line: 0, at: 0..1, start_ms, end_ms };
        assert_eq!(colour_changes(&part, 1000, COLOURS), expected);
    }

    #[test]
    fn a_word_changes_its_colour_while_it_is_spoken() {
        check_changes(
            1200,
            1500,
            "\\1c&HFFFFFF&\\t(200,200,\\1c&H0000FF&)\\t(500,500,\\1c&HFFFFFF&)",
        );
        check_changes(1000, 1500, "\\1c&H0000FF&\\t(500,500,\\1c&HFFFFFF&)");
        check_changes(900, 1500, "\\1c&H0000FF&\\t(500,500,\\1c&HFFFFFF&)");
        check_changes(900, 1000, "\\1c&HFFFFFF&");
    }

    #[test]
    fn what_stands_between_the_words_stays() {
        let cue = Cue { start_ms: 0, end_ms: 1, lines: vec!["{a} b".into(), "cd".into()] };
        let part = |line, at, start_ms| Spoken { line, at, start_ms, end_ms: start_ms + 10 };
        let spoken = [part(0, 0..3, 0), part(0, 4..5, 10), part(1, 0..2, 20)];
        let text = highlighted(&cue, &spoken, 0, COLOURS);
        assert_eq!(
            text,
            "{\\2c&H000000&\\1c&H0000FF&\\t(10,10,\\1c&HFFFFFF&)}\\{\u{2060}a\\} \
             {\\2c&HFFFFFF&\\1c&HFFFFFF&\\t(10,10,\\1c&H0000FF&)\\t(20,20,\\1c&HFFFFFF&)}b\\N\
             {\\2c&H000000&\\1c&HFFFFFF&\\t(20,20,\\1c&H0000FF&)\\t(30,30,\\1c&HFFFFFF&)}cd"
        );
        assert_eq!(highlighted(&cue, &[], 0, COLOURS), plain(&cue));
    }

    proptest! {
        /// Behind every backslash stands a brace or a joiner: no command, no line break, no brace
        /// that opens one.
        #[test]
        fn no_text_is_a_command(line in "[\\\\{}NnhtT&Ha-c(),\\PC\n\r]{0,40}") {
            let text = escaped(&line);
            prop_assert!(!text.contains(char::is_control));
            let letters: Vec<char> = text.chars().collect();
            for (i, &letter) in letters.iter().enumerate() {
                let (before, after) = (i.checked_sub(1).map(|i| letters[i]), letters.get(i + 1));
                match letter {
                    '\\' => prop_assert!(matches!(after, Some('{' | '}' | &JOINER)), "{}", text),
                    '{' => prop_assert!(before == Some('\\') && after == Some(&JOINER), "{}", text),
                    '}' => prop_assert!(before == Some('\\'), "{}", text),
                    _ => {}
                }
            }
        }
    }
}
