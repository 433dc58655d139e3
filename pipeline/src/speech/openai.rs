//! Servers with OpenAI's route `/v1/audio/speech`: OpenAI, Kokoro-FastAPI, Chatterbox, speaches…
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).

use std::time::Duration;

use async_openai::types::audio::{CreateSpeechRequest, SpeechModel, SpeechResponseFormat, Voice};
use futures::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};

use super::split::pieces;
use super::turns::Turns;
use super::wav::Wav;
use super::{SpeechError, SpeechRequest};
use crate::limits::Slot;
use crate::providers::http::Call;
use crate::providers::{Client, ProviderError};

/// Longest text of one request.
const MAX_CHARS: usize = 4096;
/// How long a piece takes to come and to go at a joint.
const FADE_MS: u32 = 4;
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
    pub client: Client,
}

/// Speaks: the sound of the whole text, in one request for each piece of at most 4,096 characters, as many
/// at once as there are `turns`. Each has `timeout` from when it is first its turn; what is tried again
/// has none meanwhile.
pub(super) async fn speak(
    server: &OpenAiSpeech,
    request: &SpeechRequest,
    timeout: Duration,
    turns: &Turns,
) -> Result<Wav, SpeechError> {
    let url = format!("{}/audio/speech", server.base_url.trim_end_matches('/'));
    let pieces = pieces(&request.text, MAX_CHARS).into_iter();
    let spoken = pieces.map(|piece| speak_in_turn(server, &url, request, piece, timeout, turns));
    let sounds = try_join_all(spoken).await?;
    let mut whole: Option<Wav> = None;
    for sound in sounds {
        whole = Some(joined(whole, sound, &url)?);
    }
    whole.ok_or(SpeechError::Empty)
}

/// One sound after the other, without a sample lost or added. Where the first ends or the second begins
/// in the middle of a wave, the step would be a click: both are faded over a few milliseconds.
fn joined(whole: Option<Wav>, mut next: Wav, url: &str) -> Result<Wav, SpeechError> {
    let Some(mut whole) = whole else { return Ok(next) };
    if whole.sample_rate != next.sample_rate {
        let (expected, found) = (whole.sample_rate, next.sample_rate);
        let reason = format!("expected {expected} samples a second as before, found {found}");
        return Err(SpeechError::BadAudio { from: url.to_owned(), reason });
    }
    let n_faded = (whole.sample_rate / 1000 * FADE_MS) as usize;
    fade(whole.samples.iter_mut().rev(), n_faded);
    fade(next.samples.iter_mut(), n_faded);
    whole.samples.extend(next.samples);
    Ok(whole)
}

/// Makes the first `n` samples grow from nothing; a sound that is hardly longer stays as it is.
fn fade<'a>(samples: impl ExactSizeIterator<Item = &'a mut i16>, n: usize) {
    if samples.len() < 4 * n {
        return;
    }
    for (place, sample) in samples.take(n).enumerate() {
        let faded = i64::from(*sample) * place as i64 / n as i64;
        *sample = i16::try_from(faded).unwrap_or_default();
    }
}

async fn speak_in_turn(
    server: &OpenAiSpeech,
    url: &str,
    request: &SpeechRequest,
    piece: &str,
    timeout: Duration,
    turns: &Turns,
) -> Result<Wav, SpeechError> {
    let first = turns.slots().take().await;
    let work = speak_piece(server, url, request, piece, timeout, turns, first);
    let out_of_time = |_| SpeechError::Timeout { url: url.to_owned(), limit: timeout };
    tokio::time::timeout(timeout, work).await.map_err(out_of_time)?
}

async fn speak_piece(
    server: &OpenAiSpeech,
    url: &str,
    request: &SpeechRequest,
    text: &str,
    timeout: Duration,
    turns: &Turns,
    first: Slot,
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
    let mut request = server.client.requests().post(url).json(&body);
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
        slots: Some(turns.slots()),
    };
    let bytes = call.bytes_in(first).await.map_err(speech_error)?;
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
        ProviderError::Exhausted { url, until, .. } => {
            SpeechError::RateLimited { url, message: format!("until {until}") }
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

    #[test]
    fn a_joint_is_no_click() {
        let loud = || Wav { sample_rate: 24000, samples: vec![i16::MAX; 2400] };
        let Wav { samples, .. } = joined(Some(loud()), loud(), "url").expect("alike");
        assert_eq!((samples.len(), samples[0], samples[4799]), (4800, i16::MAX, i16::MAX));
        let step = |pair: &[i16]| pair[0].abs_diff(pair[1]);
        let largest = samples.windows(2).map(step).max().expect("samples");
        assert!(largest < 400, "{largest}");
        assert_eq!((samples[2399], samples[2400]), (0, 0));
        assert!(samples[..2304].iter().chain(&samples[2496..]).all(|sample| *sample == i16::MAX));
    }
}
