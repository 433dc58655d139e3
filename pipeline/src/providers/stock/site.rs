//! How a site is asked: with the key whose turn it is.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::keys::{Keys, Quota, Turn};
use crate::limits::Slots;
use crate::providers::http::{Answer, Call, Failure, MAX_JSON_BYTES};
use crate::providers::{Client, Key, ProviderError};

/// Keys that rest are waited for so long; Pixabay's minute is soon over, Pexels' hour is not.
const MAX_REST: Duration = Duration::from_secs(30);

/// Where a site is asked, and with what.
#[derive(Debug)]
pub(super) struct Site {
    /// For messages, metrics and the cache.
    pub(super) name: &'static str,
    pub(super) client: Client,
    pub(super) base_url: String,
    slots: Slots,
    keys: Keys,
}

impl Site {
    pub(super) fn new(
        name: &'static str,
        client: Client,
        base_url: &str,
        keys: Vec<Key>,
        slots: Slots,
    ) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Self { name, client, base_url, slots, keys: Keys::new(keys) }
    }

    /// Gets a JSON document with the request that `with` makes for a key; `url` is the address without
    /// the key. A key that is refused or used up rests, and the next one is asked with.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        with: impl Fn(Option<&SecretString>) -> reqwest::RequestBuilder,
        url: &str,
    ) -> Result<T, ProviderError> {
        let mut n_left = self.keys.len();
        loop {
            n_left -= 1;
            let index = self.turn(url).await?;
            let key = self.keys.get(index);
            let call = Call {
                client: &self.client,
                request: with(key.secret()).build(),
                url,
                key: key.secret(),
                key_env: key.env(),
                max_bytes: MAX_JSON_BYTES,
                patience: Duration::MAX,
                slots: Some(&self.slots),
            };
            // Another key helps at once, waiting helps later. Keys that wake up meanwhile are not asked
            // with again: they may fall asleep as fast.
            let has_other = n_left > 0 && self.keys.has_other(index, Timestamp::now());
            let patient = |failure: &Failure| !(has_other && is_of_key(&failure.error));
            match call.answer(patient).await {
                Ok(answer) => {
                    self.answered(index, &answer);
                    return call.read(&answer.body, "the site's search result");
                }
                Err(failure) => self.failed(index, has_other, failure)?,
            }
        }
    }

    /// The number of the key whose turn it is, after a short wait where all rest.
    async fn turn(&self, url: &str) -> Result<usize, ProviderError> {
        loop {
            let now = Timestamp::now();
            let until = match self.keys.take(now) {
                Turn::Key(index) => return Ok(index),
                Turn::Resting(until) => until,
            };
            let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            if wait > MAX_REST {
                let keys = match self.keys.len() {
                    1 => "the key".to_owned(),
                    n => format!("all {n} keys"),
                };
                let (url, key_env) = (url.to_owned(), self.keys.get(0).env().to_owned());
                return Err(ProviderError::Exhausted {
                    url,
                    keys,
                    key_env,
                    until: until.to_string(),
                });
            }
            tracing::info!(site = self.name, ?wait, "waiting for the quota");
            tokio::time::sleep(wait.max(Duration::from_millis(10))).await;
        }
    }

    fn answered(&self, index: usize, answer: &Answer) {
        let now = Timestamp::now();
        let quota = Quota::of(&answer.headers, now);
        if let Some(remaining) = quota.remaining {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!("reelbench_stock_quota_remaining", "site" => self.name)
                .set(remaining as f64);
            tracing::debug!(site = self.name, key = index + 1, remaining, "quota");
        }
        self.keys.answered(index, quota, now);
    }

    /// Puts the key to rest where that is the cause. Ok: another one may do.
    fn failed(&self, index: usize, has_other: bool, failure: Failure) -> Result<(), ProviderError> {
        let now = Timestamp::now();
        match failure.error {
            ProviderError::Unauthorised { .. } => self.keys.refused(index, now),
            ProviderError::RateLimited { .. } => {
                self.keys.used_up(index, failure.retry_after, now);
            }
            error => return Err(error),
        }
        metrics::counter!("reelbench_stock_keys_rested_total", "site" => self.name).increment(1);
        tracing::warn!(site = self.name, key = index + 1, error = %failure.error, "the key rests");
        if has_other { Ok(()) } else { Err(failure.error) }
    }
}

fn is_of_key(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Unauthorised { .. } | ProviderError::RateLimited { .. })
}
