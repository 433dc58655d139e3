//! How many jobs are in each stage, where there are too many to draw each.

use plotters::prelude::*;

use super::super::axes::{self, Room};
use super::super::canvas::{Canvas, Drawn};
use super::super::theme::{MARGIN, PAPER};
use super::pieces::{Piece, State};
use super::{LABELS, Scale, colour, extent, lanes, x_of};
use crate::{Outcome, Run};

/// Columns over the whole time.
const COLUMNS: usize = 240;

/// Jobs in each state, averaged over each column of time; a job in two stages at once is half in each.
fn counted(jobs: &[Vec<Piece>], state: State, end_us: f64, each: f64) -> Vec<f64> {
    let mut counts = vec![0.0; COLUMNS];
    let column = end_us / COLUMNS as f64;
    for piece in jobs.iter().flatten().filter(|piece| piece.state == state) {
        let (from, to) = (piece.from_us as f64 / column, piece.to_us as f64 / column);
        let last = (to.ceil() as usize).min(COLUMNS);
        for (index, count) in counts.iter_mut().enumerate().take(last).skip(from as usize) {
            let inside = to.min(index as f64 + 1.0) - from.max(index as f64);
            *count += inside.max(0.0) * each / piece.n_slots as f64;
        }
    }
    counts
}

/// Jobs that are counted.
pub(super) struct Crowd<'a> {
    pub run: &'a Run,
    /// The pieces of those that are looked at.
    pub jobs: &'a [Vec<Piece>],
    /// For how many jobs each of them counts.
    pub each: f64,
    pub n_stages: usize,
}

pub(super) fn draw(
    canvas: &Canvas<'_>,
    (top, height): (f64, f64),
    crowd: &Crowd<'_>,
    time: &Scale,
) -> Drawn {
    let Crowd { run, jobs, each, n_stages } = crowd;
    // Work at the bottom, from the last stage up to the wait on top: what is done grows from below.
    let states = (0..*n_stages).rev().map(State::Stage).chain([State::Rest, State::Wait]);
    let layers: Vec<(State, Vec<f64>)> =
        states.map(|state| (state, counted(jobs, state, time.to, *each))).collect();
    let total = |column: usize| layers.iter().map(|(_, counts)| counts[column]).sum::<f64>();
    let most = (0..COLUMNS).map(total).fold(0.0, f64::max);
    let y = Scale::numbers("jobs in flight", most, 5.0);
    let area = canvas.part((MARGIN, top), (LABELS + extent().1, height - 12.0));
    axes::chart(&area, time, &y, Room { left: LABELS, below: 0.0 })?;
    let base = top + height - 12.0;
    let y_of = |count: f64| base - count / y.to * (height - 12.0);
    let x_at = |column: usize| x_of(time.to * column as f64 / COLUMNS as f64, time);
    let mut below = vec![0.0; COLUMNS];
    for (state, counts) in &layers {
        let above: Vec<f64> =
            below.iter().zip(counts).map(|(below, count)| below + count).collect();
        let edge = |levels: &[f64]| -> Vec<(f64, f64)> {
            let step = |(column, level): (usize, &f64)| {
                [(x_at(column), y_of(*level)), (x_at(column + 1), y_of(*level))]
            };
            levels.iter().enumerate().flat_map(step).collect()
        };
        let mut outline = edge(&above);
        outline.extend(edge(&below).into_iter().rev());
        if counts.iter().any(|count| *count > 0.0) {
            canvas.polygon(&outline, colour(*state))?;
        }
        below = above;
    }
    failures(canvas, top + 8.0, run, time)
}

/// Failed jobs at their ends; crosses that would lie on each other are one.
fn failures(canvas: &Canvas<'_>, y: f64, run: &Run, time: &Scale) -> Drawn {
    let failed = run.samples.iter().filter(|sample| matches!(sample.outcome, Outcome::Failed(_)));
    let mut places: Vec<i64> = failed
        .map(|sample| (x_of(sample.finished_us as f64, time) / 10.0).round() as i64)
        .collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        let x = place as f64 * 10.0;
        canvas.rect((x - 7.0, y - 7.0), (14.0, 14.0), PAPER.mix(0.7))?;
        lanes::cross(canvas, (x, y), 4.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_counts_as_long_as_it_is_there() {
        let piece = |from_us, to_us, n_slots| Piece {
            from_us,
            to_us,
            state: State::Rest,
            slot: 0,
            n_slots,
        };
        let end = COLUMNS as f64 * 10.0;
        let jobs =
            [vec![piece(0, 15, 1), piece(40, 45, 2)], vec![piece(10, 20, 1), piece(2390, 2400, 1)]];
        let counts = counted(&jobs, State::Rest, end, 1.0);
        assert_eq!(counts[..5], [1.0, 1.5, 0.0, 0.0, 0.25]);
        let three = counted(&jobs, State::Rest, end, 3.0);
        assert_eq!(three[..2], [3.0, 4.5], "each counts for three");
        assert_eq!(counts[COLUMNS - 1].to_bits(), 1.0_f64.to_bits());
        assert_eq!(counted(&jobs, State::Wait, end, 1.0), vec![0.0; COLUMNS]);
    }
}
