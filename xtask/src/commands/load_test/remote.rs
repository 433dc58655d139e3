//! A load over a service of the user's own.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bench::{Mix, Plan, Run, Scenario};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::drive::{Asked, drive, ready};
use super::{Args, POLL, mix};
use crate::commands::Context;
use crate::exit::Failure;
use crate::record::RunFolder;
use crate::targets::{Address, Driveable, Service};

/// So often in a row a service is not reached before it counts as gone.
const TRIES: u32 = 5;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Drives the service at `url` with the body in `--input`, or the bodies of `--mix`.
///
/// # Errors
///
/// A body that is no JSON, a token that is not there, a service that does not answer: all before the
/// first job.
pub async fn test(
    args: &Args,
    plan: Plan,
    url: &Url,
    cx: &Context<'_>,
    stop: &CancellationToken,
) -> anyhow::Result<(RunFolder, Run)> {
    let bodies = bodies(args)?;
    let (scenario, mix) = mix::named(&bodies);
    let base = base(url)?;
    let token = args.token_env.as_deref().map(token).transpose()?;
    let driveable = Driveable::at(Address {
        base: base.clone(),
        token: token.as_deref(),
        speaks: args.speaks,
        is_sync: args.sync,
        poll: POLL,
    })?;
    let service = driveable.target.service().clone();
    ready(&service, cx, stop).await?;
    let folder = RunFolder::create(args.out.as_deref(), &cx.paths, &scenario.name)?;
    let note = "cores, cpu, memory and the rest are of the driver's machine, not of the service's";
    let mut settings = args.speaks.notes(bodies.shares().map(|share| &share.scenario.payload));
    settings.push(("note", note.into()));
    let target = base.to_string();
    let asked = Asked { scenario, mix, plan, target, settings, pid: None };
    let died = async |unreached: &Notify| gone(&service, unreached).await;
    let run = drive(asked, driveable, &folder, died, cx, stop).await?;
    Ok((folder, run))
}

/// The bodies of the requests, each of which the service may take.
fn bodies(args: &Args) -> anyhow::Result<Mix> {
    let body = |input: &Path| {
        let scenario = scenario(input)?;
        let name = |failure: Failure| failure.about(&input.display().to_string());
        args.speaks.check_body(&scenario.payload).map_err(name)?;
        Ok(scenario)
    };
    match &args.input {
        Some(input) => Ok(body(input)?.into()),
        None => mix::of_bodies(&args.mix, body),
    }
}

/// The body in a file, which gives it its name.
fn scenario(input: &Path) -> anyhow::Result<Scenario> {
    let text = fs_err::read_to_string(input)?;
    let payload = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{}: expected a JSON document: {error}", input.display()))
    })?;
    let name = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Scenario { title: format!("the body in {}", input.display()), name, payload })
}

/// The URL as a folder, so that paths are appended to it.
fn base(url: &Url) -> anyhow::Result<Url> {
    if !["http", "https"].contains(&url.scheme()) {
        return Err(Failure::usage(format!("--url {url}: expected http or https")).into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        // It would stand in the report.
        let message = "--url has a name or a password in it";
        return Err(Failure::usage(message).with_hint("name a variable: --token-env NAME").into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        // It would not be sent, and stand in the report.
        let message = "--url has a query or a fragment";
        return Err(Failure::usage(message).with_hint("paths are appended to it").into());
    }
    let mut base = url.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", url.path()));
    }
    Ok(base)
}

fn token(name: &str) -> anyhow::Result<String> {
    let token = std::env::var(name).ok().filter(|token| !token.is_empty());
    token.with_context(|| format!("--token-env {name}: there is no such variable, or it is empty"))
}

/// Comes when the service was not reached several times in a row.
async fn gone(service: &Service, unreached: &Notify) -> String {
    loop {
        unreached.notified().await;
        let mut reason = None;
        for _ in 0..TRIES {
            match service.is_ready().await {
                Ok(_) => {
                    reason = None;
                    break;
                }
                Err(error) => reason = Some(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(error) = reason {
            return format!("it was not reached {TRIES} times in a row: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: Result<&str, &str>) {
        let found = base(&url.parse().expect("a URL"));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.as_str(), expected),
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{error}"),
            (found, expected) => panic!("{url}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn a_url_is_a_folder_without_secrets() {
        check("http://127.0.0.1:8090", Ok("http://127.0.0.1:8090/"));
        check("https://a.example/videos", Ok("https://a.example/videos/"));
        check("https://me:secret@a.example/", Err("has a name or a password"));
        check("https://a.example/?api_key=secret", Err("has a query"));
        check("file:///etc/passwd", Err("expected http or https"));
    }

    #[test]
    fn a_body_that_is_no_document_is_named() {
        let folder = tempfile::tempdir().expect("a temp folder");
        let input = folder.path().join("body.json");
        fs_err::write(&input, "{").expect("written");
        let error = scenario(&input).expect_err("no document").to_string();
        assert!(error.contains("body.json: expected a JSON document: EOF"), "{error}");
        fs_err::write(&input, r#"{"a": 1}"#).expect("written");
        let read = scenario(&input).expect("a document");
        assert_eq!((read.name.as_str(), &read.payload["a"]), ("body", &1.into()));
    }
}
