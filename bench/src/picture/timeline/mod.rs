//! What happened when: jobs above, what they used below.

mod crowd;
mod lanes;
mod pieces;
mod usage;

pub(super) use self::lanes::cross;
use plotters::prelude::*;

use self::pieces::{Piece, State, pieces};
use super::axes::Scale;
use super::canvas::{Canvas, Drawn, Head, picture};
use super::legend::{Entry, Legend};
use super::theme::{self, INK, MARGIN, REST, WAIT, WIDTH};
use super::{caption, nothing, stage_names, warning};
use crate::{Outcome, Run, Summary};

/// With more lanes, or more pieces of time, nobody could tell one job from another: then jobs are counted.
const MOST_LANES: usize = 24;
const MOST_PIECES: usize = 1600;

/// Of more jobs, every second, third and so on is counted, and counts for so many.
const MOST_COUNTED: usize = 20_000;

/// Pieces of time thinner than this, in pixels, are not drawn in a lane: nobody would see them.
const THINNEST: f64 = 0.3;

/// Room for the labels left of each chart, so that all have the same time below each other.
const LABELS: f64 = 66.0;

/// A lane for each worker with its jobs: the wait, each stage in its colour, failed jobs hatched and
/// crossed. Below, what the driven processes used. Where there are too many jobs to tell them apart, how
/// many are in each stage.
pub fn timeline(run: &Run, summary: &Summary) -> String {
    let names = stage_names(run, summary);
    let every = run.samples.len().div_ceil(MOST_COUNTED).max(1);
    let jobs: Vec<Vec<Piece>> =
        run.samples.iter().step_by(every).map(|sample| pieces(sample, &names)).collect();
    let (lane_of, n_lanes) = if every > 1 {
        (Vec::new(), pieces::most_at_once(&run.samples))
    } else {
        pieces::lanes(&run.samples)
    };
    let over = Over::of(run);
    let end_us = over.end_us as f64;
    let seen = if every > 1 || n_lanes > MOST_LANES { Vec::new() } else { seen(&jobs, end_us) };
    let n_pieces: usize = seen.iter().map(Vec::len).sum();
    let is_crowded = seen.len() < jobs.len() || n_pieces > MOST_PIECES;
    let title = if is_crowded { "Jobs in each stage over time" } else { "Timeline of the jobs" };
    let head = Head {
        title: title.to_owned(),
        captions: vec![caption(run, summary)],
        warning: warning(run),
        description: description(run, &over, n_lanes, is_crowded, every),
    };
    if run.samples.is_empty() && run.usage.is_empty() {
        return nothing(&head, "No job ended: there is no time to show.");
    }
    let time = Scale::times("time since the run began", end_us, 8.0).until(end_us);
    let strips = usage::strips(run);
    let legend = Legend::of(legend(&over, &names, is_crowded));
    let jobs_height = if is_crowded { 320.0 } else { lanes::height(n_lanes) };
    let top = head.height();
    let charts = top + legend.height() + 8.0;
    let height = charts + jobs_height + usage::height(&strips) + 52.0;
    picture(&head, height, |canvas| {
        legend.draw(canvas, top)?;
        let below = usage::draw(canvas, charts + jobs_height, &strips, &time)?;
        if is_crowded {
            let crowd =
                crowd::Crowd { run, jobs: &jobs, each: every as f64, n_stages: names.len() };
            crowd::draw(canvas, (charts, jobs_height), &crowd, &time)?;
        } else {
            let lanes =
                lanes::Lanes { samples: &run.samples, jobs: &seen, lane_of: &lane_of, n_lanes };
            lanes.draw(canvas, (charts, jobs_height), &time)?;
        }
        time_axis(canvas, below, &time)
    })
}

/// Those pieces of each job that are wide enough to be seen.
fn seen(jobs: &[Vec<Piece>], end_us: f64) -> Vec<Vec<Piece>> {
    let (_, wide) = extent();
    let is_seen = |piece: &&Piece| (piece.to_us - piece.from_us) as f64 / end_us * wide >= THINNEST;
    jobs.iter().map(|job| job.iter().filter(is_seen).copied().collect()).collect()
}

/// What one look at each job says.
struct Over {
    /// The last instant that is known.
    end_us: u64,
    has_failed: bool,
    has_cancelled: bool,
}

impl Over {
    fn of(run: &Run) -> Self {
        let end_us = run.usage.iter().map(|usage| usage.at_us).max().unwrap_or(0).max(1);
        let mut over = Self { end_us, has_failed: false, has_cancelled: false };
        for sample in &run.samples {
            over.end_us = over.end_us.max(sample.finished_us);
            over.has_failed |= matches!(sample.outcome, Outcome::Failed(_));
            over.has_cancelled |= sample.outcome == Outcome::Cancelled;
        }
        over
    }
}

fn colour(state: State) -> RGBColor {
    match state {
        State::Wait => WAIT,
        State::Rest => REST,
        State::Stage(index) => theme::stage(index),
    }
}

fn legend(over: &Over, names: &[String], is_crowded: bool) -> Vec<Entry> {
    let mut entries = vec![Entry::fill("waits", WAIT)];
    entries.extend(
        names.iter().enumerate().map(|(index, name)| Entry::fill(name, theme::stage(index))),
    );
    entries.push(Entry::fill(if names.is_empty() { "works" } else { "no stage runs" }, REST));
    if over.has_failed && is_crowded {
        entries
            .push(Entry::new("a job failed", |canvas, (x, y)| cross(canvas, (x + 11.0, y), 4.0)));
    } else if over.has_failed {
        entries.push(Entry::new("failed", |canvas, (x, y)| {
            canvas.rect((x, y - 6.0), (22.0, 12.0), WAIT)?;
            lanes::hatch(canvas, (x, y - 6.0), (14.0, 12.0))?;
            cross(canvas, (x + 18.0, y), 4.0)
        }));
    }
    if !is_crowded && over.has_cancelled {
        entries.push(Entry::new("cancelled", |canvas, (x, y)| {
            canvas.rect((x, y - 6.0), (22.0, 12.0), WAIT)?;
            canvas.line(&[(x, y), (x + 22.0, y)], INK, 1.5)
        }));
    }
    entries
}

fn description(run: &Run, over: &Over, n_lanes: usize, is_crowded: bool, every: usize) -> String {
    let span = crate::text::duration(over.end_us);
    let how = match (is_crowded, every) {
        (false, _) => "A lane a worker.".to_owned(),
        (true, 1) => "Counted over time.".to_owned(),
        (true, _) => format!("Counted over time, one job for {every}."),
    };
    format!("{} jobs in {n_lanes} lanes over {span}. {how}", run.samples.len())
}

/// Left and width of every chart, without its labels.
fn extent() -> (f64, f64) {
    let left = MARGIN + LABELS;
    (left, WIDTH - MARGIN - 8.0 - left)
}

/// Where an instant lies.
fn x_of(us: f64, time: &Scale) -> f64 {
    let (left, wide) = extent();
    left + (us / time.to).clamp(0.0, 1.0) * wide
}

fn time_axis(canvas: &Canvas<'_>, y: f64, time: &Scale) -> Drawn {
    let (left, wide) = extent();
    let style = theme::words(theme::SMALL, theme::SOFT).pos(theme::MIDDLE);
    canvas.line(&[(left, y), (left + wide, y)], theme::AXIS, 1.0)?;
    for (at, label) in &time.ticks {
        let x = x_of(*at, time);
        canvas.line(&[(x, y), (x, y + 4.0)], theme::AXIS, 1.0)?;
        canvas.text((x, y + 14.0), label, &style)?;
    }
    canvas.text((left + wide / 2.0, y + 34.0), &time.name, &style)
}
