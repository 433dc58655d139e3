//! The connections to a provider.

use std::time::Duration;

use crate::limits::Limits;
use crate::providers::{Keeping, SetupError};
use crate::settings::{HttpClient, Settings};

/// What the clients of all providers share.
#[derive(Clone, Debug)]
pub struct Common {
    /// How many calls at once.
    pub limits: Limits,
    /// How answers are kept.
    pub keeping: Keeping,
    /// Whose connections they are.
    pub http: HttpClient,
}

impl Common {
    /// As it is set.
    ///
    /// # Errors
    ///
    /// As [`Keeping::new`].
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        Ok(Self {
            limits: Limits::new(&settings.limits),
            keeping: Keeping::new(&settings.cache)?,
            http: settings.http.client,
        })
    }
}

/// A client of a provider: one for all its requests, or one for each (claim 002-8).
#[derive(Clone, Debug)]
pub struct Client {
    shared: reqwest::Client,
    timeout: Option<Duration>,
    http: HttpClient,
}

impl Client {
    /// A client whose requests take `timeout` at most, each with its whole answer.
    ///
    /// # Errors
    ///
    /// No TLS provider is installed.
    pub fn new(http: HttpClient, timeout: Option<Duration>) -> reqwest::Result<Self> {
        Ok(Self { shared: built(timeout)?, timeout, http })
    }

    /// The client that requests are written with; [`Self::execute`] sends them.
    pub(crate) fn requests(&self) -> &reqwest::Client {
        &self.shared
    }

    /// Sends a request, and gives the head of its answer.
    pub(super) async fn execute(
        &self,
        request: reqwest::Request,
    ) -> reqwest::Result<reqwest::Response> {
        match self.http {
            HttpClient::Shared => self.shared.execute(request).await,
            // Its pool, its TLS and its name resolution go with it.
            HttpClient::PerRequest => built(self.timeout)?.execute(request).await,
        }
    }
}

/// One for all requests, built elsewhere.
impl From<reqwest::Client> for Client {
    fn from(shared: reqwest::Client) -> Self {
        Self { shared, timeout: None, http: HttpClient::Shared }
    }
}

fn built(timeout: Option<Duration>) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder();
    match timeout {
        Some(timeout) => builder.timeout(timeout),
        None => builder,
    }
    .build()
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
        let client = Client::new(http, Some(Duration::from_secs(60))).expect("a client");
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
            let client = Client::new(http, Some(Duration::from_millis(100))).expect("a client");
            let request = client.requests().get(&url).build().expect("a request");
            let error = client.execute(request).await.expect_err("it says nothing");
            assert!(error.is_timeout(), "{http:?}: {error}");
        }
    }
}
