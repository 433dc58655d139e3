//! A load over a service of the user's own.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{World, short};
use crate::commands::Context;
use crate::commands::load_test::{self, Args, Tested};
use crate::exit::Exit;
use crate::ui::{Output, Ui};

/// As `cargo xtask load-test --url … --input body.json` with `more`.
fn args(world: &World, more: &[&str]) -> Args {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let body = world.folder.path().join("body.json");
    fs_err::write(&body, short(&json!({})).to_string()).expect("written");
    let out = world.folder.path().join("out");
    let fixed = ["load-test", "--url", world.base.as_str(), "--input"];
    let line = fixed.iter().map(Into::into).chain([body.into(), "--out".into(), out.into()]);
    let more = more.iter().map(std::ffi::OsString::from);
    clap::Parser::try_parse_from(line.chain(more)).map(|line: Line| line.args).expect("arguments")
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
async fn e2e_a_service_that_goes_away_makes_the_run_invalid_and_burns_no_plan() {
    let mut world = World::start("", &[]).await;
    let args = args(&world, &["--concurrency", "4", "--jobs", "1000", "--max-jobs", "1000"]);
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
    assert!(tested.n_failed < 60, "{} jobs were burnt", tested.n_failed);
    assert!(world.pipeline.ended().is_some());
    world.stop().await;
}
