//! What each sign of a picture means, in rows.

use plotters::style::Color;

use super::canvas::{Canvas, Drawn};
use super::theme::{self, INK, MARGIN, SMALL, WIDTH, words};

/// From the left of a sign to its name.
const SIGN: f64 = 28.0;
/// Between two entries.
const GAP: f64 = 18.0;
const ROW: f64 = 20.0;
const LONGEST_NAME: f64 = 420.0;

type Sign = dyn Fn(&Canvas<'_>, (f64, f64)) -> Drawn;

/// A sign, 22 pixels wide and in the middle of a row, and what it means.
pub(super) struct Entry {
    name: String,
    sign: Box<Sign>,
}

impl Entry {
    pub(super) fn new(
        name: &str,
        sign: impl Fn(&Canvas<'_>, (f64, f64)) -> Drawn + 'static,
    ) -> Self {
        Self { name: theme::fitted(name, SMALL, LONGEST_NAME), sign: Box::new(sign) }
    }

    /// A filled box.
    pub(super) fn fill(name: &str, colour: impl Color) -> Self {
        let colour = colour.to_rgba();
        Self::new(name, move |canvas, (x, y)| canvas.rect((x, y - 6.0), (22.0, 12.0), colour))
    }
}

/// Entries, each with its place.
pub(super) struct Legend {
    placed: Vec<(f64, f64, Entry)>,
}

impl Legend {
    /// From left to right, as many in a row as there is room for.
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let (mut x, mut y) = (MARGIN, 0.0);
        let mut placed = Vec::new();
        for entry in entries {
            let wide = SIGN + theme::width(&entry.name, SMALL);
            if x > MARGIN && x + wide > WIDTH - MARGIN {
                (x, y) = (MARGIN, y + ROW);
            }
            placed.push((x, y, entry));
            x += wide + GAP;
        }
        Self { placed }
    }

    pub(super) fn height(&self) -> f64 {
        self.placed.last().map_or(0.0, |(_, y, _)| y + ROW)
    }

    pub(super) fn draw(&self, canvas: &Canvas<'_>, top: f64) -> Drawn {
        for (x, y, entry) in &self.placed {
            let middle = top + y + ROW / 2.0;
            (entry.sign)(canvas, (*x, middle))?;
            canvas.text((x + SIGN, middle), &entry.name, &words(SMALL, INK))?;
        }
        Ok(())
    }
}
