//! For those who watch: is it alive, can it work, what has it done.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::LaneStatus;
use serde_json::Value;

use super::problem::ApiProblem;
use super::{Api, queue};
use crate::observe::{Observed, document};

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
    if !api.parts.models.ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "models are being loaded\n").into_response();
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
    for (state, count) in api.store.counts().await? {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("reelbench_jobs", "state" => state.as_str()).set(count as f64);
    }
    for (lane, LaneStatus { queued, running }) in queue::look(&api).await?.lanes {
        for (state, count) in [("queued", queued), ("running", running)] {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("reelbench_queue_depth", "class" => lane.clone(), "state" => state)
                .set(count as f64);
        }
    }
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((media_type, api.observer.prometheus.render()).into_response())
}

/// Totals that add up; for each stage, cache, limiter and class of jobs what this process has seen, with
/// exact percentiles where there are enough times for them. Hits of a cache are not among its misses.
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
        states: api.store.counts().await?,
        queue: queue::look(&api).await?,
    };
    Ok(Json(document(&observed, &api.observer.figures)))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    accepted.is_some_and(|accepted| accepted.starts_with(b"application/json"))
}
