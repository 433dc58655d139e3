//! How every provider is asked: a few times, with a limit for all that it may send, and so that no
//! message shows the key.
//!
//! Requests are async-openai's types, but its client is not used. It parses every error as OpenAI
//! writes it: the `{"detail": …}` of another server loses its status, so that a wrong key cannot be
//! told from a bad request, and such a 429 is not asked again. It also waits as long as any
//! `Retry-After` says, and gives up where a connection breaks half-way.

use std::time::Duration;

use fetch::AskError;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::patience::{Patience, patiently};
use super::{Client, ProviderError};
use crate::limits::{Slot, Slots};

/// Largest answer where the answer is JSON.
pub(crate) const MAX_JSON_BYTES: usize = 16 << 20;
/// How much of an error is read; enough to find its type in it.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// How many characters of an answer are shown.
const MAX_SHOWN_CHARS: usize = 300;

/// How gateways say that what is behind them has the question and does not answer: 504, and
/// Cloudflare's own.
const TIMEOUTS: [u16; 2] = [504, 524];

/// One question to a provider.
pub(crate) struct Call<'a> {
    /// Shared, for its connections.
    pub(crate) client: &'a Client,
    /// What is sent at each attempt, as its builder gives it.
    pub(crate) request: reqwest::Result<reqwest::Request>,
    /// The address as it may be shown: the key is not in it.
    pub(crate) url: &'a str,
    /// The key that is sent. Providers repeat it; messages do not.
    pub(crate) key: Option<&'a SecretString>,
    /// What a user knows the key by: the variable it comes from.
    pub(crate) key_env: &'a str,
    /// Largest answer.
    pub(crate) max_bytes: usize,
    /// Time for all attempts, as [`Patience::time`]. The client bounds each of them.
    pub(crate) patience: Duration,
    /// Where each attempt takes a place, until its last byte is here. None: the call has one already.
    pub(crate) slots: Option<&'a Slots>,
}

/// What came, with its head.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The headers: what is left of a quota is told there.
    pub(crate) headers: HeaderMap,
    /// All of it.
    pub(crate) body: Vec<u8>,
}

/// Why an attempt failed, and how long the provider wants to be left alone.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) error: ProviderError,
    /// What its `Retry-After` says.
    pub(crate) retry_after: Option<Duration>,
    /// The whole of what it said, where it refused: some write more than a line into it.
    pub(crate) body: Vec<u8>,
    /// The provider, or a gateway before it, had the question and gave no answer: it may be at work.
    pub(crate) is_lost: bool,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { error, retry_after: None, body: Vec::new(), is_lost: false }
    }
}

/// What kept the rest of a body away.
enum Cut {
    Limit,
    Connection(reqwest::Error),
}

impl Call<'_> {
    /// Asks, and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// As [`Self::bytes`], and [`ProviderError::BadAnswer`] where it is not `expected`.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        expected: &'static str,
    ) -> Result<T, ProviderError> {
        self.read(&self.bytes().await?, expected)
    }

    /// Reads `body` as JSON.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BadAnswer`] where it is not `expected`.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        body: &[u8],
        expected: &'static str,
    ) -> Result<T, ProviderError> {
        serde_json::from_slice(body).map_err(|error| {
            let start = &body[..body.len().min(MAX_ERROR_BYTES)];
            self.bad_answer(expected, &format!("{error} in {}", String::from_utf8_lossy(start)))
        })
    }

    /// Asks until there is an answer, a refusal, or the attempts are used up; waits longer each time,
    /// with jitter, or as long as the provider says.
    ///
    /// # Errors
    ///
    /// [`ProviderError`], of the last attempt.
    pub(crate) async fn bytes(&self) -> Result<Vec<u8>, ProviderError> {
        self.bytes_in(None).await
    }

    /// As [`Self::bytes`], in the place `first` where the first attempt has one already.
    ///
    /// # Errors
    ///
    /// [`ProviderError`], of the last attempt.
    pub(crate) async fn bytes_in(&self, first: Option<Slot>) -> Result<Vec<u8>, ProviderError> {
        let answer = self.attempts(first, |_| true).await;
        answer.map(|answer| answer.body).map_err(|failure| failure.error)
    }

    /// As [`Self::bytes`], with the head; what passes is only waited for where `is_worth_it`: who has
    /// another key asks with that one at once.
    ///
    /// # Errors
    ///
    /// [`Failure`], of the last attempt.
    pub(crate) async fn answer(
        &self,
        is_worth_it: impl Fn(&Failure) -> bool,
    ) -> Result<Answer, Failure> {
        self.attempts(None, is_worth_it).await
    }

    async fn attempts(
        &self,
        first: Option<Slot>,
        is_worth_it: impl Fn(&Failure) -> bool,
    ) -> Result<Answer, Failure> {
        let patience = Patience { time: self.patience, slots: self.slots, first };
        patiently(patience, is_worth_it, |number, slot| async move {
            let answer = self.attempt(number).await;
            drop(slot);
            answer
        })
        .await
    }

    /// That the answer is no use. `found` may hold what the provider sent.
    pub(crate) fn bad_answer(&self, expected: &'static str, found: &str) -> ProviderError {
        let found = shown(found, self.key);
        ProviderError::BadAnswer { url: self.url.to_owned(), expected, found }
    }

    /// Asks once, as the attempt with this number.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub(crate) async fn attempt(&self, attempts: usize) -> Result<Answer, Failure> {
        let mut response =
            self.client.execute(self.request()?).await.map_err(|e| self.unasked(attempts, e))?;
        let status = response.status();
        if !status.is_success() {
            let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = asked.and_then(|asked| retry_after(asked, Timestamp::now()));
            // A reason that breaks off is still a reason.
            let (body, _) = body(&mut response, MAX_ERROR_BYTES).await;
            let error = self.refusal(attempts, status.as_u16(), &body);
            let is_lost = TIMEOUTS.contains(&status.as_u16());
            return Err(Failure { error, retry_after, body, is_lost });
        }
        match body(&mut response, self.max_bytes).await {
            (body, None) => Ok(Answer { headers: std::mem::take(response.headers_mut()), body }),
            (_, Some(Cut::Connection(error))) => Err(self.unsent(attempts, error)),
            (_, Some(Cut::Limit)) => {
                let found = format!("more than {} bytes", self.max_bytes);
                Err(self.bad_answer("an answer of the usual size", &found).into())
            }
        }
    }

    fn request(&self) -> Result<reqwest::Request, ProviderError> {
        match &self.request {
            Ok(request) => {
                request.try_clone().ok_or_else(|| "a stream cannot be sent twice".into())
            }
            Err(error) => Err(causes(error)),
        }
        .map_err(|reason: String| self.unsendable(&reason))
    }

    fn unsendable(&self, reason: &str) -> ProviderError {
        ProviderError::Unsendable { url: self.url.to_owned(), reason: shown(reason, self.key) }
    }

    /// No answer began.
    fn unasked(&self, attempts: usize, error: AskError) -> Failure {
        match error {
            AskError::Refused(refusal) => self.unsendable(&refusal.to_string()).into(),
            AskError::Http(error) => self.unsent(attempts, error),
        }
    }

    /// No answer, or half of one. reqwest finds only here that it does not speak an address's scheme.
    fn unsent(&self, attempts: usize, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let reason = causes(&error);
        if error.is_builder() {
            return self.unsendable(&reason).into();
        }
        let (url, reason) = (self.url.to_owned(), shown(&reason, self.key));
        let unreachable = ProviderError::Unreachable { url, attempts, reason };
        Failure { is_lost: !error.is_connect(), ..unreachable.into() }
    }

    /// What an answer without success means.
    fn refusal(&self, attempts: usize, status: u16, body: &[u8]) -> ProviderError {
        let (url, reason) = (self.url.to_owned(), shown(&String::from_utf8_lossy(body), self.key));
        match status {
            401 | 403 => {
                let key_env = self.key_env.to_owned();
                ProviderError::Unauthorised { url, key_env, status, reason }
            }
            429 if !is_out_of_quota(body) => ProviderError::RateLimited { url, attempts, reason },
            408 | 500.. => ProviderError::Unavailable { url, attempts, status, reason },
            _ => ProviderError::Refused { url, status, reason },
        }
    }
}

/// At most `limit` bytes of a body, and what kept the rest away.
async fn body(response: &mut reqwest::Response, limit: usize) -> (Vec<u8>, Option<Cut>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body, None),
            Err(error) => return (body, Some(Cut::Connection(error))),
        }
        if body.len() > limit {
            body.truncate(limit);
            return (body, Some(Cut::Limit));
        }
    }
}

/// Whether a 429 is OpenAI's for an empty account: waiting does not fill it
/// (<https://platform.openai.com/docs/guides/error-codes>).
fn is_out_of_quota(body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let error = body.get("error").unwrap_or(&body);
    ["type", "code"].iter().any(|field| error[field] == "insufficient_quota")
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3) seen from `now`. None where it
/// is neither; a date in the past is no wait.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// What a provider says, on one line, short, and without the key: as it is, and as it stands in an
/// address.
pub(super) fn shown(text: &str, key: Option<&SecretString>) -> String {
    let mut text = text.to_owned();
    if let Some(key) = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) {
        let encoded: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        text = text.replace(key, "[key]").replace(&encoded, "[key]");
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "it gives no reason".to_owned(),
        None => line,
    }
}

/// An error with what caused it: reqwest's own text says only that the request failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
