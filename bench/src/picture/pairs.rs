//! What each pair of runs shows, and what they show together: the picture of a gate.

use plotters::style::Color;

use super::axes::{self, Chart, Room, Scale, place};
use super::canvas::{Canvas, Drawn, Head, picture};
use super::legend::{Entry, Legend};
use super::nothing;
use super::theme::{FIRST, INK, MARGIN, RIGHT, SECOND, SMALL, SOFT, WIDTH, words};
use crate::text::{self, change, changes};

/// One pair of runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// After/before less 1: 0.05 is 5 % more.
    pub change: f64,
    /// Whether the run of before was made first.
    pub is_before_first: bool,
}

/// The pairs of a gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairs<'a> {
    /// The figure, such as `latency p95`.
    pub metric: &'a str,
    /// In the order in which they were made.
    pub pairs: &'a [Pair],
    /// The shift of all pairs with the ends of its interval, as changes; one end may be infinite. None: there is
    /// none.
    pub shift: Option<[f64; 3]>,
    /// How sure the interval is, such as 0.99.
    pub confidence: f64,
    /// A change beyond it is a regression: 0.02, or -0.02 where more is better.
    pub limit: f64,
}

/// One dot a pair, round where before was made first and square where after was; the shift with its
/// interval as a band; the limit as a line.
pub fn pairs(shown: &Pairs<'_>) -> String {
    let n = shown.pairs.len();
    let head = Head {
        title: format!("{}: change in each pair of runs", shown.metric),
        captions: vec![caption(shown)],
        warning: None,
        description: described(shown),
    };
    if n == 0 {
        return nothing(&head, "There is no pair of runs.");
    }
    let legend = Legend::of(legend(shown));
    let top = head.height();
    let height = top + legend.height() + 330.0;
    picture(&head, height, |canvas| {
        legend.draw(canvas, top)?;
        let chart_top = top + legend.height() + 8.0;
        let size = (WIDTH - 2.0 * MARGIN - 16.0, height - 12.0 - chart_top);
        let area = canvas.part((MARGIN, chart_top), size);
        let (least, most) = extremes(shown);
        let x = Scale::counts(n, "pair of runs, in the order in which they were made");
        let y = Scale::changes("change (%)", least * 1.05, most * 1.05, 5.0);
        let chart = axes::chart(&area, &x, &y, Room { left: 64.0, below: 50.0 })?;
        band(canvas, &chart, shown)?;
        limit(canvas, &chart, shown)?;
        dots(canvas, &chart, shown.pairs)
    })
}

fn caption(Pairs { pairs, shift, confidence, .. }: &Pairs<'_>) -> String {
    let n = pairs.len();
    match shift {
        Some([value, low, high]) => format!(
            "{n} pairs; shift {} ({}, {} % interval)",
            change(*value),
            changes([*low, *high]),
            text::confidence(*confidence)
        ),
        None => {
            format!("{n} pairs; too few for an interval of {} %", text::confidence(*confidence))
        }
    }
}

fn described(shown: &Pairs<'_>) -> String {
    let changes = shown.pairs.iter().map(|pair| {
        let order = if pair.is_before_first { "" } else { " (after made first)" };
        format!("{}{order}", change(pair.change))
    });
    let changes: Vec<String> = changes.collect();
    format!("Limit {}. Changes: {}.", change(shown.limit), changes.join(", "))
}

/// A change in percent that a scale can hold.
fn drawn(change: f64) -> f64 {
    if change.is_finite() { (change * 100.0).clamp(-1e6, 1e6) } else { 0.0 }
}

/// The least and the most that is drawn, percent.
fn extremes(shown: &Pairs<'_>) -> (f64, f64) {
    let ends = shown.shift.iter().flatten().copied().filter(|end| end.is_finite());
    let ends = ends.chain([shown.limit]);
    let all = shown.pairs.iter().map(|pair| pair.change).chain(ends).map(drawn);
    all.fold((0.0, 0.0), |(least, most): (f64, f64), it| (least.min(it), most.max(it)))
}

/// The left and the right edge of the chart at `change`.
fn across(chart: &Chart<'_>, change: f64, n: usize) -> [(f64, f64); 2] {
    [0.5, n as f64 + 0.5].map(|x| place(chart, x, drawn(change)))
}

fn band(canvas: &Canvas<'_>, chart: &Chart<'_>, shown: &Pairs<'_>) -> Drawn {
    let n = shown.pairs.len();
    canvas.line(&across(chart, 0.0, n), SOFT, 1.5)?;
    let Some([value, low, high]) = shown.shift else { return Ok(()) };
    // An end that is not there is where the chart ends.
    let (least, most) = extremes(shown);
    let [low, high] = [low.max(least / 100.0 * 1.05), high.min(most / 100.0 * 1.05)];
    let [left, _] = across(chart, high, n);
    let [_, right] = across(chart, low, n);
    canvas.rect(left, (right.0 - left.0, right.1 - left.1), FIRST.mix(0.18))?;
    canvas.line(&across(chart, value, n), FIRST, 2.5)
}

fn limit(canvas: &Canvas<'_>, chart: &Chart<'_>, shown: &Pairs<'_>) -> Drawn {
    let [left, right] = across(chart, shown.limit, shown.pairs.len());
    canvas.dashes(&[left, right], SECOND, 2.0)?;
    let text = format!("limit {}", change(shown.limit));
    let above = if shown.limit >= 0.0 { -10.0 } else { 10.0 };
    canvas.label((right.0 - 8.0, right.1 + above), &text, &words(SMALL, INK).pos(RIGHT))
}

fn dots(canvas: &Canvas<'_>, chart: &Chart<'_>, pairs: &[Pair]) -> Drawn {
    for (index, pair) in pairs.iter().enumerate() {
        let (x, y) = place(chart, index as f64 + 1.0, drawn(pair.change));
        dot(canvas, (x, y), pair.is_before_first)?;
    }
    Ok(())
}

fn dot(canvas: &Canvas<'_>, (x, y): (f64, f64), is_before_first: bool) -> Drawn {
    if is_before_first {
        canvas.dot((x, y), 5.0, INK)
    } else {
        canvas.rect((x - 4.5, y - 4.5), (9.0, 9.0), SOFT)
    }
}

fn legend(shown: &Pairs<'_>) -> Vec<Entry> {
    let order = |name, is_before_first| {
        Entry::new(name, move |canvas, (x, y)| dot(canvas, (x + 11.0, y), is_before_first))
    };
    let mut entries =
        vec![order("before made first (AB)", true), order("after made first (BA)", false)];
    if shown.shift.is_some() {
        entries.push(Entry::new("shift of all pairs", |canvas, (x, y)| {
            canvas.line(&[(x, y), (x + 22.0, y)], FIRST, 2.5)
        }));
        let name = format!("its {} % interval", text::confidence(shown.confidence));
        entries.push(Entry::fill(&name, FIRST.mix(0.18)));
    }
    entries.push(Entry::new("limit", |canvas, (x, y)| {
        canvas.dashes(&[(x, y), (x + 22.0, y)], SECOND, 2.0)
    }));
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::picture::tests::{check_sound, words};

    fn shown(pairs: &[Pair], shift: Option<[f64; 3]>) -> Pairs<'_> {
        Pairs { metric: "latency p95", pairs, shift, confidence: 0.99, limit: 0.02 }
    }

    #[test]
    fn each_pair_is_a_dot_of_its_order() {
        let made = [(0.05, true), (0.08, false), (0.06, false)];
        let made = made.map(|(change, is_before_first)| Pair { change, is_before_first });
        let picture = pairs(&shown(&made, Some([0.06, 0.04, 0.09])));
        check_sound(&picture);
        let document = roxmltree::Document::parse(&picture).expect("XML");
        // One in the legend, and one pair that began with before.
        let circles = document.descendants().filter(|it| it.tag_name().name() == "circle").count();
        assert_eq!(circles, 2);
        let words = words(&picture);
        let caption = "3 pairs; shift +6.0 % (+4.0 % to +9.0 %, 99 % interval)";
        for text in [caption, "limit +2.0 %", "after made first (BA)", "+10"] {
            assert!(words.iter().any(|word| word == text), "no {text:?} in {words:?}");
        }
        assert!(picture.contains("+8.0 % (after made first)"), "in words for those who do not see");
        insta::assert_snapshot!("pairs", picture);
    }

    #[test]
    fn no_pair_and_no_interval_say_so() {
        assert!(words(&pairs(&shown(&[], None))).contains(&"There is no pair of runs.".to_owned()));
        let one = [Pair { change: 0.01, is_before_first: true }];
        let caption = "1 pairs; too few for an interval of 99 %".to_owned();
        assert!(words(&pairs(&shown(&one, None))).contains(&caption));
    }

    proptest! {
        #[test]
        fn any_pairs_are_a_sound_picture(
            made in proptest::collection::vec((any::<f64>(), any::<bool>()), 0..40),
            shift in proptest::option::of(any::<[f64; 3]>()),
        ) {
            let made: Vec<Pair> = made
                .into_iter()
                .map(|(change, is_before_first)| Pair { change, is_before_first })
                .collect();
            check_sound(&pairs(&shown(&made, shift)));
        }
    }
}
