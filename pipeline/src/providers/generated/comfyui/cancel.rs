//! Runs that nobody waits for any more do not keep the card busy.

use std::time::Duration;

use serde_json::{Value, json};

/// ComfyUI is told within this time, or not at all.
const LIMIT: Duration = Duration::from_secs(10);

/// Takes a run out of ComfyUI's queue when it is dropped before it was disarmed: the job was cancelled,
/// or the run took too long.
#[derive(Debug)]
pub(super) struct CancelOnDrop {
    client: reqwest::Client,
    base_url: String,
    /// None: it has ended.
    prompt_id: Option<String>,
}

impl CancelOnDrop {
    pub(super) fn new(client: &reqwest::Client, base_url: &str, prompt_id: &str) -> Self {
        let prompt_id = Some(prompt_id.to_owned());
        Self { client: client.clone(), base_url: base_url.to_owned(), prompt_id }
    }

    pub(super) fn disarm(mut self) {
        self.prompt_id = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (Some(prompt_id), Ok(runtime)) =
            (self.prompt_id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (client, base_url) = (self.client.clone(), self.base_url.clone());
        runtime.spawn(async move {
            let cancelled = cancel(&client, &base_url, &prompt_id);
            match tokio::time::timeout(LIMIT, cancelled).await {
                Ok(Ok(())) => tracing::info!(prompt_id, "taken out of ComfyUI's queue"),
                Ok(Err(error)) => tracing::warn!(prompt_id, %error, "cannot cancel a run"),
                Err(_) => tracing::warn!(prompt_id, "cannot cancel a run: no answer"),
            }
        });
    }
}

/// Out of the queue where it waits; interrupted where it runs, and only then: an older ComfyUI
/// interrupts whatever runs, which may be somebody else's.
async fn cancel(client: &reqwest::Client, base_url: &str, prompt_id: &str) -> reqwest::Result<()> {
    let queue = format!("{base_url}/queue");
    let delete = json!({"delete": [prompt_id]});
    client.post(&queue).json(&delete).send().await?.error_for_status()?;
    let state: Value = client.get(&queue).send().await?.error_for_status()?.json().await?;
    if runs(&state, prompt_id) {
        let interrupt = client.post(format!("{base_url}/interrupt"));
        interrupt.json(&json!({"prompt_id": prompt_id})).send().await?.error_for_status()?;
    }
    Ok(())
}

/// Whether the queue says that this prompt is being worked on: `[number, prompt_id, …]` each.
fn runs(queue: &Value, prompt_id: &str) -> bool {
    let running = queue["queue_running"].as_array();
    running.is_some_and(|running| running.iter().any(|prompt| prompt[1] == prompt_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_run_itself_is_interrupted() {
        let queue = json!({"queue_running": [[3, "ours", {}, {}, []]],
                           "queue_pending": [[4, "next", {}, {}, []]]});
        assert!(runs(&queue, "ours"));
        assert!(!runs(&queue, "next") && !runs(&json!({}), "ours"));
    }
}
