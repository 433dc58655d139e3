//! OpenAI's `POST /v1/audio/speech`, spoken by the service's own engines
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>).

mod encode;
mod error;
mod wish;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use self::error::Refused;
pub use self::error::{OPENAI, OpenAiError};
pub use self::wish::CreateSpeech;
use self::wish::Wish;
use super::Api;
use super::extract::JsonText;
use super::problem::ApiProblem;
use crate::parts::Parts;
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
    let media_type = HeaderValue::from_static(wish.format.media_type());
    Ok(([(header::CONTENT_TYPE, media_type)], sound).into_response())
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
