//! Which share of the jobs had ended after each time (the empirical distribution): what is most often,
//! and whether there are two kinds of jobs, which percentiles hide.

use plotters::prelude::*;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn, Head, picture};
use super::curves::Shape;
use super::legend::{Entry, Legend};
use super::percentiles::differs;
use super::theme::{FIRST, MARGIN, SECOND, WIDTH};
use super::{caption, nothing, says_nothing, warning};
use crate::{Distribution, Run, Summary, text};

/// Steps that are drawn: more of them would lie on each other.
const MOST_STEPS: u64 = 300;

/// One distribution, and how it is drawn: the second has dashes, so that colour is not all.
struct Line<'a> {
    name: &'a str,
    colour: RGBColor,
    shape: Shape,
    times: &'a Distribution,
}

/// The latency of the jobs that ended well; also the time from their start, where it differs.
pub fn shares(run: &Run, summary: &Summary) -> String {
    let Summary { latency, service, .. } = summary;
    let mut lines = vec![Line::first("latency, from planned", latency)];
    if differs(latency, service) {
        lines.push(Line::second("service time, from started", service));
    }
    let head = Head {
        title: "Jobs that had ended, by time".to_owned(),
        captions: vec![caption(run, summary)],
        warning: warning(run),
        description: described(&lines),
    };
    match says_nothing(run, summary.n_ok) {
        Some(reason) => nothing(&head, reason),
        None => page(&head, &lines),
    }
}

/// Two distributions of latency under each other's names.
pub fn shares_of_two(caption: &str, before: &Distribution, after: &Distribution) -> String {
    let lines = [Line::first("before", before), Line::second("after", after)];
    let head = Head {
        title: "Jobs that had ended, by time, before and after".to_owned(),
        captions: vec![caption.to_owned()],
        warning: None,
        description: described(&lines),
    };
    if before.n() == 0 || after.n() == 0 {
        return nothing(&head, "No job ended well on one of the sides.");
    }
    page(&head, &lines)
}

impl<'a> Line<'a> {
    const fn first(name: &'a str, times: &'a Distribution) -> Self {
        Self { name, colour: FIRST, shape: Shape::Round, times }
    }

    const fn second(name: &'a str, times: &'a Distribution) -> Self {
        Self { name, colour: SECOND, shape: Shape::Square, times }
    }

    /// The share of jobs that had ended at a time, from none to all.
    fn steps(&self) -> Vec<(f64, f64)> {
        let (n, ranks) = (self.times.n(), self.times.ranks());
        let n_steps = n.min(MOST_STEPS);
        let mut steps = vec![(self.times.min_us().unwrap_or(0) as f64, 0.0)];
        let mut before = 0.0;
        for step in 1..=n_steps {
            let rank = step * n / n_steps;
            let (us, share) = (ranks.at(rank) as f64, rank as f64 / n as f64);
            steps.extend([(us, before), (us, share)]);
            before = share;
        }
        steps
    }

    fn stroke(&self, canvas: &Canvas<'_>, places: &[(f64, f64)]) -> Drawn {
        match self.shape {
            Shape::Round => canvas.line(places, self.colour, 2.5),
            Shape::Square => canvas.dashes(places, self.colour, 2.5),
        }
    }
}

fn described(lines: &[Line<'_>]) -> String {
    let said = lines.iter().map(|Line { name, times, .. }| {
        let ranks = times.ranks();
        let n = times.n();
        let after = [1, 2, 3].map(|quarter| {
            let us = ranks.at((n * quarter).div_ceil(4).max(1));
            format!("{} % after {}", quarter * 25, text::duration(us))
        });
        format!("{name}: n = {n}, {}.", after.join(", "))
    });
    said.collect::<Vec<_>>().join(" ")
}

fn page(head: &Head, lines: &[Line<'_>]) -> String {
    let entry = |line: &Line<'_>| {
        let (colour, shape) = (line.colour, line.shape);
        Entry::new(&format!("{} (n = {})", line.name, line.times.n()), move |canvas, (x, y)| {
            let places = [(x, y), (x + 22.0, y)];
            match shape {
                Shape::Round => canvas.line(&places, colour, 2.5),
                Shape::Square => canvas.dashes(&places, colour, 2.5),
            }
        })
    };
    let legend = Legend::of(lines.iter().map(entry).collect());
    let top = head.height();
    let height = top + legend.height() + 340.0;
    let most = lines.iter().filter_map(|line| line.times.max_us()).max().unwrap_or(0);
    picture(head, height, |canvas| {
        legend.draw(canvas, top)?;
        let chart_top = top + legend.height() + 8.0;
        let area = canvas
            .part((MARGIN, chart_top), (WIDTH - 2.0 * MARGIN - 16.0, height - 12.0 - chart_top));
        let x = Scale::times("time", most as f64 * 1.02, 8.0);
        let y = Scale::numbers("jobs that had ended (%)", 100.0, 5.0);
        let chart = axes::chart(&area, &x, &y, Room { left: 64.0, below: 50.0 })?;
        lines.iter().try_for_each(|line| draw(canvas, &chart, line))
    })
}

fn draw(canvas: &Canvas<'_>, chart: &Chart<'_>, line: &Line<'_>) -> Drawn {
    let steps = line.steps();
    let places: Vec<(f64, f64)> =
        steps.iter().map(|(us, share)| place(chart, *us, share * 100.0)).collect();
    line.stroke(canvas, &places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_a_step_up_to_all_of_them() {
        let times: Distribution = [30, 10, 20, 20].into_iter().collect();
        let steps = Line::first("", &times).steps();
        let shown: Vec<(u64, u64)> =
            steps.iter().map(|(us, share)| (*us as u64, (share * 100.0) as u64)).collect();
        let expected = [
            (10, 0),
            (10, 0),
            (10, 25),
            (20, 25),
            (20, 50),
            (20, 50),
            (20, 75),
            (30, 75),
            (30, 100),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn many_jobs_are_few_steps() {
        let times: Distribution = (1..=100_000).collect();
        let steps = Line::first("", &times).steps();
        assert_eq!(steps.len() as u64, 2 * MOST_STEPS + 1);
        assert!(steps.last().is_some_and(|(_, share)| (share - 1.0).abs() < 1e-12));
    }
}
