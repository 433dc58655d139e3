//! What the driven processes used, below the jobs and on the same time.

use plotters::prelude::*;

use super::super::axes::{self, Room};
use super::super::canvas::{Canvas, Drawn};
use super::super::theme::{INK, MARGIN, SMALL, words};
use super::{LABELS, Scale, extent, x_of};
use crate::{GpuUsage, Run};

const STRIP: f64 = 58.0;
const GAP: f64 = 26.0;
/// Columns over the whole time: more looks are brought together. Where there are many strips, they are
/// coarser, so that the document stays small.
const COLUMNS: f64 = 280.0;
const COARSE: f64 = 140.0;
const MANY: usize = 10;
/// Cards that are shown.
const MOST_CARDS: usize = 4;

/// One quantity over time.
pub(super) struct Strip {
    title: String,
    scale: Scale,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// One strip a quantity; none where nobody looked.
pub(super) fn strips(run: &Run) -> Vec<Strip> {
    if run.usage.is_empty() {
        return Vec::new();
    }
    let at = |us: u64| us as f64;
    let cpu: Vec<(f64, f64)> =
        run.usage.iter().map(|usage| (at(usage.at_us), usage.cpu_cores)).collect();
    let memory: Vec<(f64, f64)> =
        run.usage.iter().map(|usage| (at(usage.at_us), usage.memory_bytes as f64)).collect();
    let mut strips = vec![
        Strip::new("CPU, cores in use", RGBColor(0x00, 0x72, 0xB2), cpu, numbers),
        Strip::new("memory", RGBColor(0x00, 0x9E, 0x73), memory, bytes),
    ];
    let n_cards = run.usage.iter().map(|usage| usage.gpus.len()).max().unwrap_or(0);
    for card in 0..n_cards.min(MOST_CARDS) {
        let points = |value: fn(&GpuUsage) -> f64| -> Vec<(f64, f64)> {
            let known =
                run.usage.iter().filter_map(|usage| Some((usage.at_us, usage.gpus.get(card)?)));
            known.map(|(us, gpu)| (at(us), value(gpu))).collect()
        };
        let more = if card + 1 == MOST_CARDS && n_cards > MOST_CARDS {
            format!(" ({} more cards are not shown)", n_cards - MOST_CARDS)
        } else {
            String::new()
        };
        let busy = points(|gpu| gpu.busy * 100.0);
        let memory = points(|gpu| gpu.memory_bytes as f64);
        let (busy_name, memory_name) =
            (format!("card {card}, busy (%){more}"), format!("card {card}, memory"));
        strips.push(Strip::new(&busy_name, RGBColor(0xD5, 0x5E, 0x00), busy, percent));
        strips.push(Strip::new(&memory_name, RGBColor(0xCC, 0x79, 0xA7), memory, bytes));
        let known = |value: fn(&GpuUsage) -> Option<f64>| -> Vec<(f64, f64)> {
            let looks = run.usage.iter();
            looks.filter_map(|look| Some((at(look.at_us), value(look.gpus.get(card)?)?))).collect()
        };
        let power = known(|gpu| gpu.power_w);
        if !power.is_empty() {
            let name = format!("card {card}, power (W)");
            strips.push(Strip::new(&name, RGBColor(0xE6, 0x9F, 0x00), power, plain));
        }
        let clock = known(|gpu| gpu.clock_mhz.map(f64::from));
        if !clock.is_empty() {
            let name = format!("card {card}, clock (MHz)");
            strips.push(Strip::new(&name, RGBColor(0x56, 0xB4, 0xE9), clock, plain));
        }
    }
    strips
}

fn numbers(most: f64) -> Scale {
    Scale::numbers("cores", most, 2.5)
}

fn plain(most: f64) -> Scale {
    Scale::numbers("", most, 2.5)
}

fn bytes(most: f64) -> Scale {
    Scale::memory("memory", most, 2.5)
}

fn percent(_: f64) -> Scale {
    Scale::numbers("%", 100.0, 2.5)
}

/// How high all of them are.
pub(super) fn height(strips: &[Strip]) -> f64 {
    strips.len() as f64 * (STRIP + GAP)
}

/// Draws them from `top` down; gives the bottom of the last.
pub(super) fn draw(canvas: &Canvas<'_>, top: f64, strips: &[Strip], time: &Scale) -> Drawn<f64> {
    let columns = if strips.len() > MANY { COARSE } else { COLUMNS };
    let mut y = top - 8.0;
    for strip in strips {
        y += GAP;
        strip.draw(canvas, y, time, columns)?;
        y += STRIP;
    }
    Ok(y)
}

impl Strip {
    fn new(
        title: &str,
        colour: RGBColor,
        points: Vec<(f64, f64)>,
        scale: fn(f64) -> Scale,
    ) -> Self {
        let points: Vec<(f64, f64)> = points
            .into_iter()
            .map(|(at, value)| (at, if value.is_finite() { value.max(0.0) } else { 0.0 }))
            .collect();
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let scale = scale(most);
        let unit = scale.name.rsplit_once('(').map_or("", |(_, unit)| unit.trim_end_matches(')'));
        let title = if unit.is_empty() { title.to_owned() } else { format!("{title} ({unit})") };
        Self { title, scale, colour, points }
    }

    /// The mean of the looks in each column of time, at their mean instant.
    fn thinned(&self, end_us: f64, columns: f64) -> Vec<(f64, f64)> {
        let column = |at: f64| (at / end_us * columns).floor();
        let mean = |stretch: &[(f64, f64)]| {
            let n = stretch.len() as f64;
            let sum =
                stretch.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (sum.0 / n, sum.1 / n)
        };
        let stretches =
            self.points.chunk_by(|one, next| column(one.0).total_cmp(&column(next.0)).is_eq());
        stretches.map(mean).collect()
    }

    fn draw(&self, canvas: &Canvas<'_>, top: f64, time: &Scale, columns: f64) -> Drawn {
        let area = canvas.part((MARGIN, top), (LABELS + extent().1, STRIP));
        let y = Scale { name: String::new(), ..self.scale.clone() };
        axes::chart(&area, time, &y, Room { left: LABELS, below: 0.0 })?;
        canvas.text((extent().0, top - 10.0), &self.title, &words(SMALL, INK))?;
        let bottom = top + STRIP;
        let line: Vec<(f64, f64)> = self
            .thinned(time.to, columns)
            .into_iter()
            .map(|(at, value)| {
                let share = (value / self.scale.to).clamp(0.0, 1.0);
                (x_of(at, time), bottom - share * STRIP)
            })
            .collect();
        let (Some(first), Some(last)) = (line.first(), line.last()) else { return Ok(()) };
        let mut ground = line.clone();
        ground.extend([(last.0, bottom), (first.0, bottom)]);
        canvas.polygon(&ground, self.colour.mix(0.2))?;
        canvas.line(&line, self.colour, 1.5)
    }
}
