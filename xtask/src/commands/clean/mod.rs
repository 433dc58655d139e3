//! `cargo xtask clean`: what the commands made, away again.

mod living;
mod plan;
mod remove;

use std::path::PathBuf;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::living::Living;
use self::plan::{Kept, Target, plan};
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::image::AtWork;
use crate::image::engine::{Engine, EngineError};
use crate::image::left::Left;
use crate::image::publish::{self, Removed};
use crate::interrupt;
use crate::ui::Table;

/// Remove what the commands made.
///
/// Without a flag: what killed commands left behind, also containers and candidates of build-image where an
/// engine answers. Says first what it removes and how large that is. Nothing that a living process uses is
/// removed, and no file outside of REELBENCH_HOME (target/reelbench) and reports/runs; what was written with
/// --out stays. What is removed is made again by the command that needs it, but for the runs of --runs: those
/// are lost.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
#[command(after_help = "Prints a table of what is removed, and how many bytes that freed.

Examples:
  cargo xtask clean              what killed commands left
  cargo xtask clean --dry-run --all
  cargo xtask clean --images     containers and images that build-image made

Exit codes: 0 removed, or in use and kept, 2 something cannot be removed, or no engine answers for \
--images, 130 interrupted")]
pub struct Args {
    /// The runs in reports/runs, with their videos and reports; nothing makes them again
    #[arg(long)]
    runs: bool,
    /// Model weights, and the store of verified downloads
    #[arg(long)]
    models: bool,
    /// Clips, stills and music of the fixtures
    #[arg(long)]
    media: bool,
    /// CUDA toolkits that were made of wheels
    #[arg(long)]
    cuda: bool,
    /// Containers and images that were made here, and what building them keeps
    #[arg(long)]
    images: bool,
    /// All of these
    #[arg(long)]
    all: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Looks, tells, removes.
///
/// # Errors
///
/// Something cannot be removed, and [`Failure::Interrupted`].
pub fn run(args: &Args, cx: &Context<'_>) -> anyhow::Result<Exit> {
    let cleaned = interrupt::block_on(async |stop| clean(args, cx, &stop).await)?;
    cx.ui.json(&cleaned)?;
    Ok(Exit::Pass)
}

/// What was done.
#[derive(Debug, Serialize)]
struct Cleaned {
    dry_run: bool,
    removed: Vec<Target>,
    kept: Vec<Kept>,
    images: Option<Removed>,
    freed_bytes: u64,
}

async fn clean(args: &Args, cx: &Context<'_>, stop: &CancellationToken) -> anyhow::Result<Cleaned> {
    // First: where it is missing, nothing is removed by half.
    let engine = engine(args, cx).await?;
    let wants_images = args.images || args.all;
    let at_work = if wants_images { AtWork::look(&cx.paths.home)? } else { AtWork::Nobody(None) };
    let is_busy = matches!(at_work, AtWork::Somebody);
    let (removed, kept) = plan(args, &cx.paths, &Living::look(), is_busy)?;
    for kept in &kept {
        cx.ui.warn(format!("{} stays: {}", cx.paths.shown(&kept.path).display(), kept.reason));
    }
    let freed_bytes = removed.iter().map(|target| target.bytes).sum();
    tell(&removed, freed_bytes, args, cx);
    // Before the files: the lock is one of them.
    let images = match engine {
        Some(engine) if wants_images && !is_busy => Some(images(&engine, args, cx).await?),
        Some(engine) => {
            if is_busy {
                cx.ui.warn("the images stay: a build-image is at work");
            }
            Some(left(&engine, args, cx).await?)
        }
        None => None,
    };
    if !args.dry_run && !removed.is_empty() {
        let progress = cx.ui.progress("removing");
        progress.total_bytes(freed_bytes);
        let mut done = 0;
        for target in &removed {
            if stop.is_cancelled() {
                return Err(Failure::Interrupted.into());
            }
            progress.message(&cx.paths.shown(&target.path).display().to_string());
            tokio::task::block_in_place(|| remove::remove(&target.path))?;
            done += target.bytes;
            progress.done_bytes(done);
        }
    }
    drop(at_work);
    Ok(Cleaned { dry_run: args.dry_run, removed, kept, images, freed_bytes })
}

fn tell(removed: &[Target], freed_bytes: u64, args: &Args, cx: &Context<'_>) {
    if removed.is_empty() {
        cx.ui.say("no file to remove");
        return;
    }
    let mut table = Table::new(["what", "MB", "path"]);
    for target in removed {
        let path = cx.paths.shown(&target.path).display().to_string();
        table.row([target.what, &megabytes(target.bytes), &path]);
    }
    cx.ui.data(table);
    let word = if args.dry_run { "would free" } else { "frees" };
    cx.ui.data(format!("{word} {} MB", megabytes(freed_bytes)));
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// The engine. One that is absent is an error only where it was asked for: with `--all`, or for what
/// killed commands left, a machine may have none.
async fn engine(args: &Args, cx: &Context<'_>) -> anyhow::Result<Option<Engine>> {
    match Engine::connect().await {
        Ok(engine) => Ok(Some(engine)),
        Err(error) if args.images => Err(error),
        Err(error) => {
            if args.all {
                cx.ui.say(format!("no image is looked for: {error:#}"));
            }
            Ok(None)
        }
    }
}

/// Removes every container and image that was made here.
async fn images(engine: &Engine, args: &Args, cx: &Context<'_>) -> anyhow::Result<Removed> {
    let removed = if args.dry_run {
        publish::count_all(engine).await?
    } else {
        publish::remove_all(engine, cx.ui).await?
    };
    tell_images(removed, args, cx);
    Ok(removed)
}

/// Removes containers and candidates of calls of `build-image` that were killed.
async fn left(engine: &Engine, args: &Args, cx: &Context<'_>) -> anyhow::Result<Removed> {
    let left = Left::look(engine).await.map_err(EngineError::told)?;
    if !args.dry_run {
        left.remove(engine).await.map_err(EngineError::told)?;
    }
    let removed = left.counted();
    if removed != Removed::default() {
        tell_images(removed, args, cx);
    }
    Ok(removed)
}

fn tell_images(removed: Removed, args: &Args, cx: &Context<'_>) {
    let word = if args.dry_run { "would remove" } else { "removed" };
    cx.ui.data(format!("{word} {} images, {} containers", removed.images, removed.containers));
}

/// Folders of `parent`, in order. None: it is not there.
fn folders_of(parent: &std::path::Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(parent) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() || kind.is_symlink() {
            folders.push(entry.path());
        }
    }
    folders.sort_unstable();
    Ok(folders)
}

#[cfg(test)]
mod tests;
