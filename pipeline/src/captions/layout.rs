//! How much text fits on a line.

use std::collections::HashMap;

use protocol::Size;
use unicode_width::UnicodeWidthChar;

/// Sizes of fonts and outlines are given for a picture as wide as this.
const REFERENCE_WIDTH: f64 = 1080.0;

/// Share of the picture's width that text may take.
pub const TEXT_SHARE: f64 = 0.9;

/// Share of the font size that a column of text takes: half of it for a letter, all of it for a
/// Chinese one, which takes two columns.
const COLUMN_SHARE: f64 = 0.5;

/// A length given for a picture 1080 pixels wide, in a picture of this size.
pub fn scaled(size: Size, length: f64) -> f64 {
    length * f64::from(size.width) / REFERENCE_WIDTH
}

/// The room for text in a picture, and how much of it a text takes. Pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    max_width: f64,
    column: f64,
    advances: HashMap<char, f64>,
}

impl Layout {
    /// Lines of at most 90 % of the picture's width, in letters of `font_size` (given for a picture
    /// 1080 pixels wide), measured by columns: one for a letter, two for a Chinese one, none for a
    /// mark above or below another letter.
    pub fn for_picture(size: Size, font_size: f64) -> Self {
        Self {
            max_width: f64::from(size.width) * TEXT_SHARE,
            column: scaled(size, font_size) * COLUMN_SHARE,
            advances: HashMap::new(),
        }
    }

    /// The same room, measured by what the font says: `advances` are shares of the font size.
    #[must_use]
    pub fn with_advances(mut self, advances: impl IntoIterator<Item = (char, f64)>) -> Self {
        let font_size = self.column / COLUMN_SHARE;
        self.advances =
            advances.into_iter().map(|(letter, share)| (letter, share * font_size)).collect();
        self
    }

    /// Widest line.
    pub fn max_width(&self) -> f64 {
        self.max_width
    }

    /// Width of a text on one line.
    pub fn width(&self, text: &str) -> f64 {
        text.chars().map(|letter| self.advance(letter)).sum()
    }

    fn advance(&self, letter: char) -> f64 {
        let measured = self.advances.get(&letter).copied();
        measured.unwrap_or_else(|| letter.width().unwrap_or(0) as f64 * self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_columns(text: &str, expected: f64) {
        let layout = Layout::for_picture(Size { width: 1080, height: 1920 }, 60.0);
        assert_eq!(layout.width(text) / 30.0, expected, "{text:?}");
    }

    #[test]
    fn columns_are_counted_as_they_are_seen() {
        check_columns("", 0.0);
        check_columns("Việt", 4.0);
        check_columns("Vie\u{323}\u{302}t", 4.0); // decomposed
        check_columns("世界。", 6.0);
        check_columns("مرحبا", 5.0);
        check_columns("a\u{200B}b", 2.0);
    }

    #[test]
    fn the_room_scales_with_the_picture() {
        let (half, full) = (Size { width: 540, height: 960 }, Size { width: 1080, height: 1920 });
        let layout = Layout::for_picture(half, 60.0);
        assert_eq!((layout.max_width(), layout.width("ab")), (486.0, 30.0));
        assert_eq!(Layout::for_picture(full, 60.0).width("ab"), 60.0);
        assert_eq!(layout.with_advances([('a', 0.4)]).width("ab"), 12.0 + 15.0);
    }
}
