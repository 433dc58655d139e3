use reqwest::header::HeaderValue;

use super::*;

/// Judges the answer to a request for the bytes from 10 of a file that had ETag `"a"` and 30 bytes
/// (`offset` 10), or for a file of which nothing is known (`offset` 0). Headers are `name: value`.
fn check(offset: u64, status: u16, headers: &[&str], expected: Result<(bool, Option<u64>), &str>) {
    let seen = Version { etag: Some("\"a\"".to_owned()), total: Some(30) };
    let asked = Asked {
        url: "http://host/f.bin",
        name: "f.bin",
        attempt: 3,
        offset,
        seen: (offset > 0).then_some(&seen),
        bytes: None,
        max_bytes: Some(1000),
        wants_page: false,
    };
    check_asked(&asked, status, headers, expected);
}

fn check_asked(
    asked: &Asked<'_>,
    status: u16,
    headers: &[&str],
    expected: Result<(bool, Option<u64>), &str>,
) {
    let mut map = HeaderMap::new();
    for header in headers {
        let (name, value) = header.split_once(": ").expect("name: value");
        let name: HeaderName = name.parse().expect("name");
        map.insert(name, HeaderValue::from_str(value).expect("value"));
    }
    let now = "2015-10-21T07:28:00Z".parse().expect("instant");
    let actual = match judge(asked, status, &map, now) {
        Ok(Answer::Whole(version)) => Ok((true, version.total)),
        Ok(Answer::Rest(version)) => Ok((false, version.total)),
        Err(error) => Err(error.to_string()),
    };
    let actual = actual.as_ref().map(|answer| *answer).map_err(String::as_str);
    assert_eq!(actual, expected, "{headers:?}");
}

#[test]
fn what_is_not_the_file_is_refused() {
    let status = |s| format!("http://host/f.bin: expected status 200, got {s} (3 attempts)");
    for code in [204, 301, 304, 403, 404, 416, 429, 500, 503] {
        check(0, code, &[], Err(&status(code)));
    }
    let page =
        "http://host/f.bin: expected the file f.bin, got a page of type text/html; charset=utf-8";
    check(0, 200, &["content-type: text/html; charset=utf-8"], Err(page));
    check(10, 206, &["content-type: text/html; charset=utf-8"], Err(page));
    let encoded = "http://host/f.bin: expected the plain bytes, got content encoding gzip";
    check(0, 200, &["content-encoding: gzip"], Err(encoded));
    let large = "http://host/f.bin is too large: limit 1000 bytes, got 1001";
    check(0, 200, &["content-length: 1001"], Err(large));
}

#[test]
fn a_rest_must_be_the_rest_of_the_same_file() {
    let wrong = |actual| {
        format!("http://host/f.bin: expected bytes 10- to the end, got {actual} (3 attempts)")
    };
    check(10, 206, &[], Err(&wrong("no content range")));
    for range in [
        "bytes 0-29/30",
        "bytes 11-29/30",
        "bytes 10-28/30",
        "bytes 10-30/30",
        "bytes 10-29/*",
        "bytes */30",
        "bytes 10-9/10",
        "bytes 10-18446744073709551615/30",
        "items 10-29/30",
    ] {
        check(10, 206, &[&format!("content-range: {range}")], Err(&wrong(range)));
    }
    let headers = ["content-range: bytes 10-29/30", "content-length: 19"];
    check(10, 206, &headers, Err(&wrong("bytes 10-29/30")));
    let unasked = "http://host/f.bin: expected the whole file, got bytes 0-29/30 (3 attempts)";
    check(0, 206, &["content-range: bytes 0-29/30"], Err(unasked));

    let changed = |expected, actual| {
        format!(
            "http://host/f.bin changed during the download: expected {expected}, got {actual} (3 attempts)"
        )
    };
    let headers = ["content-range: bytes 10-29/30", "etag: \"b\""];
    check(10, 206, &headers, Err(&changed("ETag \"a\"", "ETag \"b\"")));
    let headers = ["content-range: bytes 10-30/31", "etag: \"a\""];
    check(10, 206, &headers, Err(&changed("30 bytes", "31 bytes")));
    let gone = changed("more than 10 bytes", "bytes */8");
    check(10, 416, &["content-range: bytes */8"], Err(&gone));

    let headers = ["content-range: bytes 10-29/30", "content-length: 20", "etag: \"a\""];
    check(10, 206, &headers, Ok((false, Some(30))));
    check(10, 206, &["content-range: bytes 10-29/30"], Ok((false, Some(30))));
}

#[test]
fn the_whole_file_is_taken_whatever_was_asked() {
    check(0, 200, &[], Ok((true, None)));
    check(0, 200, &["content-length: 5", "content-encoding: identity"], Ok((true, Some(5))));
    check(10, 200, &["content-length: 50", "etag: \"b\""], Ok((true, Some(50))));
}

#[test]
fn a_promised_size_is_held_against_both_kinds_of_answer() {
    let asked = |offset, wants_page| Asked {
        url: "http://host/p.html",
        name: "p.html",
        attempt: 1,
        offset,
        seen: None,
        bytes: Some(30),
        max_bytes: None,
        wants_page,
    };
    let wrong = "http://host/p.html: expected 30 bytes, got 31 (1 attempt)";
    check_asked(&asked(0, false), 200, &["content-length: 31"], Err(wrong));
    check_asked(&asked(10, false), 206, &["content-range: bytes 10-30/31"], Err(wrong));
    check_asked(&asked(0, true), 200, &["content-type: text/html"], Ok((true, None)));
}

#[test]
fn only_a_strong_mark_vouches_for_bytes() {
    let check = |etag: Option<&str>, expected| {
        let version = Version { etag: etag.map(str::to_owned), total: Some(1) };
        assert_eq!(version.is_strong(), expected, "{etag:?}");
    };
    check(None, false);
    check(Some("W/\"a\""), false);
    check(Some(""), false);
    check(Some("\"a\""), true);
}
