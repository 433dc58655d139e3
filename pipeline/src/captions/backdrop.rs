//! What stands behind the letters.

use std::fmt::Write;

use super::colour::Colour;

/// Shares of the font size between the letters and the border of what is behind them.
pub(super) const PADDING: f64 = 0.25;
/// The same at the sides of a rounded one: MoneyPrinterTurbo's.
const ROUNDED_SIDE_PADDING: f64 = 0.6;
/// How much of the picture a rounded one hides, of 255: MoneyPrinterTurbo's.
pub(super) const ROUNDED_OPACITY: u8 = 140;
/// Its radius as a share of the font size, and in pixels at the least.
const RADIUS_SHARE: f64 = 0.4;
const MIN_RADIUS: f64 = 8.0;
/// Widest it is, as a share of the picture's width: what pops up to 108 % stays in the picture.
const WIDEST: f64 = 0.925;
/// Where the handles of the cubic curve lie that is nearest to a quarter of a circle.
const HANDLE: f64 = 0.5523;

/// What stands behind the letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backdrop {
    /// Its colour.
    pub colour: Colour,
    /// Rounded, and lets the picture through; else a box that does not.
    pub rounded: bool,
}

/// The outline, in ASS' drawing commands, of what is behind a block of text so wide and high. Pixels,
/// for a font of `font_size` of them.
pub(super) fn rounded(text: (f64, f64), font_size: f64, picture_width: f64) -> String {
    let width = (text.0 + 2.0 * ROUNDED_SIDE_PADDING * font_size).min(picture_width * WIDEST);
    let height = text.1 + 2.0 * PADDING * font_size;
    let radius = (RADIUS_SHARE * font_size).max(MIN_RADIUS).min(width / 2.0).min(height / 2.0);
    let handle = radius * (1.0 - HANDLE);
    let (right, bottom) = (width - radius, height - radius);
    let mut path = format!("m {radius:.0} 0");
    // Clockwise: each side, then the curve into the next.
    let corners = [
        [(right, 0.0), (width - handle, 0.0), (width, handle), (width, radius)],
        [(width, bottom), (width, height - handle), (width - handle, height), (right, height)],
        [(radius, height), (handle, height), (0.0, height - handle), (0.0, bottom)],
        [(0.0, radius), (0.0, handle), (handle, 0.0), (radius, 0.0)],
    ];
    for [side, first, second, end] in corners {
        // Writing to a string does not fail.
        let _ = write!(path, " l {:.0} {:.0} b", side.0, side.1);
        for point in [first, second, end] {
            let _ = write!(path, " {:.0} {:.0}", point.0, point.1);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: (f64, f64), font_size: f64, picture_width: f64, expected: &str) {
        assert_eq!(rounded(text, font_size, picture_width), expected);
    }

    #[test]
    fn corners_are_rounded_and_sizes_bounded() {
        check(
            (200.0, 100.0),
            50.0,
            540.0,
            "m 20 0 l 240 0 b 251 0 260 9 260 20 l 260 105 b 260 116 251 125 240 125 \
             l 20 125 b 9 125 0 116 0 105 l 0 20 b 0 9 9 0 20 0",
        );
        // A tiny font still has visible corners, and no radius is more than half a side.
        check(
            (4.0, 6.0),
            8.0,
            540.0,
            "m 5 0 l 9 0 b 11 0 14 2 14 5 l 14 5 b 14 8 11 10 9 10 l 5 10 b 2 10 0 8 0 5 \
             l 0 5 b 0 2 2 0 5 0",
        );
        assert!(rounded((520.0, 60.0), 50.0, 560.0).contains(" l 498 0 b 509 0 518 9 518 20 "));
    }
}
