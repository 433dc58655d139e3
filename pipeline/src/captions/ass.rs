//! Advanced SubStation Alpha, the subtitle file that libass burns in
//! (<http://www.tcax.org/docs/ass-specs.htm>; libass' reading of it:
//! <https://github.com/libass/libass/wiki/ASS-File-Format-Guide>).

#[cfg(test)]
mod tests;
mod text;

use std::fmt::Write;

use protocol::{Size, SubtitleAnimation};

use super::backdrop::{self, Backdrop};
use super::colour::Colour;
use super::layout::{Layout, scaled};
use super::placement::Place;
use super::spoken::{Spoken, spoken};
use crate::artefacts::{Cue, TimedWord};
use text::Highlight;

/// Distance of the shadow, for a picture 1080 pixels wide. White letters with the thin outline that is
/// the default are lost on sand and snow without one.
const SHADOW: f64 = 3.0;

/// Of the shadow: a third of the picture is let through.
const SHADOW_OPACITY: u8 = 170;

/// The weights of fonts that ASS calls by a yes and a no.
const NORMAL: u16 = 400;
const BOLD: u16 = 700;

/// How subtitles look. Lengths are given for a picture 1080 pixels wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Font family, as [`super::fonts::FontChoice::family`] gives it.
    pub font: String,
    /// Weight of the letters, 100 to 900: [`super::fonts::FontChoice::weight`].
    pub weight: u16,
    /// Size of the letters: the em of the font.
    pub font_size: f64,
    /// Height of a line as a share of `font_size`, as [`super::fonts::FontChoice::line_height`] gives
    /// it. ASS sets the height of lines, by which letters of one size would differ from font to font.
    pub line_height: f64,
    /// Of the letters.
    pub colour: Colour,
    /// Of the outline.
    pub outline_colour: Colour,
    /// Width of the outline.
    pub outline: f64,
    /// Where the text stands.
    pub place: Place,
    /// What stands behind it; without it, a shadow does.
    pub backdrop: Option<Backdrop>,
    /// How it appears.
    pub animation: SubtitleAnimation,
    /// Colour of the word that is spoken. None: that of the others.
    pub highlight: Option<Colour>,
}

/// The cues as an ASS file for pictures of `size`; `words` are what the cues are made of, and `layout`
/// knows how wide they are.
///
/// Nothing in a cue's text is a command: braces and backslashes are shown as they are.
pub fn ass(
    cues: &[Cue],
    words: &[TimedWord],
    style: &Style,
    layout: &Layout,
    size: Size,
) -> String {
    let mut file = head(style, size);
    let spoken = match style.highlight {
        Some(_) => spoken(cues, words),
        None => Vec::new(),
    };
    let mut earliest_cs = 0;
    for (i, cue) in cues.iter().enumerate() {
        // Times are hundredths of a second here; a cue must not lose its time to that.
        let start_cs = centiseconds(cue.start_ms).max(earliest_cs);
        let end_cs = centiseconds(cue.end_ms).max(start_cs + 1);
        earliest_cs = end_cs;
        let times = format!("{},{}", time(start_cs), time(end_cs));
        let words = spoken.get(i).map_or(&[][..], Vec::as_slice);
        let text = text(cue, words, start_cs * 10, style);
        let block = Block::of(cue, style, layout, size);
        let place = block.commands(style);
        // Writing to a string does not fail.
        if style.backdrop.is_some_and(|backdrop| backdrop.rounded) {
            let outline = block.rounded(style, size);
            let _ = writeln!(file, "Dialogue: 0,{times},Backdrop,,0,0,0,,{{{place}\\p1}}{outline}");
        }
        let _ = writeln!(file, "Dialogue: 1,{times},Default,,0,0,0,,{{{place}}}{text}");
    }
    file
}

fn text(cue: &Cue, spoken: &[Spoken], start_ms: u64, style: &Style) -> String {
    match style.highlight {
        Some(colour) => {
            let colours = Highlight { plain: style.colour, spoken: colour };
            text::highlighted(cue, spoken, start_ms, colours)
        }
        None => text::plain(cue),
    }
}

/// The text of a cue as a block of the picture's pixels.
struct Block {
    width: f64,
    height: f64,
    centre: (f64, f64),
}

impl Block {
    fn of(cue: &Cue, style: &Style, layout: &Layout, size: Size) -> Self {
        let font_size = scaled(size, style.font_size);
        let height = cue.lines.len() as f64 * font_size * style.line_height;
        let padding = if style.backdrop.is_some() { backdrop::PADDING * font_size } else { 0.0 };
        let centre_y = style.place.centre_y(size, height + 2.0 * padding);
        Self {
            width: cue.lines.iter().map(|line| layout.width(line)).fold(0.0, f64::max),
            height,
            centre: (f64::from(size.width) / 2.0, centre_y),
        }
    }

    fn commands(&self, style: &Style) -> String {
        let animation = match style.animation {
            SubtitleAnimation::None => "",
            SubtitleAnimation::PopSpring => text::POP_SPRING,
        };
        format!("\\pos({:.1},{:.1}){animation}", self.centre.0, self.centre.1)
    }

    fn rounded(&self, style: &Style, size: Size) -> String {
        let font_size = scaled(size, style.font_size);
        backdrop::rounded((self.width, self.height), font_size, f64::from(size.width))
    }
}

fn head(style: &Style, size: Size) -> String {
    // A comma would end the name, a line the style; no family that can be chosen has either.
    let font = style.font.replace(|c: char| c == ',' || c.is_control(), " ");
    let bold = match style.weight {
        NORMAL => "0".to_owned(),
        BOLD => "-1".to_owned(),
        other => other.to_string(), // libass takes it for the weight
    };
    let line_height = scaled(size, style.font_size * style.line_height);
    let (colour, outline_colour) = (style.colour.in_style(255), style.outline_colour.in_style(255));
    let outline = scaled(size, style.outline);
    let black = Colour { red: 0, green: 0, blue: 0 };
    // Border style 4 is libass' own: one box behind the whole text, as far from it as the shadow would
    // be, and the outline stays. (Style 3 takes the outline's place.)
    let (border_style, back_colour, shadow) = match style.backdrop {
        None => (1, black.in_style(SHADOW_OPACITY), scaled(size, SHADOW)),
        Some(Backdrop { rounded: true, .. }) => (1, black.in_style(0), 0.0),
        Some(Backdrop { colour, rounded: false }) => {
            (4, colour.in_style(255), scaled(size, style.font_size * backdrop::PADDING))
        }
    };
    let Size { width, height } = size;
    // Wrap style 2: lines break where the cue says so and nowhere else. Encoding -1: each line is
    // laid out in the direction of its first letter, so that Arabic sentences read from the right.
    // Alignment 5: an event's place is that of its middle.
    let mut head = format!(
        "[Script Info]\n\
         ScriptType: v4.00+\n\
         PlayResX: {width}\n\
         PlayResY: {height}\n\
         WrapStyle: 2\n\
         ScaledBorderAndShadow: yes\n\
         YCbCr Matrix: None\n\
         \n\
         [V4+ Styles]\n\
         Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, \
         Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, \
         Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n\
         Style: Default,{font},{line_height:.2},{colour},{colour},{outline_colour},{back_colour},\
         {bold},0,0,0,100,100,0,0,{border_style},{outline:.2},{shadow:.2},5,0,0,0,-1\n"
    );
    if let Some(Backdrop { colour, rounded: true }) = style.backdrop {
        let colour = colour.in_style(backdrop::ROUNDED_OPACITY);
        let _ = writeln!(
            head,
            "Style: Backdrop,{font},{line_height:.2},{colour},{colour},{colour},{colour},\
             0,0,0,0,100,100,0,0,1,0,0,5,0,0,0,-1"
        );
    }
    head + "\n[Events]\n\
            Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
}

/// To the nearest hundredth of a second.
fn centiseconds(ms: u64) -> u64 {
    (ms + 5) / 10
}

/// `0:01:02.34`.
fn time(cs: u64) -> String {
    let (seconds, cs) = (cs / 100, cs % 100);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{}:{:02}:{seconds:02}.{cs:02}", minutes / 60, minutes % 60)
}
