//! A lane a worker, each job in it.

use super::super::canvas::{Canvas, Drawn};
use super::super::theme::{self, GRID, INK, MIDDLE, PAPER, RIGHT, SMALL, SOFT, words};
use super::pieces::Piece;
use super::{Scale, colour, extent, x_of};
use crate::{Outcome, Sample};

/// Jobs in their lanes.
pub(super) struct Lanes<'a> {
    pub samples: &'a [Sample],
    /// The pieces of each.
    pub jobs: &'a [Vec<Piece>],
    /// The lane of each.
    pub lane_of: &'a [usize],
    pub n_lanes: usize,
}

/// How high a lane is: less where there are many.
fn lane(n_lanes: usize) -> f64 {
    (340.0 / n_lanes.max(1) as f64).clamp(16.0, 40.0)
}

/// How high all lanes are.
pub(super) fn height(n_lanes: usize) -> f64 {
    lane(n_lanes) * n_lanes.max(1) as f64 + 12.0
}

impl Lanes<'_> {
    pub(super) fn draw(&self, canvas: &Canvas<'_>, (top, _): (f64, f64), time: &Scale) -> Drawn {
        let lane = lane(self.n_lanes);
        let bottom = top + lane * self.n_lanes as f64;
        for (at, _) in &time.ticks {
            canvas.line(&[(x_of(*at, time), top), (x_of(*at, time), bottom)], GRID, 1.0)?;
        }
        for number in 0..self.n_lanes {
            let y = top + (number as f64 + 0.5) * lane;
            let style = words(SMALL, SOFT).pos(RIGHT);
            canvas.text((extent().0 - 8.0, y), &format!("worker {}", number + 1), &style)?;
        }
        let at = |number: &usize| (top + *number as f64 * lane + 2.0, lane - 4.0);
        for ((sample, pieces), number) in self.samples.iter().zip(self.jobs).zip(self.lane_of) {
            job(canvas, sample, pieces, at(number), time)?;
        }
        // On top of all: a sign may reach into the job that comes next.
        for (sample, number) in self.samples.iter().zip(self.lane_of) {
            outcome(canvas, sample, at(number), time)?;
        }
        Ok(())
    }
}

fn job(
    canvas: &Canvas<'_>,
    sample: &Sample,
    pieces: &[Piece],
    (y, high): (f64, f64),
    time: &Scale,
) -> Drawn {
    for piece in pieces {
        let (left, right) = (x_of(piece.from_us as f64, time), x_of(piece.to_us as f64, time));
        let part = high / piece.n_slots as f64;
        let top = y + piece.slot as f64 * part;
        // A piece that is too narrow to be seen is no byte in the document.
        if right - left >= 0.25 {
            canvas.rect((left, top), (right - left, part), colour(piece.state))?;
        }
    }
    // The end of a job, so that the next one in its lane begins visibly.
    let end = x_of(sample.finished_us as f64, time);
    canvas.rect((end - 0.5, y), (1.0, high), PAPER)
}

/// The sign of a job that did not end well.
fn outcome(canvas: &Canvas<'_>, sample: &Sample, (y, high): (f64, f64), time: &Scale) -> Drawn {
    let (left, right) = (x_of(sample.sent_us as f64, time), x_of(sample.finished_us as f64, time));
    let middle = y + high / 2.0;
    match &sample.outcome {
        Outcome::Ok => Ok(()),
        Outcome::Failed(reason) => {
            hatch(canvas, (left, y), (right - left, high))?;
            cross(canvas, (right - 5.0, middle), 4.5)?;
            let reason = theme::clean(reason);
            let room = right - left - 20.0;
            if theme::width(&reason, SMALL) < room {
                let place = (left + room / 2.0, middle);
                canvas.label(place, &reason, &words(SMALL, INK).pos(MIDDLE))?;
            }
            Ok(())
        }
        Outcome::Cancelled => canvas.line(&[(left, middle), (right, middle)], INK, 1.5),
    }
}

/// Lines up and down across a job.
pub(super) fn hatch(
    canvas: &Canvas<'_>,
    (left, top): (f64, f64),
    (wide, high): (f64, f64),
) -> Drawn {
    let n = (wide / 6.0).floor().clamp(1.0, 160.0) as u32;
    let at = |index: u32| {
        let y = if index.is_multiple_of(2) { top + high } else { top };
        (left + wide * f64::from(index) / f64::from(n), y)
    };
    let places: Vec<(f64, f64)> = (0..=n).map(at).collect();
    canvas.line(&places, INK, 1.0)
}

/// The sign of a failed job.
pub(in crate::picture) fn cross(canvas: &Canvas<'_>, (x, y): (f64, f64), arm: f64) -> Drawn {
    let one = [(x - arm, y - arm), (x + arm, y + arm)];
    let other = [(x - arm, y + arm), (x + arm, y - arm)];
    for (colour, thick) in [(PAPER, 5.0), (INK, 2.0)] {
        canvas.line(&one, colour, thick)?;
        canvas.line(&other, colour, thick)?;
    }
    Ok(())
}
