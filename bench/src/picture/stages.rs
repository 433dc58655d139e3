use plotters::prelude::*;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn, Head, picture};
use super::theme::{
    self, AXIS, INK, MARGIN, NORMAL, PAPER, REST, RIGHT, SMALL, SOFT, WAIT, heavy, words,
};
use super::{caption, nothing, says_nothing, stage_names, warning};
use crate::{Distribution, Estimate, Run, Summary, text};

const ROW: f64 = 30.0;
/// Left edge of the bars, and their right edge.
const BARS: (f64, f64) = (170.0, 600.0);
/// Right edges of the columns of numbers.
const COLUMNS: [(f64, &str); 4] =
    [(690.0, "mean"), (772.0, "p50"), (862.0, "p95"), (936.0, "share")];

/// One part of the latency.
struct Row<'a> {
    name: &'a str,
    colour: RGBColor,
    times: &'a Distribution,
    /// Of the latency of all jobs.
    share: f64,
}

/// Where the time of the jobs that ended well went: a bar for the wait, each stage and the rest.
pub fn stages(run: &Run, summary: &Summary) -> String {
    let rows = rows(run, summary);
    let told = rows.iter().map(|row| {
        let mean = text::duration(row.times.mean_us().unwrap_or_default() as u64);
        format!("{}: mean {mean}, {:.0} % of the latency.", row.name, row.share * 100.0)
    });
    let head = Head {
        title: "Where the time of a job goes".to_owned(),
        captions: vec![caption(run, summary)],
        warning: warning(run),
        description: told.collect::<Vec<_>>().join(" "),
    };
    if let Some(reason) = says_nothing(run, summary.n_ok) {
        return nothing(&head, reason);
    }
    let top = head.height();
    let bars = top + 26.0;
    let axis = bars + rows.len() as f64 * ROW;
    let notes = notes(&rows);
    let height = axis + 56.0 + notes.len() as f64 * 18.0;
    picture(&head, height, |canvas| {
        for (right, name) in COLUMNS {
            canvas.text((right, top + 14.0), name, &words(SMALL, SOFT).pos(RIGHT))?;
        }
        let area = canvas.part((BARS.0, bars), (BARS.1 - BARS.0, axis - bars + 46.0));
        let most = rows.iter().map(Row::reach_us).fold(0.0, f64::max);
        let x = Scale::times("time in a job", most * 1.02, 5.0);
        let y = Scale::rows(rows.len(), "");
        let chart = axes::chart(&area, &x, &y, Room { left: 0.0, below: 46.0 })?;
        for (index, row) in rows.iter().enumerate() {
            row.draw(canvas, &chart, index as f64 + 0.5)?;
        }
        for (index, note) in notes.iter().enumerate() {
            let y = axis + 60.0 + index as f64 * 18.0;
            canvas.text((MARGIN, y), note, &words(SMALL, SOFT))?;
        }
        Ok(())
    })
}

/// The parts in the order in which they come.
fn rows<'a>(run: &Run, summary: &'a Summary) -> Vec<Row<'a>> {
    let total = sum_us(&summary.latency);
    let row = |name: &'a str, colour, times: &'a Distribution| {
        let share = if total > 0.0 { sum_us(times) / total } else { 0.0 };
        Row { name, colour, times, share }
    };
    let names = stage_names(run, summary);
    let mut rows = vec![
        row("late driver", AXIS, &summary.lag),
        row("submit", AXIS, &summary.submit),
        row("queue wait", WAIT, &summary.queue),
    ];
    rows.extend(summary.stages.iter().map(|stage| {
        let index = names.iter().position(|name| *name == stage.name).unwrap_or_default();
        row(&stage.name, theme::stage(index), &stage.duration)
    }));
    rows.push(row("no stage runs", REST, &summary.rest));
    // A driver that is in time is no part of anything.
    rows.retain(|row| row.times.n() > 0 && (row.name != "late driver" || row.share >= 0.005));
    rows
}

fn sum_us(times: &Distribution) -> f64 {
    times.mean_us().unwrap_or_default() * times.n() as f64
}

/// What explains the numbers.
fn notes(rows: &[Row<'_>]) -> Vec<String> {
    let mut notes = vec![
        "bar: mean; line: p50; whisker: to p95. share: of the latency of all jobs; stages that overlap add \
         up to more than 100 %"
            .to_owned(),
    ];
    let bounded = rows.iter().filter_map(|row| match row.times.quantile(0.95) {
        Estimate::Bounded { needs, .. } => Some((row.times.worth(), needs)),
        Estimate::Carried { .. } => None,
    });
    if let Some((worth, needs)) = bounded.min() {
        notes.push(format!(
            "> at least: p95 needs {needs} independent jobs; the fewest that a row is worth are {worth}"
        ));
    }
    notes
}

impl Row<'_> {
    /// How far right it goes.
    fn reach_us(&self) -> f64 {
        let mean = self.times.mean_us().unwrap_or_default();
        match self.times.quantile(0.95) {
            Estimate::Carried { value, .. } => mean.max(value as f64),
            Estimate::Bounded { .. } => mean,
        }
    }

    fn draw(&self, canvas: &Canvas<'_>, chart: &Chart<'_>, middle: f64) -> Drawn {
        let mean = self.times.mean_us().unwrap_or_default();
        let (left, y) = place(chart, 0.0, middle);
        let (right, _) = place(chart, mean, middle);
        let name = theme::fitted(self.name, NORMAL, BARS.0 - MARGIN - 26.0);
        canvas.text((BARS.0 - 26.0, y), &name, &words(NORMAL, INK).pos(RIGHT))?;
        // As in the legend of the timeline, also where the bar is too short to show its colour.
        canvas.rect((BARS.0 - 19.0, y - 5.0), (10.0, 10.0), self.colour)?;
        canvas.rect((left, y - 9.0), (right - left, 18.0), self.colour)?;
        if let Estimate::Carried { value, .. } = self.times.quantile(0.95) {
            let (end, _) = place(chart, value as f64, middle);
            canvas.line(&[(right.min(end), y), (end, y)], INK, 1.5)?;
            canvas.line(&[(end, y - 5.0), (end, y + 5.0)], INK, 1.5)?;
        }
        if let Estimate::Carried { value, .. } = self.times.quantile(0.5) {
            let (at, _) = place(chart, value as f64, middle);
            canvas.line(&[(at, y - 9.0), (at, y + 9.0)], PAPER, 5.0)?;
            canvas.line(&[(at, y - 9.0), (at, y + 9.0)], INK, 2.0)?;
        }
        let cells = [
            text::duration(mean.round() as u64),
            percentile(self.times, 0.5),
            percentile(self.times, 0.95),
            share(self.share),
        ];
        for ((right, name), cell) in COLUMNS.iter().zip(cells) {
            let style = if *name == "share" { heavy(SMALL, INK) } else { words(SMALL, INK) };
            canvas.text((*right, y), &cell, &style.pos(RIGHT))?;
        }
        Ok(())
    }
}

fn percentile(times: &Distribution, q: f64) -> String {
    match times.quantile(q) {
        Estimate::Carried { value, .. } => text::duration(value),
        Estimate::Bounded { low: Some(low), .. } => format!("> {}", text::duration(low)),
        Estimate::Bounded { low: None, .. } => "unknown".to_owned(),
    }
}

fn share(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 0.0 && percent < 0.1 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}
