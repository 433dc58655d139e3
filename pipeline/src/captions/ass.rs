//! Advanced SubStation Alpha, the subtitle file that libass burns in
//! (<http://www.tcax.org/docs/ass-specs.htm>; libass' reading of it:
//! <https://github.com/libass/libass/wiki/ASS-File-Format-Guide>).

use std::fmt::Write;

use protocol::{Size, SubtitlePosition};

use super::JOINER;
use super::layout::{TEXT_SHARE, scaled};
use crate::artefacts::Cue;

/// Share of the picture's height between text and the border.
const MARGIN_SHARE: f64 = 0.05;

/// Distance of the shadow, for a picture 1080 pixels wide. White letters with the thin outline that is
/// the default are lost on sand and snow without one.
const SHADOW: f64 = 3.0;

/// Black, a third of it let through.
const SHADOW_COLOUR: &str = "&H55000000";

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

/// Text that is no colour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour such as #FFCC00, found {0:?}")]
pub struct NotAColour(pub String);

impl std::str::FromStr for Colour {
    type Err = NotAColour;

    fn from_str(text: &str) -> Result<Self, NotAColour> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = value.ok_or_else(|| NotAColour(text.to_owned()))?.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl Colour {
    /// As ASS writes it, opaque: alpha, blue, green, red.
    fn to_ass(self) -> String {
        format!("&H00{:02X}{:02X}{:02X}", self.blue, self.green, self.red)
    }
}

/// How subtitles look. Lengths are given for a picture 1080 pixels wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Font family, as [`super::fonts::FontChoice::family`] gives it.
    pub font: String,
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
    pub position: SubtitlePosition,
}

/// The cues as an ASS file for pictures of `size`.
///
/// Nothing in a cue's text is a command: braces and backslashes are shown as they are.
pub fn ass(cues: &[Cue], style: &Style, size: Size) -> String {
    let mut file = head(style, size);
    let mut earliest_cs = 0;
    for cue in cues {
        // Times are hundredths of a second here; a cue must not lose its time to that.
        let start_cs = centiseconds(cue.start_ms).max(earliest_cs);
        let end_cs = centiseconds(cue.end_ms).max(start_cs + 1);
        earliest_cs = end_cs;
        let lines: Vec<String> = cue.lines.iter().map(|line| escaped(line)).collect();
        // Writing to a string does not fail.
        let _ = writeln!(
            file,
            "Dialogue: 0,{},{},Default,,0,0,0,,{}",
            time(start_cs),
            time(end_cs),
            lines.join("\\N")
        );
    }
    file
}

fn head(style: &Style, size: Size) -> String {
    // A comma would end the name; no family that can be chosen has one.
    let font = style.font.replace([',', '\r', '\n'], " ");
    let line_height = scaled(size, style.font_size * style.line_height);
    let (colour, outline_colour) = (style.colour.to_ass(), style.outline_colour.to_ass());
    let outline = scaled(size, style.outline);
    let shadow = scaled(size, SHADOW);
    let alignment = match style.position {
        SubtitlePosition::Bottom => 2,
        SubtitlePosition::Center => 5,
        SubtitlePosition::Top => 8,
    };
    let side = (f64::from(size.width) * (1.0 - TEXT_SHARE) / 2.0).round();
    let margin = (f64::from(size.height) * MARGIN_SHARE).round();
    let Size { width, height } = size;
    // Wrap style 2: lines break where the cue says so and nowhere else. Encoding -1: each line is
    // laid out in the direction of its first letter, so that Arabic sentences read from the right.
    format!(
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
         Style: Default,{font},{line_height:.2},{colour},{colour},{outline_colour},{SHADOW_COLOUR},\
         0,0,0,0,100,100,0,0,1,{outline:.2},{shadow:.2},{alignment},{side},{side},{margin},-1\n\
         \n\
         [Events]\n\
         Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )
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

    pub(crate) fn style() -> Style {
        Style {
            font: "Open Sans".to_owned(),
            font_size: 60.0,
            line_height: 1.5,
            colour: Colour { red: 255, green: 204, blue: 0 },
            outline_colour: Colour { red: 0, green: 0, blue: 16 },
            outline: 1.5,
            position: SubtitlePosition::Bottom,
        }
    }

    fn cue(start_ms: u64, end_ms: u64, lines: &[&str]) -> Cue {
        Cue { start_ms, end_ms, lines: lines.iter().map(|&line| line.to_owned()).collect() }
    }

    #[track_caller]
    fn check_colour(text: &str, expected: Option<&str>) {
        let colour = text.parse::<Colour>().ok().map(Colour::to_ass);
        assert_eq!(colour.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn a_colour_is_turned_round() {
        check_colour("#FFCC00", Some("&H0000CCFF"));
        check_colour("#0a0b0c", Some("&H000C0B0A"));
        for not in ["", "#FFF", "FFCC00", "#FFCC0", "#FFCC000", "#GGCC00", "#+FCC00", "#ÿÿÿ"] {
            check_colour(not, None);
        }
    }

    #[test]
    fn a_file_has_one_style_and_sizes_in_the_pictures_pixels() {
        let cues = [
            cue(0, 1500, &["Biển xanh,", "trời xanh."]),
            cue(3_723_004, 3_724_000, &["{\\an8}x\\N", "a,b"]),
        ];
        insta::assert_snapshot!(ass(&cues, &style(), Size { width: 540, height: 960 }));
    }

    #[test]
    fn a_font_name_cannot_add_a_field() {
        let style = Style { font: "A,99\nStyle: x".to_owned(), ..style() };
        let file = ass(&[], &style, Size { width: 1080, height: 1920 });
        assert!(file.contains("Style: Default,A 99 Style: x,90.00,&H"), "{file}");
    }

    #[test]
    fn a_short_cue_keeps_a_time_of_its_own() {
        let cues = [cue(3, 5, &["a"]), cue(5, 8, &["b"]), cue(8, 2000, &["c"])];
        let file = ass(&cues, &style(), Size { width: 1080, height: 1920 });
        let times: Vec<&str> = file
            .lines()
            .filter(|line| line.starts_with("Dialogue"))
            .map(|line| &line[12..33])
            .collect();
        assert_eq!(
            times,
            ["0:00:00.00,0:00:00.01", "0:00:00.01,0:00:00.02", "0:00:00.02,0:00:02.00"]
        );
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
