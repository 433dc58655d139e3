//! Three machines with a PostgreSQL, a Redis and a store between them, each in a network of its own: one
//! dies, one is cut off, one is slow, and every job ends exactly once. Whoever is asked gives out what
//! the others made.

mod network;

use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::header;
use serde_json::json;
use tokio::process::{Child, Command};
use url::Url;

use self::network::Host;
use super::{World, chaos, short};
use crate::services::{Addresses, Pipeline, PipelineArgs, Server, TOKENS};
use crate::targets::NativeClient;

/// How late everything is that the slow machine hears and says.
const SLOW: Duration = Duration::from_millis(60);
/// Questions that language models are asked at once, by all machines together.
const LIGHT: u64 = 4;
/// Longer than any lease.
const CUT_OFF: Duration = Duration::from_secs(8);
const N_JOBS: usize = 36;
const ADMIN: &str = TOKENS[0].1;

const SETTINGS: [&str; 12] = [
    "jobs.max_attempts=30",
    "jobs.max_queued=2000",
    "jobs.lease_s=3.0",
    "jobs.retry_after_s=0.2",
    "downloads.stall_s=4.0",
    "llm.timeout_s=10.0",
    "limits.light=4",
    "cache.redis_url_env='REELBENCH_TEST_REDIS'",
    "limits.redis_url_env='REELBENCH_TEST_REDIS'",
    "publish.url='s3://reelbench/videos'",
    "publish.region='us-east-1'",
    "api.tokens=[{name='a', env='FIXTURE_ADMIN_TOKEN', role='admin'}]",
];

/// A Redis, gone with the test.
struct Redis {
    port: u16,
    _process: Child,
}

impl Redis {
    async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(port.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.kill_on_drop(true).spawn().expect("redis-server is installed");
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { port, _process: process }
    }
}

/// A machine; its data and its log are in the world's folder, under its name.
struct Machine {
    name: &'static str,
    host: Host,
    server: Server,
    base: Url,
}

impl Machine {
    async fn start(world: &World, redis: &Redis, name: &'static str, host: Host) -> Self {
        let near = host.near().to_string();
        let seen_from_there = |address: &str| address.replace("127.0.0.1", &near);
        let near_by = &world.providers;
        let providers = Addresses {
            openai: seen_from_there(&near_by.openai),
            pexels: seen_from_there(&near_by.pexels),
            pixabay: seen_from_there(&near_by.pixabay),
            coverr: seen_from_there(&near_by.coverr),
            comfyui: seen_from_there(&near_by.comfyui),
            replicate: seen_from_there(&near_by.replicate),
            s3: seen_from_there(&near_by.s3),
        };
        let mut set = SETTINGS.map(str::to_owned).to_vec();
        set.push(format!("listen='{}:0'", host.far()));
        set.push(format!("publish.endpoint='{}'", providers.s3));
        let database = world.database.as_deref().map(seen_from_there);
        let args = PipelineArgs {
            profile: "optimized",
            set: &set,
            data_dir: &world.folder.path().join(format!("data-{name}")),
            providers: &providers,
            database: database.as_deref(),
        };
        let pipeline = Pipeline::new(world.paths.binary("debug", "pipeline"));
        let mut command = host.on_it(&pipeline.command(&world.paths, &args));
        command.env("REELBENCH_TEST_REDIS", format!("redis://{near}:{}/0", redis.port));
        command.envs(["NO_PROXY", "no_proxy"].map(|name| (name, &near)));
        let log = world.folder.path().join(format!("{name}.log"));
        let (server, base) = Pipeline::started(command, &log).await.expect("a pipeline");
        Self { name, host, server, base }
    }

    async fn start_again(self, world: &World, redis: &Redis) -> Self {
        Self::start(world, redis, self.name, self.host).await
    }

    /// The first bytes of the video of a job, and how many it has.
    async fn video(&self, id: &str) -> (Vec<u8>, String) {
        let url = self.base.join(&format!("api/v1/jobs/{id}/result")).expect("a path");
        let request = reqwest::Client::new().get(url).bearer_auth(ADMIN);
        let answer = request.header(header::RANGE, "bytes=0-999").send().await.expect("an answer");
        assert_eq!(answer.status(), 206, "{} of {}", id, self.name);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "video/mp4");
        let range = answer.headers()[header::CONTENT_RANGE].to_str().expect("ASCII").to_owned();
        (answer.bytes().await.expect("all of it").to_vec(), range)
    }
}

/// From here on this machine is asked.
fn ask(world: &mut World, machine: &Machine) {
    world.client = NativeClient::with_token(machine.base.clone(), ADMIN).expect("a client");
    world.base = machine.base.clone();
}

fn port(address: &str) -> u16 {
    let address: Url = address.parse().expect("an address");
    address.port_or_known_default().expect("a port")
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_machines_that_die_are_cut_off_and_are_slow_lose_no_job() {
    let Some(database) = super::database().await else { return };
    let redis = Redis::start().await;
    // Its servers, and its folder; the machines are the workers.
    let mut world = World::start("[chat]\nlatency_ms = 700\n", &[]).await;
    world.pipeline.kill().await;
    let ports =
        [port(&database), redis.port, port(&world.providers.openai), port(&world.providers.s3)];
    world.database = Some(database);
    let mut machines = Vec::new();
    for (number, (name, delay)) in
        [("dying", Duration::ZERO), ("cut-off", Duration::ZERO), ("slow", SLOW)]
            .into_iter()
            .enumerate()
    {
        let number = u8::try_from(number).expect("three");
        let Some(host) = Host::make(number, &ports, delay).await else { return };
        machines.push(Machine::start(&world, &redis, name, host).await);
    }
    let [mut dying, cut_off, slow] = <[Machine; 3]>::try_from(machines).ok().expect("three");
    // Whoever asks the slow one a hundred things waits for a hundred answers.
    ask(&mut world, &dying);
    let mut jobs = chaos::submit(&world, N_JOBS).await;
    for _ in 0..3 {
        jobs.push(world.submit(short(&json!({}))).await);
    }
    let begun = Instant::now();
    ask(&mut world, &slow);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let most = world.asked("chat").await.most_at_once;
    assert!((2..=LIGHT).contains(&most), "{most} questions at once, of {LIGHT} places of all");

    dying.server.kill().await;
    world.keep_log(dying.name);
    cut_off.host.cut();
    tokio::time::sleep(CUT_OFF).await;
    let alone = fs_err::read_to_string(world.folder.path().join("cut-off.log")).expect("a log");
    assert!(alone.contains("cannot renew the lease"), "it knows that it is alone: {alone}");
    cut_off.host.mend();
    let dying = dying.start_again(&world, &redis).await;
    ask(&mut world, &dying);

    let patience = Instant::now() + super::PATIENCE;
    while !chaos::all_ended(&world, &jobs).await {
        assert!(Instant::now() < patience, "not in time: {:?}", world.client.job_counts().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let videos = jobs.split_off(N_JOBS);
    for job in &videos {
        let seen = [&dying, &cut_off, &slow].map(|machine| machine.video(&job.id));
        let [first, second, third] =
            futures::future::join_all(seen).await.try_into().expect("three");
        assert_eq!(first.0.len(), 1000);
        assert!(first == second && second == third, "{} {} {}", first.1, second.1, third.1);
    }
    jobs.extend(videos);
    for machine in [&dying, &cut_off, &slow] {
        world.keep_log(machine.name);
    }
    let log = world.log();
    assert!(log.contains("its worker is gone: it waits again"), "{log}");
    chaos::reconcile(&world, &jobs, 1, begun.elapsed()).await;
    for machine in [dying, cut_off, slow] {
        machine.server.stop().await;
    }
    world.servers.stop().await;
}
