//! What files hold, remembered by their digests: a clip of the store is shown in many videos, and
//! ffprobe would say the same of it each time.

use std::path::Path;
use std::sync::Arc;

use fetch::Digest;

use super::{MediaError, probe};
use crate::artefacts::MediaInfo;

/// Files that are remembered: some 2 MB.
const MAX_FILES: u64 = 10_000;

/// The files that were probed. Clones are the same memory.
#[derive(Clone, Debug)]
pub struct Probes(moka::future::Cache<Digest, MediaInfo>);

impl Default for Probes {
    fn default() -> Self {
        Self(moka::future::Cache::new(MAX_FILES))
    }
}

impl Probes {
    /// What the file at `path` with this digest holds. Failures are not remembered: a machine that was
    /// out of processes has them again.
    ///
    /// # Errors
    ///
    /// As [`probe`].
    pub async fn probe(&self, digest: &Digest, path: &Path) -> Result<MediaInfo, Arc<MediaError>> {
        self.0.try_get_with(*digest, probe(path)).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::process::Command;

    use super::*;
    use crate::process;

    #[tokio::test]
    async fn a_file_is_read_once_and_a_failure_is_not_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("tone.wav");
        let probes = Probes::default();
        let digest = Digest::of(b"tone");
        probes.probe(&digest, &path).await.expect_err("not there yet");

        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=1"]).arg(&path);
        process::output(ffmpeg, &[], Duration::from_secs(60)).await.expect("ffmpeg");
        let first = probes.probe(&digest, &path).await.expect("a sound");
        assert_eq!(first.duration_ms, 1_000);
        fs_err::remove_file(&path).expect("removed");
        assert_eq!(probes.probe(&digest, &path).await.expect("remembered"), first);
        probes.probe(&Digest::of(b"other"), &path).await.expect_err("another file");
    }
}
