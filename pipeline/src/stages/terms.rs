//! `terms`: what to search the stock sites for or to have generated, from the request or from the language
//! model; nothing where the clips are the user's own.

use protocol::{JobSpec, Stage, VideoSource};
use serde_json::{Value, json};

use super::LLM_CODES;
use crate::artefacts::{Script, SearchTerms};
use crate::error::StageError;
use crate::parts::Parts;
use crate::providers::llm::{Question, document};

/// How many terms are asked for, as MoneyPrinterTurbo does.
const N_TERMS: usize = 5;
/// As many where the clips are to follow the script.
const N_ORDERED_TERMS: usize = 8;

/// Runs the stage.
///
/// # Errors
///
/// `llm_unavailable`, `llm_refused`, `llm_bad_answer`.
pub async fn run(
    parts: &Parts,
    spec: &JobSpec,
    script: &Script,
) -> Result<SearchTerms, StageError> {
    if let Some(terms) = &spec.video_terms {
        return Ok(SearchTerms { terms: terms.to_vec() });
    }
    if !are_read(spec) {
        return Ok(SearchTerms { terms: Vec::new() });
    }
    let question = question(spec, script);
    let asked = parts.llm.ask(&question, |answer| parse(answer, n_terms(spec)));
    let terms = asked.await.map_err(|error| error.into_stage_error(LLM_CODES))?;
    Ok(SearchTerms { terms })
}

/// Whether anybody reads the terms: nothing is searched for where the user brings the clips, and then a
/// language model that is away is no reason to fail.
fn are_read(spec: &JobSpec) -> bool {
    spec.video_source != VideoSource::Local || spec.stop_at == Some(Stage::Terms)
}

fn n_terms(spec: &JobSpec) -> usize {
    if spec.match_materials_to_script { N_ORDERED_TERMS } else { N_TERMS }
}

fn question(spec: &JobSpec, script: &Script) -> Question {
    let amount = n_terms(spec);
    let order = if spec.match_materials_to_script {
        "Each is for one part of the script: the first for its beginning, the last for its end."
    } else {
        "They are in the order of the script."
    };
    let user = format!(
        "### Video Subject\n{}\n\n### Video Script\n{}\n\n\
         ### Task\nGive {amount} search terms for stock videos. {order}",
        spec.video_subject, script.text
    );
    Question {
        system: SYSTEM.to_owned(),
        user,
        schema: Some(("search_terms", schema())),
        seed: spec.seed,
    }
}

const SYSTEM: &str = "\
# Role: Video Search Terms Generator

## Constraints:
1. Answer with a JSON object {\"terms\": [...]} of search terms for stock videos, and nothing else.
2. Each of them has 1 to 3 words, is in English, and says what is to be seen.
3. The subject of the video is part of the terms.
";

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"terms": {"type": "array", "items": {"type": "string"}}},
        "required": ["terms"],
        "additionalProperties": false,
    })
}

/// Reads `{"terms": [...]}`, or a bare array, also with prose or a code fence around it: at most
/// `amount` terms, each once.
fn parse(answer: &str, amount: usize) -> Result<Vec<String>, String> {
    let mut terms: Vec<String> = Vec::new();
    for term in document::find(answer, strings)? {
        let term = term.trim().to_owned();
        if !term.is_empty() && !terms.iter().any(|known| known.eq_ignore_ascii_case(&term)) {
            terms.push(term);
        }
    }
    terms.truncate(amount);
    if terms.is_empty() { Err("expected at least one term".to_owned()) } else { Ok(terms) }
}

fn strings(document: Value) -> Result<Vec<String>, String> {
    let list = match document {
        Value::Object(mut fields) => fields.remove("terms").unwrap_or_default(),
        other => other,
    };
    serde_json::from_value(list)
        .map_err(|_| "expected a JSON object with a list of strings `terms`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parse(answer: &str, expected: Result<&[&str], &str>) {
        match (parse(answer, 3), expected) {
            (Ok(terms), Ok(expected)) => assert_eq!(terms, expected, "{answer:?}"),
            (Err(reason), Err(expected)) => assert!(reason.starts_with(expected), "{reason}"),
            (found, expected) => panic!("{answer:?}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn terms_are_found_in_what_models_answer() {
        check_parse("", Err("expected a JSON document"));
        check_parse("sea, waves", Err("expected a JSON document"));
        check_parse(r#"{"terms": []}"#, Err("expected at least one term"));
        check_parse(r#"{"terms": [1, 2]}"#, Err("expected a JSON object with a list of strings"));
        check_parse(r#"{"terms": ["sea", " waves ", "Sea", ""]}"#, Ok(&["sea", "waves"]));
        check_parse(r#"["sea", "waves"]"#, Ok(&["sea", "waves"]));
        check_parse("Here you are:\n```json\n[\"sea\",]\n```\nEnjoy [1]!", Ok(&["sea"]));
        check_parse(r#"{"note": "{", "terms": ["sea"]}"#, Ok(&["sea"]));
        check_parse(r#"["a", "A", "b", "c", "d"]"#, Ok(&["a", "b", "c"]));
    }

    #[track_caller]
    fn check_read(video_source: VideoSource, stop_at: Option<Stage>, expected: bool) {
        let spec = JobSpec { video_source, stop_at, ..JobSpec::default() };
        assert_eq!(are_read(&spec), expected, "{video_source:?} until {stop_at:?}");
    }

    #[test]
    fn nobody_is_asked_for_terms_that_nobody_reads() {
        check_read(VideoSource::Pexels, None, true);
        check_read(VideoSource::Comfyui, None, true);
        check_read(VideoSource::Local, None, false);
        check_read(VideoSource::Local, Some(Stage::Materials), false);
        check_read(VideoSource::Local, Some(Stage::Terms), true);
    }

    #[test]
    fn clips_that_follow_the_script_need_more_terms_in_its_order() {
        let script = Script { text: "Waves.".to_owned() };
        let check = |match_materials_to_script, expected: &str| {
            let spec = JobSpec { match_materials_to_script, ..JobSpec::default() };
            let asked = question(&spec, &script).user;
            assert!(asked.ends_with(expected), "{asked}");
            n_terms(&spec)
        };
        assert_eq!(
            check(
                false,
                "Give 5 search terms for stock videos. They are in the order of the script."
            ),
            5
        );
        assert_eq!(check(true, "the first for its beginning, the last for its end."), 8);
    }
}
