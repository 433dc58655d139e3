//! What is chosen of an answer, and both sites on loopback.

use std::ffi::OsStr;

use super::*;
use crate::providers::test_server::{Answer, TestServer, client, say};

const KEY: &str = "49-a/b+c";

#[track_caller]
fn check_best(files: &[(u32, u32)], size: &str, expected: Option<(u32, u32)>) {
    let files = files.iter().map(|&(width, height)| File {
        url: "http://x/y.mp4".to_owned(),
        width,
        height,
        bytes: None,
    });
    let best = best_file(files.collect(), size.parse().expect("a size"));
    assert_eq!(best.map(|file| (file.width, file.height)), expected);
}

#[test]
fn the_smallest_file_that_fills_the_picture_is_taken() {
    check_best(&[], "540x960", None);
    check_best(&[(0, 0)], "540x960", None);
    check_best(&[(2160, 3840), (1080, 1920), (540, 960)], "1080x1920", Some((1080, 1920)));
    check_best(&[(2160, 3840), (1080, 1920), (540, 960)], "540x960", Some((540, 960)));
    check_best(&[(360, 640), (540, 960)], "1080x1920", Some((540, 960)));
    // A wide clip is cut at its sides: its height counts.
    check_best(&[(1920, 1080), (3840, 2160)], "1080x1920", Some((3840, 2160)));
}

/// The clips for a term at `answer`, and what was asked to get them.
async fn search(
    source: VideoSource,
    answer: Answer,
    key: Option<&str>,
) -> (Result<Vec<Candidate>, ProviderError>, Vec<String>) {
    let server = TestServer::start(vec![answer]).await;
    let key = Key::read("THE_KEY", key.map(OsStr::new)).expect("a key");
    let site = Site { client: client(), base_url: server.base_url.clone(), key };
    let stock = Stock { pexels: site.clone(), pixabay: site };
    let found = stock.search(source, "sea & sky", "540x960".parse().expect("a size")).await;
    (found, server.asked())
}

async fn check_asked(source: VideoSource, answer: &str, key: Option<&str>, target: &str) {
    let (found, mut asked) = search(source, say(200, "", answer), key).await;
    assert_eq!(found, Ok(vec![]));
    let asked = asked.remove(0);
    assert!(asked.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{asked}");
    let sends_header = source == VideoSource::Pexels && key.is_some();
    assert_eq!(asked.contains(&format!("\r\nauthorization: {KEY}\r\n")), sends_header, "{asked}");
    assert_eq!(asked.contains("authorization"), sends_header, "{asked}");
}

#[tokio::test]
async fn a_site_is_asked_as_it_documents() {
    let target = "/videos/search?query=sea+%26+sky&orientation=portrait&per_page=20";
    for key in [Some(KEY), None] {
        check_asked(VideoSource::Pexels, r#"{"videos": []}"#, key, target).await;
    }
    let target = "/api/videos/?q=sea+%26+sky&video_type=all&per_page=50";
    check_asked(VideoSource::Pixabay, r#"{"hits": []}"#, None, target).await;
    let target = format!("{target}&key=49-a%2Fb%2Bc");
    check_asked(VideoSource::Pixabay, r#"{"hits": []}"#, Some(KEY), &target).await;
}

#[tokio::test]
async fn an_error_names_site_and_term_and_not_the_key() {
    let check = async |answer, n_requests: usize, expected: &str, code| {
        let (found, asked) = search(VideoSource::Pixabay, answer, Some(KEY)).await;
        let error = found.expect_err("must fail");
        let message = error.to_string();
        assert!(message.contains("/api/videos/?q=sea & sky: "), "{message}");
        assert!(message.ends_with(expected), "expected {expected}, found {message}");
        assert!(!message.contains("49-a"), "the key is shown: {message}");
        assert_eq!(asked.len(), n_requests, "{message}");
        let codes = ["stock_unavailable", "stock_refused", "stock_bad_answer"];
        assert_eq!(error.into_stage_error(codes).code, code);
    };
    let echo = "/?key=49-a%2Fb%2Bc";
    check(say(400, "", echo), 1, ": refused (400): /?key=[key]", "stock_refused").await;
    let expected = "refused (401): it gives no reason";
    check(say(401, "", ""), 1, expected, "stock_refused").await;
    let expected = "asked too often, after 4 attempts: often";
    check(say(429, "Retry-After: 0\r\n", "often"), 4, expected, "stock_unavailable").await;
    let expected = "expected a sequence at line 1 column 13 in {\"hits\": \"49\"}";
    check(say(200, "", r#"{"hits": "49"}"#), 1, expected, "stock_bad_answer").await;
    let (found, _) = search(VideoSource::Pixabay, Answer::Reset, Some(KEY)).await;
    let message = found.expect_err("must fail").to_string();
    assert!(message.contains(": cannot be reached after 4 attempts: "), "{message}");
    assert!(!message.contains("49-a") && !message.contains("per_page"), "{message}");
}
