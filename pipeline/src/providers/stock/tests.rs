//! What is chosen of an answer, and both sites on loopback.

use std::ffi::OsStr;

use super::*;
use crate::limits::Slots;
use crate::providers::Keeping;
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

#[track_caller]
fn check_suits(file: (u32, u32), size: &str, expected: Suits) {
    let file = File { url: String::new(), width: file.0, height: file.1, bytes: None };
    assert_eq!(suits(&file, size.parse().expect("a size")), expected, "{file:?} {size}");
}

#[test]
fn a_clip_suits_by_its_shape_and_then_by_its_size() {
    check_suits((1080, 1920), "1080x1920", Suits::Well);
    check_suits((1072, 1900), "1080x1920", Suits::Well);
    check_suits((540, 960), "1080x1920", Suits::Small);
    check_suits((1920, 1080), "1080x1920", Suits::OtherShape);
    check_suits((3840, 2160), "1080x1080", Suits::OtherShape);
    assert!(Suits::Well < Suits::Small && Suits::Small < Suits::OtherShape);
}

/// All sites at one server, without a cache.
fn stock(server: &TestServer, key: Option<&str>) -> Stock {
    let site = |name| {
        let keys = Key::read_all("THE_KEY", key.map(OsStr::new)).expect("keys");
        Site::new(name, client().into(), &server.base_url, keys, Slots::new("light", 8))
    };
    let [pexels, pixabay, coverr] = ["pexels", "pixabay", "coverr"].map(site);
    Stock { pexels, pixabay, coverr, kept: None }
}

/// The clips for a term at `answer`, and what was asked to get them.
async fn search(
    source: VideoSource,
    answer: Answer,
    key: Option<&str>,
) -> (Result<Vec<Candidate>, ProviderError>, Vec<String>) {
    let server = TestServer::start(vec![answer]).await;
    let stock = stock(&server, key);
    let found = stock.search(source, "sea & sky", "540x960".parse().expect("a size")).await;
    (found, server.asked())
}

async fn check_asked(source: VideoSource, answer: &str, key: Option<&str>, target: &str) {
    let (found, mut asked) = search(source, say(200, "", answer), key).await;
    assert_eq!(found, Ok(vec![]));
    let asked = asked.remove(0);
    assert!(asked.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{asked}");
    let scheme = if source == VideoSource::Coverr { "Bearer " } else { "" };
    let sends_header = source != VideoSource::Pixabay && key.is_some();
    let header = format!("\r\nauthorization: {scheme}{KEY}\r\n");
    assert_eq!(asked.contains(&header), sends_header, "{asked}");
    assert_eq!(asked.contains("authorization"), sends_header, "{asked}");
}

#[tokio::test]
async fn a_site_is_asked_as_it_documents() {
    let target = "/videos/search?query=sea+%26+sky&orientation=portrait&per_page=20";
    for key in [Some(KEY), None] {
        check_asked(VideoSource::Pexels, r#"{"videos": []}"#, key, target).await;
    }
    let target = "/videos?query=sea+%26+sky&urls=true&page_size=20";
    for key in [Some(KEY), None] {
        check_asked(VideoSource::Coverr, r#"{"hits": []}"#, key, target).await;
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

/// A found clip, 1080x1920 and 1920x1080.
const FOUND: &str = r#"{"videos": [
    {"id": 1, "url": "https://p/video/wide-1/", "duration": 8, "user": {"name": "a"}, "video_files":
        [{"link": "https://p/1.mp4", "width": 1920, "height": 1080}]},
    {"id": 2, "url": "https://p/video/tall-2/", "duration": 8, "user": {"name": "b"}, "video_files":
        [{"link": "https://p/2.mp4", "width": 1080, "height": 1920}]}]}"#;

#[tokio::test]
async fn clips_of_another_shape_come_last_and_not_never() {
    let empty = say(200, "", r#"{"videos": []}"#);
    let server = TestServer::start(vec![empty, say(200, "", FOUND)]).await;
    let size = "1080x1920".parse().expect("a size");
    let found = stock(&server, Some(KEY)).search(VideoSource::Pexels, "sea", size).await;
    let ids: Vec<_> = found.expect("clips").into_iter().map(|clip| clip.id).collect();
    assert_eq!(ids, ["pexels:2", "pexels:1"]);
    let asked = server.asked();
    assert!(asked[0].contains("orientation=portrait") && !asked[1].contains("orientation"));
}

/// What is asked with which key, and how it ends, where each key is answered in its own way.
async fn rotate(keys: &str, answers: Vec<Answer>) -> (Result<usize, String>, Vec<String>) {
    let server = TestServer::start(answers).await;
    let stock = stock(&server, Some(keys));
    let mut last = Ok(0);
    for term in ["sea", "sky"] {
        let size = "1080x1920".parse().expect("a size");
        let found = stock.search(VideoSource::Pexels, term, size).await;
        last = found.map(|found| found.len()).map_err(|error| error.to_string());
    }
    let key = |request: &String| {
        let line = request.lines().find_map(|line| line.strip_prefix("authorization: "));
        line.unwrap_or_default().to_owned()
    };
    (last, server.asked().iter().map(key).collect())
}

#[tokio::test]
async fn keys_take_turns_and_those_that_fail_rest() {
    let found = || say(200, "", FOUND);
    let (last, keys) = rotate("a,b", vec![found()]).await;
    assert_eq!((last, keys), (Ok(2), vec!["a".to_owned(), "b".to_owned()]));

    let (last, keys) = rotate("a,b,c", vec![say(401, "", "no"), found()]).await;
    assert_eq!((last, keys.join("")), (Ok(2), "abc".to_owned()), "a is refused, b and c answer");

    let (last, keys) = rotate("a,b", vec![say(429, "Retry-After: 900\r\n", ""), found()]).await;
    assert_eq!((last, keys.join("")), (Ok(2), "abb".to_owned()), "a rests, without a pause");

    let used_up = "X-Ratelimit-Remaining: 0\r\nX-Ratelimit-Reset: 4102444800\r\n";
    let (last, keys) = rotate("a", vec![say(200, used_up, FOUND)]).await;
    assert_eq!(keys.len(), 1, "the second search is not sent");
    let error = last.expect_err("used up");
    let expected = "the quota of the key in THE_KEY is used up until 2100-01-01T00:00:00Z";
    assert!(error.ends_with(expected), "{error}");
}

#[tokio::test]
async fn keys_that_are_all_refused_without_a_pause_are_asked_with_a_few_times() {
    let often = say(429, "Retry-After: 0\r\n", "often");
    let ended = tokio::time::timeout(Duration::from_secs(60), rotate("a,b", vec![often])).await;
    let (last, keys) = ended.expect("an end");
    assert!(last.expect_err("often").ends_with("after 4 attempts: often"));
    // The first key once, the last one four times, for each of two searches.
    assert!(keys.len() <= 2 * 5, "{keys:?}");
}

#[tokio::test]
async fn what_was_found_is_kept_and_what_was_not_is_searched_again() {
    let empty = || say(200, "", r#"{"hits": []}"#);
    let hit = r#"{"hits": [{"id": 1, "pageURL": "p", "tags": "sea", "duration": 8,
        "videos": {"large": {"url": "https://p/1.mp4", "width": 1080, "height": 1920, "size": 9}}}]}"#;
    let server = TestServer::start(vec![say(400, "", "no"), empty(), say(200, "", hit)]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let keeping = Keeping::new(&settings::Cache::default()).expect("no Redis is named");
    let kept = keeping.keep(SEARCHES, folder.path().to_owned(), Duration::from_secs(60));
    let stock = Stock { kept: Some(kept), ..stock(&server, None) };
    let size = "540x960".parse().expect("a size");
    let search = || stock.search(VideoSource::Pixabay, "sea", size);
    search().await.expect_err("refused");
    assert_eq!(search().await, Ok(vec![]));
    let found = search().await.expect("a clip");
    assert_eq!(search().await, Ok(found));
    assert_eq!(server.asked().len(), 3, "the last one is kept");
    stock.forget(VideoSource::Pixabay, "sea", size).await;
    search().await.expect("a clip");
    assert_eq!(server.asked().len(), 4);
}
