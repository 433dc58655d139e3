//! What a handler is given, or the problem document that says why not.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::problem::ApiProblem;

/// Parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiProblem))]
pub struct Path<T>(pub T);

/// Parameters behind the `?`.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiProblem))]
pub struct Query<T>(pub T);

/// A body that says it is JSON. What is in it, its reader finds out: so each wrong field can be named.
pub struct JsonText(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonText {
    type Rejection = ApiProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiProblem> {
        json_or_nothing(request.headers())?;
        Ok(Self(Bytes::from_request(request, state).await?))
    }
}

/// JSON is in UTF-8 (RFC 8259, section 8.1). A client that does not say what it sends, and `curl -d`, which
/// says that it sends a form, are taken at their body.
fn json_or_nothing(headers: &HeaderMap) -> Result<(), ApiProblem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    let is_json = text.parse::<mime::Mime>().is_ok_and(|given| {
        let is_json = given.type_() == mime::APPLICATION
            && (given.subtype() == mime::JSON || given.suffix() == Some(mime::JSON));
        let is_utf8 = given.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
        is_json && is_utf8 || given == mime::APPLICATION_WWW_FORM_URLENCODED
    });
    if is_json { Ok(()) } else { Err(ApiProblem::media_type("application/json in UTF-8", &text)) }
}

/// The header `Idempotency-Key`: up to 255 visible letters of ASCII.
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let bytes = value.as_bytes();
        if !(1..=255).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_graphic) {
            let expected = "expected 1 to 255 visible letters of ASCII";
            return Err(ApiProblem::bad_request(format!("Idempotency-Key: {expected}")));
        }
        Ok(Self(Some(String::from_utf8_lossy(bytes).into_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(media_type: Option<&str>, expected: bool) {
        let value = media_type.map(|text| text.parse().expect("a header"));
        let headers = value.map(|value| (header::CONTENT_TYPE, value)).into_iter().collect();
        let read = json_or_nothing(&headers);
        assert_eq!(read.is_ok(), expected, "{media_type:?}");
        if let Err(problem) = read {
            assert_eq!(problem.status().as_u16(), 415);
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8() {
        for media_type in [
            None,
            Some("application/json"),
            Some("Application/JSON; charset=UTF-8"),
            Some("application/json;charset=utf-8"),
            Some("application/merge-patch+json"),
            Some("application/x-www-form-urlencoded"),
        ] {
            check(media_type, true);
        }
        for media_type in [
            "",
            "json",
            "text/plain",
            "text/json",
            "application/xml",
            "application/json; charset=utf-16",
            "multipart/form-data; boundary=x",
        ] {
            check(Some(media_type), false);
        }
    }
}
