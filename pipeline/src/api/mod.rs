//! The HTTP API, version 1. `/openapi.json` has every route with every answer, `/docs` shows it; `/` is the
//! dashboard.
//!
//! Problems are `application/problem+json` (RFC 9457).

mod batches;
mod dashboard;
mod dialect;
mod document;
mod events;
mod extract;
mod files;
mod guard;
mod jobs;
mod mpt;
mod problem;
mod queue;
mod runpod;
mod signature;
mod speech;
mod trace;
mod watch;
mod webhooks;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse as _;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub use self::guard::{Guard, GuardError};
use crate::job::{Queue, Store};
use crate::life::Cause;
use crate::observe::Observer;
use crate::parts::Parts;
use crate::settings::Role;
use dialect::NATIVE;
use problem::ApiProblem;
use webhooks::Webhooks;

/// What the handlers need.
#[derive(Clone)]
pub struct Api {
    /// Takes and cancels jobs.
    pub queue: Queue,
    /// Knows them.
    pub store: Arc<Store>,
    /// What jobs are done with: a request may name what is not here.
    pub parts: Arc<Parts>,
    /// What was counted and timed.
    pub observer: Observer,
    started: Instant,
    /// What readers of RunPod's streams have seen.
    cursors: runpod::Cursors,
    /// Sends webhooks.
    webhooks: Webhooks,
    /// Why the start before this one ended out of order.
    before: Option<Cause>,
}

impl Api {
    /// A front of these parts.
    ///
    /// # Errors
    ///
    /// Webhooks cannot be sent as it is set.
    pub fn new(
        queue: Queue,
        store: Arc<Store>,
        parts: Arc<Parts>,
        observer: Observer,
        before: Option<Cause>,
    ) -> anyhow::Result<Self> {
        let webhooks = Webhooks::new(&parts.settings.webhooks)?;
        let cursors = runpod::Cursors::default();
        let started = Instant::now();
        Ok(Self { queue, store, parts, observer, started, cursors, webhooks, before })
    }
}

impl Api {
    /// Tells clients of the end of their jobs, for as long as the service runs.
    pub async fn tell_webhooks(self) {
        self.webhooks.clone().serve(self).await;
    }
}

/// Every route, with `guard` before it, and what is said of it.
pub fn router(api: Api, guard: &Guard) -> Router {
    let max_body_bytes = api.parts.settings.api.max_body_bytes;
    let (routes, document) = routes(guard).split_for_parts();
    let document = document::finished(document, guard.asks_for_tokens());
    routes
        .merge(SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document))
        .fallback(async || ApiProblem::not_found("no such route; /docs has them all"))
        .method_not_allowed_fallback(async || ApiProblem::method_not_allowed())
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(
            // From the outside in.
            ServiceBuilder::new()
                .layer(SetSensitiveRequestHeadersLayer::new([axum::http::header::AUTHORIZATION]))
                .map_request(trace::without_odd_id)
                .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
                .layer(trace::layer())
                .layer(PropagateRequestIdLayer::x_request_id())
                .layer(CatchPanicLayer::custom(|panic: Box<dyn std::any::Any + Send>| {
                    ApiProblem::panicked(&*panic).into_response()
                })),
        )
        .with_state(api)
}

/// Each route once: it is served and documented by the same line.
fn routes(guard: &Guard) -> OpenApiRouter<Api> {
    let open = OpenApiRouter::with_openapi(document::begun())
        .routes(routes!(watch::healthz))
        .routes(routes!(watch::readyz))
        .routes(routes!(dashboard::page))
        .routes(routes!(dashboard::page_file));
    let read = OpenApiRouter::new()
        .routes(routes!(dashboard::caller))
        .routes(routes!(queue::list))
        .routes(routes!(jobs::status))
        .routes(routes!(batches::status))
        .routes(routes!(files::result))
        .routes(routes!(files::file))
        .routes(routes!(events::events))
        .routes(routes!(events::socket))
        .routes(routes!(queue::status))
        .routes(routes!(watch::metrics))
        .routes(routes!(watch::metrics_json));
    // What has one path is registered together.
    let submit = OpenApiRouter::new()
        .routes(routes!(jobs::submit))
        .routes(routes!(jobs::cancel))
        .routes(routes!(queue::retry))
        .routes(routes!(batches::submit))
        .routes(routes!(batches::cancel));
    let admin = OpenApiRouter::new()
        .routes(routes!(queue::hold))
        .routes(routes!(queue::resume))
        .routes(routes!(queue::purge));
    let speech = OpenApiRouter::new().routes(routes!(speech::speak));
    open.merge(guard.over(read, Role::Read, NATIVE))
        .merge(guard.over(submit, Role::Submit, NATIVE))
        .merge(guard.over(admin, Role::Admin, NATIVE))
        .merge(guard.over(speech, Role::Submit, speech::OPENAI))
        .merge(mpt(guard))
        .merge(runpod(guard))
        .nest("/v2/{endpoint}", runpod(guard))
}

/// RunPod's operations.
fn runpod(guard: &Guard) -> OpenApiRouter<Api> {
    let read = OpenApiRouter::new()
        .routes(routes!(runpod::status))
        .routes(routes!(runpod::stream))
        .routes(routes!(runpod::health));
    let submit = OpenApiRouter::new()
        .routes(routes!(runpod::run))
        .routes(routes!(runpod::runsync))
        .routes(routes!(runpod::cancel))
        .routes(routes!(runpod::retry));
    let admin = OpenApiRouter::new().routes(routes!(runpod::purge_queue));
    guard
        .over(read, Role::Read, runpod::RUNPOD)
        .merge(guard.over(submit, Role::Submit, runpod::RUNPOD))
        .merge(guard.over(admin, Role::Admin, runpod::RUNPOD))
}

/// MoneyPrinterTurbo's routes.
fn mpt(guard: &Guard) -> OpenApiRouter<Api> {
    let read = OpenApiRouter::new()
        .routes(routes!(mpt::tasks))
        .routes(routes!(mpt::task))
        .routes(routes!(mpt::musics))
        .routes(routes!(mpt::materials))
        .routes(routes!(mpt::stream))
        .routes(routes!(mpt::download));
    // A form is longer than its file, not by much.
    let uploads = OpenApiRouter::new()
        .routes(routes!(mpt::add_music))
        .routes(routes!(mpt::add_material))
        .layer(DefaultBodyLimit::max(mpt::MAX_FILE_BYTES + (1 << 16)));
    let submit = OpenApiRouter::new()
        .routes(routes!(mpt::videos))
        .routes(routes!(mpt::subtitle))
        .routes(routes!(mpt::audio))
        .routes(routes!(mpt::delete))
        .routes(routes!(mpt::scripts))
        .routes(routes!(mpt::terms))
        .routes(routes!(mpt::social_metadata))
        .merge(uploads);
    guard.over(read, Role::Read, mpt::MPT).merge(guard.over(submit, Role::Submit, mpt::MPT))
}
