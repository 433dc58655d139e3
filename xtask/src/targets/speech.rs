//! Servers of speech that answer as OpenAI's does
//! (<https://platform.openai.com/docs/api-reference/audio/createSpeech>): one request, one sound.
//!
//! Nothing is told of queues and work: `first_byte` is from the request to the first byte of the sound,
//! `transfer` from there to its last. A server that streams speaks while it works, so the work is in both: what
//! other targets tell as the way of the result after the end of the work cannot be told apart here, and both
//! stages are in the latency, which ends with the last byte.

use bench::{Clock, Driven, Job, MEDIA_MS, Outcome, StageSpan, Target};
use futures::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::media::{self, Kind};
use super::patience::Patience;
use super::service::{Manners, Service};
use crate::exit::Failure;

/// From the request to the first byte of the sound.
const FIRST_BYTE: &str = "first_byte";
/// From there to its last.
const TRANSFER: &str = "transfer";
/// What OpenAI's own does without `response_format`.
const USUAL_FORMAT: &str = "mp3";

const MANNERS: Manners = Manners { ready: "models", said };

/// A speech server, as a target of a load. A scenario's payload is the body of the request; a sample's
/// `extra` is what came back, without the sound.
pub struct SpeechTarget {
    service: Service,
    patience: Patience,
}

/// A sound that came.
struct Sound {
    media_type: String,
    bytes: Vec<u8>,
    first_us: u64,
    last_us: u64,
}

impl SpeechTarget {
    /// The server at `base`, with or without its `/v1`. With it comes what tells of a request that it will
    /// never take.
    ///
    /// # Errors
    ///
    /// As [`Service::new`].
    pub fn new(
        base: &Url,
        token: Option<&str>,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<String>)> {
        let (patience, refusals) = Patience::new();
        let service = Service::new(versioned(base)?, token, MANNERS)?;
        Ok((Self { service, patience }, refusals))
    }

    /// What is driven.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// How long it bears with the server.
    pub const fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Asks, and gives the answer as soon as its head is there.
    async fn ask(&self, body: &Value) -> anyhow::Result<Response> {
        self.service.send(self.service.unhurried(Method::POST, "audio/speech")?.json(body)).await
    }
}

/// Takes the sound of an answer.
async fn heard(response: Response, clock: Clock) -> anyhow::Result<Sound> {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().to_owned();
    let (mut bytes, mut first_us) = (Vec::new(), None);
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
        first_us = first_us.or_else(|| (!bytes.is_empty()).then(|| clock.now_us()));
    }
    let last_us = clock.now_us();
    Ok(Sound { media_type, bytes, first_us: first_us.unwrap_or(last_us), last_us })
}

impl Target for SpeechTarget {
    async fn drive(&self, mut job: Job) -> Driven {
        let (clock, sent_us) = (job.clock, job.clock.now_us());
        let spoken = async {
            let response = self.ask(&job.scenario.payload).await.map_err(|error| (error, false))?;
            heard(response, clock).await.map_err(|error| (error, true))
        };
        let spoken = tokio::select! {
            spoken = spoken => spoken,
            // Whoever hangs up needs no sound.
            () = job.stop.requested() => return Driven::new(Outcome::Cancelled),
        };
        match spoken {
            Ok(sound) => driven(sent_us, &sound, &job.scenario.payload).await,
            Err((error, true)) => self.patience.lost(&self.service, job, "not_whole", &error).await,
            Err((error, false)) => self.patience.not_accepted(&self.service, job, &error).await,
        }
    }
}

async fn driven(sent_us: u64, sound: &Sound, body: &Value) -> Driven {
    let mut extra = json!({ "media_type": sound.media_type, "output_bytes": sound.bytes.len() });
    let length = match kind(&sound.media_type, body) {
        Some(kind) => media::length_ms(kind, &sound.bytes).await,
        None => Ok(None),
    };
    let outcome = match length {
        Ok(Some(ms)) => {
            extra[MEDIA_MS] = ms.into();
            Outcome::Ok
        }
        Ok(None) => {
            let (n_bytes, found) = (sound.bytes.len(), &sound.media_type);
            extra["error"] = format!("expected a sound, found {n_bytes} bytes of {found:?}").into();
            Outcome::Failed("no_sound".to_owned())
        }
        // No tool of ours, no fault of the server's.
        Err(error) => {
            extra["length_unknown"] = format!("{error:#}").into();
            Outcome::Ok
        }
    };
    let span = |name: &str, start_us, end_us| StageSpan { name: name.to_owned(), start_us, end_us };
    Driven {
        finished_us: Some(sound.last_us),
        // How long it plays was looked at after it was there.
        observed_us: Some(sound.last_us),
        stages: vec![
            span(FIRST_BYTE, sent_us, sound.first_us),
            span(TRANSFER, sound.first_us, sound.last_us),
        ],
        extra,
        ..Driven::new(outcome)
    }
}

/// What came, by what the server calls it, or else by what was asked for: some call every sound
/// `application/octet-stream`. None: it is called something else.
fn kind(media_type: &str, body: &Value) -> Option<Kind> {
    let asked = || match body["response_format"].as_str().unwrap_or(USUAL_FORMAT) {
        "pcm" => Some(Kind::Pcm),
        format => Kind::of_name(&format!(".{format}")),
    };
    let is_untold = media_type.is_empty() || media_type.starts_with("application/octet-stream");
    Kind::of_media_type(media_type).or_else(|| if is_untold { asked() } else { None })
}

/// `base` as the folder that has `audio/speech`.
fn versioned(base: &Url) -> anyhow::Result<Url> {
    let has_version = base.path().trim_end_matches('/').ends_with("/v1");
    Ok(if has_version { base.clone() } else { base.join("v1/")? })
}

/// What OpenAI's error document says.
fn said(body: &str) -> Option<String> {
    let document: Value = serde_json::from_str(body).ok()?;
    let error = document.get("error").or_else(|| document.get("detail"))?;
    let said = error["message"].as_str().or_else(|| error.as_str());
    Some(said.map_or_else(|| error.to_string(), str::to_owned))
}

/// What is known to be wrong with the body of a request before any is sent.
///
/// # Errors
///
/// [`Failure::Usage`].
pub fn check_body(body: &Value) -> Result<(), Failure> {
    for key in ["model", "input", "voice"] {
        let value = &body[key];
        // OpenAI's own voices of a user have an `id`.
        let is_told = value.as_str().is_some_and(|text| !text.trim().is_empty())
            || key == "voice" && value.is_object();
        if !is_told {
            let message =
                format!("OpenAI's speech takes a body with a text `{key}`, found {value}");
            let hint = r#"such as {"model": "tts-1", "voice": "alloy", "input": "Good morning."}"#;
            return Err(Failure::usage(message).with_hint(hint));
        }
    }
    if body["stream_format"] == "sse" {
        let message =
            "`stream_format` is \"sse\": the sound is then in events, which are not read here";
        return Err(Failure::usage(message).with_hint(r#"leave it out, or "audio""#));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_may_have_its_version_or_not() {
        for (base, expected) in [
            ("http://a.example/", "http://a.example/v1/"),
            ("http://a.example/v1/", "http://a.example/v1/"),
            ("http://a.example/openai/v1/", "http://a.example/openai/v1/"),
            ("http://a.example/tts/", "http://a.example/tts/v1/"),
        ] {
            let found = versioned(&base.parse().expect("a URL")).expect("a URL");
            assert_eq!(found.as_str(), expected, "{base}");
        }
    }

    #[test]
    fn a_body_that_is_no_speech_is_refused() {
        let good = json!({"model": "tts-1", "input": "Hello.", "voice": "alloy"});
        assert!(check_body(&good).is_ok());
        for (change, expected) in [
            (json!({"input": " "}), "a text `input`, found \" \""),
            (json!({"input": {"prompt": "sea"}}), "a text `input`, found {"),
            (json!({"model": null}), "a text `model`, found null"),
            (json!({"voice": 7}), "a text `voice`, found 7"),
            (json!({"stream_format": "sse"}), "the sound is then in events"),
        ] {
            let mut body = good.clone();
            body.as_object_mut()
                .expect("fields")
                .extend(change.as_object().expect("fields").clone());
            let refused = check_body(&body).expect_err("refused");
            assert!(refused.to_string().contains(expected), "{refused}");
        }
        assert!(check_body(&json!([1])).is_err());
    }

    #[test]
    fn a_sound_is_known_by_its_type_or_by_what_was_asked_for() {
        let untold = "application/octet-stream";
        for (media_type, format, expected) in [
            ("audio/wav", "mp3", Some(Kind::Wav)),
            ("audio/mpeg", "mp3", Some(Kind::Sound)),
            (untold, "wav", Some(Kind::Wav)),
            (untold, "pcm", Some(Kind::Pcm)),
            ("", "opus", Some(Kind::Sound)),
            ("application/json", "wav", None),
            ("text/html", "mp3", None),
        ] {
            let body = json!({"response_format": format});
            assert_eq!(kind(media_type, &body), expected, "{media_type} {format}");
        }
        assert_eq!(kind(untold, &json!({})), Some(Kind::Sound), "OpenAI's own gives MP3");
    }

    #[test]
    fn an_error_document_is_read() {
        for (body, expected) in [
            (r#"{"error": {"message": "no such voice", "type": "x"}}"#, Some("no such voice")),
            (r#"{"error": "busy"}"#, Some("busy")),
            (r#"{"detail": "Not Found"}"#, Some("Not Found")),
            ("gateway", None),
        ] {
            assert_eq!(said(body).as_deref(), expected, "{body}");
        }
    }

    #[tokio::test]
    async fn a_sound_is_two_stages_and_its_length() {
        // Half a second of silence after a request at 1 ms.
        let sound = Sound {
            media_type: "audio/pcm".to_owned(),
            bytes: vec![0; 24_000],
            first_us: 81_000,
            last_us: 101_000,
        };
        let found = driven(1_000, &sound, &json!({})).await;
        let spans: Vec<(&str, u64, u64)> =
            found.stages.iter().map(|s| (s.name.as_str(), s.start_us, s.end_us)).collect();
        assert_eq!(spans, [("first_byte", 1_000, 81_000), ("transfer", 81_000, 101_000)]);
        assert_eq!((found.outcome, found.finished_us), (Outcome::Ok, Some(101_000)));
        assert_eq!(
            (&found.extra[MEDIA_MS], &found.extra["output_bytes"]),
            (&500.into(), &24_000.into())
        );
        for wrong in [
            Sound { bytes: Vec::new(), media_type: "audio/pcm".to_owned(), ..sound },
            Sound {
                bytes: b"{}".to_vec(),
                media_type: "application/json".to_owned(),
                first_us: 1,
                last_us: 2,
            },
        ] {
            let found = driven(1, &wrong, &json!({})).await;
            assert_eq!(found.outcome, Outcome::Failed("no_sound".to_owned()));
        }
    }
}
