//! Times over percentiles: a curve with the interval that the sample gives it, and where it gives none.

use plotters::prelude::*;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn};
use super::legend::Entry;
use super::theme::{self, LEFT, MARGIN, MIDDLE, RIGHT, SHADE, SMALL, SOFT, WIDTH, words};
use crate::quantile::rank;
use crate::{Distribution, Estimate, text};

/// Percentiles that are marked.
const MARKED: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];
/// The scale goes to 99.9 %, which is 3 on it.
const END: f64 = 3.0;
/// Steps of a curve from one end of the scale to the other: a fourth of a pixel's width more or less.
const STEPS: u32 = 240;

/// One distribution, and how it is drawn.
pub(super) struct Curve<'a> {
    pub name: &'static str,
    pub colour: RGBColor,
    pub shape: Shape,
    pub times: &'a Distribution,
}

/// What marks a percentile on a curve, so that curves differ in more than colour. The values of the round
/// one stand above it, those of the square one below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Round,
    Square,
}

/// Where `q` lies on the scale: the logarithm of 1/(1 - q), so that the slow end has room.
fn position(q: f64) -> f64 {
    -(1.0 - q).log10()
}

/// A curve at each step of the scale: its position, what was seen, what is known.
fn traced(times: &Distribution) -> Vec<(f64, u64, Estimate)> {
    let ascending = times.ascending();
    let n = ascending.len() as u64;
    let at_rank = |rank: u64| ascending[rank as usize - 1];
    // Beyond this the largest stands for everything.
    let end = ((n as f64).log10() + 0.1).min(END);
    (0..=STEPS)
        .map(|step| f64::from(step) / f64::from(STEPS) * END)
        .take_while(|x| n > 0 && *x <= end)
        .map(|x| {
            let q = 1.0 - 10_f64.powf(-x);
            (x, at_rank(rank(q, n)), Estimate::of(q, n, at_rank))
        })
        .collect()
}

/// The last position at which all of `curves` have an interval.
fn carried_until(curves: &[Curve<'_>]) -> f64 {
    let last = |curve: &Curve<'_>| {
        let carried = |(x, _, estimate): &(f64, u64, Estimate)| {
            matches!(estimate, Estimate::Carried { .. }).then_some(*x)
        };
        traced(curve.times).iter().rev().find_map(carried).unwrap_or(0.0)
    };
    curves.iter().map(last).fold(END, f64::min)
}

/// Draws `curves`, each of at least one time, between `top` and `bottom`.
pub(super) fn draw(canvas: &Canvas<'_>, (top, bottom): (f64, f64), curves: &[Curve<'_>]) -> Drawn {
    let marks = [(0.0, "0")]
        .into_iter()
        .chain(MARKED.into_iter().map(position).zip(["50", "90", "95", "99", "99.9"]));
    let x = Scale {
        from: 0.0,
        to: END,
        ticks: marks.map(|(at, label)| (at, label.to_owned())).collect(),
        name: "percentile of jobs (%), on a scale of 1/(1 − p)".to_owned(),
    };
    let most = curves.iter().filter_map(|curve| curve.times.max_us()).max().unwrap_or(0);
    let y = Scale::times("time", most as f64 * 1.08, 5.0);
    let area = canvas.part((MARGIN, top), (WIDTH - 2.0 * MARGIN - 16.0, bottom - top));
    let room = Room { left: 64.0, below: 50.0 };
    let chart = axes::chart(&area, &x, &y, room)?;
    shade(canvas, &chart, &y, curves)?;
    for curve in curves {
        ribbon(canvas, &chart, curve)?;
    }
    for curve in curves {
        line(canvas, &chart, curve)?;
    }
    for curve in curves {
        values(canvas, &chart, curve)?;
        largest(canvas, &chart, curve)?;
    }
    Ok(())
}

/// What is not carried, and by how many jobs.
fn shade(canvas: &Canvas<'_>, chart: &Chart<'_>, y: &Scale, curves: &[Curve<'_>]) -> Drawn {
    let until = carried_until(curves);
    if until >= END - 1e-9 {
        return Ok(());
    }
    let (left, top) = place(chart, until, y.to);
    let (right, bottom) = place(chart, END, 0.0);
    canvas.rect((left, top), (right - left, bottom - top), SHADE)?;
    let fewest = curves.iter().map(|curve| curve.times.n()).min().unwrap_or(0);
    let text = format!("not carried by n = {fewest}");
    let style = words(SMALL, SOFT).pos(RIGHT);
    canvas.text((right - 8.0, bottom - 14.0), &text, &style)
}

fn ribbon(canvas: &Canvas<'_>, chart: &Chart<'_>, curve: &Curve<'_>) -> Drawn {
    let (mut low_side, mut high_side) = (Vec::new(), Vec::new());
    for (x, _, estimate) in traced(curve.times) {
        if let Estimate::Carried { low, high, .. } = estimate {
            low_side.push(place(chart, x, low as f64));
            high_side.push(place(chart, x, high as f64));
        }
    }
    high_side.reverse();
    low_side.extend(high_side);
    canvas.polygon(&low_side, curve.colour.mix(0.18))
}

fn line(canvas: &Canvas<'_>, chart: &Chart<'_>, curve: &Curve<'_>) -> Drawn {
    let traced = traced(curve.times);
    let is_carried = |estimate: &Estimate| matches!(estimate, Estimate::Carried { .. });
    for stretch in traced.chunk_by(|one, next| is_carried(&one.2) == is_carried(&next.2)) {
        let first = stretch.as_ptr_range().start;
        let before = traced.iter().take_while(|point| !std::ptr::eq(*point, first)).last();
        let points = before.into_iter().chain(stretch);
        let places: Vec<(f64, f64)> =
            points.map(|(x, seen, _)| place(chart, *x, *seen as f64)).collect();
        if is_carried(&stretch[0].2) {
            canvas.line(&places, curve.colour, 2.5)?;
        } else {
            canvas.dashes(&places, theme::AXIS, 2.0)?;
        }
    }
    Ok(())
}

/// A mark and its value at each percentile.
fn values(canvas: &Canvas<'_>, chart: &Chart<'_>, curve: &Curve<'_>) -> Drawn {
    for q in MARKED {
        let at = |us: u64| place(chart, position(q), us as f64);
        let (spot, away, text) = match curve.times.quantile(q) {
            Estimate::Carried { value, .. } => {
                curve.shape.draw(canvas, at(value), curve.colour)?;
                (at(value), curve.shape.away(), text::duration(value))
            }
            // Below it: what was seen lies above.
            Estimate::Bounded { low: Some(low), .. } => {
                arrow(canvas, at(low), curve.colour)?;
                (at(low), 15.0, format!("> {}", text::duration(low)))
            }
            Estimate::Bounded { low: None, .. } => continue,
        };
        let (side, aside) = if q > 0.995 { (RIGHT, 6.0) } else { (MIDDLE, 0.0) };
        let style = words(SMALL, curve.colour).pos(side);
        canvas.text((spot.0 + aside, spot.1 + away), &text, &style)?;
    }
    Ok(())
}

/// The largest, at the end of what was seen.
fn largest(canvas: &Canvas<'_>, chart: &Chart<'_>, curve: &Curve<'_>) -> Drawn {
    let Some((x, seen, Estimate::Bounded { .. })) = traced(curve.times).pop() else {
        return Ok(());
    };
    let text = format!("largest: {}", text::duration(seen));
    let (x, y) = place(chart, x, seen as f64);
    let is_far = x + theme::width(&text, SMALL) > WIDTH - 120.0;
    let (side, place) = if is_far { (RIGHT, (x, y - 12.0)) } else { (LEFT, (x + 6.0, y)) };
    canvas.text(place, &text, &words(SMALL, SOFT).pos(side))
}

impl Shape {
    /// From a mark down to its value.
    const fn away(self) -> f64 {
        match self {
            Self::Round => -16.0,
            Self::Square => 16.0,
        }
    }

    fn draw(self, canvas: &Canvas<'_>, (x, y): (f64, f64), colour: RGBColor) -> Drawn {
        match self {
            Self::Round => canvas.dot((x, y), 4.5, colour),
            Self::Square => canvas.rect((x - 4.0, y - 4.0), (8.0, 8.0), colour),
        }
    }
}

/// At least this: the sample does not say how much more.
fn arrow(canvas: &Canvas<'_>, (x, y): (f64, f64), colour: RGBColor) -> Drawn {
    canvas.polygon(&[(x - 5.0, y + 4.0), (x + 5.0, y + 4.0), (x, y - 5.0)], colour)
}

/// What the signs mean.
pub(super) fn legend(curves: &[Curve<'_>]) -> Vec<Entry> {
    let one = |curve: &Curve<'_>| {
        let (shape, colour) = (curve.shape, curve.colour);
        Entry::new(&format!("{} (n = {})", curve.name, curve.times.n()), move |canvas, (x, y)| {
            canvas.line(&[(x, y), (x + 22.0, y)], colour, 2.5)?;
            shape.draw(canvas, (x + 11.0, y), colour)
        })
    };
    let mut entries: Vec<Entry> = curves.iter().map(one).collect();
    let colour = curves.first().map_or(SOFT, |curve| curve.colour);
    entries.push(Entry::fill("95 % interval", colour.mix(0.18)));
    entries.push(Entry::new("seen, not carried", |canvas, (x, y)| {
        canvas.dashes(&[(x, y), (x + 22.0, y)], theme::AXIS, 2.0)
    }));
    entries
        .push(Entry::new("at least", move |canvas, (x, y)| arrow(canvas, (x + 11.0, y), colour)));
    entries
}
