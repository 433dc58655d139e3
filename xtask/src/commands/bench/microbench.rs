//! Every micro benchmark, by criterion.

use bench::criterion;
use bench::report::ways::{self as page, Told};
use tokio_util::sync::CancellationToken;

use super::{Args, folder, program};
use crate::commands::compare::microbench;
use crate::commands::{Context, fetch_models, typed};
use crate::exit::{Exit, Failure};
use crate::record;

/// Programs of criterion: the package, and its benchmarks.
const PROGRAMS: [(&str, &[&str]); 3] = [
    ("bench", &["gate", "load", "record", "summary"]),
    ("fetch", &["hash_stream"]),
    ("pipeline", &["selection", "embeddings"]),
];

/// Runs them, tells of each, and compares them with results that were kept.
///
/// # Errors
///
/// One does not build or fails; there are no results at `--against`.
pub async fn run(args: &Args, cx: &Context<'_>, stop: &CancellationToken) -> anyhow::Result<Exit> {
    let before = args.against.as_deref().map(|folder| {
        microbench::read(folder)?.ok_or_else(|| {
            let message = format!(
                "--against {}: expected results of criterion, found none",
                folder.display()
            );
            anyhow::Error::from(Failure::usage(message).with_hint("a copy of target/criterion"))
        })
    });
    let before = before.transpose()?;
    let folder = folder(args, cx)?;
    // What a benchmark left that is not there any more would be told as its result.
    let results = fs_err::canonicalize(&folder)?.join("criterion");
    fetch_models::ensure(cx, stop).await?;
    for (package, names) in PROGRAMS {
        let mut cargo = program::bench(args.build(), package, names, cx);
        cargo.args(&args.arguments);
        cargo.env("CRITERION_HOME", &results).env("REELBENCH_MODELS", cx.paths.models());
        program::shown(cargo, cx, stop).await?;
    }
    let found = microbench::read(&results)?.ok_or_else(|| {
        let named = args.arguments.join(" ");
        Failure::usage(format!("expected a benchmark with {named:?} in its name, found none"))
    })?;
    let told = Told {
        title: "Bench: criterion".to_owned(),
        environment: args.facts(cx).await,
        command: typed(),
        ..Told::default()
    };
    let page = criterion::page(before.as_deref(), &found, told);
    for (name, text) in page::files(&page) {
        record::replace(&folder.join(name), &text)?;
    }
    cx.ui.pass(&page.verdict);
    cx.ui.data(format!("report      {}", cx.paths.shown(&folder.join(page::PAGE)).display()));
    cx.ui.json(&page)?;
    Ok(Exit::Pass)
}
