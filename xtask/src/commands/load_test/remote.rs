//! A load over a service of the user's own.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bench::{Mix, Plan, Run, Scenario};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::drive::{Asked, drive, ready};
use super::mix::Part;
use super::subject::Address;
use super::{POLL, mix};
use crate::commands::Context;
use crate::exit::Failure;
use crate::record::RunFolder;
use crate::targets::{self, Driveable, Service};

/// So often in a row a service is not reached before it counts as gone.
const TRIES: u32 = 5;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A service that runs elsewhere, with what it is asked for.
#[derive(Debug)]
pub struct Remote {
    address: Address,
    base: Url,
    asked_for: Mix,
}

impl Remote {
    /// Reads the body, or the bodies of a mix, and the token, and waits until the service can work.
    ///
    /// # Errors
    ///
    /// A body that is no JSON, a token that is not there, a service that does not answer: all before the
    /// first job.
    pub async fn prepare(
        address: &Address,
        mix: &[Part],
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let asked_for = bodies(address, mix)?;
        let base = base(&address.url)?;
        let remote = Self { address: address.clone(), base, asked_for };
        ready(remote.driveable()?.target.service(), cx, stop).await?;
        Ok(remote)
    }

    pub(super) const fn asked_for(&self) -> &Mix {
        &self.asked_for
    }

    fn driveable(&self) -> anyhow::Result<Driveable> {
        let token = self.address.token_env.as_deref().map(token).transpose()?;
        Driveable::at(targets::Address {
            base: self.base.clone(),
            token: token.as_deref(),
            speaks: self.address.speaks,
            is_sync: self.address.is_sync,
            poll: POLL,
        })
    }

    pub(super) async fn drive(
        &self,
        plan: &Plan,
        folder: &RunFolder,
        cx: &Context<'_>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Run> {
        let driveable = self.driveable()?;
        let service = driveable.target.service().clone();
        let note =
            "cores, cpu, memory and the rest are of the driver's machine, not of the service's";
        let bodies = self.asked_for.shares().map(|share| &share.scenario.payload);
        let mut settings = self.address.speaks.notes(bodies);
        settings.push(("note", note.into()));
        let (scenario, mix) = mix::named(&self.asked_for);
        let asked = Asked {
            scenario,
            mix,
            plan: plan.clone(),
            target: self.base.to_string(),
            settings,
            pid: None,
        };
        let died = async |unreached: &Notify| gone(&service, unreached).await;
        drive(asked, driveable, folder, died, cx, stop).await
    }
}

/// The bodies of the requests, each of which the service may take.
fn bodies(address: &Address, mix: &[Part]) -> anyhow::Result<Mix> {
    let body = |input: &Path| {
        let scenario = scenario(input)?;
        let name = |failure: Failure| failure.about(&input.display().to_string());
        address.speaks.check_body(&scenario.payload).map_err(name)?;
        Ok(scenario)
    };
    match &address.input {
        Some(input) => Ok(body(input)?.into()),
        None => mix::of_bodies(mix, body),
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
