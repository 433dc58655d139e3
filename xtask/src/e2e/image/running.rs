//! The image as a user runs it: nobody's root, and it ends in order.

use std::time::{Duration, Instant};

use protocol::{JobState, JobStatus, Stage};
use serde_json::json;

use super::super::{runs, short};
use super::world::{World, with_engine};
use crate::image::engine::{SESSION, Spec};
use crate::image::pair::{TOKEN, TOKEN_ENV};
use crate::services::PROVIDER_KEY;
use crate::targets::NativeClient;

const PATIENCE: Duration = Duration::from_secs(240);
const FIXTURES: &str = "127.0.0.1:9090";

/// The image and the fixture servers in its network. The label of the session is the tag: the world
/// removes it.
async fn start(world: &World) -> String {
    let name = world.tag.replace(':', "-");
    let labels = std::collections::HashMap::from([(SESSION.to_owned(), world.tag.clone())]);
    let stock = format!(
        "stock.pexels={{base_url='http://{FIXTURES}/pexels', api_key_env='PEXELS_API_KEY'}}"
    );
    let service = Spec {
        name: name.clone(),
        image: world.tag.clone(),
        command: ["serve", "--set", &stock, "--set", "jobs.max_attempts=1"]
            .map(str::to_owned)
            .into(),
        env: vec![format!("PEXELS_API_KEY={PROVIDER_KEY}"), format!("{TOKEN_ENV}={TOKEN}")],
        ports: vec![8090],
        labels: labels.clone(),
        ..Spec::default()
    };
    world.engine.start(&service).await.expect("started");
    let fixtures = world.paths.binary("debug", "fixtures");
    let command = ["serve", "--media", "/media", "--listen", FIXTURES];
    let servers = Spec {
        name: format!("{name}-fixtures"),
        image: world.tag.clone(),
        entrypoint: Some(vec!["/fixtures".to_owned()]),
        command: command.map(str::to_owned).into(),
        user: Some("0:0".to_owned()),
        mounts: vec![(fixtures, "/fixtures"), (world.paths.media(), "/media")],
        network: Some(format!("container:{name}")),
        labels,
        ..Spec::default()
    };
    world.engine.start(&servers).await.expect("started");
    name
}

async fn client(world: &World, name: &str) -> NativeClient {
    let listening = async {
        loop {
            let port = world.engine.published(name, 8090).await.expect("a container");
            if let Some(port) = port {
                let base = format!("http://127.0.0.1:{port}").parse().expect("an address");
                let client = NativeClient::with_token(base, TOKEN).expect("a client");
                if client.job_counts().await.is_ok() {
                    return client;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.expect("it listens")
}

/// Asks until the job is as it `is` to be.
async fn seen(client: &NativeClient, id: &str, is: impl Fn(&JobStatus) -> bool) -> JobStatus {
    let looked = async {
        loop {
            let status = client.status(&NativeClient::job(id)).await.expect("a status");
            if is(&status) {
                return status;
            }
            assert!(!status.state.is_final(), "it ended first: {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_image_hands_its_job_back_when_it_is_stopped_and_goes_on_with_it() {
    with_engine("running", async |world| {
        world.built(&mut world.build(&["--base", "local"])).await;
        let image = world.engine.docker().inspect_image(&world.tag).await.expect("an image");
        let config = image.config.expect("a configuration");
        assert_eq!(config.user.as_deref(), Some("10001:10001"), "nobody's root");
        let labels = config.labels.expect("labels");
        for (key, expected) in [
            ("org.opencontainers.image.title", "reelbench"),
            ("org.opencontainers.image.licenses", "MIT OR Apache-2.0"),
            ("reelbench.variant", "cpu"),
            ("reelbench.model.minilm.weights", "real"),
        ] {
            assert_eq!(labels.get(key).map(String::as_str), Some(expected), "{key}");
        }

        let name = start(world).await;
        let before = client(world, &name).await;
        let script = "The sea is calm. ".repeat(40);
        let job = json!({"video_script": script, "video_size": "720x1280"});
        let spec: protocol::JobSpec = serde_json::from_value(short(&job)).expect("a job");
        let job = before.submit(&spec).await.expect("accepted");
        seen(&before, &job.id, |status| runs(status, Stage::Render)).await;

        let begun = Instant::now();
        world.engine.stop(&name, 10).await.expect("stopped");
        let took = begun.elapsed();
        let state = world.engine.state(&name).await.expect("a state");
        let log = world.engine.last_words(&name, 30).await;
        assert_eq!(state.exit_code, 0, "{log}");
        assert!(took < Duration::from_secs(2), "it took {took:?}: {log}");

        world.engine.docker().start_container(&name, None).await.expect("started again");
        let after = client(world, &name).await;
        let status = seen(&after, &job.id, |status| status.state.is_final()).await;
        assert_eq!((status.state, status.attempt), (JobState::Succeeded, 1), "{:?}", status.error);
    })
    .await;
}
