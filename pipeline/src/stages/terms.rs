//! `terms`: what to search the stock sites for, from the request or from the language model.

use protocol::JobSpec;
use serde_json::{Value, json};

use super::LLM_CODES;
use crate::artefacts::{Script, SearchTerms};
use crate::error::StageError;
use crate::parts::Parts;
use crate::providers::llm::Question;

/// How many terms are asked for, as MoneyPrinterTurbo does.
const N_TERMS: usize = 5;
/// A model that answers in another form is told so, and asked once more.
const ATTEMPTS: u32 = 2;

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
    let mut question = question(spec, script);
    let mut wrong = String::new();
    for _ in 0..ATTEMPTS {
        let answer = parts.llm.answer(&question).await;
        let answer = answer.map_err(|error| error.into_stage_error(LLM_CODES))?;
        match parse(&answer) {
            Ok(terms) => return Ok(SearchTerms { terms }),
            Err(reason) => {
                question.user.push_str(&format!("\n\nYour last answer was wrong: {reason}"));
                wrong = format!("{reason}, found {answer:?}");
            }
        }
    }
    Err(StageError::transient("llm_bad_answer", wrong))
}

fn question(spec: &JobSpec, script: &Script) -> Question {
    let user = format!(
        "### Video Subject\n{}\n\n### Video Script\n{}\n\n\
         Give {N_TERMS} search terms for stock videos, in the order of the script.",
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
2. Each search term is 1 to 3 words, in English, and says what is to be seen.
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

/// Reads `{"terms": [...]}`, or a bare array, also with prose or a code fence around it.
fn parse(answer: &str) -> Result<Vec<String>, String> {
    let found = ['{', '['].into_iter().find_map(|open| {
        // The first document that can be read from where one may begin.
        answer.match_indices(open).find_map(|(start, _)| {
            let mut documents = serde_json::Deserializer::from_str(&answer[start..]).into_iter();
            documents.next().and_then(Result::ok).and_then(strings)
        })
    });
    let mut terms: Vec<String> = Vec::new();
    for term in found.ok_or("expected a JSON object with a list of strings `terms`")? {
        let term = term.trim().to_owned();
        if !term.is_empty() && !terms.iter().any(|known| known.eq_ignore_ascii_case(&term)) {
            terms.push(term);
        }
    }
    if terms.is_empty() { Err("expected at least one term".to_owned()) } else { Ok(terms) }
}

fn strings(document: Value) -> Option<Vec<String>> {
    let list = match document {
        Value::Object(mut fields) => fields.remove("terms")?,
        other => other,
    };
    serde_json::from_value(list).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_parse(answer: &str, expected: Result<&[&str], &str>) {
        match (parse(answer), expected) {
            (Ok(terms), Ok(expected)) => assert_eq!(terms, expected, "{answer:?}"),
            (Err(reason), Err(expected)) => assert!(reason.starts_with(expected), "{reason}"),
            (found, expected) => panic!("{answer:?}: expected {expected:?}, found {found:?}"),
        }
    }

    #[test]
    fn terms_are_found_in_what_models_answer() {
        check_parse("", Err("expected a JSON object"));
        check_parse("sea, waves", Err("expected a JSON object"));
        check_parse(r#"{"terms": []}"#, Err("expected at least one term"));
        check_parse(r#"{"terms": [1, 2]}"#, Err("expected a JSON object"));
        check_parse(r#"{"terms": ["sea", " waves ", "Sea", ""]}"#, Ok(&["sea", "waves"]));
        check_parse(r#"["sea", "waves"]"#, Ok(&["sea", "waves"]));
        check_parse("Here you are:\n```json\n[\"sea\"]\n```\nEnjoy [1]!", Ok(&["sea"]));
        check_parse(r#"{"note": "{", "terms": ["sea"]}"#, Ok(&["sea"]));
    }
}
