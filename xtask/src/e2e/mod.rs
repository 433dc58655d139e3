//! End to end: the real pipeline and the real fixture servers as processes, driven over HTTP. The only
//! thing that is not the user's is the size of the picture.
//!
//! `cargo xtask test` builds the programs and makes media and models before it runs these.

mod api;
mod bench;
mod bodies;
mod chaos;
mod cluster;
mod command;
mod dashboard;
mod endurance;
mod events;
mod faults;
mod gate;
mod image;
mod likeness;
mod limits;
mod load;
mod log;
mod materials;
mod mpt;
mod music;
mod publish;
mod resources;
mod restart;
mod reuse;
mod runpod;
mod schemathesis;
mod settings;
mod speaks;
mod speech;
mod sweep;
mod tokens;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use protocol::{Accepted, JobSpec, JobStatus, Stage, StageTime};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::paths::Paths;
use crate::services::{Addresses, Fixtures, Pipeline, PipelineArgs, Server};
use crate::targets::NativeClient;

/// Longer than any job here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// One white point (RFC 2083).
const WHITE_PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\
    \x00\x00\x00\x0aIDATx\x9cc\xf8\x0f\x00\x01\x01\x01\x00\xb18\xf6\x14\x00\x00\x00\x00IEND\xaeB`\x82";

/// What a server of the fixtures was asked.
#[derive(serde::Deserialize)]
struct Asked {
    requests: u64,
    most_at_once: u64,
}

/// The programs of a test and their folders; gone with it.
struct World {
    folder: TempDir,
    paths: Paths,
    set: Vec<String>,
    providers: Addresses,
    servers: Server,
    pipeline: Server,
    base: Url,
    client: NativeClient,
    /// Of the jobs. None: SQLite in the data folder.
    database: Option<String>,
    /// What processes said that are gone.
    earlier_log: String,
}

impl World {
    /// Fixture servers that behave as the TOML `behaviour` says, and a pipeline with `set` over its
    /// optimised profile.
    async fn start(behaviour: &str, set: &[&str]) -> Self {
        Self::start_on(None, behaviour, set).await
    }

    /// The same, with the jobs in a PostgreSQL `database`.
    async fn start_on(database: Option<String>, behaviour: &str, set: &[&str]) -> Self {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let paths = Paths::from_env().expect("a checkout");
        let folder = tempfile::tempdir().expect("temporary folder");
        let file = folder.path().join("behaviour.toml");
        fs_err::write(&file, behaviour).expect("written");
        let binary = paths.binary("debug", "fixtures");
        assert!(binary.is_file(), "{} is built by `cargo xtask test`", binary.display());
        let media = paths.media();
        assert!(media.is_dir(), "{} is made by `cargo xtask test`", media.display());
        let log = folder.path().join("fixtures.log");
        let fixtures = Fixtures::new(binary).serve(&media, Some(&file), &log).await;
        let (servers, providers) = fixtures.expect("fixture servers");
        let set: Vec<String> = set.iter().map(|&setting| setting.to_owned()).collect();
        let worker = Worker { folder: folder.path(), name: "pipeline" };
        let (pipeline, base) = worker.start(&paths, &providers, &set, database.as_deref()).await;
        let client = NativeClient::new(base.clone()).expect("a client");
        let earlier_log = String::new();
        Self {
            folder,
            paths,
            set,
            providers,
            servers,
            pipeline,
            base,
            client,
            database,
            earlier_log,
        }
    }

    /// Starts the pipeline again on the same folder, after it has ended.
    async fn restart(&mut self) {
        self.earlier_log = self.log();
        let (pipeline, base) = self.worker("pipeline").await;
        self.client = NativeClient::new(base.clone()).expect("a client");
        (self.pipeline, self.base) = (pipeline, base);
    }

    /// What the worker of that name said so far is part of the log.
    fn keep_log(&mut self, name: &str) {
        let log = fs_err::read_to_string(self.folder.path().join(format!("{name}.log")));
        self.earlier_log += &log.expect("a log");
    }

    /// Starts a worker of that name, with a folder of its own, on the same database and providers.
    async fn worker(&self, name: &str) -> (Server, Url) {
        let worker = Worker { folder: self.folder.path(), name };
        worker.start(&self.paths, &self.providers, &self.set, self.database.as_deref()).await
    }

    /// What a pipeline on the same folder says that does not start with these settings.
    async fn refusal(&self) -> String {
        let args = PipelineArgs {
            profile: "optimized",
            set: &self.set,
            data_dir: &self.data_dir(),
            providers: &self.providers,
            database: None,
        };
        let log = self.folder.path().join("refused.log");
        let pipeline = Pipeline::new(self.paths.binary("debug", "pipeline"));
        let refused = pipeline.serve(&self.paths, &args, &log).await;
        format!("{:#}", refused.expect_err("it does not start"))
    }

    async fn submit(&self, job: Value) -> Accepted {
        let spec: JobSpec = serde_json::from_value(job).expect("a job");
        self.client.submit(&spec).await.expect("accepted")
    }

    async fn ended(&self, job: &Accepted) -> JobStatus {
        let wait = self.client.wait(job, |_| ());
        let status = tokio::time::timeout(PATIENCE, wait).await;
        status.unwrap_or_else(|_| panic!("not in time: {}", self.log())).expect("a status")
    }

    /// Looks until the job is as it `is` to be; it must not end before.
    async fn seen(&self, job: &Accepted, is: impl Fn(&JobStatus) -> bool) {
        let url = self.base.join(&job.status_url).expect("a path");
        let looked = async {
            loop {
                let answer = reqwest::get(url.clone()).await.expect("an answer");
                let status: JobStatus = answer.json().await.expect("a status");
                if is(&status) {
                    return;
                }
                assert!(!status.state.is_final(), "it ended first: {status:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looked).await;
        seen.unwrap_or_else(|_| panic!("not in time: {}", self.log()));
    }

    async fn run(&self, job: Value) -> JobStatus {
        let job = self.submit(job).await;
        self.ended(&job).await
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        let log = fs_err::read_to_string(self.folder.path().join("pipeline.log"));
        self.earlier_log.clone() + &log.unwrap_or_default()
    }

    /// Files that no ended job may leave: in job folders, and half downloads in the store.
    fn leftovers(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.folder.path(), &mut |path| {
            let text = path.to_string_lossy().into_owned();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let temporary = name.contains(".part.") || name.starts_with('.');
            if temporary || text.contains("/partial/") {
                found.push(text);
            }
        });
        found
    }

    /// What the server of `provider` was asked so far.
    async fn asked(&self, provider: &str) -> Asked {
        let url = self.providers.openai.replace("/openai/v1", "/control/requests");
        let answer = reqwest::get(url).await.expect("an answer");
        let mut counts: Value = answer.json().await.expect("counts");
        serde_json::from_value(counts["providers"][provider].take()).expect("a count")
    }

    async fn stop(self) {
        self.pipeline.stop().await;
        self.servers.stop().await;
    }
}

/// A new database on the tests' PostgreSQL server. None: there is no server, and this is no build server.
async fn database() -> Option<String> {
    let Ok(server) = std::env::var("REELBENCH_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "no REELBENCH_POSTGRES on a build server");
        eprintln!("skipped: no REELBENCH_POSTGRES; `cargo xtask test` starts a server");
        return None;
    };
    let name = format!("e2e_{}", std::process::id());
    let mut psql = tokio::process::Command::new("psql");
    psql.args([&server, "-qc", &format!("CREATE DATABASE {name}")]);
    assert!(psql.status().await.expect("psql is there").success());
    let mut address: Url = server.parse().expect("an address");
    address.set_path(&name);
    Some(address.into())
}

/// A pipeline process; its data and its log are in `folder`, under its name.
struct Worker<'a> {
    folder: &'a std::path::Path,
    name: &'a str,
}

impl Worker<'_> {
    async fn start(
        &self,
        paths: &Paths,
        providers: &Addresses,
        set: &[String],
        database: Option<&str>,
    ) -> (Server, Url) {
        let data =
            if self.name == "pipeline" { "data".to_owned() } else { format!("data-{}", self.name) };
        let args = PipelineArgs {
            profile: "optimized",
            set,
            data_dir: &self.folder.join(data),
            providers,
            database,
        };
        let pipeline = Pipeline::new(paths.binary("debug", "pipeline"));
        let log = self.folder.join(format!("{}.log", self.name));
        pipeline.serve(paths, &args, &log).await.expect("a pipeline")
    }
}

fn walk(folder: &std::path::Path, seen: &mut dyn FnMut(&std::path::Path)) {
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, seen) } else { seen(&path) }
    }
}

/// Whether this stage runs now.
fn runs(status: &JobStatus, stage: Stage) -> bool {
    let now = |time: &&StageTime| time.attempt == status.attempt && time.finished_us.is_none();
    status.stages.iter().filter(now).any(|time| time.stage == stage)
}

/// One sentence in a small picture; `changes` go over it.
fn short(changes: &Value) -> Value {
    let mut job = json!({
        "video_subject": "coffee",
        "video_script": "A good day begins with a quiet cup of coffee.",
        "video_terms": ["coffee", "rain"],
        "video_language": "en",
        "video_size": "180x320",
        "video_clip_duration": 2,
        "bgm_type": "none",
        "video_concat_mode": "semantic",
    });
    if let (Value::Object(job), Value::Object(changes)) = (&mut job, changes) {
        job.extend(changes.clone());
    }
    job
}
