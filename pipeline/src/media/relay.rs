use std::io;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempPath;

use super::graph::{self, Targets};
use super::render::{ffmpeg, with_suffix};
use super::{MediaError, RenderPlan};
use crate::process;

/// Encodes while the shots are decoded beside it, one after the other: only one clip is open at any
/// time. The frames go through a named pipe.
pub(super) async fn relay(
    plan: &RenderPlan,
    folder: &Path,
    targets: Targets<'_>,
    on_line: &mut impl FnMut(&str),
) -> Result<(), MediaError> {
    let frames = with_suffix(&plan.output, ".part.yuv");
    let pipe = named_pipe(&folder.join(&frames))?;
    // Open for both, it waits for nobody; as long as it is open the encoder waits for the next shot.
    let end = fs_err::OpenOptions::new().read(true).write(true).open(&pipe)?;
    let feed = async {
        for number in 0..plan.cuts().len() {
            let cover = targets.cover.filter(|_| number == 0);
            let targets = Targets { video: &frames, cover };
            let command = ffmpeg(graph::shot_arguments(plan, number, targets), folder);
            process::output(command, &[], plan.bounds()).await?;
        }
        drop(end);
        Ok(())
    };
    let command = ffmpeg(graph::relay_arguments(plan, &frames, targets.video), folder);
    let encode = process::lines(command, plan.bounds(), on_line);
    tokio::try_join!(feed, encode)?;
    Ok(())
}

fn named_pipe(path: &Path) -> io::Result<TempPath> {
    // One may be left from a worker that was killed.
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let pipe = TempPath::try_from_path(path)?;
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(
        |error| {
            io::Error::new(error.kind(), format!("{}: cannot make a pipe: {error}", path.display()))
        },
    )?;
    Ok(pipe)
}
