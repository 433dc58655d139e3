//! Servers with OpenAI's route `/v1/audio/speech`: OpenAI, Kokoro-FastAPI, Chatterbox, speaches…
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).

use std::time::Duration;

use async_openai::types::audio::{CreateSpeechRequest, SpeechModel, SpeechResponseFormat, Voice};
use secrecy::{ExposeSecret, SecretString};

use super::split::pieces;
use super::wav::Wav;
use super::{SpeechError, SpeechRequest};
use crate::providers::ProviderError;
use crate::providers::http::Call;

/// Longest text of one request.
const MAX_CHARS: usize = 4096;
/// More than a quarter of an hour of speech at 48 kHz; a piece has five minutes.
const MAX_BYTES: usize = 128 << 20;

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
    let mut request = server.client.post(url).json(&body);
    if let Some(key) = &server.api_key {
        request = request.bearer_auth(key.expose_secret());
    }
    let call = Call {
        client: &server.client,
        request: request.build(),
        url,
        key: server.api_key.as_ref(),
        // No speech error names it.
        key_env: "",
        max_bytes: MAX_BYTES,
        // To wait for longer than there is time helps nobody: the error is told at once.
        patience: timeout,
    };
    let bytes = call.bytes().await.map_err(speech_error)?;
    Wav::read(&bytes)
        .map_err(|error| SpeechError::BadAudio { from: url.to_owned(), reason: error.to_string() })
}

fn speech_error(error: ProviderError) -> SpeechError {
    match error {
        ProviderError::Unauthorised { url, reason, .. } => {
            SpeechError::Unauthorised { url, message: reason }
        }
        ProviderError::RateLimited { url, reason, .. } => {
            SpeechError::RateLimited { url, message: reason }
        }
        ProviderError::Refused { url, status, reason } => {
            SpeechError::Refused { url, status, message: reason }
        }
        // The server waited for the request in vain: that the connection is at fault may pass.
        ProviderError::Unavailable { url, status: 408, reason, .. } => {
            SpeechError::Unreachable { url, reason }
        }
        ProviderError::Unavailable { url, status, reason, .. } => {
            SpeechError::Refused { url, status, message: reason }
        }
        ProviderError::Unreachable { url, reason, .. }
        | ProviderError::Unsendable { url, reason } => SpeechError::Unreachable { url, reason },
        ProviderError::BadAnswer { url, expected, found } => {
            let reason = format!("expected {expected}, found {found}");
            SpeechError::BadAudio { from: url, reason }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
