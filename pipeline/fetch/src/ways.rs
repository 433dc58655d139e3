//! Which client asks an address, and where redirects may lead.
//!
//! Redirects are followed here and not by the client: where an address may be asked is decided for each
//! of them anew, and what belongs to one origin (`Authorization`, a site's own headers) is not sent to
//! another.

use std::fmt::Debug;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, LOCATION, RANGE, USER_AGENT};
use reqwest::{Method, Request, Response, StatusCode};
use url::Url;

use crate::error::shown;

/// As browsers and curl give up.
const MAX_REDIRECTS: usize = 10;
/// What a request may tell another origin than the one it was made for.
const TOLD_TO_ALL: [reqwest::header::HeaderName; 4] = [ACCEPT, ACCEPT_ENCODING, RANGE, USER_AGENT];

/// The clients that ask. One that should not follow redirects by itself has
/// [`reqwest::redirect::Policy::none`].
pub trait Ways: Debug + Send + Sync {
    /// The client for this address.
    ///
    /// # Errors
    ///
    /// It is not to be asked, or there is no client.
    fn client(&self, url: &Url) -> Result<reqwest::Client, AskError>;
}

/// One for every address; it follows redirects as it was built to.
impl Ways for reqwest::Client {
    fn client(&self, _: &Url) -> Result<reqwest::Client, AskError> {
        Ok(self.clone())
    }
}

/// Why an address is not asked, in words. A resolver of names gives it as its error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The address, or one that it leads to, is not asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The client's.
    #[error(transparent)]
    Http(reqwest::Error),
}

impl From<reqwest::Error> for AskError {
    fn from(error: reqwest::Error) -> Self {
        match refusal(&error) {
            Some(refusal) => Self::Refused(refusal),
            None => Self::Http(error),
        }
    }
}

/// Sends `request`, and what its redirects ask for; gives the head of the last answer.
///
/// What is no GET or HEAD goes on at its own origin alone, where the answer says to send the same again
/// (307, 308), and as a GET after a 303.
///
/// # Errors
///
/// [`AskError`]; a refusal of an address that another one led to names both.
pub async fn ask(ways: &dyn Ways, request: Request) -> Result<Response, AskError> {
    let (mut request, mut is_led) = (request, false);
    for _ in 0..=MAX_REDIRECTS {
        let url = request.url().clone();
        let led = |error| if is_led { led_to(&url, error) } else { error };
        let client = ways.client(&url).map_err(led)?;
        let again = request.try_clone();
        let response = client.execute(request).await.map_err(|error| led(error.into()))?;
        let (Some(to), Some(again)) = (target(&response), again) else { return Ok(response) };
        request = next(again, response.status(), to)?;
        is_led = true;
    }
    Err(Refusal(format!("it leads on more than {MAX_REDIRECTS} times")).into())
}

fn led_to(url: &Url, error: AskError) -> AskError {
    match error {
        AskError::Refused(Refusal(reason)) => {
            Refusal(format!("it leads to {}: {reason}", shown(url))).into()
        }
        other => other,
    }
}

/// Where an answer leads. None: it is no redirect, or leads nowhere.
fn target(response: &Response) -> Option<Url> {
    let is_one = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| is_one)?;
    response.url().join(location.to_str().ok()?).ok()
}

/// The request that an answer of this status asks for in place of `request`.
fn next(mut request: Request, status: StatusCode, to: Url) -> Result<Request, Refusal> {
    let is_same = request.url().origin() == to.origin();
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    match status.as_u16() {
        _ if is_look => {}
        303 => {
            *request.method_mut() = Method::GET;
            *request.body_mut() = None;
            request.headers_mut().retain_told();
        }
        307 | 308 if is_same => {}
        status => {
            let to = shown(&to);
            return Err(Refusal(format!(
                "its answer {status} leads to {to}, and what is sent is for itself alone \
                 (hint: set that address in its place)"
            )));
        }
    }
    if !is_same {
        request.headers_mut().retain_told();
    }
    *request.url_mut() = to;
    Ok(request)
}

trait RetainTold {
    fn retain_told(&mut self);
}

impl RetainTold for HeaderMap {
    /// Drops what is meant for one origin, or describes a body.
    fn retain_told(&mut self) {
        let mut told = Self::new();
        for name in TOLD_TO_ALL {
            for value in self.get_all(&name) {
                told.append(&name, value.clone());
            }
        }
        *self = told;
    }
}

/// The refusal of a resolver, somewhere among the causes.
fn refusal(error: &reqwest::Error) -> Option<Refusal> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(refusal.clone());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str) -> Request {
        let method = method.parse().expect("a method");
        let mut request = Request::new(method, url.parse().expect("an address"));
        for name in ["authorization", "x-api-key", "cookie", "range", "content-type"] {
            request.headers_mut().insert(name, "value".parse().expect("a value"));
        }
        *request.body_mut() = Some("body".into());
        request
    }

    /// From `http://a/x`, what is sent next: the method and the names of its headers.
    #[track_caller]
    fn check(method: &str, status: u16, to: &str, expected: Option<(&str, &[&str])>) {
        let status = StatusCode::from_u16(status).expect("a status");
        let to: Url = to.parse().expect("an address");
        let found = next(request(method, "http://a/x"), status, to.clone());
        let found = found.ok().map(|request| {
            assert_eq!(request.url(), &to);
            let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            names.sort_unstable();
            (request.method().to_string(), names)
        });
        let expected = expected.map(|(method, names)| {
            (method.to_owned(), names.iter().map(|&name| name.to_owned()).collect())
        });
        assert_eq!(found, expected, "{method} {status} {to}");
    }

    const ALL: &[&str] = &["authorization", "content-type", "cookie", "range", "x-api-key"];

    #[test]
    fn what_belongs_to_an_origin_stays_there() {
        for status in [301, 302, 303, 307, 308] {
            check("GET", status, "http://a/y", Some(("GET", ALL)));
            check("GET", status, "http://b/y", Some(("GET", &["range"])));
            // Another port or scheme is another origin.
            check("HEAD", status, "http://a:81/y", Some(("HEAD", &["range"])));
            check("GET", status, "https://a/y", Some(("GET", &["range"])));
        }
    }

    #[test]
    fn what_is_sent_goes_to_its_own_address_alone() {
        check("POST", 307, "http://a/y", Some(("POST", ALL)));
        check("POST", 308, "http://a/y", Some(("POST", ALL)));
        check("POST", 303, "http://a/y", Some(("GET", &["range"])));
        check("POST", 303, "http://b/y", Some(("GET", &["range"])));
        for (status, to) in [(301, "http://a/y"), (302, "http://a/y"), (308, "https://a/y")] {
            check("POST", status, to, None);
        }
        check("DELETE", 307, "http://b/y", None);
    }
}
