//! How the pictures look: one width, one set of sizes, colours that also the colour-blind tell apart.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Width of a picture, pixels; what GitHub shows of a page.
pub(super) const WIDTH: f64 = 960.0;
/// Left and right of everything.
pub(super) const MARGIN: f64 = 24.0;

/// Sizes of text, pixels.
pub(super) const TITLE: f64 = 19.0;
pub(super) const NORMAL: f64 = 13.0;
pub(super) const SMALL: f64 = 12.0;

pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
pub(super) const INK: RGBColor = RGBColor(0x1F, 0x23, 0x28);
/// Second words: captions, names of axes. 6.1 to 1 on white.
pub(super) const SOFT: RGBColor = RGBColor(0x57, 0x60, 0x6A);
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE7, 0xEB);
pub(super) const AXIS: RGBColor = RGBColor(0x8C, 0x95, 0x9F);
/// Behind what the sample does not carry.
pub(super) const SHADE: RGBColor = RGBColor(0xF2, 0xF3, 0xF5);
/// A job that waits.
pub(super) const WAIT: RGBColor = RGBColor(0xDD, 0xE1, 0xE6);
/// A job that has begun while no stage runs.
pub(super) const REST: RGBColor = RGBColor(0xA9, 0xB1, 0xBA);
/// The first of two curves.
pub(super) const FIRST: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// The second of two curves, and warnings.
pub(super) const SECOND: RGBColor = RGBColor(0xD5, 0x5E, 0x00);

/// Colours of stages in their order: those of Okabe and Ito (<https://jfly.uni-koeln.de/color/>), so that
/// neighbours differ in brightness too.
const STAGES: [RGBColor; 8] = [
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0xF0, 0xE4, 0x42),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x33, 0x38, 0x40),
];

/// What a colour becomes where the reader's system is dark: grounds and words change sides, and what would
/// be hard to see on a dark ground is brighter. Every other colour reads on both.
const DARK: [(RGBColor, &str); 11] = [
    (PAPER, "#0D1117"),
    (INK, "#E6EDF3"),
    (SOFT, "#9DA7B3"),
    (GRID, "#262C36"),
    (AXIS, "#768390"),
    (SHADE, "#1A202A"),
    (WAIT, "#3D444D"),
    (REST, "#6E7681"),
    (FIRST, "#4184E4"),
    (SECOND, "#F0883E"),
    (STAGES[7], "#C9D1D9"),
];

/// The rules by which a picture is dark where the reader's system is.
pub(super) fn dark() -> String {
    let rule = |(RGBColor(r, g, b), dark): &(RGBColor, &str)| {
        let light = format!("#{r:02X}{g:02X}{b:02X}");
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}\n")
    };
    let rules: String = DARK.iter().map(rule).collect();
    format!("@media (prefers-color-scheme:dark){{\n{rules}}}\n")
}

/// The colour of the stage at `index`; after the eighth they come again, paler.
pub(super) fn stage(index: usize) -> RGBColor {
    let colour = STAGES[index % STAGES.len()];
    let turns = u8::try_from(index / STAGES.len()).unwrap_or(u8::MAX).min(3);
    (0..turns).fold(colour, |RGBColor(r, g, b), _| {
        let paler = |channel: u8| channel + (u8::MAX - channel) / 2;
        RGBColor(paler(r), paler(g), paler(b))
    })
}

pub(super) const LEFT: Pos = Pos { h_pos: HPos::Left, v_pos: VPos::Center };
pub(super) const MIDDLE: Pos = Pos { h_pos: HPos::Center, v_pos: VPos::Center };
pub(super) const RIGHT: Pos = Pos { h_pos: HPos::Right, v_pos: VPos::Center };

/// Text of a size and a colour, to the right of its place.
pub(super) fn words(size: f64, colour: RGBColor) -> TextStyle<'static> {
    font(size, FontStyle::Normal).color(&colour).pos(LEFT)
}

/// The same, heavy.
pub(super) fn heavy(size: f64, colour: RGBColor) -> TextStyle<'static> {
    font(size, FontStyle::Bold).color(&colour).pos(LEFT)
}

fn font(size: f64, style: FontStyle) -> FontDesc<'static> {
    /// The SVG backend divides a size by it.
    const BACKEND: f64 = 1.24;
    FontDesc::new(FontFamily::SansSerif, size * super::canvas::FINE * BACKEND, style)
}

/// About how wide `text` is, pixels: the reader's font is not known.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' => 0.33,
        'm' | 'w' | 'M' | 'W' | '%' | '—' => 0.9,
        'A'..='Z' | '0'..='9' | '<' | '>' | '=' => 0.64,
        '\u{1100}'.. => 1.0,
        _ => 0.58,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// `text` in at most `room` pixels, without characters that XML or a line does not have.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    let text = clean(text);
    if width(&text, size) <= room {
        return text;
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width(&short, size) + size > room {
            break;
        }
    }
    short.pop();
    short.trim_end().to_owned() + "…"
}

/// `text` without control characters, which XML 1.0 does not have, and without those that turn the
/// direction of what follows.
pub(super) fn clean(text: &str) -> String {
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_bad(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, room: f64, expected: &str) {
        assert_eq!(fitted(text, 10.0, room), expected);
        assert!(width(expected, 10.0) <= room.max(10.0));
    }

    #[test]
    fn what_does_not_fit_ends_with_dots() {
        check("narration", 100.0, "narration");
        check("narration of the whole script", 60.0, "narration…");
        check("a\nb\u{0}c\u{202E}d", 100.0, "a b c d");
        check("日本語の字幕", 30.0, "日本…");
        check("x", 0.0, "…");
    }

    /// As WCAG 2.2 has it: 21 of black on white.
    fn contrast(one: RGBColor, other: RGBColor) -> f64 {
        let light = |RGBColor(r, g, b): RGBColor| {
            let channel = |c: u8| match f64::from(c) / 255.0 {
                c @ ..0.04045 => c / 12.92,
                c => ((c + 0.055) / 1.055).powf(2.4),
            };
            0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b) + 0.05
        };
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    fn parsed(hex: &str) -> RGBColor {
        let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        RGBColor(channel(1), channel(3), channel(5))
    }

    #[test]
    fn words_and_curves_read_on_light_and_on_dark() {
        let dark = |colour: RGBColor| {
            let found = DARK.iter().find(|(light, _)| *light == colour);
            found.map_or(colour, |(_, dark)| parsed(dark))
        };
        let paper = (PAPER, dark(PAPER));
        for (colour, least) in [(INK, 12.0), (SOFT, 4.5), (FIRST, 4.5), (SECOND, 3.0), (AXIS, 3.0)]
        {
            assert!(contrast(colour, paper.0) >= least, "{colour:?} on light");
            assert!(contrast(dark(colour), paper.1) >= least, "{colour:?} on dark");
        }
        for colour in STAGES {
            assert!(contrast(dark(colour), paper.1) >= 3.0, "{colour:?} on dark");
        }
        assert_eq!(DARK[0].1.len(), 7);
    }

    #[test]
    fn sixteen_stages_have_sixteen_colours() {
        let colours: std::collections::BTreeSet<(u8, u8, u8)> =
            (0..16).map(stage).map(|RGBColor(r, g, b)| (r, g, b)).collect();
        assert_eq!(colours.len(), 16);
        stage(usize::MAX);
    }
}
