//! What is to be spoken: a request, checked. Pure.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::Refused;
use crate::speech::{Engine, SpeechRequest, UnknownVoice, Voice, voice_for};

/// Longest text, in characters.
const MAX_INPUT_CHARS: usize = 4096;
/// Speeds that every engine can speak at; the rest is done by stretching the sound.
const SPOKEN_SPEEDS: (f64, f64) = (0.5, 2.0);
/// OpenAI's voices, each as a variant of espeak-ng's voices.
const OPENAI_VOICES: [(&str, &str); 13] = [
    ("alloy", "f2"),
    ("ash", "m1"),
    ("ballad", "m2"),
    ("cedar", "m7"),
    ("coral", "f1"),
    ("echo", "m3"),
    ("fable", "m4"),
    ("marin", "f5"),
    ("nova", "f3"),
    ("onyx", "m5"),
    ("sage", "f4"),
    ("shimmer", "f5"),
    ("verse", "m6"),
];

/// What OpenAI's clients send. Further fields are ignored.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"model": "tts-1", "input": "The sea is calm.", "voice": "alloy"}))]
#[expect(dead_code, reason = "it is read field by field, so that the wrong one can be named")]
pub struct CreateSpeech {
    /// Any: which engine speaks follows from the voice.
    #[schema(min_length = 1)]
    model: String,
    /// The text.
    #[schema(min_length = 1, max_length = 4096)]
    input: String,
    /// A voice of OpenAI's, of espeak-ng's, `espeak:<voice>`, `openai:<voice>`, or `no-voice`.
    #[schema(min_length = 1)]
    voice: String,
    /// How it is encoded.
    #[schema(nullable, default = "mp3")]
    response_format: Option<Format>,
    /// Speed against the voice's own.
    #[schema(minimum = 0.25, maximum = 4, default = 1)]
    speed: Option<f64>,
    /// `audio`: the bytes of the sound.
    stream_format: Option<StreamFormat>,
    /// Ignored: no engine here takes any.
    instructions: Option<String>,
}

/// How sound is sent.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, not read")]
pub enum StreamFormat {
    /// As its bytes.
    Audio,
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MP3.
    Mp3,
    /// Opus, in Ogg.
    Opus,
    /// AAC, in ADTS.
    Aac,
    /// FLAC.
    Flac,
    /// WAV, 16 bits.
    Wav,
    /// Samples of 16 bits at 24 kHz, little-endian, without a header.
    Pcm,
}

impl Format {
    /// What it is served as.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Opus => "audio/ogg",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
            Self::Pcm => "audio/pcm",
        }
    }
}

/// What is wanted.
#[derive(Debug, PartialEq)]
pub struct Wish {
    /// Of the engine.
    pub request: SpeechRequest,
    /// How much faster the sound is to be than it was spoken.
    pub stretch: f64,
    /// How it is encoded.
    pub format: Format,
}

impl Wish {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`Refused`], with the parameter that is wrong.
    pub fn read(document: &[u8]) -> Result<Self, Refused> {
        let fields: Value = serde_json::from_slice(document)
            .map_err(|error| Refused::syntax(format!("the body is not JSON: {error}")))?;
        if !fields.is_object() {
            return Err(Refused::syntax("the body is not a JSON object"));
        }
        let text = |name: &'static str| match &fields[name] {
            Value::String(text) if !text.trim().is_empty() => Ok(text.as_str()),
            _ => Err(Refused::wrong(name, format!("expected a text in '{name}'"))),
        };
        text("model")?;
        let input = text("input")?;
        let n_chars = input.chars().count();
        if n_chars > MAX_INPUT_CHARS {
            let message =
                format!("'input' has {n_chars} characters, at most {MAX_INPUT_CHARS} may be");
            return Err(Refused::wrong("input", message));
        }
        if input.contains('\0') || !input.chars().any(char::is_alphanumeric) {
            let message = "expected a letter or digit in 'input', and no U+0000";
            return Err(Refused::wrong("input", message));
        }
        let voice = voice(text("voice")?, input)?;
        let speed = optional(&fields, "speed", "a number from 0.25 to 4", |value| {
            value.as_f64().filter(|speed| (0.25..=4.0).contains(speed))
        })?;
        let formats = "one of mp3, opus, aac, flac, wav, pcm";
        let format =
            optional(&fields, "response_format", formats, |value| Format::deserialize(value).ok())?;
        optional(&fields, "stream_format", "audio", |value| (value == "audio").then_some(()))?;
        optional(&fields, "instructions", "a text", |value| value.as_str().map(drop))?;
        let speed = speed.unwrap_or(1.0);
        let rate = speed.clamp(SPOKEN_SPEEDS.0, SPOKEN_SPEEDS.1);
        let request = SpeechRequest { text: input.to_owned(), voice, rate };
        Ok(Self { request, stretch: speed / rate, format: format.unwrap_or(Format::Mp3) })
    }
}

/// A field that may be left open.
fn optional<T>(
    fields: &Value,
    name: &'static str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, Refused> {
    match &fields[name] {
        Value::Null => Ok(None),
        value => match read(value) {
            None => Err(Refused::wrong(name, format!("expected {expected} in '{name}'"))),
            read => Ok(read),
        },
    }
}

fn voice(name: &str, text: &str) -> Result<Voice, Refused> {
    let unknown = |error: UnknownVoice| Refused::wrong("voice", error.to_string());
    let name = name.trim();
    if let Some((_, variant)) = OPENAI_VOICES.iter().find(|(known, _)| *known == name) {
        let of_language = voice_for("", "", text).map_err(unknown)?;
        let name = format!("{}+{variant}", of_language.name);
        return Ok(Voice { engine: Engine::Espeak, name });
    }
    let of_espeak = |_| voice_for(&format!("espeak:{name}"), "", text);
    voice_for(name, "", text).or_else(of_espeak).map_err(unknown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(changes: &Value) -> Result<Wish, Refused> {
        let mut fields = json!({"model": "tts-1", "input": "The sea is calm.", "voice": "alloy"});
        let changes = changes.as_object().expect("fields").clone();
        fields.as_object_mut().expect("fields").extend(changes);
        Wish::read(fields.to_string().as_bytes())
    }

    #[track_caller]
    fn check_voice(voice: &str, input: &str, expected: &str) {
        let wish = read(&json!({"voice": voice, "input": input})).expect("a wish");
        assert_eq!(wish.request.voice.to_string(), expected, "{voice}");
    }

    #[test]
    fn a_voice_is_openais_or_an_engines() {
        check_voice("alloy", "The sea is calm.", "espeak:en-us+f2");
        check_voice("onyx", "Biển đêm rất yên tĩnh.", "espeak:vi+m5");
        check_voice("vi", "sea", "espeak:vi");
        check_voice("espeak:en-gb", "sea", "espeak:en-gb");
        check_voice("openai:alloy", "sea", "openai:alloy");
        check_voice("no-voice", "sea", "no-voice");
    }

    #[test]
    fn a_speed_beyond_the_engines_is_stretched() {
        for (speed, rate, stretch) in
            [(1.0, 1.0, 1.0), (0.25, 0.5, 0.5), (0.5, 0.5, 1.0), (2.0, 2.0, 1.0), (4.0, 2.0, 2.0)]
        {
            let wish = read(&json!({"speed": speed})).expect("a wish");
            assert_eq!((wish.request.rate, wish.stretch), (rate, stretch), "{speed}");
        }
    }

    #[test]
    fn what_is_left_open_is_openais_default() {
        for changes in [json!({}), json!({"speed": null, "response_format": null, "x": 1})] {
            let wish = read(&changes).expect("a wish");
            assert_eq!((wish.format, wish.stretch), (Format::Mp3, 1.0));
        }
    }

    #[track_caller]
    fn check_wrong(changes: &Value, param: &str) {
        let refused = read(changes).expect_err("wrong");
        assert_eq!(refused.status().as_u16(), 400, "{changes}");
        assert_eq!(refused.param(), Some(param), "{changes}");
    }

    #[test]
    fn the_wrong_parameter_is_named() {
        check_wrong(&json!({"model": ""}), "model");
        check_wrong(&json!({"input": 1}), "input");
        check_wrong(&json!({"input": "…!"}), "input");
        check_wrong(&json!({"input": "a\0b"}), "input");
        check_wrong(&json!({"input": "a".repeat(4097)}), "input");
        check_wrong(&json!({"voice": "../x"}), "voice");
        check_wrong(&json!({"voice": "openai:"}), "voice");
        check_wrong(&json!({"speed": 0.2}), "speed");
        check_wrong(&json!({"speed": "fast"}), "speed");
        check_wrong(&json!({"response_format": "wma"}), "response_format");
        check_wrong(&json!({"stream_format": "sse"}), "stream_format");
        check_wrong(&json!({"instructions": 1}), "instructions");
        for document in ["", "[]", "{"] {
            let refused = Wish::read(document.as_bytes()).expect_err("no wish");
            assert_eq!((refused.status().as_u16(), refused.param()), (400, None), "{document}");
        }
    }
}
