//! Times over percentiles: a curve with the interval that the sample gives it, and where it gives none.

use plotters::prelude::*;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn, Head, picture};
use super::legend::{Entry, Legend};
use super::theme::{self, LEFT, MARGIN, MIDDLE, RIGHT, SHADE, SMALL, SOFT, WIDTH, words};
use crate::distribution::Ranks;
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

/// What marks a percentile on a curve, so that curves differ in more than colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Round,
    Square,
}

/// Where `q` lies on the scale: the logarithm of 1/(1 - q), so that the slow end has room.
fn position(q: f64) -> f64 {
    -(1.0 - q).log10()
}

/// A curve at a step of the scale.
struct Step {
    x: f64,
    /// The quantile of the sample itself.
    seen: u64,
    known: Estimate,
}

impl Step {
    const fn is_carried(&self) -> bool {
        matches!(self.known, Estimate::Carried { .. })
    }
}

/// A curve with each step of the scale.
struct Traced<'a> {
    curve: &'a Curve<'a>,
    steps: Vec<Step>,
    ranks: Ranks,
}

impl<'a> Traced<'a> {
    fn of(curve: &'a Curve<'a>) -> Self {
        let ranks = curve.times.ranks();
        Self { curve, steps: curve.steps(&ranks), ranks }
    }

    /// The last position at which there is an interval.
    fn carried_until(&self) -> f64 {
        self.steps.iter().rev().find(|step| step.is_carried()).map_or(0.0, |step| step.x)
    }
}

impl Curve<'_> {
    /// Each step of the scale.
    fn steps(&self, ranks: &Ranks) -> Vec<Step> {
        let n = self.times.n();
        // Beyond this the largest stands for everything.
        let end = ((n as f64).log10() + 0.1).min(END);
        (0..=STEPS)
            .map(|step| f64::from(step) / f64::from(STEPS) * END)
            .take_while(|x| n > 0 && *x <= end)
            .map(|x| {
                let q = 1.0 - 10_f64.powf(-x);
                Step { x, seen: ranks.at(rank(q, n)), known: ranks.quantile(q) }
            })
            .collect()
    }

    /// `n = 80`, and what it is worth where that is less.
    fn n(&self) -> String {
        let (n, worth) = (self.times.n(), self.times.worth());
        if worth == n { format!("n = {n}") } else { format!("n = {n}, worth {worth}") }
    }
}

/// A picture of `curves`, each of at least one time, under `head`.
pub(super) fn page(head: &Head, curves: &[Curve<'_>]) -> String {
    let legend = Legend::of(legend(curves));
    let top = head.height();
    let height = top + legend.height() + 396.0;
    picture(head, height, |canvas| {
        legend.draw(canvas, top)?;
        draw(canvas, (top + legend.height() + 8.0, height - 12.0), curves)
    })
}

/// The percentiles of each curve in words.
pub(super) fn described(curves: &[Curve<'_>]) -> String {
    let said = curves.iter().map(|Curve { name, times, .. }| {
        let percentiles = [0.5, 0.9, 0.95, 0.99].map(|q| text::quantile(times, q));
        format!("{name}: n = {}, {}.", times.n(), percentiles.join(", "))
    });
    said.collect::<Vec<_>>().join(" ")
}

/// Draws `curves`, each of at least one time, between `top` and `bottom`.
fn draw(canvas: &Canvas<'_>, (top, bottom): (f64, f64), curves: &[Curve<'_>]) -> Drawn {
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
    let traced: Vec<Traced<'_>> = curves.iter().map(Traced::of).collect();
    shade(canvas, &chart, &y, &traced)?;
    for it in &traced {
        ribbon(canvas, &chart, it)?;
    }
    for it in &traced {
        line(canvas, &chart, it)?;
    }
    values(canvas, &chart, &traced)
}

/// What is not carried, and by how many jobs.
fn shade(canvas: &Canvas<'_>, chart: &Chart<'_>, y: &Scale, curves: &[Traced<'_>]) -> Drawn {
    let fewest = curves.iter().map(|it| (it.carried_until(), it.curve));
    let Some((until, curve)) = fewest.min_by(|one, other| one.0.total_cmp(&other.0)) else {
        return Ok(());
    };
    if until >= END - 1e-9 {
        return Ok(());
    }
    let (left, top) = place(chart, until, y.to);
    let (right, bottom) = place(chart, END, 0.0);
    canvas.rect((left, top), (right - left, bottom - top), SHADE)?;
    let text = format!("not carried by {}", curve.n());
    let style = words(SMALL, SOFT).pos(RIGHT);
    canvas.text((right - 8.0, bottom - 14.0), &text, &style)
}

fn ribbon(
    canvas: &Canvas<'_>,
    chart: &Chart<'_>,
    Traced { curve, steps, .. }: &Traced<'_>,
) -> Drawn {
    let (mut low_side, mut high_side) = (Vec::new(), Vec::new());
    for Step { x, known, .. } in steps {
        if let Estimate::Carried { low, high, .. } = known {
            low_side.push(place(chart, *x, *low as f64));
            high_side.push(place(chart, *x, *high as f64));
        }
    }
    high_side.reverse();
    low_side.extend(high_side);
    canvas.polygon(&low_side, curve.colour.mix(0.18))
}

fn line(canvas: &Canvas<'_>, chart: &Chart<'_>, Traced { curve, steps, .. }: &Traced<'_>) -> Drawn {
    let mut last = None;
    for stretch in steps.chunk_by(|one, next| one.is_carried() == next.is_carried()) {
        let at = |step: &Step| place(chart, step.x, step.seen as f64);
        let places: Vec<(f64, f64)> = last.into_iter().chain(stretch.iter().map(at)).collect();
        last = places.last().copied();
        if stretch[0].is_carried() {
            canvas.line(&places, curve.colour, 2.5)?;
        } else {
            canvas.dashes(&places, theme::AXIS, 2.0)?;
        }
    }
    Ok(())
}

/// A value beside its mark.
struct Label {
    place: (f64, f64),
    text: String,
    style: TextStyle<'static>,
}

/// Draws labels of the same percentile, one for each curve at most. Where one would lie on the other, the
/// upper moves by the share `up` of the way, the lower by the rest.
fn labels(canvas: &Canvas<'_>, mut labels: Vec<Label>, up: f64) -> Drawn {
    const APART: (f64, f64) = (110.0, 14.0);
    labels.sort_by(|one, other| one.place.1.total_cmp(&other.place.1));
    if let [upper, lower] = labels.as_mut_slice() {
        let missing = APART.1 - (lower.place.1 - upper.place.1);
        if missing > 0.0 && (lower.place.0 - upper.place.0).abs() < APART.0 {
            upper.place.1 -= missing * up;
            lower.place.1 += missing * (1.0 - up);
        }
    }
    labels.iter().try_for_each(|label| canvas.text(label.place, &label.text, &label.style))
}

/// A mark and its value at each percentile.
fn values(canvas: &Canvas<'_>, chart: &Chart<'_>, curves: &[Traced<'_>]) -> Drawn {
    for q in MARKED {
        let mut values = Vec::new();
        let highest = curves.iter().map(|it| it.seen(q)).max();
        for it in curves {
            let is_upper = values.is_empty() && Some(it.seen(q)) == highest;
            values.extend(it.value(canvas, chart, q, is_upper)?);
        }
        labels(canvas, values, 0.0)?;
    }
    labels(canvas, curves.iter().filter_map(|it| it.largest(chart)).collect(), 1.0)
}

impl Traced<'_> {
    /// The quantile of the sample itself.
    fn seen(&self, q: f64) -> u64 {
        self.ranks.at(rank(q, self.curve.times.n()))
    }

    /// Draws the mark at `q` and gives its value: above the mark of the upper curve, below that of the
    /// other.
    fn value(
        &self,
        canvas: &Canvas<'_>,
        chart: &Chart<'_>,
        q: f64,
        is_upper: bool,
    ) -> Drawn<Option<Label>> {
        let Curve { shape, colour, .. } = *self.curve;
        let at = |us: u64| place(chart, position(q), us as f64);
        let ((x, y), away, text) = match self.ranks.quantile(q) {
            Estimate::Carried { value, .. } => {
                shape.draw(canvas, at(value), colour)?;
                (at(value), if is_upper { -16.0 } else { 16.0 }, text::duration(value))
            }
            // Below it: what was seen lies above.
            Estimate::Bounded { low: Some(low), .. } => {
                arrow(canvas, at(low), colour)?;
                (at(low), 15.0, format!("> {}", text::duration(low)))
            }
            Estimate::Bounded { low: None, .. } => return Ok(None),
        };
        let (side, aside) = if q > 0.995 { (RIGHT, 6.0) } else { (MIDDLE, 0.0) };
        let style = words(SMALL, colour).pos(side);
        Ok(Some(Label { place: (x + aside, y + away), text, style }))
    }

    /// The largest, at the end of what was seen.
    fn largest(&self, chart: &Chart<'_>) -> Option<Label> {
        let Some(Step { x, seen, known: Estimate::Bounded { .. } }) = self.steps.last() else {
            return None;
        };
        let text = format!("largest: {}", text::duration(*seen));
        let (x, y) = place(chart, *x, *seen as f64);
        let is_far = x + theme::width(&text, SMALL) > WIDTH - 120.0;
        let (side, place) = if is_far { (RIGHT, (x, y - 12.0)) } else { (LEFT, (x + 6.0, y)) };
        Some(Label { place, text, style: words(SMALL, SOFT).pos(side) })
    }
}

impl Shape {
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
fn legend(curves: &[Curve<'_>]) -> Vec<Entry> {
    let one = |curve: &Curve<'_>| {
        let (shape, colour) = (curve.shape, curve.colour);
        Entry::new(&format!("{} ({})", curve.name, curve.n()), move |canvas, (x, y)| {
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
