use super::canvas::{Head, picture};
use super::curves::{self, Curve, Shape};
use super::legend::Legend;
use super::theme::{FIRST, SECOND};
use super::{caption, nothing, says_nothing, warning};
use crate::{Distribution, Run, Summary, text};

/// The latency of the jobs that ended well over their percentiles, with the 95 % interval of each; also
/// the time from their start, where it differs.
pub fn percentiles(run: &Run) -> String {
    let Summary { latency, service, .. } = Summary::of(&run.samples);
    let mut curves = vec![Curve {
        name: "latency, from planned",
        colour: FIRST,
        shape: Shape::Round,
        times: &latency,
        worth: latency.worth(),
    }];
    if differs(&latency, &service) {
        curves.push(Curve {
            name: "service time, from started",
            colour: SECOND,
            shape: Shape::Square,
            times: &service,
            worth: service.worth(),
        });
    }
    let said = curves.iter().map(|curve| format!("{}: {}.", curve.name, described(curve.times)));
    let head = Head {
        title: "Latency by percentile".to_owned(),
        captions: vec![caption(run)],
        warning: warning(run),
        description: said.collect::<Vec<_>>().join(" "),
    };
    if let Some(reason) = says_nothing(run, latency.n()) {
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

/// Whether jobs waited: their means are more than 1 % apart.
fn differs(latency: &Distribution, service: &Distribution) -> bool {
    let means = latency.mean_us().zip(service.mean_us());
    means.is_some_and(|(latency, service)| service < 0.99 * latency)
}

/// The percentiles in words.
pub(super) fn described(times: &Distribution) -> String {
    let percentiles = [0.5, 0.9, 0.95, 0.99].map(|q| text::quantile(times, q));
    format!("n = {}, {}", times.n(), percentiles.join(", "))
}
