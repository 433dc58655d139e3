//! What the log says of a request: its id, its route, who sent it. Never its headers, and never what stands
//! behind the `?`.

use axum::extract::{MatchedPath, Request};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

const ID: &str = "x-request-id";
/// Longest id that a client may give a request.
const MAX_ID_CHARS: usize = 128;

/// A span for each request.
pub fn layer() -> TraceLayer<SharedClassifier<ServerErrorsAsFailures>, MakeSpan> {
    TraceLayer::new_for_http().make_span_with(span as MakeSpan)
}

type MakeSpan = fn(&Request) -> Span;

fn span(request: &Request) -> Span {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let id = request.headers().get(ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path = path.unwrap_or_else(|| request.uri().path()),
        caller = field::Empty,
    )
}

/// A client may name its request, in a way that can stand in a log. Another name is taken from it, and it is
/// given one of ours.
pub fn without_odd_id(mut request: Request) -> Request {
    let is_odd = |id: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        id.is_empty() || id.len() > MAX_ID_CHARS || !id.chars().all(is_plain)
    };
    let id = request.headers().get(ID);
    if id.is_some_and(|id| id.to_str().map_or(true, is_odd)) {
        request.headers_mut().remove(ID);
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[track_caller]
    fn check(id: &[u8], is_kept: bool) {
        let request = Request::builder().header(ID, id).body(Body::empty()).expect("a request");
        let kept = without_odd_id(request).headers().contains_key(ID);
        assert_eq!(kept, is_kept, "{id:?}");
    }

    #[test]
    fn a_request_keeps_a_name_that_can_stand_in_a_log() {
        check(b"01a1f8ef-070c-7477-bc0c-e46018a66114", true);
        check(b"ci:build.7_b", true);
        check(&[b'a'; MAX_ID_CHARS], true);
        check(&[b'a'; MAX_ID_CHARS + 1], false);
        check(b"", false);
        check(b"a b", false);
        check(b"\x1b[31m".get(1..).expect("bytes"), false);
        check("é".as_bytes(), false);
    }
}
