use super::canvas::{Head, picture};
use super::curves::{self, Curve, Shape};
use super::legend::Legend;
use super::percentiles::described;
use super::theme::{FIRST, SECOND};
use super::{caption, nothing, says_nothing, warning};
use crate::comparison::worth;
use crate::{Run, Summary};

/// The latencies of two runs over their percentiles. Each has its 95 % intervals, as wide as those of the
/// independent jobs that it is worth.
pub fn comparison(before: &Run, after: &Run) -> String {
    let [first, second] = [before, after].map(|run| Summary::of(&run.samples));
    let curve =
        |name, colour, shape, times, run| Curve { name, colour, shape, times, worth: worth(run) };
    let curves = [
        curve("before", FIRST, Shape::Round, &first.latency, before),
        curve("after", SECOND, Shape::Square, &second.latency, after),
    ];
    let warn = |side, run| Some(format!("{side}: {}", warning(run)?));
    let warnings: Vec<String> =
        [warn("before", before), warn("after", after)].into_iter().flatten().collect();
    let said =
        curves.each_ref().map(|curve| format!("{}: {}.", curve.name, described(curve.times)));
    let head = Head {
        title: "Latency by percentile, before and after".to_owned(),
        captions: vec![
            format!("before: {}", caption(before)),
            format!("after: {}", caption(after)),
        ],
        warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
        description: said.join(" "),
    };
    let reason = says_nothing(before, first.n_ok).or_else(|| says_nothing(after, second.n_ok));
    if let Some(reason) = reason {
        return nothing(&head, reason);
    }
    let legend = Legend::of(curves::legend(&curves));
    let top = head.height();
    let height = top + legend.height() + 396.0;
    picture(&head, height, |canvas| {
        legend.draw(canvas, top)?;
        curves::draw(canvas, (top + legend.height() + 8.0, height - 12.0), &curves)
    })
}
