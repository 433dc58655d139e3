//! The HTTP API, version 1.
//!
//! | route | answer |
//! |---|---|
//! | `POST /api/v1/jobs` | 202 and `Location`; 400, 413 or 422 with a problem document; 429 when the queue is full |
//! | `GET /api/v1/jobs/{id}` | [`protocol::JobStatus`] |
//! | `DELETE /api/v1/jobs/{id}` | 202: it ends; 409: it had ended |
//! | `GET /api/v1/jobs/{id}/result` | the video, with Range; 409 while there is none |
//! | `GET /api/v1/jobs/{id}/files/{name}` | another artefact |
//! | `GET /healthz`, `/readyz`, `/metrics` | for those who watch |
//!
//! Problems are `application/problem+json` (RFC 9457).

mod jobs;
mod problem;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::job::{Queue, Store};
use crate::parts::Parts;
use problem::ApiProblem;

/// Largest request: the longest script in four-byte characters, escaped, fits.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// What the handlers need.
#[derive(Clone)]
pub struct Api {
    /// Takes and cancels jobs.
    pub queue: Queue,
    /// Knows them.
    pub store: Arc<Store>,
    /// What jobs are done with: a request may name what is not here.
    pub parts: Arc<Parts>,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
}

/// The routes of the table above.
pub fn router(api: Api) -> Router {
    let job = Router::new()
        .route("/", get(jobs::status).delete(jobs::cancel))
        .route("/result", get(jobs::result))
        .route("/files/{name}", get(jobs::file));
    Router::new()
        .route("/api/v1/jobs", post(jobs::submit))
        .nest("/api/v1/jobs/{id}", job)
        .route("/healthz", get(watch::healthz))
        .route("/readyz", get(watch::readyz))
        .route("/metrics", get(watch::metrics))
        .fallback(async || ApiProblem::not_found("no such route; see the README for the API"))
        .method_not_allowed_fallback(async || ApiProblem::method_not_allowed())
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(CatchPanicLayer::new())
        .layer(TraceLayer::new_for_http())
        .with_state(api)
}
