//! Tells clients that their jobs have ended. An address that leads into the network of the service is not
//! asked, unless the settings allow it; a body is signed where there is a secret.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::broadcast::error::RecvError;
use url::Url;

use super::{Api, runpod, signature};
use crate::job::{DueWebhook, StoreError};
use crate::outward;
use crate::settings;

/// How often it is tried (RunPod's number, and its pause).
const ATTEMPTS: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(10);
/// Time for an answer.
const LIMIT: Duration = Duration::from_secs(30);
/// How long changes are gathered before it is looked what they are.
const GATHER: Duration = Duration::from_millis(100);
/// The longest time without a look: another process may have ended with something to tell.
const LOOK: Duration = Duration::from_secs(30);

/// Sends them.
#[derive(Clone)]
pub struct Webhooks {
    client: reqwest::Client,
    secret: Option<SecretString>,
    allow_private: bool,
}

impl Webhooks {
    /// A sender as it is set, with the secret of the environment.
    ///
    /// # Errors
    ///
    /// The variable that should hold the secret is absent, or the HTTP client cannot be built.
    pub fn new(settings: &settings::Webhooks) -> anyhow::Result<Self> {
        let secret = settings.secret_env.as_ref().map(|name| {
            let secret = std::env::var(name).ok().filter(|secret| !secret.is_empty());
            secret.map(SecretString::from).with_context(|| {
                format!(
                    "the setting webhooks.secret_env says that {name} holds a secret, and there is no \
                     such variable"
                )
            })
        });
        let (secret, allow_private) = (secret.transpose()?, settings.allow_private);
        Ok(Self { client: outward::client(allow_private)?, secret, allow_private })
    }

    /// Whether this address would be asked, as far as can be seen before it is.
    pub fn may_ask(&self, url: &Url) -> bool {
        outward::is_allowed(url, self.allow_private)
    }

    /// Tells what is to be told, as soon as it is, for ever.
    pub async fn serve(self, api: Api) {
        let mut changes = api.queue.changes();
        loop {
            let wait = match self.tell_all(&api).await {
                Ok(wait) => wait.unwrap_or(LOOK).min(LOOK),
                Err(error) => {
                    tracing::warn!(%error, "cannot look for webhooks");
                    LOOK
                }
            };
            tokio::select! {
                changed = changes.recv() => {
                    if let Err(RecvError::Closed) = changed {
                        return;
                    }
                    // Changes come in bursts, and most are no ends: one look for all of them.
                    tokio::time::sleep(GATHER).await;
                    changes = changes.resubscribe();
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Tells what is due, and gives how long it is to what is next.
    async fn tell_all(&self, api: &Api) -> Result<Option<Duration>, StoreError> {
        if api.store.next_webhook().await?.is_some_and(|wait| wait.is_zero()) {
            for due in api.store.due_webhooks().await? {
                let (this, api) = (self.clone(), api.clone());
                tokio::spawn(async move {
                    if let Err(error) = this.tell(&api, &due).await {
                        tracing::warn!(job = due.id, %error, "the webhook is sent again later");
                    }
                });
            }
        }
        api.store.next_webhook().await
    }

    async fn tell(&self, api: &Api, due: &DueWebhook) -> Result<(), StoreError> {
        let Some(status) = api.store.status(&due.id).await? else { return Ok(()) };
        // It holds names, numbers and texts: it can always be written.
        let body = serde_json::to_vec(&runpod::status_of(&status)).unwrap_or_default();
        let is_told = match self.send(due, body).await {
            Ok(()) => true,
            Err(error) => {
                let (attempt, error) = (due.attempt, format!("{error:#}"));
                tracing::warn!(job = due.id, attempt, error, "webhook failed");
                false
            }
        };
        if is_told || due.attempt >= ATTEMPTS {
            api.store.webhook_is_done(&due.id).await
        } else {
            api.store.webhook_again(&due.id, PAUSE).await
        }
    }

    /// The address may be a secret: it is in no error.
    async fn send(&self, due: &DueWebhook, body: Vec<u8>) -> anyhow::Result<()> {
        let url: Url = due.url.parse()?;
        anyhow::ensure!(self.may_ask(&url), "it leads into the network of this service");
        let mut request = self.client.post(url).timeout(LIMIT);
        request = request.header(reqwest::header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            let now = Timestamp::now().as_second();
            for (name, value) in signature::headers(secret, &due.id, now, &body) {
                request = request.header(name, value);
            }
        }
        let answer = request.body(body).send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status().as_u16();
        anyhow::ensure!(status == 200, "answered {status}, expected 200");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::http::HeaderMap;
    use axum::routing::post;

    use super::*;

    /// A server on this machine that keeps the headers of what it is sent.
    async fn heard() -> (String, Arc<Mutex<Vec<HeaderMap>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let hook = post(async move |headers: HeaderMap| kept.lock().unwrap().push(headers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = axum::serve(listener, axum::Router::new().route("/hook", hook));
        tokio::spawn(server.into_future());
        (format!("http://{address}/hook"), heard)
    }

    fn webhooks(secret: Option<&str>, allow_private: bool) -> Webhooks {
        // Fails where another test of this process was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = outward::client(allow_private).expect("a client");
        Webhooks { client, secret: secret.map(SecretString::from), allow_private }
    }

    #[tokio::test]
    async fn it_is_signed_where_there_is_a_secret_and_stays_out_of_this_network() {
        let (url, heard) = heard().await;
        let due = |url: &str| DueWebhook { id: "a".to_owned(), url: url.to_owned(), attempt: 1 };
        webhooks(None, true).send(&due(&url), b"{}".to_vec()).await.expect("sent");
        webhooks(Some("word"), true).send(&due(&url), b"{}".to_vec()).await.expect("sent");
        let refused = webhooks(None, false).send(&due(&url), b"{}".to_vec()).await;
        let refused = refused.expect_err("this network").to_string();
        assert_eq!(refused, "it leads into the network of this service");
        let by_name = url.replace("127.0.0.1", "localhost");
        let refused = webhooks(None, false).send(&due(&by_name), b"{}".to_vec()).await;
        let refused = format!("{:#}", refused.expect_err("this network"));
        assert!(!refused.contains("/hook"), "{refused}");
        let away = webhooks(None, true).send(&due(&format!("{url}/away")), Vec::new()).await;
        assert_eq!(away.expect_err("404").to_string(), "answered 404, expected 200");
        let heard = heard.lock().unwrap();
        let signed = |headers: &HeaderMap| {
            ["webhook-id", "webhook-timestamp", "webhook-signature"]
                .map(|name| headers.contains_key(name))
        };
        assert_eq!(heard.iter().map(signed).collect::<Vec<_>>(), [[false; 3], [true; 3]]);
    }

    #[test]
    fn a_secret_that_is_not_there_is_named() {
        let settings = settings::Webhooks {
            secret_env: Some("REELBENCH_NO_SUCH_SECRET".to_owned()),
            ..settings::Webhooks::default()
        };
        let refused = Webhooks::new(&settings).err().expect("no secret").to_string();
        assert!(refused.contains("REELBENCH_NO_SUCH_SECRET"), "{refused}");
    }
}
