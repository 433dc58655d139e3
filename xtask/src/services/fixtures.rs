//! The fixtures program: media, scenarios, provider servers.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use protocol::JobSpec;
use serde::Deserialize;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::server::Server;
use crate::commands::Context;
use crate::exit::Failure;
use crate::process;

/// Where the provider servers listen.
#[derive(Clone, Debug, Deserialize)]
pub struct Addresses {
    /// OpenAI-compatible chat and speech, up to `/v1`.
    pub openai: String,
    /// Pexels' API.
    pub pexels: String,
    /// Pixabay's API.
    pub pixabay: String,
    /// Coverr's API.
    pub coverr: String,
    /// A ComfyUI server.
    pub comfyui: String,
    /// Replicate's API.
    pub replicate: String,
    /// An S3-like store.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the end-to-end tests publish there"))]
    pub s3: String,
}

/// What is asked for: a scenario of the fixtures, or one in a file of the user's.
#[derive(Clone, Debug, Deserialize)]
pub struct Scenario {
    /// Short name, as typed.
    pub name: String,
    /// One line about it.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// What the result must hold to, beside the invariants of every video.
    #[serde(default)]
    pub expect: Expect,
    /// The request.
    pub job: JobSpec,
}

/// Bounds on the result of a scenario. An absent bound asks for nothing; one that we do not know is
/// refused, so that none goes unchecked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The narration is at least so long, seconds.
    pub narration_min_s: Option<f64>,
    /// The narration is at most so long, seconds.
    pub narration_max_s: Option<f64>,
    /// So many different clips are shown at least.
    pub clips_min: Option<u32>,
}

/// Name of the weights in the model's folder.
const WHISPER_FILE: &str = "ggml-fixture-tiny.bin";

/// What `fixtures whisper-model` prints.
#[derive(Deserialize)]
struct Written {
    bytes: u64,
    sha256: String,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Fixtures {
    binary: PathBuf,
}

impl Fixtures {
    /// The program at `binary`.
    pub fn new(binary: PathBuf) -> Self {
        Self { binary }
    }

    /// Makes the media where they are not there yet.
    ///
    /// # Errors
    ///
    /// The program failed; the error has its last lines.
    pub async fn make_media(
        &self,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<PathBuf> {
        let media = cx.paths.media();
        let mut command = Command::new(&self.binary);
        command.arg("make").arg("--out").arg(&media);
        self.work(cx, command, "making clips, stills and music", stop).await?;
        Ok(media)
    }

    /// Makes the Whisper model of seeded random weights, where there is none: real ones, brought by
    /// `fetch-models`, stay.
    ///
    /// # Errors
    ///
    /// The program failed; the error has its last lines.
    pub async fn make_whisper_model(
        &self,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let folder = cx.paths.models().join("whisper");
        let description = folder.join("model.json");
        if description.is_file() {
            return Ok(());
        }
        fs_err::create_dir_all(&folder)?;
        let mut command = Command::new(&self.binary);
        command.arg("whisper-model").arg("--out").arg(folder.join(WHISPER_FILE));
        let title = "making a Whisper model of random weights";
        let said = self.work(cx, command, title, stop).await?;
        let written: Option<Written> = said.iter().find_map(|line| serde_json::from_str(line).ok());
        let Written { bytes, sha256 } =
            written.with_context(|| format!("{title}: expected its digest, found {said:?}"))?;
        let described = serde_json::json!({
            "name": "whisper",
            "weights": "fixture",
            "sha256": &sha256,
            "files": [{ "path": WHISPER_FILE, "sha256": &sha256, "bytes": bytes }],
            "licence": "MIT OR Apache-2.0",
        });
        // Last: the pipeline takes the model for complete when it finds this.
        fs_err::write(description, described.to_string())?;
        Ok(())
    }

    /// Makes the CLIP model of seeded random weights, where there is no CLIP.
    ///
    /// # Errors
    ///
    /// The program failed; the error has its last lines.
    pub async fn make_clip_model(
        &self,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let folder = cx.paths.models().join("clip");
        if folder.join("model.json").is_file() {
            return Ok(());
        }
        let mut command = Command::new(&self.binary);
        command.arg("clip-model").arg("--out").arg(&folder);
        self.work(cx, command, "making a CLIP model of random weights", stop).await?;
        Ok(())
    }

    async fn work(
        &self,
        cx: &Context<'_>,
        command: Command,
        title: &str,
        stop: &CancellationToken,
    ) -> anyhow::Result<Vec<String>> {
        let progress = cx.ui.progress(title);
        let done = process::captured(command, stop, |line| progress.message(line.trim())).await?;
        if done.status.success() {
            return Ok(done.tail);
        }
        let tail = done.tail.join("\n  ");
        Err(Failure::environment(format!("{title}: {}:\n  {tail}", done.status)).into())
    }

    /// The scenario `name`: one of the fixtures', or a TOML file of that path.
    ///
    /// # Errors
    ///
    /// There is none; the error names those that are there.
    pub async fn scenario(&self, name: &str) -> anyhow::Result<Scenario> {
        let output = Command::new(&self.binary).args(["scenarios", name, "--json"]).output().await;
        let output = output.context("cannot start the fixtures program")?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let reason = reason.trim_start_matches("error: ").to_owned();
            return Err(Failure::usage(reason).into());
        }
        serde_json::from_slice(&output.stdout).context("the fixtures program gave no scenario")
    }

    /// Starts the provider servers over `media`.
    ///
    /// # Errors
    ///
    /// They do not start.
    pub async fn serve(
        &self,
        media: &Path,
        behaviour: Option<&Path>,
        log: &Path,
    ) -> anyhow::Result<(Server, Addresses)> {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--exit-with-stdin", "--media"]).arg(media);
        if let Some(file) = behaviour {
            command.arg("--behaviour").arg(file);
        }
        Server::start("fixtures", command, log).await
    }
}
