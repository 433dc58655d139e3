//! From a WAV file to the bytes that are sent, while they are made.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{StreamExt as _, stream};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use super::error::Refused;
use super::wish::Format;
use crate::media::{self, SAFE_INPUT, file_url};
use crate::process::{self, Bounds, Group, ProcessError};
use crate::speech::Wav;

/// Ten minutes of sound are encoded in seconds.
const LIMIT: Duration = Duration::from_secs(120);
/// Bytes that are sent at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A sound on its way.
pub struct Sound {
    pub body: Body,
    /// How long it is, bytes, where that is known before it is made.
    pub length: Option<u64>,
}

impl Sound {
    /// All of it.
    pub fn whole(bytes: Bytes) -> Self {
        Self { length: Some(bytes.len() as u64), body: bytes.into() }
    }
}

/// The sound of the file `wav`, `stretch` times as fast. Its folder stays as long as it is read.
///
/// # Errors
///
/// It cannot be read, or ffmpeg does not start. Where ffmpeg fails later, the body breaks off: half a sound
/// is never taken for all of it.
pub async fn encode(
    folder: TempDir,
    wav: &Path,
    format: Format,
    stretch: f64,
) -> Result<Sound, Refused> {
    #[expect(clippy::float_cmp, reason = "the one speed at which nothing is done")]
    let is_ready = stretch == 1.0;
    match format {
        // Its header says how long it is: a pipe would leave that open.
        Format::Wav if is_ready => read(wav, folder).await,
        Format::Wav => {
            let sample_rate =
                Wav::read(&fs_err::tokio::read(wav).await?).map_err(unreadable)?.sample_rate;
            let samples = process::output(ffmpeg(wav, "-f s16le", stretch), &[], LIMIT).await?;
            let samples =
                samples.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            let stretched = Wav { sample_rate, samples: samples.collect() };
            Ok(Sound::whole(stretched.to_bytes().map_err(unreadable)?.into()))
        }
        _ => streamed(ffmpeg(wav, arguments(format), stretch), folder)
            .map(|body| Sound { body, length: None }),
    }
}

/// The file as it is, a chunk at a time.
async fn read(wav: &Path, folder: TempDir) -> Result<Sound, Refused> {
    let file = fs_err::tokio::File::open(wav).await?;
    let length = Some(file.metadata().await?.len());
    let chunks = ReaderStream::with_capacity(file, CHUNK_BYTES);
    // The file stays as long as its folder.
    let body = Body::from_stream(chunks.map(move |chunk| {
        let _stays = &folder;
        chunk
    }));
    Ok(Sound { body, length })
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Refused {
    std::io::Error::other(error).into()
}

const fn arguments(format: Format) -> &'static str {
    match format {
        Format::Mp3 => "-f mp3 -c:a libmp3lame -b:a 64k",
        Format::Opus => "-f ogg -c:a libopus -b:a 48k",
        Format::Aac => "-f adts -c:a aac -b:a 96k",
        Format::Flac => "-f flac -c:a flac",
        Format::Wav | Format::Pcm => "-f s16le -ar 24000",
    }
}

fn ffmpeg(wav: &Path, arguments: &str, stretch: f64) -> Command {
    let mut ffmpeg = media::ffmpeg();
    ffmpeg.args(["-v", "error", "-f", "wav"]).args(SAFE_INPUT).arg("-i").arg(file_url(wav));
    ffmpeg.args(["-map_metadata", "-1", "-ac", "1", "-af"]).arg(format!("atempo={stretch}"));
    ffmpeg.args(arguments.split(' ')).arg("pipe:1");
    ffmpeg
}

/// What the program writes to stdout. It dies with the body that nobody reads any more.
fn streamed(mut command: Command, folder: TempDir) -> Result<Body, Refused> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Who reads it decides how long it takes.
    Bounds::from(LIMIT).hold(command.as_std_mut());
    let mut group =
        Group::spawn(command).map_err(|source| ProcessError::Start { program, source })?;
    let stdout = group.child.stdout.take();
    let body = stream::try_unfold((group, stdout, folder), async |(mut group, stdout, folder)| {
        let Some(mut stdout) = stdout else { return Ok(None) };
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        if stdout.read_buf(&mut chunk).await? > 0 {
            return Ok(Some((Bytes::from(chunk), (group, Some(stdout), folder))));
        }
        let status = group.child.wait().await?;
        if status.success() {
            return Ok(None);
        }
        tracing::error!(%status, "speech was not encoded to its end");
        Err(std::io::Error::other(format!("the sound broke off: {status}")))
    });
    Ok(Body::from_stream(body))
}
