//! A load over a service of the user's own.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{World, short};
use crate::commands::Context;
use crate::commands::load_test::{self, Args, Tested};
use crate::exit::Exit;
use crate::ui::{Output, Ui};

/// The arguments that stand on a line.
fn parsed(line: impl Iterator<Item = std::ffi::OsString>) -> Args {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    clap::Parser::try_parse_from(line).map(|line: Line| line.args).expect("arguments")
}

/// As `cargo xtask load-test --url … --input body.json` with `more`.
fn args(world: &World, more: &[&str]) -> Args {
    let body = world.folder.path().join("body.json");
    fs_err::write(&body, short(&json!({})).to_string()).expect("written");
    let out = world.folder.path().join("out");
    let fixed = ["load-test", "--url", world.base.as_str(), "--input"];
    let line = fixed.iter().map(Into::into).chain([body.into(), "--out".into(), out.into()]);
    let more = more.iter().map(std::ffi::OsString::from);
    parsed(line.chain(more))
}

async fn test(world: &World, args: &Args) -> anyhow::Result<Tested> {
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    let cx = Context { ui: &ui, paths: world.paths.clone() };
    load_test::test(args, &cx, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_service_of_the_users_own_is_driven_with_their_body() {
    let world = World::start("", &[]).await;
    let args = args(&world, &["--concurrency", "2", "--jobs", "4"]);
    let tested = test(&world, &args).await.expect("a test");
    assert_eq!((tested.n_ok, tested.exit()), (4, Exit::Pass), "{}", tested.verdict);
    let counts = world.client.job_counts().await.expect("counts");
    assert!(counts.contains(&("succeeded".to_owned(), 4)), "{counts:?}");
    let report = fs_err::read_to_string(&tested.report).expect("a report");
    assert!(report.contains(world.base.as_str()) && report.contains("`body`"), "{report}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_mix_of_bodies_and_priorities_is_driven_by_weight() {
    let world = World::start("", &[]).await;
    let file = |name: &str, changes: serde_json::Value| {
        let path = world.folder.path().join(format!("{name}.json"));
        fs_err::write(&path, short(&changes).to_string()).expect("written");
        path.display().to_string()
    };
    let script = file("script", json!({ "stop_at": "script" }));
    let speech = file("speech", json!({ "stop_at": "narration", "priority": "LOW" }));
    let out = world.folder.path().join("out");
    let (often, seldom) = (format!("{script}=3"), format!("{speech}:high=1"));
    let line = ["load-test", "--url", world.base.as_str(), "--mix", &often, "--mix", &seldom];
    let jobs = ["--concurrency", "3", "--jobs", "12", "--max-jobs", "14", "--warm-up", "2"];
    let line = line.iter().chain(&jobs).map(Into::into);
    let args = parsed(line.chain(["--out".into(), out.clone().into()]));
    let tested = test(&world, &args).await.expect("a test");
    assert_eq!(tested.n_failed, 0, "{}: {:?}", tested.verdict, tested.failures);

    let text = fs_err::read_to_string(out.join("run.json")).expect("a run file");
    let run = bench::Run::from_json(&text).expect("a run");
    let mix = run.asked();
    let shares: Vec<String> = mix.shares().map(ToString::to_string).collect();
    assert_eq!(shares, ["3 x script", "1 x speech (HIGH)"]);
    let lines = fs_err::read_to_string(out.join("samples.jsonl")).expect("samples");
    let samples = bench::raw::read(&lines).expect("lines").samples;
    assert_eq!(samples.len(), 14, "with two that warm up");
    for sample in &samples {
        let share = mix.of_job(run.plan.seed, sample.job, sample.phase);
        let share = mix.shares().nth(share).expect("a share");
        assert_eq!(sample.scenario.as_ref(), Some(&share.scenario.name), "{sample:?}");
        assert_eq!(sample.priority, share.priority, "{sample:?}");
        // As the service took it: what is asked for by the mix counts, and else what the body says.
        let taken = share.priority.as_deref().unwrap_or("NORMAL");
        assert_eq!(sample.extra["priority"], taken, "{sample:?}");
        let has_sound = sample.extra.get(bench::MEDIA_MS).is_some();
        assert_eq!(has_sound, share.scenario.name == "speech", "{sample:?}");
    }
    let n_high = samples.iter().filter(|sample| sample.priority.is_some()).count();
    assert!((1..14).contains(&n_high), "{n_high}");
    let report = fs_err::read_to_string(&tested.report).expect("a report");
    for expected in ["of a mix by weight (3 x script, 1 x speech (HIGH))", "## Latency by scenario"]
    {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_service_that_goes_away_makes_the_run_invalid_and_burns_no_plan() {
    let mut world = World::start("", &[]).await;
    // Few jobs are left: waiting for the service must not use them up.
    let args = args(&world, &["--concurrency", "4", "--jobs", "10"]);
    let samples = world.folder.path().join("out/samples.jsonl");
    let (tested, ()) = tokio::join!(test(&world, &args), async {
        while fs_err::read_to_string(&samples).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let killed = tokio::process::Command::new("kill")
            .args(["-9", &world.pipeline.pid().expect("it runs").to_string()])
            .status()
            .await;
        assert!(killed.expect("kill").success());
    });
    let tested = tested.expect("a report");
    assert_eq!(tested.exit(), Exit::Invalid, "{}", tested.verdict);
    assert!(tested.verdict.contains("it was not reached 5 times in a row"), "{}", tested.verdict);
    assert!(tested.n_failed + tested.n_ok < 10, "all were burnt: {}", tested.verdict);
    assert!(world.pipeline.ended().is_some());
    world.stop().await;
}

/// A service that takes one job and answers `status` to every look at it; it counts what it is asked.
async fn service(
    status: &'static str,
) -> (url::Url, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let n_bytes = connection.read(&mut request).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&request[..n_bytes]).into_owned();
            let line = head.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
            let answer = if line.starts_with("GET /readyz") { "404 Not Found" } else { status };
            seen.lock().expect("not poisoned").push(line);
            let answer =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 4\r\nconnection: close\r\n\r\nno, ");
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    (base.parse().expect("a URL"), asked)
}

/// Drives such a service with many jobs.
async fn driven(base: &url::Url) -> anyhow::Result<Tested> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("temporary folder");
    let body = folder.path().join("body.json");
    fs_err::write(&body, "{}").expect("written");
    let out = folder.path().join("out");
    let line =
        ["load-test", "--concurrency", "2", "--jobs", "4", "--url", base.as_str(), "--input"];
    let args = parsed(line.iter().map(Into::into).chain([body.into(), "--out".into(), out.into()]));
    let ui = Ui::from_env(Output { quiet: true, ..Output::default() });
    let cx = Context { ui: &ui, paths: crate::paths::Paths::from_env().expect("a checkout") };
    load_test::test(&args, &cx, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_service_that_refuses_the_job_is_asked_no_further() {
    let (base, asked) = service("401 Unauthorized").await;
    let error = driven(&base).await.expect_err("refused").to_string();
    assert!(error.contains("the service refuses the job") && error.contains("401"), "{error}");
    let asked = asked.lock().expect("not poisoned");
    let n_jobs = asked.iter().filter(|line| line.starts_with("POST")).count();
    assert!(n_jobs <= 2, "one a worker: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e2e_a_service_that_is_busy_is_not_hammered() {
    let (base, _) = service("429 Too Many Requests").await;
    let began = std::time::Instant::now();
    let tested = driven(&base).await.expect("a report");
    assert_eq!((tested.n_failed, tested.exit()), (4, Exit::Failed), "{}", tested.verdict);
    assert!(began.elapsed() >= Duration::from_secs(2), "two jobs a worker, each held back");
    assert_eq!(tested.failures.len(), 1, "{:?}", tested.failures);
    assert!(tested.failures[0].2.contains("429 Too Many Requests: no"), "{:?}", tested.failures);
}
