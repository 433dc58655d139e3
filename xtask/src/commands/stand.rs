//! What `run` and `load-test` stand on: the fixture servers and the pipeline, each built, fed and
//! started as a process.

mod counted;

pub use self::counted::{Counts, counted};

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::commands::{Context, fetch_models};
use crate::exit::Failure;
use crate::services::{
    self, Binaries, Fixtures, Pipeline, PipelineArgs, Profile, Scenario, Server,
};
use crate::setup::{self, Goal};

/// How the measured program is set up.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Flags {
    /// The pipeline's set of settings: `baseline` or `optimized`
    #[arg(long, default_value = "optimized")]
    pub profile: String,
    /// One setting of the pipeline, over the profile
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// How the programs are built
    #[arg(long, default_value = "release")]
    pub build: Profile,
    /// Take the programs as they were built last
    #[arg(long)]
    pub no_build: bool,
    /// Latency, bandwidth and faults of the provider servers (TOML; see `fixtures serve --help`)
    #[arg(long, value_name = "FILE")]
    pub behaviour: Option<PathBuf>,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            profile: "optimized".to_owned(),
            set: Vec::new(),
            build: Profile::Release,
            no_build: false,
            behaviour: None,
        }
    }
}

impl Flags {
    /// Whether one of them says something.
    pub fn is_used(&self) -> bool {
        *self != Self::default()
    }

    /// What can be known to be wrong before minutes of building.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`], or a file that is not there.
    pub fn check(&self) -> anyhow::Result<()> {
        if !["baseline", "optimized"].contains(&self.profile.as_str()) {
            let message =
                format!("unknown profile {:?}, expected `baseline` or `optimized`", self.profile);
            return Err(Failure::usage(message).into());
        }
        if let Some(pair) = self.set.iter().find(|pair| !pair.contains('=')) {
            return Err(Failure::usage(format!("--set {pair:?}: expected KEY=VALUE")).into());
        }
        if let Some(file) = &self.behaviour {
            fs_err::metadata(file)?;
        }
        Ok(())
    }
}

impl Flags {
    /// How the pipeline was set up, for the run file.
    pub fn facts(&self) -> Vec<(&'static str, Value)> {
        let before = if self.no_build { ", as it was built before" } else { "" };
        let build = format!("{:?}{before}", self.build).to_lowercase();
        let mut facts = vec![("profile", self.profile.clone().into()), ("build", build.into())];
        if !self.set.is_empty() {
            facts.push(("set", self.set.clone().into()));
        }
        let behaviour = self.behaviour.as_deref().map(Path::to_string_lossy);
        facts.extend(behaviour.map(|file| ("behaviour", file.into_owned().into())));
        facts
    }
}

/// Everything that is there before a process starts.
#[derive(Debug)]
pub struct Prepared {
    /// What is asked for.
    pub scenario: Scenario,
    binaries: Binaries,
    fixtures: Fixtures,
    media: PathBuf,
}

/// Installs, builds, makes media, brings models; does nothing of what is done already.
///
/// # Errors
///
/// The environment, a scenario that is not there, and [`Failure::Interrupted`].
pub async fn prepare(
    scenario: &str,
    flags: &Flags,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Prepared> {
    let prepared = provide(scenario, flags, cx, stop).await?;
    fetch_models::ensure(cx, stop).await?;
    prepared.fixtures.make_whisper_model(cx, stop).await?;
    Ok(prepared)
}

/// The same without models: an image has its own.
///
/// # Errors
///
/// As [`prepare`].
pub async fn provide(
    scenario: &str,
    flags: &Flags,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<Prepared> {
    setup::ensure(Some(Goal::Demo), cx.ui, stop).await?;
    let binaries = if flags.no_build {
        built_before(cx, flags.build)?
    } else {
        services::build(cx, flags.build, stop).await?
    };
    let fixtures = Fixtures::new(binaries.fixtures.clone());
    let scenario = fixtures.scenario(scenario).await?;
    cx.ui.say(format!("{}: {}", scenario.title, scenario.description));
    let media = fixtures.make_media(cx, stop).await?;
    Ok(Prepared { scenario, binaries, fixtures, media })
}

impl Prepared {
    /// What a load asks for.
    ///
    /// # Errors
    ///
    /// Never with values that JSON has; serde asks for it.
    pub fn asked(&self) -> serde_json::Result<bench::Scenario> {
        asked(&self.scenario)
    }

    /// The same of the scenario `name`: one of the fixtures', or a TOML file of that path.
    ///
    /// # Errors
    ///
    /// There is none; the error names those that are there.
    pub async fn asked_as(&self, name: &str) -> anyhow::Result<bench::Scenario> {
        Ok(asked(&self.fixtures.scenario(name).await?)?)
    }

    /// The same with another pipeline: a program with its helpers beside it.
    #[must_use]
    pub fn with_pipeline(mut self, pipeline: PathBuf) -> Self {
        self.binaries.pipeline = pipeline;
        self
    }

    /// The program of the provider servers, and the media that it serves.
    pub fn providers(&self) -> (&Path, &Path) {
        (&self.binaries.fixtures, &self.media)
    }
}

fn asked(scenario: &Scenario) -> serde_json::Result<bench::Scenario> {
    Ok(bench::Scenario {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        payload: serde_json::to_value(&scenario.job)?,
    })
}

fn built_before(cx: &Context<'_>, build: Profile) -> anyhow::Result<Binaries> {
    let binaries = Binaries::of(cx, build);
    for program in [&binaries.pipeline, &binaries.fixtures] {
        if !program.is_file() {
            let message = format!("--no-build: there is no {}", cx.paths.shown(program).display());
            return Err(Failure::environment(message).with_hint("leave out --no-build").into());
        }
    }
    Ok(binaries)
}

/// The running processes. Their data go with it: what is wanted of them is fetched over HTTP.
#[derive(Debug)]
pub struct Stand {
    /// Where the pipeline listens.
    pub base: Url,
    /// Where the provider servers are told how to behave, and tell what they did.
    control: String,
    /// When the process of the pipeline was started.
    pub begun: Instant,
    data: TempDir,
    pipeline: Server,
    servers: Server,
}

impl Stand {
    /// Starts the fixture servers, then the pipeline with them as its providers. Their logs go into the
    /// folder `logs`.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub async fn start(
        prepared: &Prepared,
        flags: &Flags,
        logs: &Path,
        cx: &Context<'_>,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(cx.paths.runs())?;
        let data = tempfile::Builder::new().prefix("run-").tempdir_in(cx.paths.runs())?;
        let log = logs.join("fixtures.log");
        let (servers, providers) =
            prepared.fixtures.serve(&prepared.media, flags.behaviour.as_deref(), &log).await?;
        let args = PipelineArgs {
            profile: &flags.profile,
            set: &flags.set,
            data_dir: data.path(),
            providers: &providers,
            database: None,
        };
        let program = Pipeline::new(prepared.binaries.pipeline.clone());
        let log = logs.join("pipeline.log");
        let begun = Instant::now();
        let (pipeline, base) = program.serve(&cx.paths, &args, &log).await?;
        let control = providers.openai.replace("/openai/v1", "/control");
        Ok(Self { base, control, begun, data, pipeline, servers })
    }

    /// The folder of the pipeline's database and jobs.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Process id of the pipeline. None: it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.pipeline.pid()
    }

    /// How the first of them that has ended did so; nobody asked it to.
    pub fn died(&mut self) -> Option<String> {
        self.pipeline.ended().or_else(|| self.servers.ended())
    }

    /// Ends them in order.
    pub async fn stop(self) {
        self.pipeline.stop().await;
        self.servers.stop().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(flags: &Flags, reason: &str) {
        let error = flags.check().expect_err("must be refused");
        assert!(error.to_string().contains(reason), "{error:#}");
    }

    #[test]
    fn wrong_flags_are_refused_before_any_work() {
        let flags = Flags::default();
        check(&Flags { profile: "fast".to_owned(), ..flags.clone() }, "unknown profile \"fast\"");
        check(&Flags { set: vec!["a".to_owned()], ..flags.clone() }, "--set \"a\": expected KEY");
        check(&Flags { behaviour: Some("no/such".into()), ..flags.clone() }, "no/such");
        assert!(flags.check().is_ok());
    }
}
