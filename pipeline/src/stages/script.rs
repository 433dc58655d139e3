//! `script`: the narration text, from the request, from a ready narration, or from the language model.

mod clean;

use protocol::JobSpec;

use super::{LLM_CODES, heard, narration};
use crate::artefacts::{Script, TimedWord};
use crate::error::StageError;
use crate::job::JobFolder;
use crate::job::request::MAX_SCRIPT_CHARS;
use crate::ml::WHISPER;
use crate::parts::Parts;
use crate::providers::llm::Question;
use clean::clean;

/// Runs the stage.
///
/// A ready narration without a script is heard out by Whisper, where its weights may decide anything;
/// without them the script is the model's, and its words are spread over what is heard.
///
/// # Errors
///
/// `llm_unavailable`, `llm_refused`, `llm_bad_answer`, `whisper_failed`, `audio_missing`,
/// `audio_unusable`, `disk`.
pub async fn run(parts: &Parts, spec: &JobSpec, folder: &JobFolder) -> Result<Script, StageError> {
    if !spec.video_script.trim().is_empty() {
        return Ok(Script { text: spec.video_script.trim().to_owned() });
    }
    if let Some(name) = &spec.custom_audio_file
        && parts.trusts(WHISPER)
    {
        // As the stage of the narration makes it: checked, and no longer than that may be.
        let sound = narration::brought(parts, name, folder).await?;
        let text = joined(&heard::words(parts, spec, sound.path(), folder).await?);
        if text.chars().any(char::is_alphanumeric) {
            return Ok(Script { text });
        }
        tracing::warn!(name, "nothing is heard in it, asking the language model");
    }
    let question = question(spec);
    let asked = parts.llm.ask(&question, |answer| checked(answer, &spec.video_subject));
    let text = asked.await.map_err(|error| error.into_stage_error(LLM_CODES))?;
    Ok(Script { text })
}

/// The script in an answer. It is bounded as a script of the user is: what is spoken, drawn and
/// searched for grows with it.
fn checked(answer: &str, subject: &str) -> Result<String, String> {
    let text = clean(answer);
    let n_chars = text.chars().count();
    if n_chars > MAX_SCRIPT_CHARS {
        return Err(format!(
            "expected a narration about {subject:?} of at most {MAX_SCRIPT_CHARS} characters, found \
             {n_chars}"
        ));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(format!("expected a narration about {subject:?}"));
    }
    Ok(text)
}

/// What was heard as a text; between two Chinese, Japanese or Thai letters stands no space.
fn joined(words: &[TimedWord]) -> String {
    let is_dense = |c: char| matches!(c, '\u{E00}'..='\u{E7F}' | '\u{3000}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{FF00}'..='\u{FFEF}');
    let mut text = String::new();
    for word in words.iter().map(|word| word.text.trim()).filter(|word| !word.is_empty()) {
        let dense = text.ends_with(is_dense) && word.starts_with(is_dense);
        if !text.is_empty() && !dense {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

fn question(spec: &JobSpec) -> Question {
    let mut user = format!(
        "# Initialization:\n- video subject: {}\n- number of paragraphs: {}\n",
        spec.video_subject, spec.paragraph_number
    );
    if !spec.video_language.is_empty() {
        user.push_str(&format!("- language: {}\n", spec.video_language));
    }
    let wishes = spec.video_script_prompt.trim();
    if !wishes.is_empty() {
        user.push_str(&format!("\n# Additional User Requirements:\n{wishes}\n"));
    }
    let system = match spec.custom_system_prompt.trim() {
        "" => SYSTEM,
        custom => custom,
    };
    Question { system: system.to_owned(), user, schema: None, seed: spec.seed }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_narration(answer: &str, expected: Result<&str, &str>) {
        let found = checked(answer, "sea");
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(found, expected);
    }

    #[test]
    fn an_answer_without_words_or_without_end_is_no_narration() {
        check_narration("<think>hm", Err("expected a narration about \"sea\""));
        check_narration("…!", Err("expected a narration about \"sea\""));
        let longest = "é".repeat(MAX_SCRIPT_CHARS);
        let too_long = format!("{longest}é");
        let why = "expected a narration about \"sea\" of at most 50000 characters, found 50001";
        check_narration(&too_long, Err(why));
        check_narration(&longest, Ok(&longest));
        // Thoughts are not spoken.
        check_narration(&format!("<think>{too_long}</think>The sea."), Ok("The sea."));
    }

    #[test]
    fn every_wish_for_the_script_is_asked() {
        let spec = JobSpec {
            video_subject: "the sea".to_owned(),
            paragraph_number: 3,
            video_language: "vi".to_owned(),
            video_script_prompt: " End with a question. ".to_owned(),
            seed: 7,
            ..JobSpec::default()
        };
        let asked = question(&spec);
        let expected = "# Initialization:\n- video subject: the sea\n- number of paragraphs: 3\n\
                        - language: vi\n\n# Additional User Requirements:\nEnd with a question.\n";
        assert_eq!((asked.user.as_str(), asked.system.as_str(), asked.seed), (expected, SYSTEM, 7));

        let custom = JobSpec { custom_system_prompt: "You are a pirate.".to_owned(), ..spec };
        let asked = question(&custom);
        assert_eq!((asked.user.as_str(), asked.system.as_str()), (expected, "You are a pirate."));
    }

    #[test]
    fn heard_words_become_a_text() {
        let words = |texts: &[&str]| {
            let word = |text: &&str| TimedWord { text: (*text).to_owned(), start_ms: 0, end_ms: 1 };
            texts.iter().map(word).collect::<Vec<_>>()
        };
        assert_eq!(joined(&words(&[])), "");
        assert_eq!(joined(&words(&[" The", "sea, ", "", "25."])), "The sea, 25.");
        assert_eq!(joined(&words(&["今天", "天气，", "good", "好"])), "今天天气， good 好");
    }
}
