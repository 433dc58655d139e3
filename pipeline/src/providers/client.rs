//! The connections to a provider.

use std::sync::Arc;
use std::time::Duration;

use fetch::{AskError, Ways, ask};
use reqwest::redirect::Policy;

use crate::limits::{Cluster, Limits};
use crate::outward::Outward;
use crate::providers::{Keeping, Key, SetupError};
use crate::settings::{HttpClient, Settings};
use crate::shared_redis::NoAddress;

/// What the clients of all providers share.
#[derive(Clone, Debug)]
pub struct Common {
    /// How many calls at once.
    pub limits: Limits,
    /// How answers are kept.
    pub keeping: Keeping,
    /// Whose connections they are.
    pub http: HttpClient,
    /// Where their answers may lead.
    pub outward: Outward,
}

impl Common {
    /// As it is set.
    ///
    /// # Errors
    ///
    /// As [`Keeping::new`], also for the Redis of the limits.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let cluster = settings.limits.redis_url_env.as_deref().map(cluster).transpose()?;
        Ok(Self {
            limits: Limits::new(&settings.limits, cluster.as_ref()),
            keeping: Keeping::new(&settings.cache)?,
            http: settings.http.client,
            outward: Outward::new(&settings.outward),
        })
    }
}

/// The limits of all services that share the Redis whose address is in the variable `env`.
fn cluster(env: &str) -> Result<Cluster, SetupError> {
    let wrong = |NoAddress| SetupError::Redis { env: env.to_owned() };
    let key = Key::from_env(env)?;
    Cluster::new(key.secret().ok_or(NoAddress).map_err(wrong)?).map_err(wrong)
}

/// A client of a provider: one for all its requests, or one for each (claim 002-8).
#[derive(Clone, Debug)]
pub struct Client {
    requests: reqwest::Client,
    ways: Arc<dyn Ways>,
}

impl Client {
    /// A client for the provider at `base_url`, whose requests take `timeout` at most, each with its whole
    /// answer. What its answers lead to is asked as the settings allow it.
    ///
    /// # Errors
    ///
    /// No TLS provider is installed.
    pub fn new(
        common: &Common,
        base_url: &str,
        timeout: Option<Duration>,
    ) -> reqwest::Result<Self> {
        let ways = common.outward.to_provider(base_url, common.http, timeout)?;
        let requests = reqwest::Client::builder().redirect(Policy::none());
        let requests = match timeout {
            Some(timeout) => requests.timeout(timeout),
            None => requests,
        };
        Ok(Self { requests: requests.build()?, ways: Arc::new(ways) })
    }

    /// The client that requests are written with; [`Self::execute`] sends them. Sent by it, they are for
    /// the provider's own address alone.
    pub(crate) fn requests(&self) -> &reqwest::Client {
        &self.requests
    }

    /// Sends a request, and gives the head of its answer.
    pub(super) async fn execute(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, AskError> {
        // In a box: it holds a request for each redirect, and whoever asks would be as large.
        Box::pin(ask(self.ways.as_ref(), request)).await
    }
}

/// One for all requests, built elsewhere.
impl From<reqwest::Client> for Client {
    fn from(shared: reqwest::Client) -> Self {
        Self { requests: shared.clone(), ways: Arc::new(shared) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::{ConnectInfo, State};
    use axum::routing::get;

    use super::*;

    fn common(http: HttpClient) -> Common {
        let settings = Settings::default();
        Common { http, ..Common::new(&settings).expect("nothing is named") }
    }

    /// Connections of five requests, one after the other.
    async fn n_connections(http: HttpClient) -> usize {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seen = Arc::<Mutex<BTreeSet<SocketAddr>>>::default();
        let note = async |State(seen): State<Arc<Mutex<BTreeSet<SocketAddr>>>>,
                          ConnectInfo(from): ConnectInfo<SocketAddr>| {
            seen.lock().expect("no panic").insert(from);
        };
        let router = Router::new().route("/", get(note)).with_state(Arc::clone(&seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let limit = Some(Duration::from_secs(60));
        let client = Client::new(&common(http), &url, limit).expect("a client");
        for _ in 0..5 {
            let request = client.requests().get(&url).build().expect("a request");
            let answer = client.execute(request).await.expect("an answer");
            answer.bytes().await.expect("all of it");
        }
        seen.lock().expect("no panic").len()
    }

    #[tokio::test]
    async fn connections_are_used_again_or_made_for_each_request() {
        assert_eq!(n_connections(HttpClient::Shared).await, 1);
        assert_eq!(n_connections(HttpClient::PerRequest).await, 5);
    }

    /// A server that takes connections and says nothing.
    #[tokio::test]
    async fn both_give_up_when_it_is_set_so() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/", silent.local_addr().expect("an address"));
        for http in [HttpClient::Shared, HttpClient::PerRequest] {
            let limit = Some(Duration::from_millis(100));
            let client = Client::new(&common(http), &url, limit).expect("a client");
            let request = client.requests().get(&url).build().expect("a request");
            let error = client.execute(request).await.expect_err("it says nothing");
            let is_timeout = matches!(&error, AskError::Http(error) if error.is_timeout());
            assert!(is_timeout, "{http:?}: {error}");
        }
    }
}
