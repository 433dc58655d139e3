//! What RunPod's endpoints say of a job (<https://docs.runpod.io/serverless/endpoints/send-requests>).
//! Pure.

use bench::Outcome;
use serde::Deserialize;
use serde_json::Value;

use crate::exit::Failure;

/// Words of an error that was no word to count by.
const FAILED: &str = "failed";
/// Characters of a word to count by.
const LONGEST_WORD: usize = 64;

/// The answer of `/run`, `/runsync`, `/status` and `/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Name of the job.
    pub id: String,
    /// Where it is.
    #[serde(rename = "status")]
    pub state: State,
    /// Milliseconds that it waited for a worker; where one had to be started, that is in it.
    #[serde(default)]
    pub delay_time: Option<f64>,
    /// Milliseconds that a worker had it.
    #[serde(default)]
    pub execution_time: Option<f64>,
    /// The worker.
    #[serde(default)]
    pub worker_id: Option<String>,
    /// What it made.
    #[serde(default)]
    pub output: Value,
    /// Why it failed: a text, or the document of the worker's exception as a text.
    #[serde(default)]
    pub error: Value,
}

/// RunPod's states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It waits.
    InQueue,
    /// A worker has it.
    #[serde(alias = "RUNNING")]
    InProgress,
    /// It ended well.
    Completed,
    /// It failed.
    Failed,
    /// It ended because it was asked to.
    Cancelled,
    /// It did not begin, or end, in the time that its policy gave it.
    TimedOut,
    /// One that is not known here: the job goes on.
    #[default]
    #[serde(other)]
    Other,
}

impl State {
    /// Whether nothing more happens.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::TimedOut)
    }
}

impl Status {
    /// How the job ended, with a word to count failures by. None: it goes on.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::InQueue | State::InProgress | State::Other => None,
            State::Completed => Some(Outcome::Ok),
            State::Failed => Some(Outcome::Failed(self.error_word())),
            State::Cancelled => Some(Outcome::Failed("cancelled".to_owned())),
            State::TimedOut => Some(Outcome::Failed("timed_out".to_owned())),
        }
    }

    /// Microseconds that it waited for a worker.
    pub fn delay_us(&self) -> Option<u64> {
        self.delay_time.map(|ms| (ms.max(0.0) * 1e3).round() as u64)
    }

    /// What is said of a failure, for people. Empty: nothing.
    pub fn error_text(&self) -> String {
        match exception(&self.error) {
            Some(Exception { error_type, error_message }) => {
                format!("{}: {error_message}", class(&error_type))
            }
            None => self.error.as_str().map_or_else(
                || if self.error.is_null() { String::new() } else { self.error.to_string() },
                str::to_owned,
            ),
        }
    }

    /// The class of the worker's exception, or the word before a colon.
    fn error_word(&self) -> String {
        if let Some(exception) = exception(&self.error) {
            return class(&exception.error_type);
        }
        let text = self.error.as_str().unwrap_or_default();
        let word = text.split_once(':').map_or("", |(word, _)| word);
        let is_word = (1..=LONGEST_WORD).contains(&word.len())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if is_word { word.to_owned() } else { FAILED.to_owned() }
    }

    /// Length of the film or the sound, where the output says it in our pipeline's words.
    pub fn media_ms(&self) -> Option<u64> {
        crate::targets::media::told_ms(&self.output)
    }
}

/// What the worker's library makes of an exception.
#[derive(Deserialize)]
struct Exception {
    error_type: String,
    #[serde(default)]
    error_message: String,
}

fn exception(error: &Value) -> Option<Exception> {
    match error {
        Value::String(text) => serde_json::from_str(text).ok(),
        document => Exception::deserialize(document).ok(),
    }
}

/// `ValueError` of `<class 'builtins.ValueError'>`.
fn class(error_type: &str) -> String {
    let name = error_type.split('\'').nth(1).unwrap_or(error_type);
    let name = name.rsplit('.').next().unwrap_or(name);
    let name: String = name.chars().take(LONGEST_WORD).collect();
    if name.is_empty() { FAILED.to_owned() } else { name }
}

/// What an error document says: RunPod's `error`, or FastAPI's `detail`.
pub fn said(body: &str) -> Option<String> {
    let document: Value = serde_json::from_str(body).ok()?;
    let said = ["error", "detail", "message"].into_iter().find_map(|key| document.get(key))?;
    Some(said.as_str().map_or_else(|| said.to_string(), str::to_owned))
}

/// What is known to be wrong with the body of a request before any is sent.
///
/// # Errors
///
/// [`Failure::Usage`].
pub fn check_body(body: &Value) -> Result<(), Failure> {
    if body.get("input").is_some_and(Value::is_object) {
        return Ok(());
    }
    let found = if body.get("input").is_some() { "no object there" } else { "none" };
    let message = format!("RunPod takes a body with an object `input`, found {found}");
    Err(Failure::usage(message).with_hint(r#"put it into one: {"input": {...}}"#))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(document: Value) -> Status {
        serde_json::from_value(document).expect("a status")
    }

    #[track_caller]
    fn check(document: Value, expected: Option<Outcome>, text: &str) {
        let status = status(document);
        assert_eq!((status.outcome(), status.error_text().as_str()), (expected, text));
    }

    fn failed(word: &str) -> Option<Outcome> {
        Some(Outcome::Failed(word.to_owned()))
    }

    #[test]
    fn each_state_is_an_outcome_or_none() {
        for (state, expected) in [
            ("IN_QUEUE", None),
            ("IN_PROGRESS", None),
            ("RUNNING", None),
            ("A_NEW_ONE", None),
            ("COMPLETED", Some(Outcome::Ok)),
            ("FAILED", failed("failed")),
            ("CANCELLED", failed("cancelled")),
            ("TIMED_OUT", failed("timed_out")),
        ] {
            check(json!({"id": "a", "status": state}), expected, "");
        }
    }

    #[test]
    fn a_completed_job_tells_its_times_and_its_worker() {
        // As in RunPod's documentation of /runsync.
        let found = status(json!({"delayTime": 824, "executionTime": 3391, "id": "sync-79164ff4",
            "output": [{"image": "https://image.url"}], "status": "COMPLETED", "workerId": "smjwrtxxe8ew5v"}));
        assert_eq!((found.delay_time, found.execution_time), (Some(824.0), Some(3391.0)));
        assert_eq!(found.worker_id.as_deref(), Some("smjwrtxxe8ew5v"));
        assert!(found.state.is_final());
    }

    #[test]
    fn a_failure_has_a_word_to_count_by_and_a_text_to_read() {
        let fail = |error: Value| json!({"id": "a", "status": "FAILED", "error": error});
        let exception = json!({"error_type": "<class 'ValueError'>", "error_message": "no prompt",
            "error_traceback": "Traceback (most recent call last) ...", "hostname": "h", "worker_id": "w"});
        check(fail(json!(exception.to_string())), failed("ValueError"), "ValueError: no prompt");
        check(fail(exception), failed("ValueError"), "ValueError: no prompt");
        let memory = json!({"error_type": "<class 'torch.cuda.OutOfMemoryError'>"}).to_string();
        check(fail(json!(memory)), failed("OutOfMemoryError"), "OutOfMemoryError: ");
        check(fail(json!("no_clips: none fits")), failed("no_clips"), "no_clips: none fits");
        let said = "job timed out after 10 s: killed";
        check(fail(json!(said)), failed("failed"), said);
        check(fail(json!("out of memory")), failed("failed"), "out of memory");
    }

    #[test]
    fn an_error_document_is_read() {
        for (body, expected) in [
            (r#"{"error": "endpoint not found"}"#, Some("endpoint not found")),
            (r#"{"detail": "Method Not Allowed"}"#, Some("Method Not Allowed")),
            (r#"{"detail": [{"loc": ["input"]}]}"#, Some(r#"[{"loc":["input"]}]"#)),
            ("<html>", None),
            ("{}", None),
        ] {
            assert_eq!(said(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_body_without_input_is_refused() {
        assert!(check_body(&json!({"input": {"prompt": "sea"}, "policy": {}})).is_ok());
        for (body, found) in [
            (json!({"prompt": "sea"}), "found none"),
            (json!({"input": "sea"}), "found no object there"),
            (json!([1]), "found none"),
        ] {
            let refused = check_body(&body).expect_err("refused");
            assert!(refused.to_string().ends_with(found), "{refused}");
            assert_eq!(refused.hint(), Some(r#"put it into one: {"input": {...}}"#));
        }
    }
}
