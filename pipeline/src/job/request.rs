//! A request becomes a [`JobSpec`] or a list of everything that is wrong with it.

mod ranges;

use protocol::{FieldError, JobSpec};
use serde_json::{Map, Value};

pub use ranges::MAX_SCRIPT_CHARS;
use ranges::{echo, out_of_range};

/// Why a document is no job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not JSON, or not an object.
    Syntax(String),
    /// Every field that is wrong.
    Fields(Vec<FieldError>),
}

/// Reads a job specification and checks every field: all that is wrong is told at once.
///
/// # Errors
///
/// [`Refusal`]. A document that passes can be worked on; what it names (voice, font, music) is looked
/// up when it is used.
pub fn parse(document: &[u8]) -> Result<JobSpec, Refusal> {
    let value: Value =
        serde_json::from_slice(document).map_err(|error| Refusal::Syntax(error.to_string()))?;
    let Value::Object(fields) = value else {
        return Err(Refusal::Syntax("expected a JSON object with the fields of a job".to_owned()));
    };
    let fields = given(fields);
    let mut errors = wrong_fields(&fields);
    let wrong: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
    let mut right = fields;
    right.retain(|field, _| !wrong.contains(field));
    let spec: JobSpec = serde_json::from_value(Value::Object(right))
        .map_err(|error| Refusal::Syntax(error.to_string()))?;
    errors.extend(out_of_range(&spec).into_iter().filter(|error| !wrong.contains(&error.field)));
    if errors.is_empty() { Ok(spec) } else { Err(Refusal::Fields(errors)) }
}

/// The fields that say something. MoneyPrinterTurbo's clients send `null`, and nothing in place of a file
/// and of terms, for what they leave open.
fn given(mut fields: Map<String, Value>) -> Map<String, Value> {
    let is_open = |field: &str, value: &Value| match field {
        "custom_audio_file" => value == "",
        "video_terms" => value == "" || value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    };
    fields.retain(|field, value| !value.is_null() && !is_open(field, value));
    fields
}

/// Names and types, field by field: serde alone would stop at the first.
fn wrong_fields(fields: &Map<String, Value>) -> Vec<FieldError> {
    let known = serde_json::to_value(JobSpec::default()).unwrap_or_default();
    let mut errors = Vec::new();
    for (field, value) in fields {
        let expected = if known.get(field).is_none() {
            let names: Vec<&str> =
                known.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            Some(format!("one of the fields {}", names.join(", ")))
        } else {
            let alone = Map::from_iter([(field.clone(), value.clone())]);
            let read = serde_json::from_value::<JobSpec>(Value::Object(alone));
            read.err().map(|error| expected(&error.to_string()))
        };
        if let Some(expected) = expected {
            errors.push(FieldError {
                field: field.clone(),
                value: echo(&value.to_string()),
                expected,
            });
        }
    }
    errors
}

/// What serde wanted, out of what it says: the field and the value are told beside it.
fn expected(error: &str) -> String {
    let wanted = error.rsplit_once(", expected ").map_or(error, |(_, wanted)| wanted);
    match wanted {
        "u32" | "u64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        wanted => wanted.replace(", ``", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(document: &str, expected: &[(&str, &str)]) {
        let refusal = parse(document.as_bytes()).expect_err("must be refused");
        let Refusal::Fields(errors) = refusal else { panic!("{document}: {refusal:?}") };
        let found: Vec<_> =
            errors.iter().map(|error| (error.field.as_str(), error.expected.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{document}: {found:?}");
        for ((field, why), (expected_field, expected_why)) in found.iter().zip(expected) {
            assert_eq!(field, expected_field, "{document}");
            assert!(why.starts_with(expected_why), "{document}: {field}: {why}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        check_refused(
            r##"{"video_subjekt": 1, "video_aspect": "4:3", "n_threads": "two"}"##,
            &[
                ("n_threads", "a whole number"),
                ("video_aspect", "one of `9:16`"),
                ("video_subjekt", "one of the fields "),
                ("video_subject", "not empty, or a video_script"),
            ],
        );
        check_refused("{}", &[("video_subject", "not empty, or a video_script")]);
        check_refused(
            r##"{"video_subject": "sea", "video_clip_duration": 0.5, "voice_rate": 3, "stroke_color": "red"}"##,
            &[
                ("video_clip_duration", "1 to 60"),
                ("voice_rate", "0.5 to 2"),
                ("stroke_color", "a colour as #RRGGBB"),
            ],
        );
        check_refused(
            r#"{"video_subject": "sea", "voice_name": "azure:vi", "n_threads": 0}"#,
            &[("n_threads", "1 to 64"), ("voice_name", "empty, no-voice, espeak:<voice>")],
        );
        check_refused(
            r#"{"video_script": "…!?"}"#,
            &[("video_script", "at least one letter or digit")],
        );
        check_refused(
            r#"{"video_subject": "sea\u0000", "video_script": "\u0000 sea"}"#,
            &[
                ("video_subject", "a text without U+0000"),
                ("video_script", "a text without U+0000"),
            ],
        );
        check_refused(
            r#"{"video_subject": "sea", "video_size": "541x960"}"#,
            &[("video_size", "even sides")],
        );
        check_refused(
            r#"{"video_subject": "sea", "video_terms": " , "}"#,
            &[("video_terms", "1 to 50 terms of 1 to 100 characters")],
        );
        check_refused(
            r#"{"video_subject": "sea", "bgm_type": "custom", "bgm_file": "../../etc/passwd"}"#,
            &[("bgm_file", "the name of a file in the music folder")],
        );
        check_refused(
            r#"{"video_subject": "sea", "stop_at": "film"}"#,
            &[("stop_at", "one of `script`")],
        );
        let long = format!(r#"{{"video_script": "{}"}}"#, "ă".repeat(MAX_SCRIPT_CHARS + 1));
        check_refused(&long, &[("video_script", "at most 50000 characters")]);
    }

    #[test]
    fn fields_that_only_go_together_are_told_so() {
        check_refused(
            r#"{"video_subject": "sea", "video_source": "local"}"#,
            &[("video_materials", "1 to 200 files, because video_source is local")],
        );
        check_refused(
            r#"{"video_subject": "sea", "video_materials": [{"provider": "pexels", "url": "a.mp4"}, {}]}"#,
            &[
                ("video_materials", "the provider local, or none"),
                ("video_materials", "the name of a file in the folder of local materials"),
            ],
        );
        check_refused(
            r#"{"video_subject": "sea", "video_clip_speed": 3, "video_count": 0, "custom_position": -1}"#,
            &[
                ("video_clip_speed", "0.5 to 2"),
                ("video_count", "1 to 10"),
                ("custom_position", "0 to 100"),
            ],
        );
        check_refused(
            r#"{"video_subject": "sea", "bgm_type": "sonilo", "sonilo_bgm_prompt": "calm"}"#,
            &[
                ("bgm_type", "one of `random`, `custom`, `none`"),
                ("sonilo_bgm_prompt", "nothing: no music generator is supported"),
            ],
        );
        check_refused(
            r#"{"video_subject": "sea", "text_background_color": "red", "word_highlight_color": ""}"#,
            &[
                ("text_background_color", "a colour as #RRGGBB"),
                ("word_highlight_color", "a colour as #RRGGBB"),
            ],
        );
    }

    #[test]
    fn what_is_no_object_is_a_syntax_error() {
        for document in ["", "{", "[]", "null", "\u{fffd}"] {
            let refusal = parse(document.as_bytes()).expect_err("must be refused");
            assert!(matches!(refusal, Refusal::Syntax(_)), "{document}: {refusal:?}");
        }
    }

    #[test]
    fn what_a_client_leaves_open_is_as_if_it_were_not_there() {
        let spec = parse(
            br#"{"video_subject": "sea", "video_script": null, "n_threads": null, "stroke_color": null,
                 "custom_audio_file": "", "video_terms": "", "video_materials": null}"#,
        );
        let subject = "sea".to_owned();
        assert_eq!(spec, Ok(JobSpec { video_subject: subject, ..JobSpec::default() }));
        let spec = parse(br#"{"video_subject": "sea", "video_terms": []}"#);
        assert_eq!(spec.map(|spec| spec.video_terms), Ok(None));
    }

    #[test]
    fn a_subject_alone_is_a_job() {
        let spec = parse(r#"{"video_subject": "Biển đêm", "stop_at": "audio"}"#.as_bytes());
        assert_eq!(spec.expect("valid").stop_at, Some(protocol::Stage::Narration));
    }
}
