use super::canvas::Head;
use super::curves::{self, Curve, Shape};
use super::theme::{FIRST, SECOND};
use super::{caption, nothing, says_nothing, warning};
use crate::{Run, Summary};

/// The latencies of two runs over their percentiles. Each has its 95 % intervals, as wide as those of the
/// independent jobs that it is worth.
pub fn comparison(before: &Run, after: &Run) -> String {
    let [first, second] = [before, after].map(|run| Summary::of(&run.samples));
    let curve = |name, colour, shape, times| Curve { name, colour, shape, times };
    let curves = [
        curve("before", FIRST, Shape::Round, &first.latency),
        curve("after", SECOND, Shape::Square, &second.latency),
    ];
    let warn = |side, run| Some(format!("{side}: {}", warning(run)?));
    let warnings: Vec<String> =
        [warn("before", before), warn("after", after)].into_iter().flatten().collect();
    let head = Head {
        title: "Latency by percentile, before and after".to_owned(),
        captions: vec![
            format!("before: {}", caption(before)),
            format!("after: {}", caption(after)),
        ],
        warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
        description: curves::described(&curves),
    };
    let reason = says_nothing(before, first.n_ok).or_else(|| says_nothing(after, second.n_ok));
    if let Some(reason) = reason {
        return nothing(&head, reason);
    }
    curves::page(&head, &curves)
}
