use std::time::Instant;

use super::*;
use crate::providers::test_server::{TestServer, client, say};

const KEY: &str = "sk+secret/1";

fn call<'a>(client: &'a Client, key: &'a SecretString) -> Call<'a> {
    Call {
        client,
        request: client.requests().get("http://127.0.0.1/").build(),
        url: "http://127.0.0.1/",
        key: Some(key),
        key_env: "THE_KEY",
        max_bytes: 1,
        patience: Duration::from_secs(20),
        slots: None,
    }
}

#[test]
fn what_is_shown_is_short_and_without_the_key() {
    let key = SecretString::from(KEY);
    let check = |text: &str, expected: &str| assert_eq!(shown(text, Some(&key)), expected);
    check("", "it gives no reason");
    check(" \n", "it gives no reason");
    check(
        "{\"error\":\n {\"message\": \"wrong key sk+secret/1\"}}",
        "{\"error\": {\"message\": \"wrong key [key]\"}}",
    );
    check("GET /?key=sk%2Bsecret%2F1&q=a", "GET /?key=[key]&q=a");
    // The mark that says so comes on top.
    assert_eq!(shown(&"é".repeat(999), None).chars().count(), MAX_SHOWN_CHARS + 1);
    // An end that is cut off takes no part of the key with it.
    let late = format!("{}{KEY}", "x".repeat(MAX_SHOWN_CHARS - 4));
    assert!(!shown(&late, Some(&key)).contains("sk+"));
    assert_eq!(shown("abc", Some(&SecretString::from(""))), "abc");
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now: Timestamp = "2015-10-21T07:28:00Z".parse().expect("instant");
    let check = |value, ms: Option<u64>| {
        assert_eq!(retry_after(value, now), ms.map(Duration::from_millis), "{value:?}");
    };
    for not in ["", "-1", "soon", "NaN", "inf", "1e300", "Wed, 21 Oct 2015 25:00:00 GMT"] {
        check(not, None);
    }
    check("0", Some(0));
    check(" 2 ", Some(2000));
    check("0.5", Some(500));
    check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30_000));
    check("Wed, 21 Oct 2015 07:27:30 GMT", Some(0));
}

/// The server wants a second before each attempt: there is time for one.
#[tokio::test]
async fn no_attempt_begins_after_the_time_for_all_of_them() {
    let server = TestServer::start(vec![say(503, "Retry-After: 1\r\n", "")]).await;
    let (client, key) = (Client::from(client()), SecretString::from(KEY));
    let request = client.requests().get(&server.base_url).build();
    let call = Call { request, patience: Duration::from_millis(1500), ..call(&client, &key) };
    let began = Instant::now();
    let error = call.bytes().await.expect_err("it stays away");
    assert!(matches!(error, ProviderError::Unavailable { attempts: 2, .. }), "{error}");
    assert_eq!(server.asked().len(), 2);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_status_is_read_with_its_reason() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, key) = (Client::from(reqwest::Client::new()), SecretString::from(KEY));
    let call = call(&client, &key);
    let check = |status, body: &str, expected: &str, passing| {
        let error = call.refusal(3, status, body.as_bytes());
        assert_eq!(error.to_string(), format!("http://127.0.0.1/: {expected}"));
        assert_eq!(error.is_passing(), passing, "{status}");
    };
    check(401, "<p>sk+secret/1", "the key in THE_KEY is refused (401): <p>[key]", false);
    check(403, "", "the key in THE_KEY is refused (403): it gives no reason", false);
    check(304, "", "refused (304): it gives no reason", false);
    check(400, "no", "refused (400): no", false);
    check(404, "no", "refused (404): no", false);
    check(408, "slow", "not available after 3 attempts (408): slow", true);
    check(429, "often", "asked too often, after 3 attempts: often", true);
    check(500, "oops", "not available after 3 attempts (500): oops", true);
    check(503, "oops", "not available after 3 attempts (503): oops", true);
    for body in [
        r#"{"error":{"type":"insufficient_quota"}}"#,
        r#"{"error":{"type":"x","code":"insufficient_quota"}}"#,
        r#"{"code":"insufficient_quota"}"#,
    ] {
        check(429, body, &format!("refused (429): {body}"), false);
    }
    // The words alone say nothing.
    for body in [r#"{"error":"insufficient_quota"}"#, "insufficient_quota", "[]", "1"] {
        check(429, body, &format!("asked too often, after 3 attempts: {body}"), true);
    }
}
