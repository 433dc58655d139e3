use super::canvas::Head;
use super::curves::{self, Curve, Shape};
use super::theme::{FIRST, SECOND};
use super::{caption, nothing, says_nothing, warning};
use crate::{Distribution, Run, Summary};

/// The latencies of two runs over their percentiles. Each has its 95 % intervals, as wide as those of the
/// independent jobs that it is worth.
pub fn comparison((before, first): (&Run, &Summary), (after, second): (&Run, &Summary)) -> String {
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
            format!("before: {}", caption(before, first)),
            format!("after: {}", caption(after, second)),
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

/// The same of two distributions that were merged from several runs each.
pub fn percentiles_of_two(caption: &str, before: &Distribution, after: &Distribution) -> String {
    let curve = |name, colour, shape, times| Curve { name, colour, shape, times };
    let curves = [
        curve("before", FIRST, Shape::Round, before),
        curve("after", SECOND, Shape::Square, after),
    ];
    let head = Head {
        title: "Latency by percentile, before and after".to_owned(),
        captions: vec![caption.to_owned()],
        warning: None,
        description: curves::described(&curves),
    };
    if before.n() == 0 || after.n() == 0 {
        return nothing(&head, "No job ended well on one of the sides.");
    }
    curves::page(&head, &curves)
}
