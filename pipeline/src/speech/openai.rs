//! Servers with OpenAI's route `/v1/audio/speech`: OpenAI, Kokoro-FastAPI, Chatterbox, speaches…
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).
//!
//! The request is async-openai's type; the way there is our own. async-openai's client parses every
//! error as OpenAI writes it: the `{"detail": …}` of another server loses its status, so that a wrong
//! key cannot be told from a bad request, and such a 429 is not tried again; it also waits as long as
//! any `Retry-After` says, and gives up where a connection breaks half-way.

use std::fmt;
use std::time::Duration;

use async_openai::types::audio::{CreateSpeechRequest, SpeechModel, SpeechResponseFormat, Voice};
use backon::{ExponentialBuilder, Retryable};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};

use super::split::pieces;
use super::wav::Wav;
use super::{SpeechError, SpeechRequest};

/// Longest text of one request.
const MAX_CHARS: usize = 4096;
/// Tries after the first.
const MAX_RETRIES: usize = 3;
/// The first wait between two tries; it doubles, and chance makes it up to twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// More than a quarter of an hour of speech at 48 kHz; a piece has five minutes.
const MAX_BYTES: usize = 128 << 20;
/// How much of an error is shown.
const MAX_MESSAGE: usize = 300;

/// A speech server.
#[derive(Clone, Debug)]
pub struct OpenAiSpeech {
    /// Its address up to and with the version, `https://api.openai.com/v1`.
    pub base_url: String,
    /// Never shown. None: the server asks for none.
    pub api_key: Option<SecretString>,
    /// Such as `gpt-4o-mini-tts` or `kokoro`.
    pub model: String,
    /// Shared, for its connections.
    pub client: reqwest::Client,
}

/// Why a try failed.
#[derive(Debug)]
struct Failure {
    error: SpeechError,
    retry_after: Option<Duration>,
}

/// Speaks: the sound of the whole text, in one request for each piece of at most 4,096 characters.
pub(super) async fn speak(
    server: &OpenAiSpeech,
    request: &SpeechRequest,
    timeout: Duration,
) -> Result<Wav, SpeechError> {
    let url = format!("{}/audio/speech", server.base_url.trim_end_matches('/'));
    let out_of_time = || SpeechError::Timeout { url: url.clone(), limit: timeout };
    let all = async {
        let mut whole: Option<Wav> = None;
        for piece in pieces(&request.text, MAX_CHARS) {
            let sound = speak_piece(server, &url, request, piece, timeout).await?;
            whole = Some(joined(whole, sound, &url)?);
        }
        whole.ok_or(SpeechError::Empty)
    };
    tokio::time::timeout(timeout, all).await.map_err(|_| out_of_time())?
}

/// One sound after the other, without a sample lost or added.
fn joined(whole: Option<Wav>, next: Wav, url: &str) -> Result<Wav, SpeechError> {
    let Some(mut whole) = whole else { return Ok(next) };
    if whole.sample_rate != next.sample_rate {
        let (expected, found) = (whole.sample_rate, next.sample_rate);
        let reason = format!("expected {expected} samples a second as before, found {found}");
        return Err(SpeechError::BadAudio { from: url.to_owned(), reason });
    }
    whole.samples.extend(next.samples);
    Ok(whole)
}

async fn speak_piece(
    server: &OpenAiSpeech,
    url: &str,
    request: &SpeechRequest,
    text: &str,
    timeout: Duration,
) -> Result<Wav, SpeechError> {
    let body = CreateSpeechRequest {
        input: text.to_owned(),
        model: SpeechModel::Other(server.model.clone()),
        voice: Voice::Other(request.voice.name.clone()),
        response_format: Some(SpeechResponseFormat::Wav),
        // Some models refuse the field: it is sent where it says something.
        speed: (request.rate != 1.0).then_some(request.rate as f32),
        ..CreateSpeechRequest::default()
    };
    let waits = ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_times(MAX_RETRIES)
        .with_jitter();
    (async || attempt(server, url, &body).await)
        .retry(waits)
        .when(|failure: &Failure| failure.error.is_transient())
        // To wait for longer than there is time helps nobody: the error is told at once.
        .adjust(|failure, wait| Some(failure.retry_after.unwrap_or(wait?)).filter(|w| *w < timeout))
        .await
        .map_err(|failure| failure.error)
}

async fn attempt(
    server: &OpenAiSpeech,
    url: &str,
    body: &CreateSpeechRequest,
) -> Result<Wav, Failure> {
    let mut request = server.client.post(url).json(body);
    if let Some(key) = &server.api_key {
        request = request.bearer_auth(key.expose_secret());
    }
    let unreachable = |error: reqwest::Error| Failure {
        error: SpeechError::Unreachable {
            url: url.to_owned(),
            reason: causes(&error.without_url()),
        },
        retry_after: None,
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            let reason = format!("more than {} MiB for one piece of text", MAX_BYTES >> 20);
            let error = SpeechError::BadAudio { from: url.to_owned(), reason };
            return Err(Failure { error, retry_after: None });
        }
    }
    if !response.status().is_success() {
        let message = message(&bytes, server.api_key.as_ref());
        let error = refusal(url, response.status(), message);
        return Err(Failure { error, retry_after: retry_after(response.headers()) });
    }
    Wav::read(&bytes).map_err(|error| Failure {
        error: SpeechError::BadAudio { from: url.to_owned(), reason: error.to_string() },
        retry_after: None,
    })
}

fn refusal(url: &str, status: StatusCode, message: String) -> SpeechError {
    let url = url.to_owned();
    match status.as_u16() {
        401 | 403 => SpeechError::Unauthorised { url, message },
        // OpenAI's answer where the account is empty: waiting does not fill it.
        429 if !message.contains("insufficient_quota") => SpeechError::RateLimited { url, message },
        status => SpeechError::Refused { url, status, message },
    }
}

/// What the server says is wrong, on one line, without the key: servers repeat it.
fn message(body: &[u8], key: Option<&SecretString>) -> String {
    let mut text = String::from_utf8_lossy(body).into_owned();
    if let Some(key) = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) {
        text = text.replace(key, "[key]");
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None if text.is_empty() => "it gives no reason".to_owned(),
        None => text,
    }
}

/// Seconds to wait. The other form, a date, is used by no speech server we know.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// An error with what caused it: reqwest's own text says only that the request failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = fmt::Write::write_fmt(&mut text, format_args!(": {error}"));
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short_and_without_the_key() {
        let key = SecretString::from("sk-secret");
        let body = b"{\"error\":\n {\"message\": \"wrong key sk-secret\"}}";
        assert_eq!(message(body, Some(&key)), "{\"error\": {\"message\": \"wrong key [key]\"}}");
        assert_eq!(message(b" ", Some(&SecretString::from(""))), "it gives no reason");
        assert_eq!(message(&b"\xC3\xA9".repeat(999), None).chars().count(), MAX_MESSAGE + 1);
    }

    #[track_caller]
    fn check_retry_after(value: &str, expected_ms: Option<u64>) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("header"))]);
        assert_eq!(retry_after(&headers), expected_ms.map(Duration::from_millis), "{value:?}");
    }

    #[test]
    fn a_wait_is_read_in_seconds() {
        check_retry_after("2", Some(2000));
        check_retry_after("0.5", Some(500));
        for not in ["", "-1", "soon", "NaN", "inf", "1e300"] {
            check_retry_after(not, None);
        }
    }

    #[test]
    fn pieces_of_another_rate_are_not_joined() {
        let sound = |sample_rate| Wav { sample_rate, samples: vec![1, 2] };
        let whole = joined(Some(sound(24000)), sound(24000), "url").expect("alike");
        assert_eq!(whole.samples, [1, 2, 1, 2]);
        let error = joined(Some(sound(24000)), sound(22050), "url").expect_err("not alike");
        let expected =
            "unusable sound from url: expected 24000 samples a second as before, found 22050";
        assert_eq!(error.to_string(), expected);
    }
}
