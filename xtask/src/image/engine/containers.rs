//! Containers: made, looked at, listed, ended.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerStateStatusEnum, ContainerSummary, DeviceRequest, HealthConfig,
    HealthStatusEnum, HostConfig, Mount, MountType, PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::StreamExt;

use super::{Engine, EngineError, LABEL, SESSION};

/// How often the health of a container of a test is looked at.
const HEALTH_EVERY_NS: i64 = 500_000_000;

/// A container to be made.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Of this image.
    pub image: String,
    /// In place of the image's entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments.
    pub command: Vec<String>,
    /// Environment, `KEY=value`.
    pub env: Vec<String>,
    /// In place of the image's user.
    pub user: Option<String>,
    /// Files and folders of the host and where they are seen, only to be read.
    pub mounts: Vec<(PathBuf, &'static str)>,
    /// `container:<name>`: the network of another one.
    pub network: Option<String>,
    /// Ports, each of which is published on a free one of loopback.
    pub ports: Vec<u16>,
    /// Whether it is given the machine's cards.
    pub gpu: bool,
    /// Labels.
    pub labels: HashMap<String, String>,
}

/// How a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it runs.
    pub running: bool,
    /// How it ended.
    pub exit_code: i64,
    /// Its health.
    pub health: Health,
    /// What its last health checks said.
    pub health_said: String,
    /// Its first process, as the engine's machine numbers it.
    pub pid: Option<u32>,
}

/// What the image's health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is none.
    None,
    /// Not yet.
    Starting,
    /// Yes.
    Healthy,
    /// No.
    Unhealthy,
}

impl Spec {
    /// The image's own check, asked for more often; none of a program that is not the image's.
    fn health_check(&self) -> HealthConfig {
        if self.entrypoint.is_some() {
            return HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() };
        }
        HealthConfig { interval: Some(HEALTH_EVERY_NS), ..HealthConfig::default() }
    }

    /// As the engine wants it: nothing of the image can be written but what it declares as a volume, no
    /// capability, no new privilege.
    pub(super) fn body(&self) -> ContainerCreateBody {
        let ports = || self.ports.iter().map(|port| format!("{port}/tcp"));
        let any_port = || {
            Some(vec![PortBinding {
                host_ip: Some("127.0.0.1".to_owned()),
                host_port: Some(String::new()),
            }])
        };
        let cards = DeviceRequest {
            driver: Some("nvidia".to_owned()),
            count: Some(-1),
            capabilities: Some(vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        };
        let labels = self.labels.clone().into_iter().chain([(LABEL.to_owned(), "1".to_owned())]);
        ContainerCreateBody {
            image: Some(self.image.clone()),
            entrypoint: self.entrypoint.clone(),
            cmd: Some(self.command.clone()),
            env: Some(self.env.clone()),
            user: self.user.clone(),
            labels: Some(labels.collect()),
            exposed_ports: Some(ports().collect()),
            healthcheck: Some(self.health_check()),
            host_config: Some(HostConfig {
                mounts: Some(self.mounts.iter().map(mount).collect()),
                network_mode: self.network.clone(),
                port_bindings: Some(ports().map(|port| (port, any_port())).collect()),
                readonly_rootfs: Some(true),
                tmpfs: Some(HashMap::from([("/tmp".to_owned(), String::new())])),
                cap_drop: Some(vec!["ALL".to_owned()]),
                // Where there is SELinux, the host's files are not labelled for containers.
                security_opt: Some(vec![
                    "no-new-privileges".to_owned(),
                    "label=disable".to_owned(),
                ]),
                device_requests: self.gpu.then(|| vec![cards]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

fn mount((source, target): &(PathBuf, &'static str)) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        // The engine knows no folder that ours is relative to.
        source: Some(std::path::absolute(source).unwrap_or_default().display().to_string()),
        target: Some((*target).to_owned()),
        read_only: Some(true),
        ..Mount::default()
    }
}

impl Engine {
    /// Makes and starts a container.
    ///
    /// # Errors
    ///
    /// The engine refuses; a container that does not start is removed by whoever gave it its label.
    pub async fn start(&self, spec: &Spec) -> Result<(), EngineError> {
        let what = format!("start {} of {}", spec.name, spec.image);
        let options = CreateContainerOptionsBuilder::default().name(&spec.name).build();
        let created = self.docker.create_container(Some(options), spec.body()).await;
        created.map_err(|error| EngineError::of(&what, &error))?;
        let started = self.docker.start_container(&spec.name, None).await;
        started.map_err(|error| EngineError::of(&what, &error))
    }

    /// How the container is.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub async fn state(&self, name: &str) -> Result<State, EngineError> {
        let container = self.docker.inspect_container(name, None).await;
        let container =
            container.map_err(|error| EngineError::of("look at a container", &error))?;
        let state = container.state.unwrap_or_default();
        let health = state.health.unwrap_or_default();
        let mut said = health.log.unwrap_or_default().into_iter().filter_map(|one| one.output);
        Ok(State {
            running: state.status == Some(ContainerStateStatusEnum::RUNNING),
            exit_code: state.exit_code.unwrap_or_default(),
            health: match health.status {
                Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
                Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
                Some(HealthStatusEnum::STARTING) => Health::Starting,
                _ => Health::None,
            },
            pid: state.pid.and_then(|pid| pid.try_into().ok()).filter(|&pid| pid > 0),
            health_said: said.next_back().unwrap_or_default().trim().to_owned(),
        })
    }

    /// The port of loopback on which the container's `port` is published.
    ///
    /// # Errors
    ///
    /// It is not there. None: it is not published, because the container has ended.
    pub async fn published(&self, name: &str, port: u16) -> Result<Option<u16>, EngineError> {
        let container = self.docker.inspect_container(name, None).await;
        let container =
            container.map_err(|error| EngineError::of("look at a container", &error))?;
        let ports = container.network_settings.and_then(|network| network.ports);
        let bindings = ports.unwrap_or_default().remove(&format!("{port}/tcp")).flatten();
        let published = bindings.unwrap_or_default().into_iter().find_map(|one| one.host_port);
        Ok(published.and_then(|port| port.parse().ok()))
    }

    /// The last lines that the container said.
    pub async fn last_words(&self, name: &str, n_lines: usize) -> String {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .tail(&n_lines.to_string())
            .build();
        let lines = self.docker.logs(name, Some(options));
        let lines: Vec<String> =
            lines.filter_map(async |line| Some(line.ok()?.to_string())).collect().await;
        lines.concat().trim_end().to_owned()
    }

    /// Asks the container to end, and ends it after `patience_s`.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub async fn stop(&self, name: &str, patience_s: i32) -> Result<(), EngineError> {
        let options = StopContainerOptionsBuilder::default().t(patience_s).build();
        let stopped = self.docker.stop_container(name, Some(options)).await;
        stopped.map_err(|error| EngineError::of(&format!("stop {name}"), &error))
    }

    /// All containers that have `label`.
    ///
    /// # Errors
    ///
    /// The engine does not list them.
    pub async fn containers(&self, label: &str) -> Result<Vec<String>, EngineError> {
        let containers = self.labelled(label).await?;
        Ok(containers.into_iter().filter_map(|one| one.id).collect())
    }

    /// All containers of calls of `build-image`, each with the name of its call.
    ///
    /// # Errors
    ///
    /// The engine does not list them.
    pub async fn containers_of_sessions(&self) -> Result<Vec<(String, String)>, EngineError> {
        let containers = self.labelled(SESSION).await?.into_iter();
        Ok(containers.filter_map(|one| Some((one.id?, one.labels?.remove(SESSION)?))).collect())
    }

    async fn labelled(&self, label: &str) -> Result<Vec<ContainerSummary>, EngineError> {
        let labelled = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&labelled).build();
        let containers = self.docker.list_containers(Some(options)).await;
        containers.map_err(|error| EngineError::of("list containers", &error))
    }

    /// Removes all containers that have `label`, with their volumes. How many there were.
    ///
    /// # Errors
    ///
    /// The engine does not list or remove them.
    pub async fn remove_containers(&self, label: &str) -> Result<usize, EngineError> {
        let ids = self.containers(label).await?;
        for id in &ids {
            self.remove_container(id).await?;
        }
        Ok(ids.len())
    }

    /// Removes a container, with its volumes. One that is gone, or on its way, is no error.
    ///
    /// # Errors
    ///
    /// The engine does not remove it.
    pub async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(id, Some(options)).await {
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            Err(error) => Err(EngineError::of(&format!("remove container {id}"), &error)),
        }
    }
}
