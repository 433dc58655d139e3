//! For those who watch: is it alive, can it work, what has it done.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics::{Gauge, gauge};
use protocol::LaneStatus;
use serde_json::Value;

use super::problem::ApiProblem;
use super::{Api, queue};
use crate::job::{Lane, Lanes};
use crate::observe::{Observed, document, text_of};
use crate::service::lanes;

/// Whether the process answers. Says nothing of providers or models.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "watch",
    responses((status = 200, description = "It does", body = String))
)]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether jobs can be worked on: the models are loaded and the database answers.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "watch",
    responses(
        (status = 200, description = "They can", body = String),
        (status = 503, description = "Not now: the text says why", body = String),
    )
)]
pub async fn readyz(State(api): State<Api>) -> Response {
    if let Some(reason) = api.parts.models.not_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response();
    }
    match api.store.counts().await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

/// Prometheus text (<https://prometheus.io/docs/instrumenting/exposition_formats/>), or the document of
/// `/metrics.json` for those who accept JSON alone. The jobs in each state are counted in the database:
/// they add up, also after a restart.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "watch",
    responses(
        (status = 200, description = "The metrics", content((String = "text/plain"), (Object = "application/json"))),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn metrics(State(api): State<Api>, headers: HeaderMap) -> Result<Response, ApiProblem> {
    if wants_json(&headers) {
        return metrics_json(State(api)).await.map(IntoResponse::into_response);
    }
    // Sets its gauges.
    api.parts.machine.look().await;
    let (counts, lanes) = (api.store.counts().await?, queue::look(&api).await?.lanes);
    // Of the database, and not of this process: they are told also where nothing is recorded.
    let jobs = text_of(|| {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let set = |gauge: Gauge, count: u64| gauge.set(count as f64);
        for (state, count) in counts {
            set(gauge!("reelbench_jobs", "state" => state.as_str()), count);
        }
        for (lane, LaneStatus { queued, running }) in lanes {
            for (state, count) in [("queued", queued), ("running", running)] {
                let class = lane.clone();
                set(gauge!("reelbench_queue_depth", "class" => class, "state" => state), count);
            }
        }
    });
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((media_type, api.observer.prometheus.render() + &jobs).into_response())
}

/// Totals that add up; for each stage, cache, limiter and class of jobs what this process has seen, with
/// exact percentiles where there are enough times for them. Hits of a cache are not among its misses. What
/// process, children, control group, machine and cards use; what cannot be seen is absent.
#[utoipa::path(
    get,
    path = "/metrics.json",
    tag = "watch",
    responses(
        (status = 200, description = "The metrics", body = Object),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn metrics_json(State(api): State<Api>) -> Result<Json<Value>, ApiProblem> {
    let observed = Observed {
        uptime: api.started.elapsed(),
        before: api.before.clone(),
        states: api.store.counts().await?,
        queue: queue::look(&api).await?,
        places: places(lanes(&api.parts.settings)),
        admission: api.parts.admission.door(),
        limits: api.parts.settings.limits.clone(),
        resources: api.parts.machine.look().await,
    };
    Ok(Json(document(&observed, &api.observer.figures)))
}

/// How many jobs of each lane run at once; lanes that share their places have all of them.
fn places(lanes: Lanes) -> BTreeMap<&'static str, usize> {
    let named = |(lanes, places): (&'static [Lane], usize)| {
        lanes.iter().map(move |lane| (lane.as_str(), places))
    };
    lanes.groups().into_iter().flat_map(named).collect()
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    accepted.is_some_and(|accepted| accepted.starts_with(b"application/json"))
}
