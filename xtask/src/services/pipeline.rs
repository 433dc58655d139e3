//! The pipeline program, as a service.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::process::Command;
use url::Url;

use super::fixtures::Addresses;
use super::server::Server;
use crate::paths::Paths;

/// The key for every provider. The fixtures accept any and refuse requests without one; this one is
/// found wherever it leaks.
pub const PROVIDER_KEY: &str = "fixture-provider-key";
/// Access key of the fixtures' S3; without `publish.url` nothing is sent there.
const S3_ACCESS_KEY: &str = "fixture";
/// Secret key of the fixtures' S3.
pub const S3_SECRET_KEY: &str = "fixture-secret";

/// Holds the address of its database.
const DATABASE_ENV: &str = "REELBENCH_JOBS_DATABASE";
/// Environment variables and what they hold, for the tests that set `api.tokens`.
pub const TOKENS: [(&str, &str); 3] = [
    ("FIXTURE_ADMIN_TOKEN", "fixture-token-of-an-admin"),
    ("FIXTURE_SUBMIT_TOKEN", "fixture-token-of-a-submitter"),
    ("FIXTURE_READ_TOKEN", "fixture-token-of-a-reader"),
];

/// The program.
#[derive(Clone, Debug)]
pub struct Pipeline {
    binary: PathBuf,
}

/// How it is started.
#[derive(Clone, Debug)]
pub struct PipelineArgs<'a> {
    /// `baseline` or `optimized`.
    pub profile: &'a str,
    /// Settings of the user's, the last word.
    pub set: &'a [String],
    /// Folder of its database and jobs.
    pub data_dir: &'a Path,
    /// Where its providers are.
    pub providers: &'a Addresses,
    /// Address of the PostgreSQL database of its jobs. None: SQLite in the folder.
    pub database: Option<&'a str>,
}

#[derive(Deserialize)]
struct Listening {
    listening: Url,
}

impl Pipeline {
    /// The program at `binary`.
    pub fn new(binary: PathBuf) -> Self {
        Self { binary }
    }

    /// Starts it on a free port of loopback, with the fixtures as its providers.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn serve(
        &self,
        paths: &Paths,
        args: &PipelineArgs<'_>,
        log: &Path,
    ) -> anyhow::Result<(Server, Url)> {
        Self::started(self.command(paths, args), log).await
    }

    /// Starts what [`Self::command`] gave, and says where it listens.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn started(command: Command, log: &Path) -> anyhow::Result<(Server, Url)> {
        let (server, Listening { listening }) = Server::start("pipeline", command, log).await?;
        Ok((server, listening))
    }

    /// How it is started: with the fixtures as its providers.
    pub fn command(&self, paths: &Paths, args: &PipelineArgs<'_>) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--exit-with-stdin", "--profile", args.profile]);
        for setting in settings(paths, args) {
            command.arg("--set").arg(setting);
        }
        for name in [
            "OPENAI_API_KEY",
            "PEXELS_API_KEY",
            "PIXABAY_API_KEY",
            "COVERR_API_KEY",
            "REPLICATE_API_TOKEN",
        ] {
            command.env(name, PROVIDER_KEY);
        }
        // Its providers are on this machine: no proxy leads to them.
        for name in ["NO_PROXY", "no_proxy"] {
            command.env(name, "127.0.0.1,localhost");
        }
        command.envs(TOKENS);
        command.env("AWS_ACCESS_KEY_ID", S3_ACCESS_KEY);
        command.env("AWS_SECRET_ACCESS_KEY", S3_SECRET_KEY);
        if let Some(address) = args.database {
            command.env(DATABASE_ENV, address);
            command.args(["--set", &format!("jobs.postgres_env='{DATABASE_ENV}'")]);
        }
        command
    }
}

fn settings(paths: &Paths, args: &PipelineArgs<'_>) -> Vec<String> {
    let quoted = |path: &Path| toml::Value::String(path.to_string_lossy().into_owned()).to_string();
    let providers = args.providers;
    let mut settings = vec![
        "listen='127.0.0.1:0'".to_owned(),
        format!("data_dir={}", quoted(args.data_dir)),
        format!("models.dir={}", quoted(&paths.models())),
        format!("music.dir={}", quoted(&paths.media().join("music"))),
        format!("llm.base_url='{}'", providers.openai),
        format!("speech.base_url='{}'", providers.openai),
        format!("stock.pexels={{base_url='{}', api_key_env='PEXELS_API_KEY'}}", providers.pexels),
        format!(
            "stock.pixabay={{base_url='{}', api_key_env='PIXABAY_API_KEY'}}",
            providers.pixabay
        ),
    ];
    let coverr = &providers.coverr;
    settings.push(format!("stock.coverr={{base_url='{coverr}', api_key_env='COVERR_API_KEY'}}"));
    settings.push(format!("comfyui.base_url='{}'", providers.comfyui));
    settings.push(format!("comfyui.workflow={}", quoted(&paths.workflow())));
    settings.push(format!("replicate.base_url='{}'", providers.replicate));
    settings.push("replicate.model='fixtures/picture'".to_owned());
    settings.extend(args.set.iter().cloned());
    settings
}
