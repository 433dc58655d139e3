//! What files hold, remembered by their digests: a clip of the store is shown in many videos, and
//! ffprobe would say the same of it each time.

use std::path::Path;
use std::sync::Arc;

use fetch::Digest;

use super::{Credible, MediaError, probe_within};
use crate::artefacts::MediaInfo;

/// Files that are remembered: some 2 MB.
const MAX_FILES: u64 = 10_000;

/// The files that were probed. Clones are the same memory.
#[derive(Clone, Debug)]
pub struct Probes {
    found: moka::future::Cache<Digest, MediaInfo>,
    credible: Credible,
}

impl Default for Probes {
    fn default() -> Self {
        Self::new(Credible::default())
    }
}

impl Probes {
    /// None yet; of one that says more of itself than is `credible`, nothing is believed.
    pub fn new(credible: Credible) -> Self {
        Self { found: moka::future::Cache::new(MAX_FILES), credible }
    }

    /// What is believed of them.
    pub fn credible(&self) -> Credible {
        self.credible
    }

    /// What the file at `path` with this digest holds. Failures are not remembered: a machine that was
    /// out of processes has them again.
    ///
    /// # Errors
    ///
    /// As [`probe_within`].
    pub async fn probe(&self, digest: &Digest, path: &Path) -> Result<MediaInfo, Arc<MediaError>> {
        self.found.try_get_with(*digest, probe_within(path, &self.credible)).await
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

    #[tokio::test]
    async fn what_is_not_credible_is_left_out() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("clip.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "color=s=64x48:r=20:d=2"]).arg(&path);
        process::output(ffmpeg, &[], Duration::from_secs(60)).await.expect("ffmpeg");
        let all = Credible { pixels: 64 * 48, length: Duration::from_secs(2), fps: 20.0 };
        let probe = async |credible| Probes::new(credible).probe(&Digest::of(b""), &path).await;
        probe(all).await.expect("as much as is believed");
        for (less, expected) in [
            (Credible { pixels: 64 * 48 - 1, ..all }, "at most 3071 pixels, found 64x48"),
            (Credible { length: Duration::from_secs(1), ..all }, "at most 1 s, found 2 s"),
            (Credible { fps: 19.0, ..all }, "at most 19 frames a second, found 20"),
        ] {
            let error = probe(less).await.expect_err(expected).to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }
}
