//! A request becomes a [`JobSpec`] or a list of everything that is wrong with it.

use protocol::{BgmType, FieldError, JobSpec};
use serde_json::{Map, Value};

use crate::speech::voice_for;

/// Longest script, in characters. Ten minutes of speech are about 10,000.
pub const MAX_SCRIPT_CHARS: usize = 50_000;
const MAX_SUBJECT_CHARS: usize = 1_000;
const MAX_TERMS: usize = 50;
/// Pixabay refuses longer ones.
const MAX_TERM_CHARS: usize = 100;
const MAX_SIDE: u32 = 4096;
/// Longest part of a wrong value that is told back.
const MAX_ECHO_CHARS: usize = 80;

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
    let mut errors = wrong_fields(&fields);
    let wrong: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
    let mut right = fields;
    right.retain(|field, _| !wrong.contains(field));
    let spec: JobSpec = serde_json::from_value(Value::Object(right))
        .map_err(|error| Refusal::Syntax(error.to_string()))?;
    errors.extend(out_of_range(&spec).into_iter().filter(|error| !wrong.contains(&error.field)));
    if errors.is_empty() { Ok(spec) } else { Err(Refusal::Fields(errors)) }
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
            read.err().map(|error| error.to_string())
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

fn out_of_range(spec: &JobSpec) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let has_subject = !spec.video_subject.trim().is_empty();
    let has_script = !spec.video_script.trim().is_empty();
    errors.check("video_subject", &spec.video_subject, has_subject || has_script, || {
        "not empty, or a video_script".to_owned()
    });
    errors.longest("video_subject", &spec.video_subject, MAX_SUBJECT_CHARS);
    errors.longest("video_script", &spec.video_script, MAX_SCRIPT_CHARS);
    if has_script {
        let speakable = spec.video_script.chars().any(char::is_alphanumeric);
        errors.check("video_script", &spec.video_script, speakable, || {
            "at least one letter or digit".to_owned()
        });
    }
    if let Some(terms) = &spec.video_terms {
        let terms = terms.to_vec();
        let shown = terms.join(", ");
        let is_short = terms.iter().all(|term| term.chars().count() <= MAX_TERM_CHARS);
        let right = is_short && (1..=MAX_TERMS).contains(&terms.len());
        errors.check("video_terms", &shown, right, || {
            format!("1 to {MAX_TERMS} terms of 1 to {MAX_TERM_CHARS} characters")
        });
    }
    let size = spec.size();
    let even = size.width.is_multiple_of(2) && size.height.is_multiple_of(2);
    let sides = [size.width, size.height];
    let in_range = sides.iter().all(|side| (128..=MAX_SIDE).contains(side));
    errors.check("video_size", &size.to_string(), even && in_range, || {
        format!("even sides from 128 to {MAX_SIDE}")
    });
    errors.range("video_clip_duration", spec.video_clip_duration, 1.0, 60.0);
    errors.range("paragraph_number", f64::from(spec.paragraph_number), 1.0, 10.0);
    errors.range("voice_rate", spec.voice_rate, 0.5, 2.0);
    errors.range("voice_volume", spec.voice_volume, 0.0, 2.0);
    errors.range("bgm_volume", spec.bgm_volume, 0.0, 1.0);
    errors.range("font_size", spec.font_size, 8.0, 300.0);
    errors.range("stroke_width", spec.stroke_width, 0.0, 20.0);
    errors.range("n_threads", f64::from(spec.n_threads), 1.0, 64.0);
    for (field, colour) in
        [("text_fore_color", &spec.text_fore_color), ("stroke_color", &spec.stroke_color)]
    {
        errors.check(field, colour, is_colour(colour), || "a colour as #RRGGBB".to_owned());
    }
    let voice = voice_for(&spec.voice_name, &spec.video_language, &spec.video_script);
    errors.check("voice_name", &spec.voice_name, voice.is_ok(), || {
        "empty, espeak:<voice> or openai:<voice>".to_owned()
    });
    let named = spec.bgm_type != BgmType::Custom || is_file_name(&spec.bgm_file);
    errors.check("bgm_file", &spec.bgm_file, named, || {
        "the name of a file in the music folder, without a path".to_owned()
    });
    errors.0
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_file_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}

#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn check(&mut self, field: &str, value: &str, right: bool, expected: impl FnOnce() -> String) {
        if !right {
            let (field, value) = (field.to_owned(), echo(value));
            self.0.push(FieldError { field, value, expected: expected() });
        }
    }

    fn range(&mut self, field: &str, value: f64, least: f64, most: f64) {
        let right = (least..=most).contains(&value);
        self.check(field, &value.to_string(), right, || format!("{least} to {most}"));
    }

    fn longest(&mut self, field: &str, value: &str, most: usize) {
        let n_chars = value.chars().count();
        let shown = format!("{n_chars} characters");
        self.check(field, &shown, n_chars <= most, || format!("at most {most} characters"));
    }
}

/// A wrong value as it is told back: short enough to read.
fn echo(value: &str) -> String {
    match value.char_indices().nth(MAX_ECHO_CHARS) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
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
                ("n_threads", "invalid type: string \"two\""),
                ("video_aspect", "unknown variant `4:3`, expected one of `9:16`"),
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
            &[("n_threads", "1 to 64"), ("voice_name", "empty, espeak:<voice> or openai:<voice>")],
        );
        check_refused(
            r#"{"video_script": "…!?"}"#,
            &[("video_script", "at least one letter or digit")],
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
            &[("stop_at", "unknown variant `film`")],
        );
        let long = format!(r#"{{"video_script": "{}"}}"#, "ă".repeat(MAX_SCRIPT_CHARS + 1));
        check_refused(&long, &[("video_script", "at most 50000 characters")]);
    }

    #[test]
    fn what_is_no_object_is_a_syntax_error() {
        for document in ["", "{", "[]", "null", "\u{fffd}"] {
            let refusal = parse(document.as_bytes()).expect_err("must be refused");
            assert!(matches!(refusal, Refusal::Syntax(_)), "{document}: {refusal:?}");
        }
    }

    #[test]
    fn a_subject_alone_is_a_job() {
        let spec = parse(r#"{"video_subject": "Biển đêm", "stop_at": "audio"}"#.as_bytes());
        assert_eq!(spec.expect("valid").stop_at, Some(protocol::Stage::Narration));
    }
}
