//! `docker/compose.yaml`: valid in each of its profiles, and the service as it runs by it.

use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::Duration;

use protocol::JobState;
use serde_json::json;
use tokio::process::Command;

use super::super::short;
use super::world::{World, said, with_engine};
use crate::image::pair::{TOKEN, TOKEN_ENV};
use crate::targets::NativeClient;

const PATIENCE: Duration = Duration::from_secs(120);

/// A project of compose, with the image of the world.
struct Project<'a> {
    world: &'a World,
    port: u16,
}

impl Project<'_> {
    async fn compose(&self, profile: &str, arguments: &[&str]) -> Output {
        // The plugin of newer engines takes the same arguments.
        let mut command = Command::new("docker-compose");
        command.arg("-f").arg(self.world.paths.root.join("docker/compose.yaml"));
        command.args(["-p", &self.world.tag.replace(':', "-"), "--profile", profile]);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command.env("REELBENCH_IMAGE", &self.world.tag).env(TOKEN_ENV, TOKEN);
        command.env("REELBENCH_PORT", self.port.to_string());
        command.output().await.expect("docker-compose starts")
    }

    /// The same, which must end well.
    async fn done(&self, profile: &str, arguments: &[&str]) {
        let output = self.compose(profile, arguments).await;
        assert!(output.status.success(), "{profile} {arguments:?}: {}", said(&output));
    }

    /// A client of the service, as soon as it is there.
    async fn client(&self) -> NativeClient {
        let base = format!("http://127.0.0.1:{}", self.port).parse().expect("an address");
        let client = NativeClient::with_token(base, TOKEN).expect("a client");
        let there = async {
            while client.job_counts().await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, there).await.is_err() {
            panic!("it is not there: {}", said(&self.compose("cpu", &["logs"]).await));
        }
        client
    }

    /// Runs it twice over one volume, read-only but for that; a job of the first time is known the second.
    async fn run(&self) {
        for profile in ["cpu", "gpu", "cluster"] {
            self.done(profile, &["config", "--quiet"]).await;
        }
        self.done("cpu", &["up", "--detach"]).await;
        let client = self.client().await;
        let spec = short(&json!({"stop_at": "subtitles"}));
        let job = client.submit(&spec).await.expect("accepted");
        let ended = tokio::time::timeout(PATIENCE, client.wait(&job, |_| ())).await;
        let status = ended.expect("in time").expect("a status");
        assert_eq!(status.state, JobState::Succeeded, "{:?}", status.error);
        self.done("cpu", &["down"]).await;
        self.done("cpu", &["up", "--detach"]).await;
        let known = self.client().await.status(&job).await.expect("it is known");
        assert_eq!(known.state, JobState::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_runs_by_compose() {
    if which::which("docker-compose").is_err() {
        assert!(std::env::var_os("CI").is_none(), "a build server has docker-compose");
        eprintln!("SKIPPED compose: docker-compose is not in PATH");
        return;
    }
    with_engine("compose", async |world| {
        world.built(&mut world.build(&["--base", "local"])).await;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let project = Project { world, port };
        let ended = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(project.run()));
        let ended = ended.await;
        project.done("cpu", &["down", "--volumes"]).await;
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    })
    .await;
}
