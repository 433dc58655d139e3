//! The pipeline's own API (`protocol`).

mod skew;
mod target;

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use protocol::{Accepted, JobStatus, Problem};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use url::Url;

pub use self::target::NativeTarget;
use super::service::{Manners, Service};

/// How often the status is asked for.
const POLL: Duration = Duration::from_millis(50);

const MANNERS: Manners = Manners { ready: "/readyz", said };

/// A client of one service.
#[derive(Clone, Debug)]
pub struct NativeClient {
    service: Service,
    poll: Duration,
}

impl NativeClient {
    /// A client of the service at `base`.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        Ok(Self { service: Service::new(base, None, MANNERS)?, poll: POLL })
    }

    /// A client that sends `token` as a bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// The token cannot stand in a header, or the HTTP client cannot be built.
    pub fn with_token(base: Url, token: &str) -> anyhow::Result<Self> {
        Ok(Self { service: Service::new(base, Some(token), MANNERS)?, poll: POLL })
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

    /// The service, as every kind of client knows it.
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Submits a job: a [`protocol::JobSpec`], or a document of the user's own.
    ///
    /// # Errors
    ///
    /// The service is away, or refuses: then each wrong field is named.
    pub async fn submit(&self, body: &impl Serialize) -> anyhow::Result<Accepted> {
        let request = self.service.request(Method::POST, "/api/v1/jobs")?.json(body);
        Ok(self.service.send(request).await?.json().await?)
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
        let request = self.service.request(Method::GET, &job.status_url)?;
        Ok(self.service.send(request).await?.json().await?)
    }

    /// Comes when the service has said all that there is to say of a job: the stream of its events
    /// (server-sent) ends with it.
    ///
    /// # Errors
    ///
    /// The service is away, or has no such stream.
    pub async fn heard_out(&self, job: &Accepted) -> anyhow::Result<()> {
        let path = format!("{}/events", job.status_url);
        let response = self.service.unhurried(Method::GET, &path)?.send().await?;
        let mut events = self.service.accepted(response).await?.bytes_stream();
        while let Some(chunk) = events.next().await {
            chunk?;
        }
        Ok(())
    }

    /// Cancels a job that is of no interest any more.
    ///
    /// # Errors
    ///
    /// The service is away, or the job has ended.
    pub async fn cancel(&self, job: &Accepted) -> anyhow::Result<()> {
        let request = self.service.request(Method::DELETE, &job.status_url)?;
        self.service.send(request).await.map(drop)
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
        let path = format!("{}/files/{name}", job.status_url);
        let response = self.service.unhurried(Method::GET, &path)?.send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let mut body = self.service.accepted(response).await?.bytes_stream();
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
        let request = self.service.request(Method::GET, "/metrics")?;
        Ok(job_counts(&self.service.send(request).await?.text().await?))
    }
}

/// What a [`Problem`] says: then each wrong field is named.
fn said(body: &str) -> Option<String> {
    let problem: Problem = serde_json::from_str(body).ok()?;
    let fields = problem.errors.iter().map(|error| {
        let (field, expected) = (&error.field, &error.expected);
        format!("\n  {field}: expected {expected}, found {}", error.value)
    });
    Some(format!("{}{}", problem.detail, fields.collect::<String>()))
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

    #[test]
    fn job_counts_are_read_from_the_metrics() {
        let metrics = "# TYPE reelbench_jobs gauge\nreelbench_jobs{state=\"queued\"} 0\n\
                       reelbench_jobs{state=\"succeeded\"} 12\nreelbench_jobs_total{outcome=\"x\"} 3\n";
        let expected = [("queued".to_owned(), 0), ("succeeded".to_owned(), 12)];
        assert_eq!(job_counts(metrics), expected);
    }
}
