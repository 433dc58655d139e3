//! Tells a client that its job has ended.

use std::time::Duration;

use url::Url;

use super::answer::status_of;
use crate::api::Api;

/// How often it is tried.
const ATTEMPTS: usize = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(10);
/// Time for an answer.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits for the end of the job `id` and sends its status to `url`. A service that is stopped before
/// forgets it: clients of a webhook look at the status, too.
pub fn when_ended(api: Api, id: String, url: Url) {
    tokio::spawn(async move {
        let status = match api.queue.ended(&id).await {
            Ok(Some(status)) => status_of(&status),
            Ok(None) => return,
            Err(error) => {
                return tracing::error!(job = id, %error, "no webhook: the job is unknown");
            }
        };
        for attempt in 1..=ATTEMPTS {
            // Its path may be a secret: the host alone is told.
            let host = url.host_str().unwrap_or_default();
            let sent = api.webhooks.post(url.clone()).timeout(LIMIT).json(&status).send().await;
            match sent.map(|answer| answer.status().as_u16()) {
                Ok(200) => return tracing::debug!(job = id, host, "webhook"),
                Ok(status) => tracing::warn!(job = id, host, attempt, status, "webhook refused"),
                Err(error) => {
                    let error = error.without_url();
                    tracing::warn!(job = id, host, attempt, %error, "webhook failed");
                }
            }
            if attempt < ATTEMPTS {
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
}
