//! Pictures as CLIP wants them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::MlError;
use crate::process;

/// Pixels across, and down, that CLIP sees.
pub(super) const SIDE: usize = 224;

/// A question to CLIP.
pub(super) enum Look {
    /// What is the vector of each text?
    Texts(Vec<String>),
    /// And of each picture: [`SIDE`] lines of as many pixels of red, green and blue?
    Pictures(Vec<Vec<u8>>),
}

/// A file with a moving picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footage {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest: the name of its content.
    pub sha256: String,
    /// Length of the picture.
    pub duration_ms: u64,
}

/// How long the decoder may take. It decodes one picture.
const LIMIT: Duration = Duration::from_secs(60);

/// The key frame before the middle of the footage: its short side scaled to [`SIDE`] (bicubic), and the
/// middle of it, as CLIP's own preprocessing does it.
///
/// # Errors
///
/// [`MlError::Picture`]: ffmpeg is not there, or finds no picture in the file.
pub(super) async fn picture(footage: &Footage) -> Result<Vec<u8>, MlError> {
    let failed = |path: &Path, reason| MlError::Picture { path: path.to_owned(), reason };
    let middle = footage.duration_ms / 2;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-threads", "1", "-noaccurate_seek", "-ss"]);
    ffmpeg.arg(format!("{}.{:03}", middle / 1_000, middle % 1_000)).arg("-i").arg(&footage.path);
    let filter = format!(
        "scale={SIDE}:{SIDE}:force_original_aspect_ratio=increase:flags=bicubic,crop={SIDE}:{SIDE}"
    );
    ffmpeg.args(["-map", "0:v:0", "-frames:v", "1", "-vf", &filter]);
    ffmpeg.args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]);
    let pixels = process::output(ffmpeg, &[], LIMIT)
        .await
        .map_err(|error| failed(&footage.path, error.to_string()))?;
    let expected = SIDE * SIDE * 3;
    if pixels.len() != expected {
        let reason = format!("expected a picture of {expected} bytes, found {}", pixels.len());
        return Err(failed(&footage.path, reason));
    }
    Ok(pixels)
}
