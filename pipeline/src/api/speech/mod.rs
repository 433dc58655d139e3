//! OpenAI's `POST /v1/audio/speech`, spoken by the service's own engines
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).

mod encode;
mod error;
mod wish;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use self::encode::Sound;
use self::error::Refused;
pub use self::error::{OPENAI, OpenAiError};
pub use self::wish::CreateSpeech;
use self::wish::Wish;
use super::Api;
use super::extract::JsonText;
use super::problem::ApiProblem;
use crate::parts::Parts;
use crate::settings::Bodies;
use crate::speech::{self, Engine};

/// Speaks a text. A voice of OpenAI's is a variant of espeak-ng's voice of the text's language;
/// `openai:<voice>` is passed on to the speech server of the settings.
#[utoipa::path(
    post,
    path = "/v1/audio/speech",
    tag = "speech",
    request_body = CreateSpeech,
    responses(
        (status = 200, description = "The sound, as it is encoded", content_type = "audio/*", body = Vec<u8>),
        (status = 400, description = "A parameter is wrong", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not said to be JSON", body = OpenAiError),
        (status = 502, description = "The speech server does not do its work", body = OpenAiError),
        (status = 503, description = "Nobody can speak now", body = OpenAiError),
    )
)]
pub async fn speak(
    State(api): State<Api>,
    body: Result<JsonText, ApiProblem>,
) -> Result<Response, Refused> {
    let JsonText(body) = body?;
    let wish = Wish::read(&body)?;
    check_voice(&api.parts, &wish).await?;
    // Gone with this request, whatever becomes of it.
    let folder = tempfile::Builder::new().prefix("reelbench-speech-").tempdir()?;
    let wav = folder.path().join("speech.wav");
    let spoken = speech::speak(&api.parts.speech, &wish.request, &wav).await;
    spoken.map_err(|error| Refused::speech(&error, &wish.request.voice))?;
    let sound = encode::encode(folder, &wav, wish.format, wish.stretch).await?;
    let sound = sent_as(api.parts.settings.api.bodies, sound).await?;
    let media_type = HeaderValue::from_static(wish.format.media_type());
    let mut answer = ([(header::CONTENT_TYPE, media_type)], sound.body).into_response();
    let length = sound.length.map(|length| (header::CONTENT_LENGTH, length.into()));
    answer.headers_mut().extend(length);
    Ok(answer)
}

/// A sound a chunk at a time, or all of it at once (claim 002-9).
async fn sent_as(bodies: Bodies, sound: Sound) -> Result<Sound, Refused> {
    match bodies {
        Bodies::Streamed => Ok(sound),
        Bodies::Whole => match axum::body::to_bytes(sound.body, usize::MAX).await {
            Ok(all) => Ok(Sound::whole(all)),
            Err(error) => Err(std::io::Error::other(error).into()),
        },
    }
}

/// espeak-ng says only after its work that it has no such voice.
async fn check_voice(parts: &Parts, wish: &Wish) -> Result<(), Refused> {
    let voice = &wish.request.voice;
    let known = match voice.engine {
        Engine::Espeak => parts.speech.espeak.has_voice(&voice.name).await,
        Engine::OpenAi | Engine::Silence => Ok(true),
    };
    match known {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(Refused::wrong("voice", format!("espeak-ng has no voice {:?}", voice.name)))
        }
        Err(error) => Err(Refused::speech(&error, voice)),
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    /// How many pieces a WAV file of that many bytes is sent in, and how many bytes they have.
    async fn pieces(bodies: Bodies, n_bytes: usize) -> (usize, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let wav = folder.path().join("speech.wav");
        fs_err::write(&wav, vec![7; n_bytes]).expect("written");
        let sound = encode::encode(folder, &wav, wish::Format::Wav, 1.0).await.expect("a sound");
        assert!(wav.is_file(), "it stays as long as it is read");
        let sent = sent_as(bodies, sound).await.expect("a sound");
        assert_eq!(sent.length, Some(n_bytes as u64));
        let sent = sent.body.into_data_stream();
        let sizes: Vec<usize> = sent.map(|piece| piece.expect("bytes").len()).collect().await;
        assert!(!wav.is_file(), "it is gone with its reader");
        (sizes.len(), sizes.iter().sum())
    }

    #[tokio::test]
    async fn a_sound_is_sent_in_chunks_or_whole_as_it_is_set() {
        let (n_pieces, n_bytes) = pieces(Bodies::Streamed, 1_000_000).await;
        assert!(n_pieces > 10, "{n_pieces}");
        assert_eq!(n_bytes, 1_000_000);
        assert_eq!(pieces(Bodies::Whole, 1_000_000).await, (1, 1_000_000));
    }
}
