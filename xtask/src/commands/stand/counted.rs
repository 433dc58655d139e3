//! What was counted on a stand: the same whenever the same work is done, on any machine.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::Stand;

/// Time for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Stages of which each run is one piece of work.
const STAGES: [(&str, &str); 2] = [("render", "encodes"), ("narration", "narrations")];

impl Stand {
    /// Requests to each provider server, encodes and narrations since it was started. A program that is too
    /// old to tell of its stages does not have those.
    ///
    /// # Errors
    ///
    /// The provider servers do not answer.
    pub async fn counted(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut counts = requests(&self.control).await?;
        if let Ok(metrics) = document(self.base.join("metrics.json")?.as_str()).await {
            counts.extend(stages(&metrics));
        }
        Ok(counts)
    }
}

#[derive(Deserialize)]
struct Requests {
    providers: BTreeMap<String, Provider>,
}

#[derive(Deserialize)]
struct Provider {
    requests: u64,
}

async fn requests(control: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let answer = document(&format!("{control}/requests")).await?;
    let Requests { providers } = serde_json::from_value(answer)?;
    let asked = providers.into_iter().filter(|(_, provider)| provider.requests > 0);
    Ok(asked.map(|(name, provider)| (format!("requests to {name}"), provider.requests)).collect())
}

fn stages(metrics: &Value) -> impl Iterator<Item = (String, u64)> {
    STAGES.into_iter().filter_map(|(stage, name)| {
        Some((name.to_owned(), metrics["features"][stage]["count"].as_u64()?))
    })
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
    fn a_program_tells_of_the_stages_it_knows() {
        let metrics =
            serde_json::json!({"features": {"render": {"count": 7}, "terms": {"count": 1}}});
        let found: Vec<_> = stages(&metrics).collect();
        assert_eq!(found, [("encodes".to_owned(), 7)]);
        assert_eq!(stages(&Value::Null).count(), 0);
    }
}
