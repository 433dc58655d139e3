//! Videos that are made of a file for each shot.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fetch::Digest;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use tempfile::TempPath;

use super::graph::{self, Targets};
use super::render::{ffmpeg, frames_done, with_suffix};
use super::signature::{Signature, signature};
use super::{Cut, MediaError, RenderPlan};
use crate::process;

/// Where finished pieces are, in the folder of the job. What an attempt that failed has left there is
/// not made again.
pub const PIECES: &str = "pieces";

/// Makes the picture of pieces that are encoded side by side, and joins them as they are. What a piece
/// is made of is in its name: one that is there already is not made again.
///
/// Where the pieces cannot be joined, says why, and makes no video.
pub(super) async fn concat_copy(
    plan: &RenderPlan,
    folder: &Path,
    targets: Targets<'_>,
    on_done: &mut (impl FnMut(f64) + Send),
) -> Result<Option<String>, MediaError> {
    let subtitles = match &plan.subtitles {
        Some(subtitles) => fs_err::tokio::read(folder.join(&subtitles.ass)).await?,
        None => Vec::new(),
    };
    fs_err::tokio::create_dir_all(folder.join(PIECES)).await?;
    let name = |number| piece_name(plan, number, &subtitles);
    let paths = (0..plan.cuts().len()).map(name).collect::<Result<Vec<PathBuf>, _>>()?;
    encode(plan, folder, &paths, targets.cover, on_done, 1.0).await?;

    // Each is a process: they are read side by side.
    let read = |path| async move { signature(&folder.join(path)).await }.boxed();
    let read: Vec<BoxFuture<'_, _>> = paths.iter().map(read).collect();
    let signatures: Vec<Signature> =
        futures::stream::iter(read).buffered(plan.concurrency.max(1)).try_collect().await?;
    if let Some(difference) = signatures.iter().find_map(|other| signatures[0].difference(other)) {
        remove_pieces(folder).await?;
        return Ok(Some(format!("its pieces differ: {difference}")));
    }
    let list = write_list(plan, folder, &paths).await?;
    let command = ffmpeg(graph::join_arguments(plan, &list.0, targets.video), folder);
    process::output(command, &[], plan.bounds()).await?;
    remove_pieces(folder).await?;
    Ok(None)
}

/// Makes the picture as MoneyPrinterTurbo does, in three generations, one clip at a time.
pub(super) async fn per_clip(
    plan: &RenderPlan,
    folder: &Path,
    targets: Targets<'_>,
    on_done: &mut (impl FnMut(f64) + Send),
) -> Result<(), MediaError> {
    let joined = with_suffix(&plan.output, ".joined.part.mp4");
    let joined_guard = TempPath::try_from_path(folder.join(&joined))?;
    let bare = RenderPlan { subtitles: None, concurrency: 1, ..plan.clone() };
    let name = |number| with_suffix(&plan.output, &format!(".{number}.part.mp4"));
    let paths: Vec<PathBuf> = (0..plan.cuts().len()).map(name).collect();
    let guards: Result<Vec<TempPath>, _> =
        paths.iter().map(|path| TempPath::try_from_path(folder.join(path))).collect();
    let guards = guards?;
    encode(&bare, folder, &paths, targets.cover, on_done, 1.0 / 3.0).await?;

    let list = write_list(plan, folder, &paths).await?;
    let total = plan.total_frames() as f64;
    let last_two = [
        graph::rejoin_arguments(&bare, &list.0, &joined),
        graph::final_arguments(plan, &joined, targets.video),
    ];
    for (generation, arguments) in last_two.into_iter().enumerate() {
        let before = (generation + 1) as f64;
        let on_line = |line: &str| {
            if let Some(frames) = frames_done(line) {
                on_done((before + (frames as f64 / total).min(1.0)) / 3.0);
            }
        };
        process::lines(ffmpeg(arguments, folder), plan.bounds(), on_line).await?;
    }
    drop((guards, joined_guard));
    Ok(())
}

/// Encodes every shot to its path, unless it is there; `share` of all work is done then.
async fn encode(
    plan: &RenderPlan,
    folder: &Path,
    paths: &[PathBuf],
    cover: Option<&Path>,
    on_done: &mut (impl FnMut(f64) + Send),
    share: f64,
) -> Result<(), MediaError> {
    let total = plan.total_frames() as f64;
    // The cover comes from the first shot, so that is made again where it has gone.
    let is_there: Vec<bool> = paths
        .iter()
        .enumerate()
        .map(|(number, path)| !(number == 0 && cover.is_some()) && folder.join(path).is_file())
        .collect();
    let frames_there = |(cut, &there): (&Cut, &bool)| if there { cut.frames } else { 0 };
    let counts: Vec<u64> = plan.cuts().iter().zip(&is_there).map(frames_there).collect();
    let done = Mutex::new((counts, on_done));
    let on_frames = |number: usize, frames: u64| {
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, on_done) = &mut *done;
        counts[number] = frames;
        on_done(counts.iter().sum::<u64>() as f64 / total * share);
    };
    let mut pieces: Vec<BoxFuture<'_, Result<(), MediaError>>> = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        if !is_there[number] {
            let cover = cover.filter(|_| number == 0);
            let on_frames = &on_frames;
            let on_frames = move |frames| on_frames(number, frames);
            pieces.push(encode_one(plan, folder, number, path, cover, on_frames).boxed());
        }
    }
    futures::stream::iter(pieces)
        .buffer_unordered(plan.concurrency.max(1))
        .try_collect::<()>()
        .await
}

async fn encode_one(
    plan: &RenderPlan,
    folder: &Path,
    number: usize,
    path: &Path,
    cover: Option<&Path>,
    on_frames: impl Fn(u64),
) -> Result<(), MediaError> {
    let part = with_suffix(path, ".part.mp4");
    let unfinished = TempPath::try_from_path(folder.join(&part))?;
    let targets = Targets { video: &part, cover };
    let command = ffmpeg(graph::piece_arguments(plan, number, targets), folder);
    let on_line = |line: &str| {
        if let Some(frames) = frames_done(line) {
            on_frames(frames);
        }
    };
    process::lines(command, plan.bounds(), on_line).await?;
    fs_err::tokio::rename(&unfinished, folder.join(path)).await?;
    Ok(())
}

/// A name that follows from everything that a piece is made of: what ffmpeg is told, the subtitles, and
/// the size and the last change of its clips, which a user may replace between two attempts.
fn piece_name(plan: &RenderPlan, number: usize, subtitles: &[u8]) -> io::Result<PathBuf> {
    let targets = Targets { video: Path::new(""), cover: None };
    let mut content = Vec::new();
    for argument in graph::piece_arguments(plan, number, targets) {
        content.extend(argument.as_encoded_bytes());
        content.push(0);
    }
    content.extend(subtitles);
    let cuts = plan.cuts();
    for cut in &cuts[number.saturating_sub(1)..=number] {
        // One that is gone has no piece yet, and ffmpeg says so.
        if let Ok(file) = fs_err::metadata(&plan.shots[cut.shot].path) {
            content.extend(format!("{} {:?}\0", file.len(), file.modified()?).bytes());
        }
    }
    Ok(Path::new(PIECES).join(format!("{}.mp4", Digest::of(&content))))
}

/// A list for ffmpeg's concat demuxer, gone when it is dropped.
async fn write_list(
    plan: &RenderPlan,
    folder: &Path,
    paths: &[PathBuf],
) -> Result<(PathBuf, TempPath), MediaError> {
    let mut text = "ffconcat version 1.0\n".to_owned();
    for path in paths {
        let _ = writeln!(text, "file {}", path.display());
    }
    let name = with_suffix(&plan.output, ".part.txt");
    let guard = TempPath::try_from_path(folder.join(&name))?;
    fs_err::tokio::write(&guard, text).await?;
    Ok((name, guard))
}

async fn remove_pieces(folder: &Path) -> Result<(), MediaError> {
    Ok(fs_err::tokio::remove_dir_all(folder.join(PIECES)).await?)
}
