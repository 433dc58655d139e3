//! The JSON document in what a model answers.

use serde_json::Value;

use super::without_thoughts;

/// How many places in an answer are tried.
const MAX_STARTS: usize = 64;

/// The first document of an answer that `accept` takes, objects before arrays: with thoughts, prose or a
/// code fence around it, with commas before its closing brackets.
///
/// # Errors
///
/// Why the first document was not taken, or that there is none.
pub fn find<T>(answer: &str, accept: impl Fn(Value) -> Result<T, String>) -> Result<T, String> {
    let answer = without_thoughts(answer);
    let mut refused = None;
    for open in ['{', '['] {
        for (start, _) in answer.match_indices(open).take(MAX_STARTS) {
            let text = &answer[start..];
            let document = first(text).or_else(|| first(&without_trailing_commas(text)));
            match document.map(&accept) {
                Some(Ok(found)) => return Ok(found),
                Some(Err(reason)) => refused = refused.or(Some(reason)),
                None => {}
            }
        }
    }
    Err(refused.unwrap_or_else(|| "expected a JSON document".to_owned()))
}

fn first(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// The text without the commas that stand before a closing bracket, outside of strings.
fn without_trailing_commas(text: &str) -> String {
    let (mut kept, mut in_string, mut escaped) = (String::with_capacity(text.len()), false, false);
    for (at, letter) in text.char_indices() {
        let closes = || text[at + 1..].trim_start().starts_with(['}', ']']);
        if in_string {
            in_string = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
        } else if letter == '"' {
            in_string = true;
        } else if letter == ',' && closes() {
            continue;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(answer: &str, expected: Result<Vec<i64>, &str>) {
        let numbers = |document: Value| {
            let list = document.get("n").cloned().unwrap_or(document);
            serde_json::from_value::<Vec<i64>>(list).map_err(|_| "expected numbers".to_owned())
        };
        assert_eq!(find(answer, numbers), expected.map_err(str::to_owned), "{answer:?}");
    }

    #[test]
    fn a_document_is_found_where_it_is() {
        check("", Err("expected a JSON document"));
        check("one, two", Err("expected a JSON document"));
        check("{\"n\": [1, 2", Err("expected a JSON document"));
        check(r#"{"n": "x"}"#, Err("expected numbers"));
        check(r#"{"n": [1, 2]}"#, Ok(vec![1, 2]));
        check("[1, 2]", Ok(vec![1, 2]));
        check("Sure [sic]:\n```json\n{\"n\": [1]}\n```\nEnjoy [2]!", Ok(vec![1]));
        check("{\"n\": [1, 2, ], }", Ok(vec![1, 2]));
        check(r#"{"note": "a,]", "q": "\",]", "n": [3,]}"#, Ok(vec![3]));
        check("<think>{\"n\": [1]}</think>{\"n\": [2]}", Ok(vec![2]));
        check(r#"{"note": "{", "n": [4]}"#, Ok(vec![4]));
    }

    proptest! {
        #[test]
        fn what_is_right_stays_as_it_is(text in "[a-z,\\]}\"\\\\ ]{0,20}", n in any::<Vec<i8>>()) {
            let document = serde_json::json!({"text": text, "n": n});
            let written = document.to_string();
            prop_assert_eq!(&without_trailing_commas(&written), &written);
            prop_assert_eq!(find(&written, Ok::<_, String>), Ok(document));
        }

        #[test]
        fn hostile_answers_are_no_panic(answer in "[{}\\[\\],\":1é<>]{0,200}") {
            let _ = find(&answer, Ok::<_, String>);
        }
    }
}
