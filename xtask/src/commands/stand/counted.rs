//! What was counted on a stand: the same whenever the same work is done, on any machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Prepared, Stand};
use crate::services::COUNT_ALLOCATIONS;
use crate::targets::{NativeClient, Service};

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Stages of which each run is one piece of work.
const STAGES: [(&str, &str); 2] = [("render", "encodes"), ("narration", "narrations")];

/// What was counted, by name.
pub type Counts = BTreeMap<String, u64>;

/// Requests to each provider server and the bytes it sent, as their `control` tells, and encodes, narrations and
/// loads of models of `service`, since both were started. A program that is too old to tell of its stages or
/// models does not have those.
///
/// # Errors
///
/// One of them does not answer.
pub async fn counted(control: &str, service: &Service) -> anyhow::Result<Counts> {
    let mut counts = requests(asked(control).await?);
    let answer = service.request(Method::GET, "metrics.json")?.send().await?;
    // A program that is older than that document.
    if answer.status() != StatusCode::NOT_FOUND {
        let metrics = service.accepted(answer).await?.json().await?;
        counts.extend(stages(&metrics));
        counts.extend(loads(&metrics));
    }
    Ok(counts)
}

impl Stand {
    /// What was counted since it was started ([`counted`]).
    ///
    /// # Errors
    ///
    /// The provider servers do not answer.
    pub async fn counted(&self) -> anyhow::Result<Counts> {
        counted(&self.control, NativeClient::new(self.base.clone())?.service()).await
    }
}

impl Prepared {
    /// What work for a job allocates, by kind. None: the pipeline is older than the program that counts it.
    ///
    /// # Errors
    ///
    /// That program fails.
    pub async fn allocations(&self) -> anyhow::Result<Option<Counts>> {
        let program = self.binaries.pipeline.with_file_name(COUNT_ALLOCATIONS);
        if !program.is_file() {
            return Ok(None);
        }
        let name = program.display();
        let output = Command::new(&program).kill_on_drop(true).output();
        let output =
            timeout(TIMEOUT, output).await.with_context(|| format!("{name}: too slow"))??;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "{name}: {}: {}", output.status, said.trim());
        let counts: Counts = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{name}: expected counts by name"))?;
        Ok(Some(named("allocations of", counts)))
    }
}

#[derive(Deserialize)]
struct Requests {
    providers: BTreeMap<String, Provider>,
}

#[derive(Deserialize)]
struct Provider {
    requests: u64,
    bytes_sent: u64,
}

fn requests(Requests { providers }: Requests) -> Counts {
    // Also of those that nobody asked: one that only the other side asks must not be lost.
    let counts = providers.into_iter().flat_map(|(name, provider)| {
        let Provider { requests, bytes_sent } = provider;
        [(format!("requests to {name}"), requests), (format!("bytes from {name}"), bytes_sent)]
    });
    counts.collect()
}

fn stages(metrics: &Value) -> impl Iterator<Item = (String, u64)> {
    // One that no job came to is told of by none, and was done no time.
    let told = metrics["features"].as_object();
    let counted = move |(stage, name): (&str, &str)| {
        let n = told?.get(stage).map_or(Some(0), |told| told["count"].as_u64())?;
        Some((name.to_owned(), n))
    };
    STAGES.into_iter().filter_map(counted)
}

fn loads(metrics: &Value) -> Counts {
    let models = metrics["models"].as_object().into_iter().flatten();
    named("loads of", models.filter_map(|(model, told)| Some((model, told["loads"].as_u64()?))))
}

fn named<N: AsRef<str>>(what: &str, counts: impl IntoIterator<Item = (N, u64)>) -> Counts {
    counts.into_iter().map(|(name, n)| (format!("{what} {}", name.as_ref()), n)).collect()
}

/// What the provider servers tell that were asked.
async fn asked(control: &str) -> anyhow::Result<Requests> {
    let url = format!("{control}/requests");
    // On this machine: no proxy leads there.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let answer = client.get(&url).send().await?.error_for_status()?;
    answer.json().await.with_context(|| format!("{url}: expected counts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_tells_of_the_stages_and_models_it_knows() {
        let metrics = serde_json::json!({
            "features": {"render": {"count": 7}, "terms": {"count": 1}},
            "models": {"minilm": {"loads": 1}, "later": {}},
        });
        let found: Vec<_> = stages(&metrics).collect();
        assert_eq!(found, [("encodes".to_owned(), 7), ("narrations".to_owned(), 0)]);
        assert_eq!(loads(&metrics), [("loads of minilm".to_owned(), 1)].into());
        assert_eq!((stages(&Value::Null).count(), loads(&Value::Null)), (0, Counts::new()));
    }

    #[test]
    fn every_provider_is_counted_also_one_that_was_not_asked() {
        let answer = serde_json::json!({"providers": {
            "openai": {"requests": 3, "bytes_sent": 120, "faults": {}},
            "pexels": {"requests": 0, "bytes_sent": 0},
        }});
        let counts = requests(serde_json::from_value(answer).expect("counts"));
        let expected = [
            ("bytes from openai", 120),
            ("bytes from pexels", 0),
            ("requests to openai", 3),
            ("requests to pexels", 0),
        ];
        assert_eq!(counts, expected.map(|(name, n)| (name.to_owned(), n)).into());
    }
}
