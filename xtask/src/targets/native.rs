//! The pipeline's own API (`protocol`).

mod skew;
mod target;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt;
use protocol::{Accepted, JobStatus, Problem};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use url::Url;

pub use self::target::NativeTarget;

/// How often the status is asked for.
const POLL: Duration = Duration::from_millis(50);
/// Time for one answer; a video is downloaded without this limit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an error document that are kept.
const MOST_SAID: usize = 8 * 1024;

/// A client of one service.
#[derive(Clone, Debug)]
pub struct NativeClient {
    http: reqwest::Client,
    base: Url,
    poll: Duration,
    token: Option<Token>,
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

impl NativeClient {
    /// A client of the service at `base`.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        Self::with_headers(base, HeaderMap::new())
    }

    /// A client that sends `token` as a bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// The token cannot stand in a header, or the HTTP client cannot be built.
    pub fn with_token(base: Url, token: &str) -> anyhow::Result<Self> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .context("the token cannot stand in a header")?;
        bearer.set_sensitive(true);
        let client = Self::with_headers(base, HeaderMap::from_iter([(AUTHORIZATION, bearer)]))?;
        Ok(Self { token: Some(Token(token.to_owned())), ..client })
    }

    fn with_headers(base: Url, headers: HeaderMap) -> anyhow::Result<Self> {
        let mut http =
            reqwest::Client::builder().connect_timeout(ANSWER_TIMEOUT).default_headers(headers);
        if is_loopback(&base) {
            http = http.no_proxy(); // no proxy leads to this machine
        }
        Ok(Self { http: http.build()?, base, poll: POLL, token: None })
    }

    /// The same, but it asks for a status only as often as `poll` says.
    #[must_use]
    pub const fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// How often it asks.
    pub const fn poll(&self) -> Duration {
        self.poll
    }

    /// Whether the service can work on jobs now. A service without such a route can.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or will not answer us: a token is wrong.
    pub async fn is_ready(&self) -> anyhow::Result<bool> {
        let request = self.http.get(self.url("/readyz")?).timeout(ANSWER_TIMEOUT);
        let response = request.send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(true),
            StatusCode::TOO_MANY_REQUESTS => Ok(false),
            status if status.is_client_error() => self.accepted(response).await.map(|_| true),
            status => Ok(status.is_success()),
        }
    }

    /// Submits a job: a [`protocol::JobSpec`], or a document of the user's own.
    ///
    /// # Errors
    ///
    /// The service is away, or refuses: then each wrong field is named.
    pub async fn submit(&self, body: &impl Serialize) -> anyhow::Result<Accepted> {
        let request = self.http.post(self.url("/api/v1/jobs")?).json(body).timeout(ANSWER_TIMEOUT);
        Ok(self.accepted(request.send().await?).await?.json().await?)
    }

    /// The job of that name.
    pub fn job(id: &str) -> Accepted {
        Accepted { id: id.to_owned(), status_url: format!("/api/v1/jobs/{id}") }
    }

    /// Asks for a job's status until it has ended; `seen` is told each one.
    ///
    /// # Errors
    ///
    /// The service is away or does not know the job.
    pub async fn wait(
        &self,
        job: &Accepted,
        seen: impl Fn(&JobStatus),
    ) -> anyhow::Result<JobStatus> {
        loop {
            let status = self.status(job).await?;
            seen(&status);
            if status.state.is_final() {
                return Ok(status);
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    /// How a job is now.
    ///
    /// # Errors
    ///
    /// The service is away or does not know the job.
    pub async fn status(&self, job: &Accepted) -> anyhow::Result<JobStatus> {
        let request = self.http.get(self.url(&job.status_url)?).timeout(ANSWER_TIMEOUT);
        Ok(self.accepted(request.send().await?).await?.json().await?)
    }

    /// Cancels a job that is of no interest any more.
    ///
    /// # Errors
    ///
    /// The service is away, or the job has ended.
    pub async fn cancel(&self, job: &Accepted) -> anyhow::Result<()> {
        let request = self.http.delete(self.url(&job.status_url)?).timeout(ANSWER_TIMEOUT);
        self.accepted(request.send().await?).await.map(drop)
    }

    /// Downloads a file of a job to `target`. False: the job has no such file.
    ///
    /// # Errors
    ///
    /// The service is away or the file cannot be written.
    pub async fn download(
        &self,
        job: &Accepted,
        name: &str,
        target: &Path,
    ) -> anyhow::Result<bool> {
        let url = self.url(&format!("{}/files/{name}", job.status_url))?;
        let response = self.http.get(url).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let mut body = self.accepted(response).await?.bytes_stream();
        let mut file = fs_err::tokio::File::create(target).await?;
        while let Some(chunk) = body.next().await {
            file.write_all(&chunk?).await?;
        }
        file.flush().await?;
        Ok(true)
    }

    /// How many jobs are in each state, from `/metrics`.
    ///
    /// # Errors
    ///
    /// The service is away.
    pub async fn job_counts(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let request = self.http.get(self.url("/metrics")?).timeout(ANSWER_TIMEOUT);
        Ok(job_counts(&self.accepted(request.send().await?).await?.text().await?))
    }

    /// A refusal as an error that names what is wrong, without the token.
    async fn accepted(&self, response: Response) -> anyhow::Result<Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().clone();
        let body = beginning(response).await;
        let mut message = match serde_json::from_str::<Problem>(&body) {
            Ok(problem) => {
                let fields = problem.errors.iter().map(|error| {
                    let (field, expected) = (&error.field, &error.expected);
                    format!("\n  {field}: expected {expected}, found {}", error.value)
                });
                format!("{url}: {status}: {}{}", problem.detail, fields.collect::<String>())
            }
            Err(_) => format!("{url}: {status}: {}", body.trim()),
        };
        if let Some(Token(token)) = &self.token {
            message = message.replace(token.as_str(), "[token]");
        }
        Err(Refusal { status, message }.into())
    }

    fn url(&self, path: &str) -> anyhow::Result<Url> {
        under(&self.base, path)
    }
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

/// `reelbench_jobs{state="succeeded"} 1`.
fn job_counts(metrics: &str) -> Vec<(String, u64)> {
    let line = |line: &str| {
        let (state, count) = line.strip_prefix("reelbench_jobs{state=\"")?.split_once("\"} ")?;
        Some((state.to_owned(), count.trim().parse().ok()?))
    };
    metrics.lines().filter_map(line).collect()
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

    /// Answers one request with 202, and gives its head.
    async fn head_of_request(listener: tokio::net::TcpListener) -> String {
        use tokio::io::AsyncReadExt;
        let (mut connection, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; 4096];
        let n_bytes = connection.read(&mut request).await.expect("a request");
        let body = r#"{"id":"a","status_url":"/api/v1/jobs/a"}"#;
        let head = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all(format!("{head}{body}").as_bytes()).await.expect("an answer");
        String::from_utf8_lossy(&request[..n_bytes]).to_lowercase()
    }

    #[tokio::test]
    async fn a_token_is_sent_and_never_shown() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}/", listener.local_addr().expect("an address"));
        let client =
            NativeClient::with_token(base.parse().expect("a URL"), "s3cret").expect("a client");
        let body = serde_json::json!({ "video_subject": "sea", "field_of_theirs": 1 });
        let (head, accepted) = tokio::join!(head_of_request(listener), client.submit(&body));
        assert_eq!(accepted.expect("accepted").id, "a");
        assert!(head.starts_with("post /api/v1/jobs "), "{head}");
        assert!(head.contains("authorization: bearer s3cret"), "{head}");
        assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
        let bad = NativeClient::with_token(base.parse().expect("a URL"), "a\nb").expect_err("bad");
        assert_eq!(bad.to_string(), "the token cannot stand in a header");
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

    #[test]
    fn job_counts_are_read_from_the_metrics() {
        let metrics = "# TYPE reelbench_jobs gauge\nreelbench_jobs{state=\"queued\"} 0\n\
                       reelbench_jobs{state=\"succeeded\"} 12\nreelbench_jobs_total{outcome=\"x\"} 3\n";
        let expected = [("queued".to_owned(), 0), ("succeeded".to_owned(), 12)];
        assert_eq!(job_counts(metrics), expected);
    }
}
