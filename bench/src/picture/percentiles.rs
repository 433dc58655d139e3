use super::canvas::Head;
use super::curves::{self, Curve, Shape};
use super::theme::{FIRST, SECOND};
use super::{caption, nothing, says_nothing, warning};
use crate::{Distribution, Run, Summary};

/// The latency of the jobs that ended well over their percentiles, with the 95 % interval of each; also
/// the time from their start, where it differs.
pub fn percentiles(run: &Run, summary: &Summary) -> String {
    let Summary { latency, service, .. } = summary;
    let mut curves = vec![Curve {
        name: "latency, from planned",
        colour: FIRST,
        shape: Shape::Round,
        times: latency,
    }];
    if differs(latency, service) {
        curves.push(Curve {
            name: "service time, from started",
            colour: SECOND,
            shape: Shape::Square,
            times: service,
        });
    }
    let head = Head {
        title: "Latency by percentile".to_owned(),
        captions: vec![caption(run, summary)],
        warning: warning(run),
        description: curves::described(&curves),
    };
    if let Some(reason) = says_nothing(run, latency.n()) {
        return nothing(&head, reason);
    }
    curves::page(&head, &curves)
}

/// Whether jobs waited: their means are more than 1 % apart.
pub(super) fn differs(latency: &Distribution, service: &Distribution) -> bool {
    let means = latency.mean_us().zip(service.mean_us());
    means.is_some_and(|(latency, service)| service < 0.99 * latency)
}
