//! What a target does where a service is away, busy, or will not have a job.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bench::{Driven, Job, Outcome};
use tokio::sync::{Notify, mpsc};

use super::service::{Refusal, Service};

/// How long a worker holds back after an answer that another try may mend: a service that is gone or busy
/// is not hammered, and the plan is not burnt in a moment.
const HOLD_BACK: Duration = Duration::from_secs(1);

/// So often in a row a service may be missed before a job is given up.
const TRIES: u32 = 15;

/// How long a target bears with a service, and whom it tells when it does not.
#[derive(Debug)]
pub struct Patience {
    /// So often in a row the service may be missed before a job is given up.
    pub tries: u32,
    /// Woken when the service could not be reached.
    pub unreached: Arc<Notify>,
    refused: mpsc::UnboundedSender<String>,
}

impl Patience {
    /// The usual, and what tells of a job that the service will never take: then no further one need be
    /// sent.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<String>) {
        let (refused, refusals) = mpsc::unbounded_channel();
        (Self { tries: TRIES, unreached: Arc::default(), refused }, refusals)
    }

    /// A job that was not taken.
    pub async fn not_accepted(&self, service: &Service, job: Job, error: &anyhow::Error) -> Driven {
        if Reason::of(error) == Reason::Refused {
            // Nobody listens where a single job is driven.
            let _ = self.refused.send(format!("{error:#}"));
        }
        self.lost(service, job, "not_accepted", error).await
    }

    /// A job of which nothing came back. Where the service cannot be reached, the worker waits until it
    /// can be, or until the run is stopped because it is gone for good.
    pub async fn lost(
        &self,
        service: &Service,
        mut job: Job,
        code: &str,
        error: &anyhow::Error,
    ) -> Driven {
        match Reason::of(error) {
            Reason::Unreached => {
                self.unreached.notify_one();
                for _ in 0..self.tries {
                    if held_back(&mut job).await || service.is_ready().await.is_ok() {
                        break;
                    }
                }
            }
            // A refusal stops the run meanwhile.
            Reason::Busy | Reason::Refused if self.tries > 0 => {
                held_back(&mut job).await;
            }
            Reason::Busy | Reason::Refused => {}
        }
        let extra = serde_json::json!({ "error": format!("{error:#}") });
        Driven { extra, ..Driven::new(Outcome::Failed(code.to_owned())) }
    }

    /// Bears with a look that failed, `misses` in a row until now: the job goes on at the service, so that
    /// is no end of it.
    ///
    /// # Errors
    ///
    /// The same error, where another look would not do or there were enough.
    pub async fn bear(&self, misses: &mut u32, error: anyhow::Error) -> anyhow::Result<()> {
        if *misses >= self.tries || Reason::of(&error) == Reason::Refused {
            return Err(error);
        }
        *misses += 1;
        if Reason::of(&error) == Reason::Unreached {
            self.unreached.notify_one();
        }
        tokio::time::sleep(HOLD_BACK).await;
        Ok(())
    }
}

/// Waits; true: the run was stopped meanwhile.
async fn held_back(job: &mut Job) -> bool {
    tokio::select! {
        () = tokio::time::sleep(HOLD_BACK) => false,
        () = job.stop.requested() => true,
    }
}

/// Why there is no answer that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// None came.
    Unreached,
    /// The service says that another try may do (408, 429, 5xx).
    Busy,
    /// Another try would not do.
    Refused,
}

impl Reason {
    fn of(error: &anyhow::Error) -> Self {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            let status = refusal.status.as_u16();
            return if matches!(status, 408 | 429 | 500..) { Self::Busy } else { Self::Refused };
        }
        // An answer that broke off is no answer; one that is no document of ours is.
        let is_document = |error: &reqwest::Error| {
            error.source().is_some_and(<dyn std::error::Error>::is::<serde_json::Error>)
        };
        let is_answer =
            |error: &reqwest::Error| error.is_decode() && is_document(error) || error.is_builder();
        match error.downcast_ref::<reqwest::Error>() {
            Some(error) if !is_answer(error) => Self::Unreached,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_try_may_mend_is_told_from_what_it_cannot() {
        let refusal = |status| {
            let status = reqwest::StatusCode::from_u16(status).expect("a status");
            anyhow::Error::new(Refusal { status, message: String::new() })
        };
        for (status, expected) in [
            (400, Reason::Refused),
            (401, Reason::Refused),
            (408, Reason::Busy),
            (422, Reason::Refused),
            (429, Reason::Busy),
            (500, Reason::Busy),
            (503, Reason::Busy),
        ] {
            assert_eq!(Reason::of(&refusal(status)), expected, "{status}");
        }
        assert_eq!(Reason::of(&anyhow::anyhow!("no path of the service")), Reason::Refused);
    }
    /// Why a document is not read from an answer of `head` and `body`, after which the server hangs up.
    async fn reason(head: &str, body: &str) -> Reason {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let served = async {
            let (mut connection, _) = listener.accept().await.expect("a client");
            let mut request = vec![0; 4096];
            let _ = connection.read(&mut request).await;
            connection.write_all(answer.as_bytes()).await.expect("written");
        };
        let asked = async {
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            client.get(url).send().await.expect("a head").json::<serde_json::Value>().await
        };
        let ((), answer) = tokio::join!(served, asked);
        Reason::of(&answer.expect_err("no document").into())
    }

    #[tokio::test]
    async fn an_answer_that_broke_off_is_told_from_one_that_is_no_document() {
        assert_eq!(reason("content-length: 100", "{\"id\":").await, Reason::Unreached);
        assert_eq!(reason("content-length: 4", "nope").await, Reason::Refused);
    }
}
