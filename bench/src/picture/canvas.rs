//! An SVG document of a fixed width: title, caption, and shapes in pixels.

use std::fmt::Write;
use std::io;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::theme::{self, INK, MARGIN, NORMAL, PAPER, SECOND, SMALL, SOFT, TITLE, WIDTH, words};

/// The backend counts in whole units; so many make a pixel.
pub(super) const FINE: f64 = 2.0;

/// Part of a picture.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Whether it was drawn. Writing into a string does not fail.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// What stands at the top of a picture, and what is told to those who do not see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub title: String,
    /// What was run, a line each.
    pub captions: Vec<String>,
    /// What must not be overlooked.
    pub warning: Option<String>,
    pub description: String,
}

impl Head {
    /// How high it is.
    pub(super) fn height(&self) -> f64 {
        44.0 + 20.0 * (self.captions.len() + usize::from(self.warning.is_some())) as f64
    }
}

/// Draws a picture that is `height` pixels high: its head, then `content` below.
pub(super) fn picture(
    head: &Head,
    height: f64,
    content: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> String {
    let mut body = String::new();
    let drawn = (|| {
        let backend = SVGBackend::with_string(&mut body, (units(WIDTH), units(height)));
        let canvas = Canvas { area: backend.into_drawing_area() };
        canvas.area.fill(&PAPER)?;
        canvas.head(head)?;
        content(&canvas)?;
        canvas.area.present()
    })();
    #[expect(clippy::expect_used, reason = "a string takes what is written into it")]
    drawn.expect("an SVG document in a string");
    document(&body, head, height)
}

fn units(pixels: f64) -> u32 {
    (pixels * FINE).round() as u32
}

/// Pixels in units of the backend. A coordinate far outside is brought to the edge of what it draws.
pub(super) fn px(pixels: f64) -> i32 {
    (pixels * FINE).round().clamp(-1e5, 1e5) as i32
}

/// What the backend wrote, with a name and a description, scaled to its width, and without what is said
/// on every line.
fn document(body: &str, head: &Head, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" \
         font-family=\"system-ui, Segoe UI, Helvetica, Arial, sans-serif\">\n\
         <title>{}</title>\n<desc>{}</desc>\n<style>\n{}</style>\n",
        units(WIDTH),
        units(height),
        escaped(&theme::clean(&head.title)),
        escaped(&theme::clean(&format!("{}. {}", head.captions.join("; "), head.description))),
        theme::dark(),
    );
    let mut lines = body.lines().skip(1);
    while let Some(line) = lines.next() {
        // Quotes are escaped in text, so these are attributes.
        let line = line
            .replace(" font-family=\"sans-serif\"", "")
            .replace(" opacity=\"1\"", "")
            .replace(" stroke=\"none\"", "");
        svg.push_str(&line);
        if line.starts_with("<text") {
            let text = lines.next().unwrap_or_default();
            let _ = write!(svg, "{text}{}", lines.next().unwrap_or_default());
        }
        svg.push('\n');
    }
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Where shapes are drawn; places and sizes are pixels.
pub(super) struct Canvas<'a> {
    area: Area<'a>,
}

impl<'a> Canvas<'a> {
    fn head(&self, head: &Head) -> Drawn {
        let room = WIDTH - 2.0 * MARGIN;
        let title = theme::fitted(&head.title, TITLE, room);
        self.text((MARGIN, 25.0), &title, &theme::heavy(TITLE, INK))?;
        let captions = head.captions.iter().map(|line| (line, words(NORMAL, SOFT)));
        let warning = head.warning.iter().map(|line| (line, theme::heavy(NORMAL, SECOND)));
        for (index, (line, style)) in captions.chain(warning).enumerate() {
            let line = theme::fitted(line, NORMAL, room);
            self.text((MARGIN, 49.0 + 20.0 * index as f64), &line, &style)?;
        }
        Ok(())
    }

    /// A part of it, for a chart.
    pub(super) fn part(&self, (x, y): (f64, f64), (width, height): (f64, f64)) -> Area<'a> {
        self.area.clone().shrink((px(x), px(y)), (px(width), px(height)))
    }

    /// A line of text.
    pub(super) fn text(&self, (x, y): (f64, f64), text: &str, style: &TextStyle<'_>) -> Drawn {
        self.area.draw_text(&theme::clean(text), style, (px(x), px(y)))
    }

    /// A filled rectangle.
    pub(super) fn rect(
        &self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        fill: impl Color,
    ) -> Drawn {
        self.area
            .draw(&Rectangle::new([(px(x), px(y)), (px(x + width), px(y + height))], fill.filled()))
    }

    /// Lines from place to place.
    pub(super) fn line(&self, places: &[(f64, f64)], colour: impl Color, thick: f64) -> Drawn {
        let places: Vec<(i32, i32)> = places.iter().map(|&(x, y)| (px(x), px(y))).collect();
        self.area.draw(&PathElement::new(places, stroke(colour, thick)))
    }

    /// A filled circle.
    pub(super) fn dot(&self, (x, y): (f64, f64), radius: f64, fill: impl Color) -> Drawn {
        self.area.draw(&Circle::new((px(x), px(y)), px(radius), fill.filled()))
    }

    /// A filled polygon.
    pub(super) fn polygon(&self, places: &[(f64, f64)], fill: impl Color) -> Drawn {
        let places: Vec<(i32, i32)> = places.iter().map(|&(x, y)| (px(x), px(y))).collect();
        self.area.draw(&Polygon::new(places, fill.filled()))
    }

    /// Lines from place to place with gaps.
    pub(super) fn dashes(&self, places: &[(f64, f64)], colour: impl Color, thick: f64) -> Drawn {
        let places: Vec<(i32, i32)> = places.iter().map(|&(x, y)| (px(x), px(y))).collect();
        let style = stroke(colour, thick);
        self.area.draw(&DashedPathElement::new(places, px(6.0), px(4.0), style))
    }

    /// Text on a piece of paper of its own, so that it reads over lines.
    pub(super) fn label(&self, (x, y): (f64, f64), text: &str, style: &TextStyle<'_>) -> Drawn {
        let wide = theme::width(text, SMALL) + 6.0;
        let left = match style.pos.h_pos {
            HPos::Left => x - 3.0,
            HPos::Center => x - wide / 2.0,
            HPos::Right => x - wide + 3.0,
        };
        self.rect((left, y - 8.0), (wide, 16.0), PAPER.mix(0.8))?;
        self.text((x, y), text, style)
    }
}

fn stroke(colour: impl Color, thick: f64) -> ShapeStyle {
    colour.stroke_width(units(thick))
}
