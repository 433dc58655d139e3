//! Scales with units and round numbers, and the axes of a chart.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::prelude::*;

use super::canvas::{Area, Drawn, FINE, px};
use super::theme::{AXIS, GRID, SMALL, SOFT, words};

/// A chart with two scales.
pub(super) type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<Scale, Scale>>;

/// One axis: what it reaches from and to, where it is marked, and its name with the unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<(f64, String)>,
    pub name: String,
}

impl Scale {
    /// From 0 to at least `most`, counted in units of `unit` called `name`, with about `n_ticks` marks.
    fn counted(most: f64, unit: f64, name: String, n_ticks: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { unit };
        let step = round_step(most / unit / n_ticks);
        let n_steps = (most / unit / step - 1e-9).ceil().max(1.0);
        let decimals = (-step.log10()).ceil().max(0.0) as usize;
        let tick = |index: u32| {
            let value = f64::from(index) * step;
            (value * unit, format!("{value:.decimals$}"))
        };
        Self {
            from: 0.0,
            to: n_steps * step * unit,
            ticks: (0..=n_steps as u32).map(tick).collect(),
            name,
        }
    }

    /// Times up to `most_us`, in the unit that gives short numbers.
    pub(super) fn times(name: &str, most_us: f64, n_ticks: f64) -> Self {
        let (unit, us) = match most_us {
            ..1e3 => ("µs", 1.0),
            ..1e6 => ("ms", 1e3),
            ..3e8 => ("s", 1e6),
            ..1.8e10 => ("min", 6e7),
            _ => ("h", 3.6e9),
        };
        Self::counted(most_us, us, format!("{name} ({unit})"), n_ticks)
    }

    /// Numbers up to `most`.
    pub(super) fn numbers(name: &str, most: f64, n_ticks: f64) -> Self {
        Self::counted(most, 1.0, name.to_owned(), n_ticks)
    }

    /// Changes in percent, from `least` to `most` and always with none.
    pub(super) fn changes(name: &str, least: f64, most: f64, n_ticks: f64) -> Self {
        let sound = |end: f64| if end.is_finite() { end.clamp(-1e6, 1e6) } else { 0.0 };
        let (least, most) = (sound(least).min(0.0), sound(most).max(0.0));
        let most = if most - least > 1e-9 { most } else { least + 1.0 };
        let step = round_step((most - least) / n_ticks);
        let (first, last) = ((least / step + 1e-9).floor(), (most / step - 1e-9).ceil());
        let decimals = (-step.log10()).ceil().max(0.0) as usize;
        let ticks = (first as i32..=last as i32).map(|index| {
            let value = f64::from(index) * step;
            let sign = if index > 0 { "+" } else { "" };
            (value, format!("{sign}{value:.decimals$}"))
        });
        Self { from: first * step, to: last * step, ticks: ticks.collect(), name: name.to_owned() }
    }

    /// Things that are counted from 1 to `n`, each in the middle of its room.
    pub(super) fn counts(n: usize, name: &str) -> Self {
        let every = n.div_ceil(20).max(1);
        let ticks = (1..=n).step_by(every).map(|number| (number as f64, number.to_string()));
        Self { from: 0.5, to: n.max(1) as f64 + 0.5, ticks: ticks.collect(), name: name.to_owned() }
    }

    /// Memory up to `most` bytes.
    pub(super) fn memory(name: &str, most: f64, n_ticks: f64) -> Self {
        let (unit, bytes) = match most {
            ..1e9 => ("MiB", f64::from(1 << 20)),
            _ => ("GiB", f64::from(1 << 30)),
        };
        Self::counted(most, bytes, format!("{name} ({unit})"), n_ticks)
    }

    /// The same up to `to` exactly, without the marks beyond.
    pub(super) fn until(mut self, to: f64) -> Self {
        if to.is_finite() && to > self.from {
            self.to = to;
            self.ticks.retain(|(at, _)| *at <= to);
        }
        self
    }

    /// Rows from the top down, without marks.
    pub(super) fn rows(n: usize, name: &str) -> Self {
        Self { from: n.max(1) as f64, to: 0.0, ticks: Vec::new(), name: name.to_owned() }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        // A value far outside lies a little outside, wherever it is.
        let share = if share.is_nan() { 0.0 } else { share.clamp(-1.0, 2.0) };
        start + (share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let found = self.ticks.iter().find(|(at, _)| at.total_cmp(value).is_eq());
        found.map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// 1, 2 or 5 times a power of ten that is at least `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0];
    let round = rounds.into_iter().find(|round| round * power >= step * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

/// How wide what stands left of and below a chart is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub left: f64,
    pub below: f64,
}

/// Axes and grid on `area`.
pub(super) fn chart<'a>(area: &Area<'a>, x: &Scale, y: &Scale, room: Room) -> Drawn<Chart<'a>> {
    let mut chart = ChartBuilder::on(area)
        .x_label_area_size(px(room.below))
        .y_label_area_size(px(room.left))
        .build_cartesian_2d(x.clone(), y.clone())?;
    let mut mesh = chart.configure_mesh();
    mesh.bold_line_style(GRID.stroke_width(px(1.0).unsigned_abs()))
        .light_line_style(TRANSPARENT)
        .axis_style(AXIS.stroke_width(px(1.0).unsigned_abs()))
        .label_style(words(SMALL, SOFT))
        .axis_desc_style(words(SMALL, SOFT))
        .set_all_tick_mark_size(px(4.0))
        .x_desc(if room.below > 0.0 { x.name.as_str() } else { "" })
        .y_desc(y.name.as_str());
    mesh.draw()?;
    Ok(chart)
}

/// Where a value lies on the picture, pixels.
pub(super) fn place(chart: &Chart<'_>, x: f64, y: f64) -> (f64, f64) {
    let (x, y) = chart.plotting_area().map_coordinate(&(x, y));
    (f64::from(x) / FINE, f64::from(y) / FINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scale: &Scale, name: &str, labels: &[&str]) {
        let marks: Vec<&str> = scale.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!((scale.name.as_str(), marks.as_slice()), (name, labels));
        assert!(scale.ticks.iter().all(|(at, _)| *at <= scale.to * (1.0 + 1e-9)), "{scale:?}");
    }

    #[test]
    fn marks_are_round_and_in_short_units() {
        check(
            &Scale::times("time", 870.0, 5.0),
            "time (µs)",
            &["0", "200", "400", "600", "800", "1000"],
        );
        check(
            &Scale::times("time", 2_400.0, 5.0),
            "time (ms)",
            &["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"],
        );
        check(&Scale::times("time", 61e6, 5.0), "time (s)", &["0", "20", "40", "60", "80"]);
        check(&Scale::times("time", 500e6, 5.0), "time (min)", &["0", "2", "4", "6", "8", "10"]);
        check(&Scale::times("time", 1e11, 5.0), "time (h)", &["0", "10", "20", "30"]);
        check(&Scale::numbers("cores", 1.7, 2.0), "cores", &["0", "1", "2"]);
        check(&Scale::memory("memory", 3.1e9, 2.0), "memory (GiB)", &["0", "2", "4"]);
    }

    #[test]
    fn changes_go_both_ways_and_always_have_none() {
        let changes = |least, most| Scale::changes("%", least, most, 4.0);
        check(&changes(-1.2, 2.9), "%", &["-2", "0", "+2", "+4"]);
        check(&changes(4.0, 9.0), "%", &["0", "+5", "+10"]);
        check(&changes(-0.4, -0.1), "%", &["-0.4", "-0.3", "-0.2", "-0.1", "0.0"]);
        for nonsense in [f64::NAN, f64::INFINITY, 0.0, -1e300] {
            let scale = changes(nonsense, nonsense);
            assert!(scale.from < scale.to && scale.ticks.len() < 20, "{scale:?}");
        }
        check(&Scale::counts(3, "pair"), "pair", &["1", "2", "3"]);
        assert_eq!(Scale::counts(60, "pair").ticks.len(), 20);
        assert!(Scale::counts(0, "pair").ticks.is_empty());
    }

    #[test]
    fn nothing_and_nonsense_have_a_scale() {
        for most in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            let scale = Scale::times("time", most, 5.0);
            assert!(scale.to.is_finite() && scale.to > 0.0, "{most}: {scale:?}");
            assert!(scale.ticks.len() < 20, "{most}: {scale:?}");
        }
        assert_eq!(Scale::times("time", 61e6, 5.0).until(61e6).ticks.len(), 4);
        assert!((Scale::times("time", 61e6, 5.0).until(f64::NAN).to - 80e6).abs() < 1.0);
    }
}
