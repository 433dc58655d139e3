//! For those who watch: is it alive, can it work, what has it done.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::ApiProblem;

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

/// Prometheus text (<https://prometheus.io/docs/instrumenting/exposition_formats/>). The jobs in each
/// state are counted in the database: they add up, also after a restart.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "watch",
    responses(
        (status = 200, description = "Prometheus text", body = String),
        (status = 500, description = "The database failed"),
    )
)]
pub async fn metrics(State(api): State<Api>) -> Result<Response, ApiProblem> {
    for (state, count) in api.store.counts().await? {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("reelbench_jobs", "state" => state.as_str()).set(count as f64);
    }
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((media_type, api.metrics.render()).into_response())
}
