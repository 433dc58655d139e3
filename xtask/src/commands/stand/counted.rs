//! What was counted on a stand: the same whenever the same work is done, on any machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Prepared, Stand};
use crate::services::COUNT_ALLOCATIONS;

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Stages of which each run is one piece of work.
const STAGES: [(&str, &str); 2] = [("render", "encodes"), ("narration", "narrations")];

type Counts = BTreeMap<String, u64>;

impl Stand {
    /// Requests to each provider server and the bytes it sent, encodes, narrations and loads of models since it
    /// was started. A program that is too old to tell of its stages or models does not have those.
    ///
    /// # Errors
    ///
    /// The provider servers do not answer.
    pub async fn counted(&self) -> anyhow::Result<Counts> {
        let answer = document(&format!("{}/requests", self.control)).await?;
        let mut counts = requests(serde_json::from_value(answer)?);
        if let Ok(metrics) = document(self.base.join("metrics.json")?.as_str()).await {
            counts.extend(stages(&metrics));
            counts.extend(loads(&metrics));
        }
        Ok(counts)
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
    STAGES.into_iter().filter_map(|(stage, name)| {
        Some((name.to_owned(), metrics["features"][stage]["count"].as_u64()?))
    })
}

fn loads(metrics: &Value) -> Counts {
    let models = metrics["models"].as_object().into_iter().flatten();
    named("loads of", models.filter_map(|(model, told)| Some((model, told["loads"].as_u64()?))))
}

fn named<N: AsRef<str>>(what: &str, counts: impl IntoIterator<Item = (N, u64)>) -> Counts {
    counts.into_iter().map(|(name, n)| (format!("{what} {}", name.as_ref()), n)).collect()
}

async fn document(url: &str) -> anyhow::Result<Value> {
    // On this machine: no proxy leads there.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let answer = client.get(url).send().await?.error_for_status()?;
    answer.json().await.with_context(|| format!("{url}: expected a document"))
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
        assert_eq!(found, [("encodes".to_owned(), 7)]);
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
