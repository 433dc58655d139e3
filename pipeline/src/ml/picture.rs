//! Pictures as CLIP wants them.

use std::path::PathBuf;
use std::time::Duration;

use super::MlError;
use crate::media::{SAFE_INPUT, SAFE_STILL, ffmpeg, file_url};
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

/// A file with a moving picture, or one that stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footage {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest: the name of its content.
    pub sha256: String,
    /// Length of the picture.
    pub duration_ms: u64,
    /// One picture and no film: there is nothing to seek in.
    pub is_still: bool,
}

/// How long the decoder may take. It decodes one picture.
const LIMIT: Duration = Duration::from_secs(60);

/// The key frame before the middle of the footage, or the still picture: its short side scaled to [`SIDE`]
/// (bicubic), and the middle of it, as CLIP's own preprocessing does it.
///
/// # Errors
///
/// [`MlError::Picture`]: ffmpeg is not there, or finds no picture in the file.
pub(super) async fn picture(footage: &Footage) -> Result<Vec<u8>, MlError> {
    let failed = |reason| MlError::Picture { path: footage.path.clone(), reason };
    let mut ffmpeg = ffmpeg();
    ffmpeg.args(["-v", "error", "-threads", "1"]).args(source(footage));
    ffmpeg.arg("-i").arg(file_url(&footage.path));
    let filter = format!(
        "scale={SIDE}:{SIDE}:force_original_aspect_ratio=increase:flags=bicubic,crop={SIDE}:{SIDE}"
    );
    // `V`: the picture on the sleeve of a film is none. Raw frames come at a constant rate otherwise: those
    // before the middle would be decoded and thrown away, from the key frame on.
    ffmpeg.args(["-map", "0:V:0", "-fps_mode", "passthrough", "-frames:v", "1", "-vf", &filter]);
    ffmpeg.args(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]);
    let pixels = process::output(ffmpeg, &[], LIMIT).await;
    let pixels = pixels.map_err(|error| failed(error.to_string()))?;
    let expected = SIDE * SIDE * 3;
    if pixels.len() != expected {
        let found = pixels.len();
        return Err(failed(format!("expected a picture of {expected} bytes, found {found}")));
    }
    Ok(pixels)
}

/// What ffmpeg is told of the footage before it opens it.
fn source(footage: &Footage) -> Vec<String> {
    let mut args: Vec<&str> = Vec::new();
    let middle = footage.duration_ms / 2;
    let middle = format!("{}.{:03}", middle / 1_000, middle % 1_000);
    if footage.is_still {
        args.extend(SAFE_STILL);
    } else {
        args.extend(SAFE_INPUT);
        args.extend(["-noaccurate_seek", "-ss", &middle]);
    }
    args.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::process::Command;

    use super::*;

    /// Makes the file `name` of what ffmpeg's sources make.
    async fn made(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
        let path = folder.join(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i"]).args(args).arg(file_url(&path));
        process::output(ffmpeg, &[], LIMIT).await.expect("ffmpeg");
        path
    }

    /// Red, green and blue in the middle of what is seen.
    async fn seen(path: PathBuf, duration_ms: u64, is_still: bool) -> Result<[u8; 3], MlError> {
        let footage = Footage { path, sha256: String::new(), duration_ms, is_still };
        let pixels = picture(&footage).await?;
        let middle = (SIDE / 2 * SIDE + SIDE / 2) * 3;
        Ok([pixels[middle], pixels[middle + 1], pixels[middle + 2]])
    }

    #[tokio::test]
    async fn a_still_picture_is_seen_whatever_its_name_and_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let still = ["color=red:s=64x48", "-frames:v", "1", "-update", "1"];
        let path = made(folder.path(), "a.jpg", &still).await;
        let patterned = folder.path().join("a: %03d.jpg");
        fs_err::rename(path, &patterned).expect("renamed");
        let [red, green, blue] = seen(patterned, 60_000, true).await.expect("a picture");
        assert!(red > 240 && green < 20 && blue < 20, "{red} {green} {blue}");
    }

    #[tokio::test]
    async fn a_film_with_one_key_frame_is_not_decoded_to_its_middle() {
        let folder = tempfile::tempdir().expect("a folder");
        // Red for a second, then blue: the middle is blue, and the key frame before it is red.
        let film = "color=red:s=64x48:r=10:d=1[a];color=blue:s=64x48:r=10:d=3[b];[a][b]concat";
        let once = [film, "-g", "1000", "-sc_threshold", "0", "-pix_fmt", "yuv420p"];
        let path = made(folder.path(), "film.mp4", &once).await;
        let [red, _, blue] = seen(path, 4_000, false).await.expect("a picture");
        assert!(red > 240 && blue < 20, "{red}, {blue}");
        let often = [film, "-g", "1", "-pix_fmt", "yuv420p"];
        let path = made(folder.path(), "keys.mp4", &often).await;
        let [red, _, blue] = seen(path, 4_000, false).await.expect("a picture");
        assert!(red < 20 && blue > 240, "{red}, {blue}");
    }

    #[tokio::test]
    async fn a_list_of_other_files_is_no_footage() {
        let folder = tempfile::tempdir().expect("a folder");
        made(folder.path(), "secret.mp4", &["color=red:s=64x48:d=1"]).await;
        let list = folder.path().join("list.mp4");
        fs_err::write(&list, "ffconcat version 1.0\nfile secret.mp4\n").expect("written");
        let refused = seen(list, 1_000, false).await;
        assert!(matches!(refused, Err(MlError::Picture { .. })), "{refused:?}");
    }
}
