//! A font that is installed and has the glyphs.
//!
//! libass draws a missing family with whatever fontconfig likes best and a missing glyph as a box, and
//! tells nobody. So the family is chosen here, against the character map of the face that will be used.

mod names;

use std::collections::BTreeSet;
use std::fmt;

use fontdb::{Database, FaceInfo, Family, Query, Source, Style, Weight};
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthChar;

/// The fonts of this machine.
#[derive(Debug)]
pub struct Fonts {
    database: Database,
}

/// The weights that a font that stands in for another has: regular and bold.
const REGULAR: u16 = 400;
const BOLD: u16 = 700;

/// The family that subtitles are burned in with.
#[derive(Clone, Debug, PartialEq)]
pub struct FontChoice {
    /// Its name, as it goes into [`super::ass::Style::font`].
    pub family: String,
    /// Its weight, 100 to 900, as it goes into [`super::ass::Style::weight`].
    pub weight: u16,
    /// Letters of the text it has no glyph for, in the order of their codes; mostly emoji. libass
    /// takes them from another font, or draws a box.
    pub missing: Vec<char>,
    /// What was asked for, where it is another font.
    pub stands_in: Option<StandsIn>,
    /// Widths of the letters of the text, as shares of the font size: for
    /// [`super::layout::Layout::with_advances`].
    pub advances: Vec<(char, f64)>,
    /// Height of a line as libass sets it, as a share of the font size: for
    /// [`super::ass::Style::line_height`].
    pub line_height: f64,
}

/// Why a font is not the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandsIn {
    /// One that MoneyPrinterTurbo ships, and this machine does not have.
    NotInstalled {
        /// As it was asked for.
        asked: String,
    },
    /// It lacks letters that this one has.
    Lacks {
        /// The family.
        asked: String,
        /// The letters.
        letters: Vec<char>,
    },
}

impl StandsIn {
    /// What was asked for.
    pub fn asked(&self) -> &str {
        let (Self::NotInstalled { asked } | Self::Lacks { asked, .. }) = self;
        asked
    }
}

impl fmt::Display for StandsIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled { asked } => write!(f, "{asked:?} is not installed"),
            Self::Lacks { asked, letters } => {
                let letters: Vec<String> = letters.iter().map(char::to_string).collect();
                write!(f, "{asked:?} lacks {}", letters.join(" "))
            }
        }
    }
}

/// Why there is no font.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FontError {
    /// The family that was asked for is not there.
    #[error("font {family:?} is not installed{}", similar(near))]
    NotInstalled {
        /// As it was asked for.
        family: String,
        /// Installed families with a name like it, most alike first.
        near: Vec<String>,
    },
    /// The machine has no usable font at all.
    #[error("no font is installed")]
    None,
}

fn similar(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; installed are {}", near.join(", ")) }
}

impl FontChoice {
    /// Letters without which the text cannot be read.
    fn n_unreadable(&self) -> usize {
        self.missing.iter().filter(|&&letter| !is_pictograph(letter)).count()
    }
}

impl Fonts {
    /// Reads which fonts are installed: about 10 ms for 65 faces. Load once.
    pub fn system() -> Self {
        let mut database = Database::new();
        database.load_system_fonts();
        Self { database }
    }

    /// The names of the installed families, in order.
    pub fn families(&self) -> BTreeSet<&str> {
        self.database.faces().filter_map(family_name).collect()
    }

    /// The font for `text`: `preferred` where it has every letter, else the first of a list of good
    /// ones that has, else the one that lacks fewest. Emoji do not count: hardly a font has them.
    ///
    /// `preferred` is a family, or the name of a font file. A file that MoneyPrinterTurbo ships may be
    /// missing: then a good font stands in for it.
    ///
    /// # Errors
    ///
    /// [`FontError`]: `preferred` is not empty and not installed, or there is no font.
    pub fn choose(&self, preferred: &str, text: &str) -> Result<FontChoice, FontError> {
        let letters = visible_letters(text);
        let preferred = preferred.trim();
        if preferred.is_empty() {
            return self.best(REGULAR, &letters).ok_or(FontError::None);
        }
        let asked = match names::file_stem(preferred) {
            None => {
                self.installed(preferred).and_then(|family| self.face(family, REGULAR, &letters))
            }
            Some(stem) => self.of_file(preferred, stem, &letters),
        };
        let weight = names::bundled(preferred).map(|bundled| bundled.weight);
        let Some(asked) = asked else {
            let weight = weight.ok_or_else(|| self.not_installed(preferred))?;
            let weight = if weight > 500 { BOLD } else { REGULAR };
            let best = self.best(weight, &letters).ok_or(FontError::None)?;
            let stands_in = Some(StandsIn::NotInstalled { asked: preferred.to_owned() });
            return Ok(FontChoice { stands_in, ..best });
        };
        if asked.n_unreadable() == 0 {
            return Ok(asked);
        }
        let weight = if asked.weight > 500 { BOLD } else { REGULAR };
        let best = self.best(weight, &letters).ok_or(FontError::None)?;
        if asked.n_unreadable() <= best.n_unreadable() {
            return Ok(asked);
        }
        let stands_in = StandsIn::Lacks { asked: asked.family, letters: asked.missing };
        Ok(FontChoice { stands_in: Some(stands_in), ..best })
    }

    /// The font of a file of that name, of the families that MoneyPrinterTurbo's file of that name has,
    /// or whose own name is the file's.
    fn of_file(&self, file: &str, stem: &str, letters: &BTreeSet<char>) -> Option<FontChoice> {
        let in_file = |face: &&FaceInfo| match &face.source {
            Source::File(path) | Source::SharedFile(path, _) => {
                path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(file))
            }
            Source::Binary(_) => false,
        };
        // A collection holds a face for each script: the best for these letters.
        let rank = rank(letters);
        let of_face = |face: &FaceInfo| self.face(family_name(face)?, face.weight.0, letters);
        let held = self.database.faces().filter(in_file).filter_map(of_face);
        let held = held.min_by_key(|choice| (choice.n_unreadable(), rank(&choice.family)));
        let bundled = || {
            let bundled = names::bundled(file)?;
            let family = bundled.families.iter().find_map(|family| self.installed(family))?;
            self.face(family, bundled.weight, letters)
        };
        let named = || {
            let asked = names::plain(stem);
            let same = |face: &&FaceInfo| {
                names::plain(&face.post_script_name) == asked
                    || face.families.iter().any(|(family, _)| names::plain(family) == asked)
            };
            self.database.faces().find(same).and_then(of_face)
        };
        held.or_else(bundled).or_else(named)
    }

    fn best(&self, weight: u16, letters: &BTreeSet<char>) -> Option<FontChoice> {
        let preferred = names::preferred(letters.iter().copied());
        let listed: Vec<&str> = preferred.iter().filter_map(|name| self.installed(name)).collect();
        let readable = |choice: &FontChoice| choice.n_unreadable() == 0;
        let candidate = |family: &&str| self.face(family, weight, letters);
        listed.iter().filter_map(candidate).find(readable).or_else(|| {
            let rank = rank(letters);
            self.families()
                .iter()
                .filter_map(candidate)
                .min_by_key(|choice| (choice.n_unreadable(), rank(&choice.family)))
        })
    }

    /// The family of that name as it is written itself: names are compared without regard to case.
    fn installed(&self, name: &str) -> Option<&str> {
        let same = |face: &&FaceInfo| {
            face.families.iter().any(|(family, _)| family.to_lowercase() == name.to_lowercase())
        };
        self.database.faces().find(same).and_then(family_name)
    }

    fn not_installed(&self, name: &str) -> FontError {
        let asked = names::file_stem(name).unwrap_or(name).to_lowercase();
        let likeness = |family: &str| {
            let family = family.to_lowercase();
            let within = family.contains(&asked) || asked.contains(&family);
            strsim::jaro_winkler(&family, &asked).max(if within { 0.9 } else { 0.0 })
        };
        let mut near: Vec<&str> =
            self.families().into_iter().filter(|family| likeness(family) > 0.75).collect();
        near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        let near = near.into_iter().take(5).map(str::to_owned).collect();
        FontError::NotInstalled { family: name.to_owned(), near }
    }

    /// What the upright face of the family has that is nearest to the weight. None: it cannot be read.
    fn face(&self, family: &str, weight: u16, letters: &BTreeSet<char>) -> Option<FontChoice> {
        let upright = Query {
            families: &[Family::Name(family)],
            weight: Weight(weight),
            style: Style::Normal,
            ..Query::default()
        };
        let id = self.database.query(&upright)?;
        let weight = self.database.face(id)?.weight.0;
        self.database.with_face_data(id, |data, index| {
            let face = Face::parse(data, index).ok()?;
            let em = f64::from(face.units_per_em());
            let lacks = |letter: &char| face.glyph_index(*letter).is_none();
            let advances = letters.iter().chain([&' ']).filter_map(|&letter| {
                let advance = face.glyph_hor_advance(face.glyph_index(letter)?)?;
                Some((letter, f64::from(advance) / em))
            });
            Some(FontChoice {
                family: family.to_owned(),
                weight,
                missing: letters.iter().copied().filter(lacks).collect(),
                stands_in: None,
                advances: advances.collect(),
                line_height: line_height(&face) / em,
            })
        })?
    }
}

/// How far behind a family stands in the list of the good ones.
fn rank(letters: &BTreeSet<char>) -> impl Fn(&str) -> usize {
    let preferred = names::preferred(letters.iter().copied());
    move |family| preferred.iter().position(|name| *name == family).unwrap_or(usize::MAX)
}

/// The English name; none where an ASS file could not hold it.
fn family_name(face: &FaceInfo) -> Option<&str> {
    let name = face.families.first().map(|(family, _)| family.as_str())?;
    (!name.is_empty() && !name.contains([',', '\n', '\r']) && !name.starts_with(['@', '.']))
        .then_some(name)
}

/// What libass makes as high as the font size of an ASS style: Windows' ascent and descent where the
/// font has them (`set_font_metrics` in libass' `ass_font.c`). In the font's units.
fn line_height(face: &Face<'_>) -> f64 {
    let height = |ascender: i16, descender: i16| f64::from(ascender) - f64::from(descender);
    let windows =
        face.tables().os2.map(|os2| height(os2.windows_ascender(), os2.windows_descender()));
    windows
        .filter(|&height| height > 0.0)
        .unwrap_or_else(|| height(face.ascender(), face.descender()))
}

/// The letters that need a glyph, composed as the shaper composes them.
fn visible_letters(text: &str) -> BTreeSet<char> {
    let draws =
        |c: &char| !c.is_whitespace() && c.width().is_some_and(|width| width > 0) || is_mark(*c);
    text.nfc().filter(draws).collect()
}

/// Marks drawn above or below another letter: no width of their own, and still a glyph.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) && !('\u{FE00}'..='\u{FE0F}').contains(&c)
}

/// Emoji and other pictures.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}'
        | '\u{231A}'..='\u{23FF}' | '\u{20E3}' | '\u{E0020}'..='\u{E007F}')
}

#[cfg(test)]
mod tests;
