//! A font that is installed and has the glyphs.
//!
//! libass draws a missing family with whatever fontconfig likes best and a missing glyph as a box, and
//! tells nobody. So the family is chosen here, against the character map of the face that will be used.

use std::collections::BTreeSet;

use fontdb::{Database, FaceInfo, Family, Query, Style, Weight};
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthChar;

/// Families that look well in a subtitle, best first.
const PREFERRED: [&str; 12] = [
    "Open Sans",
    "Noto Sans",
    "Be Vietnam Pro",
    "Roboto",
    "Liberation Sans",
    "Arial",
    "Helvetica",
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
];

/// The fonts of this machine.
#[derive(Debug)]
pub struct Fonts {
    database: Database,
}

/// The family that subtitles are burned in with.
#[derive(Clone, Debug, PartialEq)]
pub struct FontChoice {
    /// Its name, as it goes into [`super::ass::Style::font`].
    pub family: String,
    /// Letters of the text it has no glyph for, in the order of their codes; mostly emoji. libass
    /// takes them from another font, or draws a box.
    pub missing: Vec<char>,
    /// The family that was asked for, where it lacks letters that this one has, and which.
    pub instead_of: Option<(String, Vec<char>)>,
    /// Widths of the letters of the text, as shares of the font size: for
    /// [`super::layout::Layout::with_advances`].
    pub advances: Vec<(char, f64)>,
    /// Height of a line as libass sets it, as a share of the font size: for
    /// [`super::ass::Style::line_height`].
    pub line_height: f64,
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

    /// The family for `text`: `preferred` where it has every letter, else the first of a list of
    /// good ones that has, else the one that lacks fewest. Emoji do not count: hardly a font has them.
    ///
    /// # Errors
    ///
    /// [`FontError`]: `preferred` is not empty and not installed, or there is no font.
    pub fn choose(&self, preferred: &str, text: &str) -> Result<FontChoice, FontError> {
        let letters = visible_letters(text);
        let preferred = preferred.trim();
        let mut asked = None;
        if !preferred.is_empty() {
            let family = self.installed(preferred).ok_or_else(|| self.not_installed(preferred))?;
            let choice = self.regular(family, &letters).ok_or(FontError::None)?;
            if choice.n_unreadable() == 0 {
                return Ok(choice);
            }
            asked = Some(choice);
        }
        let best = self.best(&letters).ok_or(FontError::None)?;
        Ok(match asked {
            Some(asked) if asked.n_unreadable() <= best.n_unreadable() => asked,
            asked => {
                FontChoice { instead_of: asked.map(|asked| (asked.family, asked.missing)), ..best }
            }
        })
    }

    fn best(&self, letters: &BTreeSet<char>) -> Option<FontChoice> {
        let listed: Vec<&str> = PREFERRED.iter().filter_map(|name| self.installed(name)).collect();
        let readable = |choice: &FontChoice| choice.n_unreadable() == 0;
        let candidate = |family: &&str| self.regular(family, letters);
        listed.iter().filter_map(candidate).find(readable).or_else(|| {
            let rank =
                |family: &str| listed.iter().position(|name| *name == family).unwrap_or(usize::MAX);
            self.families()
                .iter()
                .filter_map(candidate)
                .min_by_key(|choice| (choice.n_unreadable(), rank(choice.family.as_str())))
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
        let asked = name.to_lowercase();
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

    /// What the regular face of the family has. None: it cannot be read.
    fn regular(&self, family: &str, letters: &BTreeSet<char>) -> Option<FontChoice> {
        let regular = Query {
            families: &[Family::Name(family)],
            weight: Weight::NORMAL,
            style: Style::Normal,
            ..Query::default()
        };
        let id = self.database.query(&regular)?;
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
                missing: letters.iter().copied().filter(lacks).collect(),
                instead_of: None,
                advances: advances.collect(),
                line_height: line_height(&face) / em,
            })
        })?
    }
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
