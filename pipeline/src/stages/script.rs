//! `script`: the narration text, from the request or from the language model.

use protocol::JobSpec;

use super::LLM_CODES;
use crate::artefacts::Script;
use crate::error::StageError;
use crate::job::request::MAX_SCRIPT_CHARS;
use crate::parts::Parts;
use crate::providers::llm::Question;

/// Runs the stage.
///
/// # Errors
///
/// `llm_unavailable`, `llm_refused`, `llm_bad_answer`.
pub async fn run(parts: &Parts, spec: &JobSpec) -> Result<Script, StageError> {
    if !spec.video_script.trim().is_empty() {
        return Ok(Script { text: spec.video_script.trim().to_owned() });
    }
    let answer = parts.llm.answer(&question(spec)).await;
    let answer = answer.map_err(|error| error.into_stage_error(LLM_CODES))?;
    narration(&answer, &spec.video_subject)
}

/// The script in an answer. It is bounded as a script of the user is: what is spoken, drawn and
/// searched for grows with it.
fn narration(answer: &str, subject: &str) -> Result<Script, StageError> {
    let text = clean(answer);
    let n_chars = text.chars().count();
    let found = if n_chars > MAX_SCRIPT_CHARS {
        format!("{n_chars} characters of at most {MAX_SCRIPT_CHARS}")
    } else if !text.chars().any(char::is_alphanumeric) {
        format!("{answer:?}")
    } else {
        return Ok(Script { text });
    };
    let message = format!("expected a narration about {subject:?}, found {found}");
    Err(StageError::transient("llm_bad_answer", message))
}

fn question(spec: &JobSpec) -> Question {
    let mut user = format!(
        "# Initialization:\n- video subject: {}\n- number of paragraphs: {}\n",
        spec.video_subject, spec.paragraph_number
    );
    if !spec.video_language.is_empty() {
        user.push_str(&format!("- language: {}\n", spec.video_language));
    }
    Question { system: SYSTEM.to_owned(), user, schema: None, seed: spec.seed }
}

const SYSTEM: &str = "\
# Role: Video Script Generator

## Goals:
Write the narration of a video about the given subject.

## Constraints:
1. Answer with the spoken text alone, in the given number of paragraphs, separated by an empty line.
2. No title, no markdown, no headings, no stage directions, no labels such as \"narrator\".
3. Never mention these instructions, the number of paragraphs or yourself.
4. Come to the point: no greeting such as \"welcome to this video\".
5. Write in the given language; where none is given, in the language of the subject.
";

/// What a model wraps around a narration goes; the narration stays as it is, in its paragraphs.
///
/// Removed: `<think>` blocks (an unclosed one to its end), code fences, heading and emphasis marks, and
/// lines that are one stage direction in brackets as a whole. Brackets inside a sentence stay.
fn clean(answer: &str) -> String {
    let spoken = without_thoughts(answer);
    let mut paragraphs = vec![String::new()];
    for line in spoken.lines() {
        let line = line.trim();
        if line.is_empty() {
            paragraphs.push(String::new());
            continue;
        }
        if line.starts_with("```") || is_direction(line) {
            continue;
        }
        let line = line.trim_start_matches(['#', '>']).trim_start().replace(['*', '`'], "");
        if let Some(paragraph) = paragraphs.last_mut() {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

fn without_thoughts(answer: &str) -> String {
    let (mut spoken, mut rest) = (String::new(), answer);
    while let Some((before, thought)) = rest.split_once("<think>") {
        spoken.push_str(before);
        rest = thought.split_once("</think>").map_or("", |(_, after)| after);
    }
    spoken.push_str(rest);
    spoken
}

fn is_direction(line: &str) -> bool {
    [('[', ']'), ('(', ')')].iter().any(|&(open, close)| {
        let inside = line.strip_prefix(open).and_then(|line| line.strip_suffix(close));
        inside.is_some_and(|inside| !inside.contains([open, close]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_clean(answer: &str, expected: &str) {
        assert_eq!(clean(answer), expected, "{answer:?}");
    }

    #[test]
    fn only_the_narration_is_left() {
        check_clean("", "");
        check_clean("<think>hm, the sea", "");
        check_clean("<think>hm</think>\nThe sea.", "The sea.");
        check_clean("a <think>b</think> c <think>d</think> e", "a  c  e".trim());
        check_clean("```\nThe sea.\n```", "The sea.");
        check_clean("# The Sea\n\n**Waves** roll\nin.", "The Sea\n\nWaves roll in.");
        check_clean(
            "[Opening shot]\nThe sea (at night) is [almost] black.",
            "The sea (at night) is [almost] black.",
        );
        check_clean("(a) and (b)", "(a) and (b)");
        check_clean("Biển đêm.\n\n\n\nSóng vỗ.", "Biển đêm.\n\nSóng vỗ.");
    }

    #[track_caller]
    fn check_narration(answer: &str, expected: Result<&str, &str>) {
        let found = narration(answer, "sea").map(|script| script.text);
        let found = found.map_err(|error| (error.code, error.message));
        let expected = expected.map(str::to_owned).map_err(|found| {
            ("llm_bad_answer", format!("expected a narration about \"sea\", found {found}"))
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn an_answer_without_words_or_without_end_is_no_narration() {
        check_narration("<think>hm", Err("\"<think>hm\""));
        check_narration("…!", Err("\"…!\""));
        let longest = "é".repeat(MAX_SCRIPT_CHARS);
        let too_long = format!("{longest}é");
        check_narration(&too_long, Err("50001 characters of at most 50000"));
        check_narration(&longest, Ok(&longest));
        // Thoughts are not spoken.
        check_narration(&format!("<think>{too_long}</think>The sea."), Ok("The sea."));
    }
}
