//! The container engine: a thin layer over `bollard`, in the words of this house.
//!
//! Every body that is sent is counted ([`Engine::sent`]), and every error says what was asked for and
//! what the engine said to it.

mod containers;
mod error;
mod files;
mod images;

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;

pub use self::containers::{Health, Spec, State};
pub use self::error::EngineError;
pub use self::images::{Build, Inspected, LayerRow};
use super::pieces::Meter;
use crate::exit::Failure;

/// Where no `DOCKER_HOST` says otherwise.
const SOCKET: &str = "unix:///var/run/docker.sock";
/// Time for an engine to say that it is there.
const HELLO: Duration = Duration::from_secs(5);
/// Time for an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Time for an answer that comes when all has been sent and worked on.
const WORK: Duration = Duration::from_secs(3600);

/// What all images and containers of ours carry.
pub const LABEL: &str = "reelbench";
/// Which call of `build-image` a container belongs to.
pub const SESSION: &str = "reelbench.session";

/// Where the environment says that the engine is.
pub fn host_from_env() -> String {
    let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    host.unwrap_or_else(|| SOCKET.to_owned())
}

/// An engine that answered.
#[derive(Clone, Debug)]
pub struct Engine {
    docker: Docker,
    host: String,
    version: String,
    meter: Arc<Meter>,
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, or the one of the usual socket.
    ///
    /// # Errors
    ///
    /// None answers there.
    pub async fn connect() -> anyhow::Result<Self> {
        Self::at(&host_from_env()).await
    }

    /// The engine at `host`.
    ///
    /// # Errors
    ///
    /// None answers there.
    pub async fn at(host: &str) -> anyhow::Result<Self> {
        Self::reach(host).await.map_err(|reason| {
            Failure::environment(format!("no container engine answers at {host}: {reason}"))
                .with_hint(
                    "start Docker (Debian and Ubuntu: `apt-get install docker.io`), or name its \
                     socket: DOCKER_HOST=unix:///path/to/docker.sock",
                )
                .into()
        })
    }

    /// The engine at `host`, or the reason why none answers there.
    ///
    /// # Errors
    ///
    /// The reason, in a few words.
    pub async fn reach(host: &str) -> Result<Self, String> {
        if std::env::var_os("DOCKER_TLS_VERIFY").is_some() && !host.starts_with("unix://") {
            return Err("TLS to an engine is not spoken here".to_owned());
        }
        let docker = Docker::connect_with_host(host).map_err(|error| error.to_string())?;
        let hello = tokio::time::timeout(HELLO, docker.negotiate_version()).await;
        let docker = match hello {
            Ok(Ok(docker)) => docker.with_timeout(ANSWER),
            Ok(Err(error)) => return Err(error::root_cause(&error)),
            Err(_) => return Err(format!("silent for {} s", HELLO.as_secs())),
        };
        let version = docker.version().await.map_err(|error| error.to_string())?;
        let version = version.version.unwrap_or_default();
        Ok(Self { docker, host: host.to_owned(), version, meter: Arc::default() })
    }

    /// Where it is.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Bytes that were sent to it: archives and build contexts.
    pub fn sent(&self) -> u64 {
        self.meter.sent()
    }

    /// Whether it hands cards of NVIDIA to containers.
    pub async fn has_nvidia(&self) -> bool {
        let info = self.docker.info().await.unwrap_or_default();
        info.runtimes.is_some_and(|runtimes| runtimes.contains_key("nvidia"))
    }

    /// The client, for what only tests ask.
    #[cfg(test)]
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// As `docker`, with time for work that is answered when it is done.
    fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(WORK)
    }
}
