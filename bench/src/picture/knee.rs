//! How the latency grows with the throughput, and where it begins to run away.

use plotters::style::Color;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn, Head, picture};
use super::legend::{Entry, Legend};
use super::theme::{FIRST, INK, MARGIN, MIDDLE, SECOND, SMALL, WIDTH, words};
use super::{nothing, timeline};
use crate::text;

/// One load that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Jobs an hour that were asked for.
    pub offered_per_h: f64,
    /// Jobs an hour that ended well.
    pub achieved_per_h: f64,
    /// A latency, microseconds, with the ends of its interval where the run carries them.
    pub latency_us: [Option<f64>; 3],
    /// Whether the service kept up with it.
    pub is_stable: bool,
}

/// Each probe at its throughput and latency, crosses where the service fell behind; the knee as a line in
/// the bracket that encloses it. `latency` names the latency, such as `latency p95`.
pub fn knee(latency: &str, probes: &[Probe], knee: Option<[f64; 3]>) -> String {
    let knee = knee.filter(|ends| ends.iter().all(|end| (0.0..1e15).contains(end)));
    let head = Head {
        title: format!("{latency} by throughput"),
        captions: vec![caption(probes, knee)],
        warning: None,
        description: described(latency, probes),
    };
    if shown(probes).next().is_none() {
        return nothing(&head, "No probe has a latency.");
    }
    let legend = Legend::of(legend(knee.is_some()));
    let top = head.height();
    let height = top + legend.height() + 360.0;
    picture(&head, height, |canvas| {
        legend.draw(canvas, top)?;
        let chart_top = top + legend.height() + 8.0;
        let size = (WIDTH - 2.0 * MARGIN - 16.0, height - 12.0 - chart_top);
        let area = canvas.part((MARGIN, chart_top), size);
        let rates = shown(probes).map(|(probe, _)| probe.achieved_per_h);
        let widest = rates.chain(knee.into_iter().flatten()).fold(0.0, f64::max);
        let latencies = shown(probes).flat_map(|(probe, _)| probe.latency_us);
        let most = latencies.flatten().fold(0.0, f64::max);
        let x = Scale::numbers("throughput (jobs an hour)", widest * 1.05, 8.0);
        let y = Scale::times(latency, most * 1.08, 5.0);
        let chart = axes::chart(&area, &x, &y, Room { left: 64.0, below: 50.0 })?;
        mark(canvas, &chart, y.to, knee)?;
        draw(canvas, &chart, probes)
    })
}

/// Probes that have a latency, from the slowest load to the quickest.
fn shown(probes: &[Probe]) -> impl Iterator<Item = (&Probe, f64)> {
    let is_sound = |(probe, _): &(&Probe, f64)| {
        let values = probe.latency_us.into_iter().flatten().chain([probe.achieved_per_h]);
        values.into_iter().all(|value| (0.0..1e15).contains(&value))
    };
    let mut shown: Vec<(&Probe, f64)> = probes
        .iter()
        .filter_map(|probe| Some((probe, probe.latency_us[0]?)))
        .filter(is_sound)
        .collect();
    shown.sort_by(|one, other| one.0.offered_per_h.total_cmp(&other.0.offered_per_h));
    shown.into_iter()
}

fn caption(probes: &[Probe], knee: Option<[f64; 3]>) -> String {
    let n = probes.len();
    match knee {
        Some([at, low, high]) => {
            format!("{n} probes; knee at {at:.0} jobs an hour (between {low:.0} and {high:.0})")
        }
        None => format!("{n} probes; no knee was found"),
    }
}

fn described(latency: &str, probes: &[Probe]) -> String {
    let said = shown(probes).map(|(probe, us)| {
        let fell_behind = if probe.is_stable { "" } else { ", fell behind" };
        format!(
            "{:.0} an hour: {latency} {}{fell_behind}.",
            probe.achieved_per_h,
            text::duration(us.max(0.0) as u64)
        )
    });
    said.collect::<Vec<_>>().join(" ")
}

fn mark(canvas: &Canvas<'_>, chart: &Chart<'_>, most: f64, knee: Option<[f64; 3]>) -> Drawn {
    let Some([at, low, high]) = knee else { return Ok(()) };
    let (left, top) = place(chart, low, most);
    let (right, bottom) = place(chart, high, 0.0);
    canvas.rect((left, top), (right - left, bottom - top), SECOND.mix(0.18))?;
    let (x, _) = place(chart, at, most);
    canvas.dashes(&[(x, top), (x, bottom)], SECOND, 2.0)?;
    canvas.label((x, top + 12.0), "knee", &words(SMALL, INK).pos(MIDDLE))
}

fn draw(canvas: &Canvas<'_>, chart: &Chart<'_>, probes: &[Probe]) -> Drawn {
    let places: Vec<(f64, f64)> =
        shown(probes).map(|(probe, us)| place(chart, probe.achieved_per_h, us)).collect();
    canvas.line(&places, FIRST, 2.0)?;
    for ((probe, _), (x, y)) in shown(probes).zip(places) {
        if let [_, Some(low), Some(high)] = probe.latency_us {
            let ends = [low, high].map(|us| place(chart, probe.achieved_per_h, us).1);
            canvas.line(&[(x, ends[0]), (x, ends[1])], FIRST, 1.5)?;
            for end in ends {
                canvas.line(&[(x - 4.0, end), (x + 4.0, end)], FIRST, 1.5)?;
            }
        }
        sign(canvas, (x, y), probe.is_stable)?;
    }
    Ok(())
}

fn sign(canvas: &Canvas<'_>, (x, y): (f64, f64), is_stable: bool) -> Drawn {
    if is_stable { canvas.dot((x, y), 4.5, FIRST) } else { timeline::cross(canvas, (x, y), 5.0) }
}

fn legend(has_knee: bool) -> Vec<Entry> {
    let probe = |name, is_stable| {
        Entry::new(name, move |canvas, (x, y)| sign(canvas, (x + 11.0, y), is_stable))
    };
    let mut entries = vec![probe("kept up", true), probe("fell behind", false)];
    if has_knee {
        entries.push(Entry::fill("the knee lies here", SECOND.mix(0.18)));
    }
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::tests::{check_sound, words};

    fn probe(achieved_per_h: f64, seconds: f64, is_stable: bool) -> Probe {
        let us = seconds * 1e6;
        let latency_us = [Some(us), Some(us * 0.9), Some(us * 1.2)];
        Probe { offered_per_h: achieved_per_h * 1.01, achieved_per_h, latency_us, is_stable }
    }

    #[test]
    fn the_knee_stands_where_latency_runs_away() {
        let probes = [
            probe(4000.0, 2.6, true),
            probe(5500.0, 9.8, false),
            probe(2000.0, 2.1, true),
            Probe { latency_us: [None; 3], ..probe(6000.0, 1.0, false) },
        ];
        let picture = knee("latency p95", &probes, Some([5200.0, 5000.0, 5400.0]));
        check_sound(&picture);
        let words = words(&picture);
        let caption = "4 probes; knee at 5200 jobs an hour (between 5000 and 5400)";
        for text in [caption, "knee", "fell behind", "throughput (jobs an hour)"] {
            assert!(words.iter().any(|word| word == text), "no {text:?} in {words:?}");
        }
        let told = "2000 an hour: latency p95 2.10 s. 4000 an hour: latency p95 2.60 s. \
                    5500 an hour: latency p95 9.80 s, fell behind.";
        assert!(picture.contains(told), "{picture}");
        insta::assert_snapshot!("knee", picture);
    }

    #[test]
    fn without_a_latency_there_is_nothing_to_show() {
        let probes = [Probe { latency_us: [None; 3], ..probe(1.0, 1.0, true) }];
        let words = words(&knee("latency p95", &probes, None));
        assert!(words.contains(&"No probe has a latency.".to_owned()), "{words:?}");
    }

    proptest! {
        #[test]
        fn any_probes_are_a_sound_picture(
            probes in proptest::collection::vec((any::<[f64; 2]>(), any::<[Option<f64>; 3]>(), any::<bool>()), 0..9),
            at in proptest::option::of(any::<[f64; 3]>()),
        ) {
            let probes: Vec<Probe> = probes
                .into_iter()
                .map(|([offered_per_h, achieved_per_h], latency_us, is_stable)| {
                    Probe { offered_per_h, achieved_per_h, latency_us, is_stable }
                })
                .collect();
            check_sound(&knee("latency p95", &probes, at));
        }
    }
}
