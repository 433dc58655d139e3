//! The page for operators. Its files are open, since they hold no data; what they show, they ask for with
//! the reader's own token.

use axum::Extension;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::extract::Path;
use super::guard::Caller;
use super::problem::ApiProblem;
use crate::dashboard::{self, File, INDEX};

/// Nothing but our own files: no other origin, no script or style in the page, no markup made of texts, and
/// nobody shows the page in a frame (<https://www.w3.org/TR/CSP3/>). Copies of videos are blobs.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The dashboard: queue, jobs with their timelines and videos, percentiles, limits, resources.
#[utoipa::path(
    get,
    path = "/",
    tag = "dashboard",
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 304, description = "It is as it was"),
    )
)]
pub async fn page(headers: HeaderMap) -> Result<Response, ApiProblem> {
    serve(INDEX, &headers)
}

/// A file of the dashboard.
#[utoipa::path(
    get,
    path = "/dashboard/{name}",
    tag = "dashboard",
    params(("name" = String, Path, description = "Its name", example = "app.js")),
    responses(
        (status = 200, description = "The file", content_type = "*/*", body = String),
        (status = 304, description = "It is as it was"),
        (status = 400, description = "The path is not UTF-8"),
        (status = 404, description = "There is no such file"),
    )
)]
pub async fn page_file(
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, ApiProblem> {
    serve(&name, &headers)
}

/// Who calls, as the service knows them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CallerStatus {
    /// The name of the token. Null: no tokens are asked for.
    name: Option<String>,
    /// What the caller may: `read`, `submit`, which includes it, or `admin`, which includes both.
    role: String,
}

/// Who calls, and what they may: a page that shows no button which would be refused.
#[utoipa::path(
    get,
    path = "/api/v1/caller",
    tag = "dashboard",
    responses((status = 200, description = "You", body = CallerStatus))
)]
pub async fn caller(Extension(caller): Extension<Caller>) -> Json<CallerStatus> {
    let Caller { name, role } = caller;
    Json(CallerStatus { name, role: role.as_str().to_owned() })
}

fn serve(name: &str, headers: &HeaderMap) -> Result<Response, ApiProblem> {
    let Some(File { media_type, bytes, etag, .. }) = dashboard::file(name) else {
        return Err(ApiProblem::not_found(format!("the dashboard has no {name:?}")));
    };
    let always = [
        // It may be kept, and is asked for each time: what a new version serves is seen at once.
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, etag.as_str()),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    if is_known(headers, etag) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    Ok((always, [(header::CONTENT_TYPE, *media_type)], *bytes).into_response())
}

/// Whether the reader has it as it is (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let given = headers.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes);
    let Some(Ok(given)) = given.map(std::str::from_utf8) else { return false };
    given.split(',').any(|one| {
        let one = one.trim();
        one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, known: Option<&str>) -> Response {
        let known = known.map(|etag| HeaderValue::from_str(etag).expect("a header"));
        let headers = known.map(|etag| (header::IF_NONE_MATCH, etag)).into_iter().collect();
        serve(name, &headers).unwrap_or_else(IntoResponse::into_response)
    }

    #[track_caller]
    fn check(name: &str, known: Option<&str>, expected: u16) {
        assert_eq!(answer(name, known).status().as_u16(), expected, "{name}, {known:?}");
    }

    #[test]
    fn a_file_is_sent_once_and_nothing_else_is() {
        let etag = dashboard::file("app.js").expect("a file").etag.as_str();
        check("app.js", None, 200);
        check("app.js", Some("\"another\""), 200);
        for known in [etag, &format!("W/{etag}"), &format!("\"another\", {etag}"), "*"] {
            check("app.js", Some(known), 304);
        }
        check("mod.rs", None, 404);
        check("../mod.rs", None, 404);
    }

    #[test]
    fn the_page_may_load_nothing_from_elsewhere() {
        for name in [INDEX, "app.js", "base.css"] {
            let headers = answer(name, None).headers().clone();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
            assert!(policy.starts_with("default-src 'self';"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        assert_eq!(answer(INDEX, None).headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
    }
}
