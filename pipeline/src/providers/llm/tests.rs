//! Against a chat endpoint on loopback, with the faults of real ones.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;
use crate::providers::Keeping;
use crate::providers::patience::ATTEMPTS;
use crate::providers::test_server::{Answer, TestServer, client, say};

const KEY: &str = "sk-very-secret";
const HOUR: Duration = Duration::from_secs(3600);

fn completion(message: &Value) -> Answer {
    // A field as Groq has it, and none that nobody reads.
    let body = json!({"service_tier": "on_demand", "choices": [{"index": 0, "message": message}]});
    say(200, "", &body.to_string())
}

fn said(text: &str) -> Answer {
    completion(&json!({"role": "assistant", "content": text}))
}

async fn llm(answers: Vec<Answer>, key: Option<&str>) -> (TestServer, Llm) {
    let server = TestServer::start(answers).await;
    let llm = Llm {
        client: client().into(),
        url: format!("{}/v1/chat/completions", server.base_url),
        model: "small".to_owned(),
        key: Key::read("THE_KEY", key.map(OsStr::new)).expect("a key"),
        temperature: None,
        budget: Duration::from_secs(60),
        slots: Slots::new("light", 8),
        formats: Arc::default(),
        kept: None,
    };
    (server, llm)
}

fn keeping() -> Keeping {
    Keeping::new(&settings::Cache::default()).expect("no Redis is named")
}

fn question(schema: Option<(&'static str, Value)>) -> Question {
    Question { system: "be brief".to_owned(), user: "the sea".to_owned(), schema, seed: 7 }
}

/// The error after `answers`, and the requests it took to get to it.
async fn check_error(answers: Vec<Answer>, n_requests: usize, expected: &str, code: &str) {
    let (server, llm) = llm(answers, Some(KEY)).await;
    let error = llm.answer(&question(None)).await.expect_err("must fail");
    let message = error.to_string();
    assert!(!format!("{message} {error:?}").contains(KEY), "the key is shown: {message}");
    let expected = format!("{}/v1/chat/completions: {expected}", server.base_url);
    assert!(message.starts_with(&expected), "expected {expected}, found {message}");
    assert_eq!(server.asked().len(), n_requests, "{message}");
    let codes = ["llm_unavailable", "llm_refused", "llm_bad_answer"];
    assert_eq!(error.into_stage_error(codes).code, code, "{message}");
}

/// That the text comes at the end of `answers`, with every answer used.
async fn check_answer(answers: Vec<Answer>) -> Duration {
    let n_answers = answers.len();
    let (server, llm) = llm(answers, Some(KEY)).await;
    let began = Instant::now();
    assert_eq!(llm.answer(&question(None)).await.as_deref(), Ok("Waves."));
    assert_eq!(server.asked().len(), n_answers);
    began.elapsed()
}

#[tokio::test]
async fn what_stays_wrong_is_asked_as_often_as_is_told() {
    assert_eq!(ATTEMPTS, 4);
    let failing = vec![say(500, "", "out of memory")];
    let expected = "not available after 4 attempts (500): out of memory";
    check_error(failing, ATTEMPTS, expected, "llm_unavailable").await;
}

#[tokio::test]
async fn connections_that_never_hold_are_named() {
    let expected = "cannot be reached after 4 attempts: error sending request: ";
    check_error(vec![Answer::Reset], ATTEMPTS, expected, "llm_unavailable").await;
}

#[tokio::test]
async fn a_refusal_is_told_at_once() {
    let quota = r#"{"error": {"message": "no money", "type": "insufficient_quota"}}"#;
    check_error(vec![say(429, "", quota)], 1, "refused (429): {\"error\"", "llm_refused").await;
    let page = format!("<html>Bearer {KEY}\n is not known</html>");
    let expected = "the key in THE_KEY is refused (401): <html>Bearer [key] is not known</html>";
    check_error(vec![say(401, "", &page)], 1, expected, "llm_refused").await;
    let no_model = r#"{"detail": "no such model"}"#;
    let expected = format!("refused (404): {no_model}");
    check_error(vec![say(404, "", no_model)], 1, &expected, "llm_refused").await;
}

#[tokio::test]
async fn a_useless_answer_is_told_with_what_came() {
    let check = async |answer, expected: &str| {
        check_error(vec![answer], 1, expected, "llm_bad_answer").await;
    };
    check(say(200, "", KEY), "expected a chat completion, found expected value").await;
    let empty = "expected a message with content, found ";
    check(say(200, "", r#"{"choices": []}"#), &format!("{empty}no choice")).await;
    check(said(" \n"), &format!("{empty}an empty one")).await;
    let refusal = json!({"role": "assistant", "content": null, "refusal": "I will not"});
    check(completion(&refusal), &format!("{empty}the refusal \"I will not\"")).await;
    let long = say(200, "", &" ".repeat(MAX_JSON_BYTES + 1));
    check(long, "expected an answer of the usual size, found more than 16777216 bytes").await;
}

#[tokio::test]
async fn thoughts_beside_the_answer_are_not_read() {
    let reasoned = json!({"role": "assistant", "reasoning_content": "Wind?", "content": "Waves."});
    let parts = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "Wind?"}]},
                       {"type": "text", "text": "Waves."}]);
    for message in [reasoned, json!({"role": "assistant", "content": parts})] {
        check_answer(vec![completion(&message)]).await;
    }
    let only_thoughts = json!({"role": "assistant", "reasoning_content": "Wind?", "content": null});
    let expected = "expected a message with content, found an empty one";
    check_error(vec![completion(&only_thoughts)], 1, expected, "llm_bad_answer").await;
}

#[tokio::test]
async fn an_address_that_is_none_is_told_at_once() {
    for (base_url, n) in [("sea.example/v1", 0), ("ftp://sea.example/v1", 0)] {
        let (server, mut llm) = llm(vec![said("Waves.")], None).await;
        llm.url = base_url.to_owned();
        let error = llm.answer(&question(None)).await.expect_err("no address");
        assert!(matches!(&error, ProviderError::Unsendable { .. }), "{error}");
        assert_eq!(server.asked().len(), n);
    }
}

#[tokio::test]
async fn another_servers_429_is_asked_again() {
    check_answer(vec![say(429, "", r#"{"detail": "slow down"}"#), said("Waves.")]).await;
}

#[tokio::test]
async fn broken_connections_are_made_again() {
    let Answer::Say(whole) = said("Waves.") else { panic!("an answer") };
    let half = Answer::Say(whole[..whole.len() - 9].to_owned());
    check_answer(vec![Answer::Reset, half, said("Waves.")]).await;
}

#[tokio::test]
async fn retry_after_is_honoured_as_seconds_and_as_a_date() {
    let limited = say(429, "Retry-After: 2\r\n", "");
    let in_seconds = check_answer(vec![limited, said("Waves.")]);
    // A date is cut to its second.
    let date = (Timestamp::now() + SignedDuration::from_secs(3)).strftime("%a, %d %b %Y %T GMT");
    let away = say(503, &format!("Retry-After: {date}\r\n"), "");
    let until_date = check_answer(vec![away, said("Waves.")]);
    let (in_seconds, until_date) = tokio::join!(in_seconds, until_date);
    assert!(in_seconds >= Duration::from_secs(2), "{in_seconds:?}");
    // Without it the pause would be 0.4 s at most.
    assert!(until_date >= Duration::from_secs(1), "{until_date:?}");
}

#[tokio::test]
async fn the_question_is_what_openai_documents() {
    let schema = json!({"type": "object"});
    let (server, llm) = llm(vec![said("{}")], Some(KEY)).await;
    llm.answer(&question(Some(("terms", schema.clone())))).await.expect("an answer");
    let asked = server.asked().remove(0);
    let (head, body) = asked.split_once("\r\n\r\n").expect("head and body");
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nauthorization: Bearer {KEY}\r\n")), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    let expected = json!({
        "model": "small",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "the sea"},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "terms", "schema": schema, "strict": true},
        },
        "seed": 7,
    });
    assert_eq!(serde_json::from_str::<Value>(body).expect("JSON"), expected);
}

/// What each request asked for: the type of its `response_format`, and whether the schema was in the
/// prompt.
fn formats(server: &TestServer) -> Vec<(String, bool)> {
    let bodies = server.asked().into_iter().map(|asked| {
        let (_, body) = asked.split_once("\r\n\r\n").expect("head and body");
        serde_json::from_str::<Value>(body).expect("JSON")
    });
    bodies
        .map(|body| {
            let format = body["response_format"]["type"].as_str().unwrap_or("none").to_owned();
            let system = body["messages"][0]["content"].as_str().expect("text").to_owned();
            (format, system.contains("JSON schema:\n{\"type\":\"object\"}"))
        })
        .collect()
}

#[tokio::test]
async fn an_endpoint_without_schemas_is_asked_without_them_from_then_on() {
    let schema = || Some(("terms", json!({"type": "object"})));
    let format = |name: &str, in_prompt| (name.to_owned(), in_prompt);
    let no = || say(400, "", r#"{"error": "response_format json_schema is not supported"}"#);

    let (server, llm) = llm(vec![no(), said("{}")], None).await;
    for _ in 0..2 {
        llm.answer(&question(schema())).await.expect("an answer");
    }
    let object = format("json_object", true);
    assert_eq!(formats(&server), [format("json_schema", false), object.clone(), object]);

    let (server, llm) = self::llm(vec![no(), say(422, "", "no"), said("{}")], None).await;
    let copy = llm.clone();
    llm.answer(&question(schema())).await.expect("an answer");
    // A copy of the client knows it too, and a question without a schema has nothing to do with it.
    copy.answer(&question(schema())).await.expect("an answer");
    copy.answer(&question(None)).await.expect("an answer");
    let found = formats(&server);
    let expected = [
        ("json_schema", false),
        ("json_object", true),
        ("none", true),
        ("none", true),
        ("none", false),
    ];
    assert_eq!(found, expected.map(|(name, in_prompt)| format(name, in_prompt)));
}

#[tokio::test]
async fn a_refusal_that_is_not_of_the_format_teaches_nothing() {
    let schema = || Some(("terms", json!({"type": "object"})));
    let (server, llm) = llm(vec![say(400, "", "no such model")], None).await;
    let error = llm.answer(&question(schema())).await.expect_err("refused in every format");
    assert!(error.to_string().ends_with("refused (400): no such model"), "{error}");
    assert_eq!((server.asked().len(), llm.formats.get()), (3, Format::Schema));

    let (server, llm) = self::llm(vec![say(404, "", "no such model")], None).await;
    llm.answer(&question(schema())).await.expect_err("refused");
    assert_eq!(server.asked().len(), 1);
}

/// An answer that has to be `Waves.`.
fn waves(answer: &str) -> Result<usize, String> {
    if answer == "Waves." { Ok(answer.len()) } else { Err("expected waves".to_owned()) }
}

#[tokio::test]
async fn a_model_is_told_what_was_wrong_and_asked_once_more() {
    let (server, llm) = llm(vec![said("Wind."), said("Waves.")], None).await;
    assert_eq!(llm.ask(&question(None), waves).await, Ok(6));
    let asked = server.asked();
    assert!(!asked[0].contains("was wrong"), "{}", asked[0]);
    assert!(
        asked[1].contains("the sea\\n\\nYour last answer was wrong: expected waves"),
        "{}",
        asked[1]
    );

    let (server, llm) = self::llm(vec![said(&format!("Wind. {KEY}"))], Some(KEY)).await;
    let error = llm.ask(&question(None), waves).await.expect_err("never waves");
    let expected =
        format!("{}/v1/chat/completions: expected waves, found Wind. [key]", server.base_url);
    assert_eq!((error.to_string(), server.asked().len()), (expected, 2));
    let codes = ["llm_unavailable", "llm_refused", "llm_bad_answer"];
    let error = error.into_stage_error(codes);
    assert_eq!((error.code, error.transient), ("llm_bad_answer", true));
}

#[tokio::test]
async fn the_temperature_is_sent_where_it_is_set() {
    let (server, mut llm) = llm(vec![said("Waves.")], None).await;
    llm.answer(&question(None)).await.expect("an answer");
    llm.temperature = Some(0.5);
    llm.answer(&question(None)).await.expect("an answer");
    let sent: Vec<bool> =
        server.asked().iter().map(|asked| asked.contains("\"temperature\":0.5")).collect();
    assert_eq!(sent, [false, true]);
}

#[tokio::test]
async fn an_answer_is_kept_for_this_process_and_for_the_next() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let kept = || Some(keeping().keep(cache::SHELF, folder.path().to_owned(), HOUR));
    let (server, mut llm) = llm(vec![said("Wind."), said("Waves.")], None).await;
    llm.kept = kept();
    // One flight for all who ask at once; the answer that was no use is not kept.
    let (ask, all) = (question(None), [(); 5]);
    let answers = all.map(|()| llm.ask(&ask, waves));
    assert_eq!(futures::future::join_all(answers).await, [const { Ok(6) }; 5]);
    assert_eq!(server.asked().len(), 2);
    llm.kept = kept(); // as after a restart
    assert_eq!(llm.ask(&ask, waves).await, Ok(6));
    assert_eq!(server.asked().len(), 2);
    // What a better reader does not take is asked anew.
    let nothing = |_: &str| Err::<(), _>("expected more".to_owned());
    llm.ask(&ask, nothing).await.expect_err("never right");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn errors_and_useless_answers_are_not_kept() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (server, mut llm) = llm(vec![say(404, "", "no"), said("Wind.")], None).await;
    llm.kept = Some(keeping().keep(cache::SHELF, folder.path().to_owned(), HOUR));
    for n_asked in [1, 3, 5] {
        llm.ask(&question(None), waves).await.expect_err("no use");
        assert_eq!(server.asked().len(), n_asked);
    }
    assert_eq!(fs_err::read_dir(folder.path()).expect("folder").count(), 0);
}

#[tokio::test]
async fn without_a_key_there_is_no_header_for_it() {
    let (server, llm) = llm(vec![said("Waves.")], Some(" ")).await;
    llm.answer(&question(None)).await.expect("an answer");
    let asked = server.asked().remove(0).to_lowercase();
    assert!(!asked.contains("authorization") && !asked.contains("response_format"), "{asked}");
}
