//! The smoke test: the candidate renders the short scenario, as a stranger would run it, with the
//! fixture servers in a second container that shares its network. No internet is needed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::{Accepted, JobStatus};

use super::Place;
use super::engine::{EngineError, Health, State};
use super::pair::{PORT, Pair, TOKEN, lines};
use crate::commands::run;
use crate::exit::Failure;
use crate::invariants::{self, Asked, Finding};
use crate::services::Scenario;
use crate::targets::NativeClient;
use crate::ui::Progress;

/// Time to listen, and to become healthy.
const READY: Duration = Duration::from_secs(120);
/// Time for the whole job.
const JOB: Duration = Duration::from_secs(900);
/// Time for a service with nothing to do to end.
const END: Duration = Duration::from_secs(5);
/// How often is looked.
const POLL: Duration = Duration::from_millis(200);
/// Lines of a log that go into an error.
const LAST_WORDS: usize = 15;

/// What the test is made with.
#[derive(Debug)]
pub struct Smoke<'a> {
    /// Where it is done.
    pub place: &'a Place<'a>,
    /// The image.
    pub image: &'a str,
    /// The fixtures program of the host.
    pub fixtures: &'a Path,
    /// The media that it serves.
    pub media: &'a Path,
    /// What is rendered.
    pub scenario: &'a Scenario,
    /// Whether the container is given the machine's cards.
    pub gpu: bool,
    /// Where the job's files and the logs are left.
    pub folder: &'a Path,
}

impl Smoke<'_> {
    fn pair(&self) -> Pair<'_> {
        Pair {
            session: &self.place.session,
            word: "smoke",
            image: self.image,
            arguments: Vec::new(),
            fixtures: self.fixtures,
            media: self.media,
            behaviour: None,
            gpu: self.gpu,
        }
    }

    fn service(&self) -> String {
        self.pair().service()
    }

    /// Starts both, renders, looks, and ends the service in order.
    ///
    /// # Errors
    ///
    /// [`Failure::Check`] where the image does not do its work; the error has its last words. A broken
    /// invariant is no error but a finding.
    pub async fn run(&self, progress: &dyn Progress) -> anyhow::Result<Vec<Finding>> {
        let result = self.attempt(progress).await;
        self.keep_logs().await;
        result
    }

    async fn attempt(&self, progress: &dyn Progress) -> anyhow::Result<Vec<Finding>> {
        let engine = self.place.engine;
        progress.message("starting the container");
        engine.start(&self.pair().service_spec()).await.map_err(|error| does_not(&error))?;
        if let Err(error) = engine.start(&self.pair().servers_spec()).await {
            // They join its network, which is gone where it has ended: then that is the reason.
            let state = self.state().await?;
            return Err(if state.running {
                does_not(&error)
            } else {
                self.ended_with(&state).await
            });
        }
        let client = self.listening(progress).await?;
        let healthy = self.healthy(progress).await?;

        let job = client.submit(&self.scenario.job).await.map_err(|error| does_not(&error))?;
        let status = self.ended(&client, &job, progress).await?;
        progress.message("looking at the video");
        let fetched = run::fetch(&client, &status, self.folder).await?;
        let asked = Asked { size: self.scenario.job.size(), expect: self.scenario.expect.clone() };
        let data = tempfile::tempdir_in(&self.place.work)?;
        self.bring_data(data.path()).await?;
        let data_dir = data.path().join("data");
        let evidence = invariants::collect(&client, status, asked, &data_dir, &fetched).await?;
        let mut findings = invariants::check(&evidence);
        findings.push(healthy);
        progress.message("stopping the container");
        findings.push(self.stops().await?);
        Ok(findings)
    }

    /// Waits until the service answers on its published port.
    async fn listening(&self, progress: &dyn Progress) -> anyhow::Result<NativeClient> {
        progress.message("waiting for the service");
        let begun = Instant::now();
        loop {
            let port = self.place.engine.published(&self.service(), PORT).await;
            let state = self.state().await?;
            if let (Some(port), true) = (port.map_err(EngineError::told)?, state.running) {
                let base = format!("http://127.0.0.1:{port}");
                let client = NativeClient::with_token(base.parse()?, TOKEN)?;
                if client.job_counts().await.is_ok() {
                    return Ok(client);
                }
            }
            self.still_runs(&state).await?;
            self.in_time(begun, READY, "does not listen").await?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the image's own health check says that it is well.
    async fn healthy(&self, progress: &dyn Progress) -> anyhow::Result<Finding> {
        progress.message("waiting for its health check");
        let invariant = "the container becomes healthy";
        let begun = Instant::now();
        loop {
            let state = self.state().await?;
            self.still_runs(&state).await?;
            match state.health {
                Health::Healthy => return Ok(Finding { invariant, broken: None }),
                Health::None => {
                    let broken = Some("the image has no health check".to_owned());
                    return Ok(Finding { invariant, broken });
                }
                Health::Starting | Health::Unhealthy if begun.elapsed() > READY => {
                    let said = state.health_said;
                    let broken = format!("not within {} s: {said}", READY.as_secs());
                    return Ok(Finding { invariant, broken: Some(broken) });
                }
                Health::Starting | Health::Unhealthy => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Waits for the job; a container that dies under it ends the test with its last words.
    async fn ended(
        &self,
        client: &NativeClient,
        job: &Accepted,
        progress: &dyn Progress,
    ) -> anyhow::Result<JobStatus> {
        let wait = client.wait(job, |status| progress.message(&run::running(status)));
        match tokio::time::timeout(JOB, wait).await {
            Ok(Ok(status)) => Ok(status),
            Ok(Err(error)) => {
                self.still_runs(&self.state().await?).await?;
                Err(does_not(&format!("{error:#}")))
            }
            Err(_) => {
                let what = format!("the job did not end within {} s", JOB.as_secs());
                Err(self.failed(&what).await)
            }
        }
    }

    /// Copies the data folder out of the container.
    async fn bring_data(&self, target: &Path) -> anyhow::Result<()> {
        let tar = self.place.engine.download(&self.service(), "/data").await;
        let tar = tar.map_err(EngineError::told)?.context("the container has no /data")?;
        let mut archive = tar::Archive::new(&tar[..]);
        archive.set_preserve_permissions(false);
        Ok(tokio::task::block_in_place(|| archive.unpack(target))?)
    }

    /// Whether the service ends by itself when it is told to, as `docker stop` tells it.
    async fn stops(&self) -> anyhow::Result<Finding> {
        let (engine, begun) = (self.place.engine, Instant::now());
        engine.stop(&self.service(), 10).await.map_err(EngineError::told)?;
        let (took, code) = (begun.elapsed(), self.state().await?.exit_code);
        let broken = (code != 0 || took > END)
            .then(|| format!("it took {:.1} s and ended with code {code}", took.as_secs_f64()));
        Ok(Finding { invariant: "the container ends in order when it is told to", broken })
    }

    async fn state(&self) -> anyhow::Result<State> {
        self.place.engine.state(&self.service()).await.map_err(EngineError::told)
    }

    /// The servers live in the network of the service: it is asked first.
    async fn still_runs(&self, state: &State) -> anyhow::Result<()> {
        if !state.running {
            return Err(self.ended_with(state).await);
        }
        let servers =
            self.place.engine.state(&self.pair().servers()).await.map_err(EngineError::told)?;
        if servers.running {
            return Ok(());
        }
        let said = self.place.engine.last_words(&self.pair().servers(), LAST_WORDS).await;
        let message =
            format!("the fixture servers ended with code {}:{}", servers.exit_code, lines(&said));
        Err(Failure::environment(message).into())
    }

    async fn in_time(&self, begun: Instant, limit: Duration, what: &str) -> anyhow::Result<()> {
        if begun.elapsed() < limit {
            return Ok(());
        }
        Err(self.failed(&format!("the container {what} within {} s", limit.as_secs())).await)
    }

    async fn ended_with(&self, state: &State) -> anyhow::Error {
        self.failed(&format!("the container ended with code {}", state.exit_code)).await
    }

    async fn failed(&self, what: &str) -> anyhow::Error {
        let said = self.place.engine.last_words(&self.service(), LAST_WORDS).await;
        does_not(&format!("{what}{}", lines(&said)))
    }

    /// What both said, in files and in the log of the build.
    async fn keep_logs(&self) {
        let engine = self.place.engine;
        self.pair().keep_logs(engine, self.folder, |line| self.place.log(&line)).await;
    }
}

fn does_not(reason: &impl ToString) -> anyhow::Error {
    Failure::check(format!("the image fails its smoke test: {}", reason.to_string())).into()
}
