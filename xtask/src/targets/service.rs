//! What every client of a service of the user's shares: paths below a base URL, a token that is in no
//! message, refusals in the service's own words, and no proxy on the way to this machine.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::Url;

/// Time for one answer, where the answer does not wait for work.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an error document that are kept.
const MOST_SAID: usize = 8 * 1024;

/// What services of one kind do in their own way.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// The path that tells whether it can work; a service without such a path can.
    pub ready: &'static str,
    /// What an error document says, in a line or a few. None: it is no such document.
    pub said: fn(&str) -> Option<String>,
}

/// A service that is driven.
#[derive(Clone, Debug)]
pub struct Service {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
    manners: Manners,
}

/// A secret that is in no message.
#[derive(Clone)]
struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

/// An answer that is no success.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// The URL, the status, and what the service says.
    pub message: String,
}

impl Service {
    /// The service at `base`. A `token` is sent as a bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// The token cannot stand in a header, or the HTTP client cannot be built.
    pub fn new(base: Url, token: Option<&str>, manners: Manners) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, bearer(token)?);
        }
        let mut http =
            reqwest::Client::builder().connect_timeout(ANSWER_TIMEOUT).default_headers(headers);
        if is_loopback(&base) {
            http = http.no_proxy(); // no proxy leads to this machine
        }
        let token = token.map(|token| Token(token.to_owned()));
        Ok(Self { http: http.build()?, base, token, manners })
    }

    /// Whether it can work on jobs now. A service without such a route can.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or will not answer us: a token is wrong.
    pub async fn is_ready(&self) -> anyhow::Result<bool> {
        let response = self.request(Method::GET, self.manners.ready)?.send().await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(true),
            StatusCode::TOO_MANY_REQUESTS => Ok(false),
            status if status.is_client_error() => self.accepted(response).await.map(|_| true),
            status => Ok(status.is_success()),
        }
    }

    /// A request for `path` that is answered soon or not at all.
    ///
    /// # Errors
    ///
    /// It is no path of this service.
    pub fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        Ok(self.unhurried(method, path)?.timeout(ANSWER_TIMEOUT))
    }

    /// A request for `path` whose answer may take as long as it takes: a download, or work.
    ///
    /// # Errors
    ///
    /// It is no path of this service.
    pub fn unhurried(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        Ok(self.http.request(method, self.url(path)?))
    }

    /// Sends a request and gives its answer.
    ///
    /// # Errors
    ///
    /// The service is away, or a [`Refusal`].
    pub async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        self.accepted(request.send().await?).await
    }

    /// A refusal as an error that names what is wrong, without the token.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], where the answer is one.
    pub async fn accepted(&self, response: Response) -> anyhow::Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().clone();
        let body = beginning(response).await;
        let said = (self.manners.said)(&body).unwrap_or_else(|| body.trim().to_owned());
        let message = self.without_token(&format!("{url}: {status}: {said}"));
        Err(Refusal { status, message }.into())
    }

    /// Where `path` is.
    ///
    /// # Errors
    ///
    /// It is no path of this service.
    pub fn url(&self, path: &str) -> anyhow::Result<Url> {
        under(&self.base, path)
    }

    /// The header that carries the token, for what is no request of [`Self::request`]. None: there is none.
    ///
    /// # Errors
    ///
    /// The token cannot stand in a header.
    pub fn bearer(&self) -> anyhow::Result<Option<HeaderValue>> {
        self.token.as_ref().map(|Token(token)| bearer(token)).transpose()
    }

    /// `text` as it may be written down.
    pub fn without_token(&self, text: &str) -> String {
        match &self.token {
            Some(Token(token)) => text.replace(token.as_str(), "[token]"),
            None => text.to_owned(),
        }
    }
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
        .context("the token cannot stand in a header")?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// `path` below `base`, which may be a folder of its host. A service that names another host does not get
/// the token there.
fn under(base: &Url, path: &str) -> anyhow::Result<Url> {
    let url = base.join(path.trim_start_matches('/')).ok();
    url.filter(|url| url.origin() == base.origin())
        .with_context(|| format!("{path:?} is no path of {base}"))
}

fn is_loopback(base: &Url) -> bool {
    match base.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The beginning of what a service says, as text: a page of megabytes is no message.
async fn beginning(response: Response) -> String {
    let mut body = response.bytes_stream();
    let mut said = Vec::new();
    while said.len() < MOST_SAID
        && let Some(Ok(chunk)) = body.next().await
    {
        said.extend_from_slice(&chunk[..chunk.len().min(MOST_SAID - said.len())]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_the_world() {
        for (base, expected) in [
            ("http://127.0.0.1:8090", true),
            ("http://[::1]/", true),
            ("http://localhost:1/", true),
            ("http://127.0.0.1.example.org/", false),
            ("https://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&base.parse().expect("a URL")), expected, "{base}");
        }
    }

    #[track_caller]
    fn check_under(base: &str, path: &str, expected: Option<&str>) {
        let found = under(&base.parse().expect("a URL"), path).ok();
        assert_eq!(found.as_ref().map(Url::as_str), expected, "{path} under {base}");
    }

    #[test]
    fn paths_stay_on_their_host_and_below_their_folder() {
        let job = "/api/v1/jobs/a";
        check_under("http://a.example/", job, Some("http://a.example/api/v1/jobs/a"));
        check_under("http://a.example/v/", job, Some("http://a.example/v/api/v1/jobs/a"));
        let whole = "http://a.example/v/api/v1/jobs/a";
        check_under("http://a.example/v/", whole, Some(whole));
        check_under("http://a.example/", "http://b.example/api/v1/jobs/a", None);
        check_under("http://a.example/", "https://a.example/api/v1/jobs/a", None);
    }
}
