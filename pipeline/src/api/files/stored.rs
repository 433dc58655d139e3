//! Files in the store of `publish.url`, given out as [`tower_http::services::ServeFile`] gives out those
//! of this machine: conditions and ranges of RFC 9110. They come through us: the store may be one that
//! clients do not reach.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_range_header::parse_range_header;
use object_store::{Error, GetOptions, ObjectMeta};

use crate::api::problem::ApiProblem;
use crate::providers::objects::Publisher;

/// What is sent of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    All,
    /// From the first to the last byte, the last one among them.
    Bytes(u64, u64),
    /// There are no such bytes.
    None,
}

/// Gives out the file `name` of the job `id`. None: it is not there.
pub(super) async fn serve(
    publisher: &Publisher,
    id: &str,
    name: &str,
    request: &Parts,
) -> Result<Option<Response>, ApiProblem> {
    let mut meta = match publisher.look(id, name).await {
        Ok(meta) => meta,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(ApiProblem::store_failed(&error)),
    };
    let version = meta.e_tag.clone();
    to_http(&mut meta);
    let mut headers = told_of(&meta, name);
    match conditions(&request.headers).check_preconditions(&meta) {
        Ok(()) => {}
        Err(Error::NotModified { .. }) => {
            return Ok(Some((StatusCode::NOT_MODIFIED, headers).into_response()));
        }
        Err(_) => return Err(ApiProblem::changed()),
    }
    let (status, first, length) = match part(&request.headers, &meta) {
        Part::All => (StatusCode::OK, 0, meta.size),
        Part::Bytes(first, last) => (StatusCode::PARTIAL_CONTENT, first, last + 1 - first),
        Part::None => {
            let size = header_value(format!("bytes */{}", meta.size));
            return Err(ApiProblem::no_such_range(size.as_ref()));
        }
    };
    let mut tell =
        |name, value: String| headers.extend(header_value(value).map(|value| (name, value)));
    tell(header::CONTENT_LENGTH, length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + length - 1;
        tell(header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", meta.size));
    }
    if request.method == Method::HEAD || length == 0 {
        return Ok(Some((status, headers, Body::empty()).into_response()));
    }
    // The object whose size was told, and not one that has taken its place since.
    let options = GetOptions::new().with_range(Some(first..first + length)).with_if_match(version);
    match publisher.read(id, name, options).await {
        Ok(found) => {
            let body = Body::from_stream(found.into_stream());
            Ok(Some((status, headers, body).into_response()))
        }
        Err(Error::NotFound { .. }) => Ok(None),
        Err(Error::Precondition { .. }) => Err(ApiProblem::changed()),
        Err(error) => Err(ApiProblem::store_failed(&error)),
    }
}

/// Stores know fractions of seconds, and some know bare names of versions; HTTP does not.
fn to_http(meta: &mut ObjectMeta) {
    let seconds = u64::try_from(meta.last_modified.timestamp()).unwrap_or(0);
    meta.last_modified = (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).into();
    if let Some(tag) = &mut meta.e_tag
        && !tag.ends_with('"')
    {
        *tag = format!("\"{tag}\"");
    }
}

fn told_of(meta: &ObjectMeta, name: &str) -> HeaderMap {
    let media_type = mime_guess::from_path(name).first_or_octet_stream();
    let modified = httpdate::fmt_http_date(meta.last_modified.into());
    let told = [
        (header::CONTENT_TYPE, Some(media_type.to_string())),
        (header::ACCEPT_RANGES, Some("bytes".to_owned())),
        (header::LAST_MODIFIED, Some(modified)),
        (header::ETAG, meta.e_tag.clone()),
    ];
    let valid =
        |(name, text): (HeaderName, Option<String>)| header_value(text?).map(|value| (name, value));
    told.into_iter().filter_map(valid).collect()
}

fn header_value(text: String) -> Option<HeaderValue> {
    HeaderValue::try_from(text).ok()
}

/// RFC 9110, section 13.1. A tag is compared as it is, without the mark of a weak one.
fn conditions(headers: &HeaderMap) -> GetOptions {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let tags = |name| text(name).map(|tags| tags.replace("W/", ""));
    let instant = |name| text(name).and_then(|text| httpdate::parse_http_date(text).ok());
    GetOptions {
        if_match: tags(header::IF_MATCH),
        if_unmodified_since: instant(header::IF_UNMODIFIED_SINCE).map(Into::into),
        if_none_match: tags(header::IF_NONE_MATCH),
        if_modified_since: instant(header::IF_MODIFIED_SINCE).map(Into::into),
        ..GetOptions::default()
    }
}

/// RFC 9110, section 14.2: a range that cannot be read, of another version, or one of several is as
/// none.
fn part(headers: &HeaderMap, meta: &ObjectMeta) -> Part {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(version) = text(header::IF_RANGE) {
        let modified = httpdate::parse_http_date(version).ok();
        let is_it = meta.e_tag.as_deref() == Some(version)
            || modified.is_some_and(|modified| modified == meta.last_modified.into());
        if !is_it {
            return Part::All;
        }
    }
    let asked = text(header::RANGE).and_then(|range| parse_range_header(range).ok());
    let Some(asked) = asked else { return Part::All };
    match asked.validate(meta.size).as_deref() {
        // The first byte of nothing is not there.
        Ok([range]) if *range.end() >= meta.size => Part::None,
        Ok([range]) => Part::Bytes(*range.start(), *range.end()),
        Ok(_) => Part::All,
        Err(_) => Part::None,
    }
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;

    const MODIFIED: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

    fn meta(size: u64) -> ObjectMeta {
        let modified = httpdate::parse_http_date(MODIFIED).expect("a date");
        let mut meta = ObjectMeta {
            location: Path::from("videos/1/video.mp4"),
            last_modified: (modified + Duration::from_millis(400)).into(),
            size,
            e_tag: Some("7-a".to_owned()),
            version: None,
        };
        to_http(&mut meta);
        meta
    }

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a value");
        lines.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    #[test]
    fn what_is_sent_follows_from_the_range() {
        let check = |lines: &[(HeaderName, &str)], size, expected| {
            assert_eq!(part(&headers(lines), &meta(size)), expected, "{lines:?} of {size}");
        };
        let range = |text| [(header::RANGE, text)];
        check(&[], 10, Part::All);
        check(&range("bytes=0-"), 10, Part::Bytes(0, 9));
        check(&range("bytes=2-4"), 10, Part::Bytes(2, 4));
        check(&range("bytes=2-40"), 10, Part::Bytes(2, 9));
        check(&range("bytes=-3"), 10, Part::Bytes(7, 9));
        check(&range("bytes=10-"), 10, Part::None);
        check(&range("bytes=0-"), 0, Part::None);
        check(&range("bytes=0-1, 4-5"), 10, Part::All);
        check(&range("lines=1-2"), 10, Part::All);
        for (version, expected) in [
            ("\"7-a\"", Part::Bytes(1, 2)),
            ("\"7-b\"", Part::All),
            (MODIFIED, Part::Bytes(1, 2)),
            ("Wed, 21 Oct 2015 07:28:01 GMT", Part::All),
        ] {
            check(&[(header::RANGE, "bytes=1-2"), (header::IF_RANGE, version)], 10, expected);
        }
    }

    #[test]
    fn conditions_are_those_of_the_request() {
        let check = |name: HeaderName, text, expected: &str| {
            let checked = conditions(&headers(&[(name, text)])).check_preconditions(&meta(1));
            let found = match checked {
                Ok(()) => "sent",
                Err(Error::NotModified { .. }) => "as it was",
                Err(_) => "not as it was",
            };
            assert_eq!(found, expected, "{text}");
        };
        check(header::IF_NONE_MATCH, "\"7-a\"", "as it was");
        check(header::IF_NONE_MATCH, "W/\"7-a\"", "as it was");
        check(header::IF_NONE_MATCH, "\"x\", \"7-a\"", "as it was");
        check(header::IF_NONE_MATCH, "\"x\"", "sent");
        check(header::IF_MATCH, "\"7-a\"", "sent");
        check(header::IF_MATCH, "\"x\"", "not as it was");
        check(header::IF_MODIFIED_SINCE, MODIFIED, "as it was");
        check(header::IF_MODIFIED_SINCE, "Wed, 21 Oct 2015 07:27:59 GMT", "sent");
        check(header::IF_MODIFIED_SINCE, "yesterday", "sent");
        check(header::IF_UNMODIFIED_SINCE, MODIFIED, "sent");
        check(header::IF_UNMODIFIED_SINCE, "Wed, 21 Oct 2015 07:27:59 GMT", "not as it was");
    }
}
