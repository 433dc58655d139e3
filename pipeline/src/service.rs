//! The parts put together: a queue that works, with or without HTTP in front.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use protocol::{JobSpec, JobStatus};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::api::{self, Api, Guard};
use crate::job::graph::Graph;
use crate::job::request::{self, Refusal};
use crate::job::{JobFolder, Lanes, Place, Queue, Store};
use crate::life::{Cause, Startup};
use crate::observe::Observer;
use crate::parts::Parts;
use crate::relief;
use crate::settings::{self, Settings};
use crate::stages::preflight;

/// Time that open connections have to end when the service stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How often the metrics are tidied.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// A running service.
pub struct Service {
    queue: Queue,
    store: Arc<Store>,
    parts: Arc<Parts>,
    observer: Observer,
    startup: Startup,
}

impl Service {
    /// Opens the database, builds the parts and starts to work on what waits.
    ///
    /// # Errors
    ///
    /// The folder is in use, the database cannot be opened, no encoder works, a setting names what is
    /// not there.
    pub async fn start(settings: Settings, startup: Startup) -> anyhow::Result<Self> {
        let observer = Observer::install(settings.metrics.record)?;
        tokio::spawn(keep_metrics_small(observer.prometheus.clone()));
        let place = place(&settings.jobs)?;
        let lease = settings::seconds(settings.jobs.lease_s);
        let opened = startup.phase("database", Store::open(&place, &settings.data_dir, lease));
        let store = Arc::new(opened.await?);
        let notices = store.notices(&place).await?;
        let parts = Arc::new(Parts::build(settings.clone(), startup).await?);
        let data_dir = settings.data_dir.clone();
        tokio::task::spawn_blocking(move || JobFolder::sweep(&data_dir)).await??;
        let work = Graph::new(Arc::clone(&parts), Arc::clone(&store));
        let lanes = lanes(&settings);
        let queue = Queue::start(Arc::clone(&store), notices, work, settings.jobs, lanes);
        Ok(Self { queue, store, parts, observer, startup })
    }

    /// The jobs that were running when the process before this one ended.
    pub fn ran_before(&self) -> &[String] {
        self.store.ran_before()
    }

    /// Serves HTTP to those whom `guard` lets in until `stop`, then hands back what runs. `before` is why
    /// the start before this one ended out of order.
    ///
    /// # Errors
    ///
    /// The listener broke.
    pub async fn serve(
        self,
        listener: TcpListener,
        guard: &Guard,
        before: Option<Cause>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let _ready =
            AbortOnDropHandle::new(tokio::spawn(tell_ready(Arc::clone(&self.parts), self.startup)));
        let _relief = AbortOnDropHandle::new(tokio::spawn(relief::keep(Arc::clone(&self.parts))));
        let api = Api::new(self.queue.clone(), self.store, self.parts, self.observer, before)?;
        let _webhooks = AbortOnDropHandle::new(tokio::spawn(api.clone().tell_webhooks()));
        let stopped = stop.clone();
        let server = axum::serve(listener, api::router(api, guard))
            .with_graceful_shutdown(async move { stopped.cancelled().await });
        let grace_is_over = async {
            stop.cancelled().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        tokio::select! {
            served = server => served?,
            () = grace_is_over => tracing::warn!("connections are still open, closing them"),
        }
        self.queue.stop().await;
        Ok(())
    }

    /// Makes one job and gives how it ended. None: `stop` came first; the job was cancelled.
    ///
    /// # Errors
    ///
    /// The database.
    pub async fn make(
        self,
        spec: &JobSpec,
        stop: CancellationToken,
    ) -> anyhow::Result<Option<JobStatus>> {
        let missing = preflight::check(&self.parts, spec).await;
        if !missing.is_empty() {
            return Err(refused(Refusal::Fields(missing)));
        }
        let counts = self.store.counts().await?;
        let open = counts.iter().filter(|(state, _)| !state.is_final());
        let n_open: u64 = open.map(|(_, n)| n).sum();
        if n_open > 0 {
            tracing::warn!(
                n_open,
                "jobs of an earlier run are in this data folder: they go on beside this one"
            );
        }
        let id = self.queue.submit(spec).await?;
        let status = tokio::select! {
            status = self.queue.ended(&id) => status?,
            () = stop.cancelled() => {
                self.queue.cancel(&id).await?;
                self.queue.ended(&id).await?;
                None
            }
        };
        self.queue.stop().await;
        Ok(status)
    }
}

/// Where the jobs are, as it is set.
fn place(settings: &settings::Jobs) -> anyhow::Result<Place> {
    let Some(variable) = &settings.postgres_env else { return Ok(Place::Folder) };
    let address = std::env::var(variable).ok().filter(|address| !address.is_empty());
    let address = address.with_context(|| {
        format!(
            "the setting jobs.postgres_env says that {variable} holds the address of a database, and \
             there is no such variable"
        )
    })?;
    Ok(Place::Postgres(address.into()))
}

/// How many jobs run at once, as it is set.
pub(crate) fn lanes(settings: &Settings) -> Lanes {
    let settings::Limits { light, heavy, comic, shared, .. } = settings.limits;
    let shared = (shared > 0).then_some(shared);
    Lanes { video: settings.jobs.concurrency, light, heavy, comic, shared }
}

/// Says when jobs are worked on without a wait, or why they never will be.
async fn tell_ready(parts: Arc<Parts>, startup: Startup) {
    match parts.models.wait_ready().await {
        Ok(()) => startup.ready(),
        Err(error) => tracing::error!(%error, "not ready: a model cannot be loaded"),
    }
}

/// Without it the samples of histograms would be kept until somebody looks at `/metrics`.
async fn keep_metrics_small(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

/// Reads a job; what is wrong with it becomes one error with a line a field.
///
/// # Errors
///
/// The document is no job.
pub fn parse(document: &[u8]) -> anyhow::Result<JobSpec> {
    request::parse(document).map_err(refused)
}

fn refused(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Syntax(reason) => anyhow::anyhow!("the job is no job: {reason}"),
        Refusal::Fields(errors) => {
            let lines = errors.iter().map(|error| {
                format!("\n  {}: expected {}, found {}", error.field, error.expected, error.value)
            });
            anyhow::anyhow!("fields of the job are wrong:{}", lines.collect::<String>())
        }
    }
}
