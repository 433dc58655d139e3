//! The API under schemathesis (<https://schemathesis.io>), which asks all that the document allows and
//! forbids, while bodies that nobody should send come in beside it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use reqwest::Client;
use url::Url;

use super::World;
use super::bodies::bodies;
use crate::commands::test::FUZZ_SECONDS;
use crate::python::SCHEMATHESIS;
use crate::services::TOKENS;

/// How long, unless the environment says otherwise.
const USUAL: Duration = Duration::from_secs(120);
/// Between two odd bodies: schemathesis is to have its turn.
const PAUSE: Duration = Duration::from_millis(5);
/// Routes that take a job in some envelope.
const ROUTES: [&str; 6] = [
    "/api/v1/jobs",
    "/api/v1/videos",
    "/api/v1/terms",
    "/v1/audio/speech",
    "/run",
    "/v2/any/runsync?wait=1000",
];

fn how_long() -> Duration {
    let given = std::env::var(FUZZ_SECONDS).ok();
    given.map_or(USUAL, |text| Duration::from_secs(text.parse().expect("seconds")))
}

/// Sends odd bodies until `end`. Each must be answered, and not with a 5xx; gives how many there were.
async fn send_odd_bodies(base: &Url, token: &str, end: Instant) -> usize {
    // A refused body may cost its connection: each has one of its own.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let (mut runner, bodies) = (TestRunner::deterministic(), bodies());
    let mut n_sent = 0;
    while Instant::now() < end {
        let mut body = bodies.new_tree(&mut runner).expect("a body").current();
        let route = ROUTES[n_sent % ROUTES.len()];
        if route.contains("run") {
            body = [b"{\"input\": ", &body[..], b"}"].concat();
        }
        let url = base.join(route).expect("a path");
        let request = client.post(url.clone()).bearer_auth(token).body(body.clone());
        let shown = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
        // A body beyond the limit may be refused while it is still being sent.
        let answer = match request.send().await {
            Err(error) if error.is_request() && body.len() > 1 << 20 => continue,
            answer => answer
                .unwrap_or_else(|error| panic!("{url}: {error:?}: {} bytes: {shown}", body.len())),
        };
        assert!(!answer.status().is_server_error(), "{url}: {}: {shown}", answer.status());
        n_sent += 1;
        tokio::time::sleep(PAUSE).await;
    }
    n_sent
}

/// What schemathesis says of the service; panics where it finds anything.
async fn run_schemathesis(world: &World, token: &str, phases: &str, length: Duration) -> String {
    let brought = SCHEMATHESIS.command(&world.paths);
    let mut command = brought.expect("schemathesis is brought by `cargo xtask test`");
    command
        .arg("--no-color")
        .arg("run")
        .arg(world.base.join("openapi.json").expect("a path").as_str());
    // All checks are on, but for what its settings say; `--checks all` would not read those.
    command.args(["--phases", phases]);
    command.args(["--max-time", &length.as_secs().to_string(), "--generation-database", "none"]);
    command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    // Its settings stand in the root of the checkout.
    command.current_dir(&world.paths.root).env("NO_PROXY", "127.0.0.1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("schemathesis starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}\n{}", world.log());
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_the_api_survives_schemathesis_and_odd_bodies_without_a_5xx() {
    let tokens = "api.tokens=[{name='admin', env='FIXTURE_ADMIN_TOKEN', role='admin'}]";
    let often = ["api.requests_per_s=100000", "api.burst=100000"];
    // Whatever is accepted is worked on, one after the other: odd jobs must not end the service.
    let many = ["jobs.max_queued=1000000", "jobs.concurrency=1"];
    // What is uploaded must not be found by other tests.
    let uploads = tempfile::tempdir().expect("temporary folder");
    let folder = |key: &str| format!("{key}='{}'", uploads.path().display());
    let (music, local) = (folder("music.dir"), folder("local.dir"));
    let set = [tokens, often[0], often[1], many[0], many[1], &music, &local];
    let mut world = World::start("", &set).await;
    let (token, length) = (TOKENS[0].1, how_long());
    // In turn: on a busy machine the first phases take all the time there is, and nothing is left for the last.
    let all_phases = async {
        let first = run_schemathesis(&world, token, "examples,coverage,fuzzing", length * 3 / 4);
        first.await + &run_schemathesis(&world, token, "stateful", length / 4).await
    };
    let (said, n_sent) =
        tokio::join!(all_phases, send_odd_bodies(&world.base, token, Instant::now() + length),);
    for phase in ["Examples", "Coverage", "Fuzzing", "Stateful"] {
        let passed = said.lines().any(|line| line.contains(phase) && line.contains('✅'));
        assert!(passed, "{phase}:\n{said}");
    }
    assert!(n_sent > 100, "only {n_sent} odd bodies");
    let health = reqwest::get(world.base.join("healthz").expect("a path")).await;
    assert_eq!(health.expect("an answer").status().as_u16(), 200);
    assert_eq!(world.pipeline.ended(), None);
    let log = world.log();
    for defect in ["panicked", " ERROR "] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(defect)).collect();
        assert!(lines.is_empty(), "{defect}: {lines:#?}");
    }
    world.stop().await;
}
